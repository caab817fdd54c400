import Glibc
import Linux

/// A segment that was found, its header checked.
struct OpenSegment: ~Copyable {
  private let descriptor: OwnedDescriptor
  let header: SegmentHeader

  consuming func takeDescriptor() -> OwnedDescriptor { self.descriptor }

  /// The same open file once more.
  func duplicate() throws(SystemError) -> OwnedDescriptor { try self.descriptor.duplicate() }

  /// Whether it has no name any more.
  var isDropped: Bool {
    get throws(StoreError) {
      do throws(SystemError) { return try File.isUnlinked(self.descriptor) } catch {
        throw .system(error)
      }
    }
  }

  /// Opens the segment at `base`; nil when it is not there, or its header is not there yet.
  static func open(
    _ base: UInt64, in folder: borrowing OwnedDescriptor, jobID: String
  ) throws(StoreError) -> OpenSegment? {
    guard let segment = try self.file(base, in: folder),
      let header = try self.header(of: segment, base: base, jobID: jobID)
    else { return nil }
    return OpenSegment(descriptor: segment, header: header)
  }

  /// Whether the segment at `base` is there, its header included.
  static func hasHeader(
    _ base: UInt64, in folder: borrowing OwnedDescriptor, jobID: String
  ) throws(StoreError) -> Bool {
    guard let segment = try self.file(base, in: folder) else { return false }
    return try self.header(of: segment, base: base, jobID: jobID) != nil
  }

  /// Nil when it is not there yet: cut short, or nothing but zeros after a power loss.
  static func header(
    of segment: borrowing OwnedDescriptor, base: UInt64, jobID: String
  ) throws(StoreError) -> SegmentHeader? {
    var head = [UInt8](repeating: 0, count: JournalFormat.segmentHeaderSize)
    let result: File.ReadResult
    do throws(SystemError) {
      result = try File.read(
        segment, into: &head, at: 0, count: head.count, position: 0, waiting: true)
    } catch {
      throw .system(error)
    }
    guard result == .bytes(head.count) else { return nil }
    if head.allSatisfy({ $0 == 0 }), try self.isZeros(segment) { return nil }
    return try SegmentHeader(head, base: base, jobID: jobID)
  }

  private static func isZeros(_ file: borrowing OwnedDescriptor) throws(StoreError) -> Bool {
    do throws(SystemError) { return try ZeroTail.begins(before: 1, from: 0, in: file) } catch {
      throw .system(error)
    }
  }

  private static func file(
    _ base: UInt64, in folder: borrowing OwnedDescriptor
  ) throws(StoreError) -> OwnedDescriptor? {
    do throws(SystemError) {
      return try File.open(JournalFormat.fileName(base: base), in: folder, O_RDONLY)
    } catch {
      if error.errno == ENOENT { return nil }
      throw .system(error)
    }
  }

  /// The segment that `position` lies in; the oldest, where that one is not there any more.
  ///
  /// A last segment without a header is being made at this moment, or was when the power went: the
  /// position before it is the end of the one before.
  static func find(
    _ position: UInt64?, in folder: borrowing OwnedDescriptor, jobID: String
  ) throws(StoreError) -> OpenSegment {
    while true {
      let bases = try self.bases(in: folder)
      guard let first = bases.first else { throw .outOfRange(position: position ?? 0) }
      var wanted = bases.last { $0 <= position ?? first } ?? first
      if let found = try self.open(wanted, in: folder, jobID: jobID) { return found }
      if wanted == bases.last, wanted != first {
        wanted = bases[bases.count - 2]
        if let found = try self.open(wanted, in: folder, jobID: jobID) { return found }
      }
      // Dropped between the look and the opening: look again.
      guard !File.exists(JournalFormat.fileName(base: wanted), in: folder) else {
        // The only one: there is no output, or not yet.
        if wanted == bases.last { throw .outOfRange(position: position ?? wanted) }
        throw .damaged(position: wanted, SegmentHeader.cutShort)
      }
    }
  }

  static func bases(in folder: borrowing OwnedDescriptor) throws(StoreError) -> [UInt64] {
    do throws(SystemError) { return try JournalFormat.bases(in: folder) } catch {
      throw .system(error)
    }
  }
}
