import GRPCCore
import Testing

@testable import GRPCNghttp2

@Suite struct MessageFramingTests {
  static let messages: [[UInt8]] = [
    [], [7], Array(repeating: 1, count: 4), Pattern.message(number: 1, size: 70_000), [9, 9],
  ]

  /// The wire form, taken in pieces of `piece` bytes.
  private func frame(_ messages: [[UInt8]], piece: Int) -> [UInt8] {
    var framer = MessageFramer()
    for message in messages { framer.append(message) }
    let buffer = OutputBuffer(capacity: 16)
    while framer.count > 0 { framer.take(min(piece, framer.count), into: buffer) }
    return Array(buffer.bytes)
  }

  @Test(arguments: [1, 3, 5, 6, 1000, 1 << 20]) func piecesGoOutWhole(piece: Int) {
    var expected: [UInt8] = []
    for message in Self.messages {
      let size = UInt32(message.count)
      expected += [0] + (0..<4).map { UInt8(truncatingIfNeeded: size >> (24 - 8 * $0)) } + message
    }
    #expect(self.frame(Self.messages, piece: piece) == expected)
  }

  @Test(arguments: [1, 2, 5, 7, 16_384, 1 << 20]) func messagesComeBackWhole(piece: Int) throws {
    let wire = self.frame(Self.messages, piece: 1 << 20)
    var deframer = MessageDeframer(maximumSize: 1 << 20)
    var received: [[UInt8]] = []
    for start in stride(from: 0, to: wire.count, by: piece) {
      try wire[start..<min(start + piece, wire.count)].withUnsafeBytes { bytes in
        try deframer.append(bytes) { received.append($0) }
      }
    }
    #expect(received == Self.messages)
    #expect(!deframer.isMidMessage)
  }

  @Test func tooLargeIsRefusedBeforeItsBytesCome() {
    var deframer = MessageDeframer(maximumSize: 100)
    let error = #expect(throws: RPCError.self) {
      try [UInt8]([0, 0, 0, 0, 101]).withUnsafeBytes { try deframer.append($0) { _ in } }
    }
    #expect(error?.code == .resourceExhausted)
    #expect(error?.message == "message of 101 bytes is larger than the limit of 100")
  }

  @Test(arguments: [(UInt8(1), RPCError.Code.unimplemented), (2, .internalError)])
  func compressedIsRefused(flag: UInt8, code: RPCError.Code) {
    var deframer = MessageDeframer(maximumSize: 100)
    let error = #expect(throws: RPCError.self) {
      try [flag, 0, 0, 0, 1].withUnsafeBytes { try deframer.append($0) { _ in } }
    }
    #expect(error?.code == code)
  }

  @Test func halfAMessageIsNoticed() throws {
    var deframer = MessageDeframer(maximumSize: 100)
    try [UInt8]([0, 0, 0, 0, 2, 1]).withUnsafeBytes { try deframer.append($0) { _ in } }
    #expect(deframer.isMidMessage)
  }

  @Test func droppingKeepsTheMessageThatIsBegun() {
    var framer = MessageFramer()
    framer.append([1, 2, 3])
    framer.append([4])
    let buffer = OutputBuffer(capacity: 16)
    framer.take(6, into: buffer)
    framer.dropWhole()
    #expect(framer.count == 2)
    framer.take(2, into: buffer)
    #expect(Array(buffer.bytes) == [0, 0, 0, 0, 3, 1, 2, 3])
    framer.append([5])
    framer.dropWhole()
    #expect(framer.count == 0)
  }
}
