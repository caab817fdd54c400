import JobStore
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

  @Test func aFileOfAnotherKindIsRefused() {
    let bytes = Fields().encoded(kind: "spec")
    #expect(throws: StoreError.self) { try Fields(bytes, kind: "exit") }
  }
}
