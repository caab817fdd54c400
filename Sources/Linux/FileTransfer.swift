import CLinux
import Glibc

/// Reading into and writing from a buffer that is used again and again.
extension File {
  /// What a read found.
  package enum ReadResult: Hashable, Sendable {
    case bytes(Int)
    case endOfFile
    /// Nothing is there now (a non-blocking descriptor, or bytes that are not in the page cache).
    case wouldBlock
  }

  /// read(2) of up to `count` bytes into `buffer` at `offset`; the buffer must have that room.
  package static func read(
    _ descriptor: borrowing OwnedDescriptor, into buffer: inout [UInt8], at offset: Int, count: Int
  ) throws(SystemError) -> ReadResult {
    precondition(offset >= 0 && count > 0 && offset + count <= buffer.count)
    let raw = descriptor.rawValue
    return try self.result("read") {
      buffer.withUnsafeMutableBytes { bytes in
        Glibc.read(raw, bytes.baseAddress.map { $0 + offset }, count)
      }
    }
  }

  /// pread(2) at `position`. Without `waiting` only what is in the page cache (RWF_NOWAIT, see
  /// readv(2)), so that a thread that serves many is never held up by a disk.
  package static func read(
    _ descriptor: borrowing OwnedDescriptor, into buffer: inout [UInt8], at offset: Int, count: Int,
    position: UInt64, waiting: Bool
  ) throws(SystemError) -> ReadResult {
    precondition(offset >= 0 && count > 0 && offset + count <= buffer.count)
    let raw = descriptor.rawValue
    return try self.result("pread") {
      buffer.withUnsafeMutableBytes { bytes in
        let start = bytes.baseAddress.map { $0 + offset }
        guard waiting else { return clinux_pread_nowait(raw, start, count, off_t(position)) }
        return pread(raw, start, count, off_t(position))
      }
    }
  }

  /// Writes `buffer[range]`, however many calls that takes.
  package static func write(
    _ descriptor: borrowing OwnedDescriptor, from buffer: [UInt8], range: Range<Int>
  ) throws(SystemError) {
    precondition(range.lowerBound >= 0 && range.upperBound <= buffer.count)
    let raw = descriptor.rawValue
    var done = range.lowerBound
    while done < range.upperBound {
      done += try check("write") {
        buffer.withUnsafeBytes { bytes in
          Glibc.write(raw, bytes.baseAddress.map { $0 + done }, range.upperBound - done)
        }
      }
    }
  }

  private static func result(
    _ call: String, _ body: () -> Int
  ) throws(SystemError) -> ReadResult {
    do throws(SystemError) {
      let count = try check(call, body)
      return count == 0 ? .endOfFile : .bytes(count)
    } catch {
      // EOPNOTSUPP: a file system without RWF_NOWAIT; the caller then reads where it may wait.
      if error.errno == EAGAIN || error.errno == EOPNOTSUPP { return .wouldBlock }
      throw error
    }
  }
}

/// CRC-32C, see RFC 3720 appendix B.4.
package enum Checksum {
  /// The checksum of `buffer[range]`, going on from `previous`.
  package static func crc32c(
    _ buffer: [UInt8], _ range: Range<Int>, after previous: UInt32 = 0
  ) -> UInt32 {
    precondition(range.lowerBound >= 0 && range.upperBound <= buffer.count)
    return buffer.withUnsafeBytes { bytes in
      clinux_crc32c(previous, bytes.baseAddress.map { $0 + range.lowerBound }, range.count)
    }
  }
}
