import JobStore
import Linux
import Testing

@Suite struct FieldsTests {
  @Test func everyPairComesBackInOrder() throws {
    var fields = Fields()
    fields.append("command", all: ["sh", "-c", "echo a=b\nc", ""])
    fields.append("name", "job")
    let read = try Fields(fields.encoded(kind: "test"), kind: "test")
    #expect(read == fields)
    #expect(read.all("command") == ["sh", "-c", "echo a=b\nc", ""])
  }

  @Test func aFileCutShortAnywhereIsRefused() throws {
    var fields = Fields()
    fields.append("key", "value")
    let bytes = fields.encoded(kind: "test")
    for length in 0..<bytes.count {
      #expect(throws: StoreError.self) { try Fields(Array(bytes[..<length]), kind: "test") }
    }
  }

  @Test func aFlippedBitAnywhereIsRefused() throws {
    var fields = Fields()
    fields.append("key", "value")
    fields.append("number", 1 << 40)
    let bytes = fields.encoded(kind: "test")
    for position in bytes.indices {
      for bit in 0..<8 {
        var bad = bytes
        bad[position] ^= 1 << bit
        #expect(throws: StoreError.self, "\(position), \(bit)") { try Fields(bad, kind: "test") }
      }
    }
  }

  @Test func theLastPairIsTheChecksumOfAllBeforeIt() throws {
    var fields = Fields()
    fields.append("key", "value")
    let text = String(decoding: fields.encoded(kind: "test"), as: UTF8.self)
    let before = "worker-test=2\0key=value\0"
    let sum = String(Checksum.crc32c(Array(before.utf8), 0..<before.utf8.count), radix: 16)
    let digits = String(repeating: "0", count: 8 - sum.count) + sum
    #expect(text == before + "end=\(digits)\0")
  }

  @Test func aFileOfAnotherKindIsRefused() {
    let bytes = Fields().encoded(kind: "spec")
    #expect(throws: StoreError.self) { try Fields(bytes, kind: "exit") }
  }
}
