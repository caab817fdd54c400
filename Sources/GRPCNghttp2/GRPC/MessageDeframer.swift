import GRPCCore

/// Cuts received bytes into messages: a flag, a length of four bytes, the message; see "Length-
/// Prefixed-Message" in the gRPC over HTTP/2 protocol.
struct MessageDeframer {
  private static let prefixSize = 5
  /// A length is only a claim: no more than this is set aside before bytes have come.
  private static let trustedSize = 256 << 10

  private let maximumSize: Int
  private var prefix: [UInt8] = []
  private var message: [UInt8] = []
  private var missing = 0

  init(maximumSize: Int) {
    self.maximumSize = maximumSize
    self.prefix.reserveCapacity(Self.prefixSize)
  }

  /// Whether bytes of an incomplete message are held.
  var isMidMessage: Bool { !self.prefix.isEmpty }

  /// How many bytes that is.
  var heldCount: Int { self.prefix.count + self.message.count }

  /// Forgets the incomplete message.
  mutating func drop() {
    self.prefix.removeAll(keepingCapacity: true)
    self.message = []
    self.missing = 0
  }

  /// Takes all of `bytes` and hands on each message that is complete.
  mutating func append(
    _ bytes: UnsafeRawBufferPointer, _ body: ([UInt8]) -> Void
  ) throws(RPCError) {
    var rest = bytes
    while !rest.isEmpty {
      if self.prefix.count < Self.prefixSize {
        let count = min(Self.prefixSize - self.prefix.count, rest.count)
        self.prefix.append(contentsOf: rest[..<count])
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        guard self.prefix.count == Self.prefixSize else { return }
        try self.begin()
      }
      let count = min(self.missing, rest.count)
      self.message.append(contentsOf: rest[..<count])
      self.missing -= count
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      if self.missing == 0 { body(self.finish()) }
    }
  }

  private mutating func begin() throws(RPCError) {
    guard self.prefix[0] == 0 else {
      throw RPCError(
        code: self.prefix[0] == 1 ? .unimplemented : .internalError,
        message: "message with compression flag \(self.prefix[0]): only identity is supported")
    }
    let size = self.prefix[1...].reduce(0) { $0 << 8 | Int($1) }
    guard size <= self.maximumSize else {
      throw RPCError(
        code: .resourceExhausted,
        message: "message of \(size) bytes is larger than the limit of \(self.maximumSize)")
    }
    self.missing = size
    self.message.reserveCapacity(min(size, Self.trustedSize))
  }

  private mutating func finish() -> [UInt8] {
    var message: [UInt8] = []
    swap(&message, &self.message)
    self.prefix.removeAll(keepingCapacity: true)
    return message
  }
}
