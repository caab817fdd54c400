/// Messages on their way out, each with its prefix of flag and length, taken in pieces of any size.
struct MessageFramer {
  private static let prefixSize = 5

  private var messages: [[UInt8]] = []
  private var first = 0
  /// How much of the first message, prefix included, is taken already.
  private var offset = 0
  /// Bytes not taken yet, prefixes included.
  private(set) var count = 0

  /// Whether a part of a message is taken.
  var isMidMessage: Bool { self.offset > 0 }

  mutating func append(_ message: [UInt8]) {
    self.messages.append(message)
    self.count += Self.prefixSize + message.count
  }

  /// Moves exactly `count` bytes, which must be there.
  mutating func take(_ count: Int, into buffer: OutputBuffer) {
    var left = count
    self.count -= count
    while left > 0 {
      let message = self.messages[self.first]
      if self.offset < Self.prefixSize { left -= self.takePrefix(message.count, left, buffer) }
      let start = self.offset - Self.prefixSize
      if start >= 0 {
        let piece = min(left, message.count - start)
        message.withUnsafeBytes {
          buffer.append(UnsafeRawBufferPointer(rebasing: $0[start..<start + piece]))
        }
        self.offset += piece
        left -= piece
      }
      if self.offset == Self.prefixSize + message.count { self.dropFirst() }
    }
  }

  /// Forgets the messages of which nothing is taken.
  mutating func dropWhole() {
    guard self.isMidMessage else {
      self = MessageFramer()
      return
    }
    let message = self.messages[self.first]
    self.messages = [message]
    self.first = 0
    self.count = Self.prefixSize + message.count - self.offset
  }

  private mutating func takePrefix(_ size: Int, _ limit: Int, _ buffer: OutputBuffer) -> Int {
    // Flag 0: not compressed; then the length in network order.
    let prefix = UInt64(UInt32(size)) << 24
    return withUnsafeBytes(of: prefix.bigEndian) {
      let piece = min(limit, Self.prefixSize - self.offset)
      buffer.append(UnsafeRawBufferPointer(rebasing: $0[self.offset..<self.offset + piece]))
      self.offset += piece
      return piece
    }
  }

  private mutating func dropFirst() {
    self.messages[self.first] = []
    self.first += 1
    self.offset = 0
    if self.first == self.messages.count {
      self.messages.removeAll(keepingCapacity: true)
      self.first = 0
    } else if self.first >= 256 {
      self.messages.removeFirst(self.first)
      self.first = 0
    }
  }
}
