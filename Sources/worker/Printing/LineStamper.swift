import JobAPI
import SwiftProtobuf

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
