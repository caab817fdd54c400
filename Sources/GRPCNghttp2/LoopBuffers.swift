/// Memory that every connection of a loop shares: each use ends before another connection runs.
///
/// Shared, because buffers of this size a connection would cost half a megabyte each.
final class LoopBuffers {
  /// What arrived from a socket: four TLS records.
  let received = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 64)
  /// One decrypted TLS record, see RFC 8446 5.1.
  let decrypted = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 * 1024, alignment: 64)
  /// Frames to be encrypted: 16 records, measured as enough.
  let frames = OutputBuffer(capacity: 256 * 1024)
  /// Records to be sent: the frames and the overhead of 16 records and more.
  let records = OutputBuffer(capacity: 264 * 1024)
}

/// Bytes that are filled from the front and taken as a whole.
final class OutputBuffer {
  private var storage: UnsafeMutableRawBufferPointer
  private(set) var count = 0

  init(capacity: Int) {
    self.storage = .allocate(byteCount: capacity, alignment: 64)
  }

  deinit { self.storage.deallocate() }

  var room: Int { self.storage.count - self.count }
  var isEmpty: Bool { self.count == 0 }
  var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: self.storage[..<self.count])
  }

  /// Grows when it must: a full TLS flight may be larger than what was foreseen.
  func append(_ bytes: UnsafeRawBufferPointer) {
    if bytes.count > self.room { self.grow(to: self.count + bytes.count) }
    UnsafeMutableRawBufferPointer(rebasing: self.storage[self.count...]).copyMemory(from: bytes)
    self.count += bytes.count
  }

  func truncate(to count: Int) { self.count = min(count, self.count) }

  func removeAll() { self.count = 0 }

  private func grow(to needed: Int) {
    let larger = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(needed, 2 * self.storage.count), alignment: 64)
    larger.copyMemory(from: self.bytes)
    self.storage.deallocate()
    self.storage = larger
  }
}
