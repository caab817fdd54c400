import JobAPI
import SwiftProtobuf

/// The last lines of a job's output, both streams in the order in which they were written.
struct Tail {
  struct Piece: Hashable {
    let stream: Worker_V1_OutputStream
    let time: Google_Protobuf_Timestamp
    var bytes: [UInt8]
  }

  private let wanted: Int
  private var lines = 0
  private(set) var pieces: [Piece] = []

  init(lines: Int) { self.wanted = lines }

  /// Takes more output, and forgets what is before the last lines.
  mutating func append(_ chunk: Worker_V1_OutputChunk) {
    let bytes = [UInt8](chunk.data)
    self.pieces.append(Piece(stream: chunk.stream, time: chunk.time, bytes: bytes))
    self.lines += Self.lines(in: bytes)
    while let first = self.pieces.first,
      self.lines - Self.lines(in: first.bytes) > self.wanted
    {
      self.lines -= Self.lines(in: first.bytes)
      self.pieces.removeFirst()
    }
  }

  /// What is to be shown: the last pieces, the first of them cut at the beginning of a line.
  var result: [Piece] {
    guard self.wanted > 0 else { return [] }
    let endsOpen = self.pieces.last?.bytes.last != UInt8(ascii: "\n")
    var surplus = self.lines + (endsOpen ? 1 : 0) - self.wanted
    var pieces = self.pieces
    while surplus > 0, var first = pieces.first {
      guard let newline = first.bytes.firstIndex(of: UInt8(ascii: "\n")) else {
        pieces.removeFirst()
        continue
      }
      surplus -= 1
      first.bytes.removeFirst(newline + 1)
      if first.bytes.isEmpty { pieces.removeFirst() } else { pieces[0] = first }
    }
    return pieces
  }

  private static func lines(in bytes: [UInt8]) -> Int {
    bytes.reduce(0) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
  }
}

/// Puts the time in front of every line, for each stream by itself.
struct LineStamper {
  private var isInLine: [Worker_V1_OutputStream: Bool] = [:]

  mutating func stamped(
    _ bytes: [UInt8], _ stream: Worker_V1_OutputStream, _ time: Google_Protobuf_Timestamp
  ) -> [UInt8] {
    let stamp = Array("\(Units.exactTime(time)) ".utf8)
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count + stamp.count)
    for byte in bytes {
      if self.isInLine[stream] != true { result += stamp }
      result.append(byte)
      self.isInLine[stream] = byte != UInt8(ascii: "\n")
    }
    return result
  }
}
