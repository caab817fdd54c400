import Linux

/// What a power loss leaves of a file that had grown before its data came to disk.
enum ZeroTail {
  private static let blockSize = 64 * 1024

  /// Whether there is nothing but zeros from some place before `limit` to the end of the file, and at least
  /// one of them. Looks at what is behind `start`. Blocks.
  static func begins(
    before limit: UInt64, from start: UInt64, in file: borrowing OwnedDescriptor
  ) throws(SystemError) -> Bool {
    var block = [UInt8](repeating: 0, count: Self.blockSize)
    var position = start
    var end = start  // behind the last byte that is none
    while case .bytes(let count) = try File.read(
      file, into: &block, at: 0, count: block.count, position: position, waiting: true)
    {
      if let last = block[..<count].lastIndex(where: { $0 != 0 }) {
        end = position + UInt64(last) + 1
        if end >= limit { return false }
      }
      position += UInt64(count)
    }
    return end < position
  }
}
