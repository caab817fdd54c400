import GRPCCore
import Testing

@testable import GRPCNghttp2

@Suite struct HeaderCodingTests {
  @Test(arguments: [
    ("plain text", "plain text"), ("100%", "100%25"), ("a\nb", "a%0Ab"), ("ü", "%C3%BC"),
    (" x ", "%20x%20"), ("", ""), ("\u{1F600}", "%F0%9F%98%80"),
  ])
  func messagesArePercentEncoded(text: String, wire: String) {
    #expect(PercentEncoding.encode(text) == wire)
    #expect(PercentEncoding.decode(wire) == text)
  }

  @Test(arguments: [("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("%41%", "A%"), ("%c3%bc", "ü")])
  func brokenEscapesStay(wire: String, text: String) {
    #expect(PercentEncoding.decode(wire) == text)
  }

  @Test(
    arguments: [
      ("1H", 3_600_000_000_000), ("2M", 120_000_000_000), ("3S", 3_000_000_000),
      ("4m", 4_000_000), ("5u", 5_000), ("6n", 6), ("0n", 0), ("99999999n", 99_999_999),
      ("99999999H", .max / 2),
    ] as [(String, Int64)])
  func timeoutsAreRead(text: String, nanoseconds: Int64) {
    #expect(TimeoutCoding.decode(text) == nanoseconds)
  }

  @Test(arguments: ["", "1", "S", "-1S", "1s", "1.5S", "123456789S", " 1S", "1S "])
  func malformedTimeoutsAreNone(text: String) {
    #expect(TimeoutCoding.decode(text) == nil)
  }

  private static let good: [(String, String)] = [
    (":method", "POST"), (":scheme", "https"), (":path", "/a.B/C"),
    ("content-type", "application/grpc"), ("te", "trailers"),
  ]

  private func with(_ name: String, _ value: String?) -> HeaderList {
    var fields = Self.good.filter { $0.0 != name }
    if let value { fields.append((name, value)) }
    return HeaderList(fields)
  }

  @Test func requestIsUnderstood() throws {
    var headers = HeaderList(Self.good)
    headers.append("grpc-timeout", "5S")
    headers.append("x-key", "value")
    headers.append("x-bytes-bin", "AAE")
    let head = try RequestHead(headers, methods: [:])
    #expect(head.descriptor == MethodDescriptor(fullyQualifiedService: "a.B", method: "C"))
    #expect(head.timeout == 5_000_000_000)
    #expect(Array(head.metadata[stringValues: "x-key"]) == ["value"])
    #expect(Array(head.metadata[binaryValues: "x-bytes-bin"]) == [[0, 1]])
    #expect(head.metadata.count == 2)
  }

  @Test(arguments: [
    (":method", "GET", ":status", "405"),
    ("content-type", "application/json", ":status", "415"),
    ("content-type", "application/grpcx", ":status", "415"),
    (":path", "/only", "grpc-status", "12"),
    (":path", "a/b", "grpc-status", "12"),
    ("grpc-encoding", "gzip", "grpc-accept-encoding", "identity"),
    ("grpc-encoding", "gzip", "grpc-status", "12"),
    ("grpc-timeout", "soon", "grpc-status", "13"),
  ])
  func requestIsRefused(name: String, value: String, answer: String, expected: String) {
    let refusal = #expect(throws: RequestHead.Refusal.self) {
      try RequestHead(self.with(name, value), methods: [:])
    }
    #expect(refusal?.headers[answer] == expected)
  }

  @Test(arguments: [
    "application/grpc", "application/grpc+proto", "application/grpc; charset=utf-8",
    "Application/GRPC+json",
  ])
  func contentTypesOfGRPC(type: String) {
    #expect(RequestHead.isGRPC(type))
  }

  @Test func missingContentTypeIsRefused() {
    let refusal = #expect(throws: RequestHead.Refusal.self) {
      try RequestHead(self.with("content-type", nil), methods: [:])
    }
    #expect(refusal?.headers[":status"] == "415")
  }

  @Test func trailersCarryStatusAndMetadata() {
    let status = Status(code: .notFound, message: "no job 'ü'")
    let headers = HeaderCoding.trailers(status, ["a-bin": [1, 2, 3], "b": "c"], only: true)
    #expect(headers[":status"] == "200")
    #expect(headers["grpc-status"] == "5")
    #expect(headers["grpc-message"] == "no job '%C3%BC'")
    #expect(headers["a-bin"] == "AQID")
    #expect(HeaderCoding.status(headers) == status)
    #expect(
      HeaderCoding.trailers(.init(code: .ok, message: ""), [:], only: false).fields.count == 1)
  }

  @Test(arguments: ["a\nb", " x", "x ", "ü"]) func metadataThatCannotBeSentIsAnError(value: String)
  {
    let error = #expect(throws: RPCError.self) {
      try HeaderCoding.response(["key": .string(value)])
    }
    #expect(error?.code == .internalError)
    let headers = HeaderCoding.trailers(
      Status(code: .ok, message: ""), ["key": .string(value)], only: false)
    #expect(headers["grpc-status"] == "13")
  }

  @Test func statusThatIsNoneIsUnknown() {
    #expect(HeaderCoding.status(HeaderList()).code == .unknown)
    #expect(HeaderCoding.status(HeaderList([("grpc-status", "99")])).code == .unknown)
    #expect(HeaderCoding.status(HeaderList([("grpc-status", "x")])).code == .unknown)
  }

  @Test(arguments: [
    (400, RPCError.Code.internalError), (401, .unauthenticated), (403, .permissionDenied),
    (404, .unimplemented), (429, .unavailable), (503, .unavailable), (418, .unknown),
  ])
  func httpStatusMeans(status: Int, code: RPCError.Code) {
    #expect(StatusMapping.code(httpStatus: status) == code)
  }

  @Test(arguments: [
    (UInt32(0), RPCError.Code.internalError), (7, .unavailable), (8, .cancelled),
    (11, .resourceExhausted), (12, .permissionDenied),
  ])
  func resetMeans(error: UInt32, code: RPCError.Code) {
    #expect(StatusMapping.code(http2Error: error) == code)
  }

  @Test(arguments: ["x", "ü", "\u{1F600}"]) func longMessagesAreCutBetweenCharacters(
    character: String
  ) {
    let long = Status(code: .internalError, message: String(repeating: character, count: 70_000))
    let headers = HeaderCoding.trailers(long, [:], only: true)
    #expect((4000...4100).contains(headers["grpc-message"]?.count ?? 0))
    let message = HeaderCoding.status(headers).message
    #expect(message.hasSuffix("..."))
    #expect(Set(message.dropLast(3)) == [Character(character)])
  }

  @Test func metadataThatIsTooLargeNeverHidesAnError() {
    let large: Metadata = ["key": .string(String(repeating: "x", count: 20_000))]
    let failed = HeaderCoding.trailers(
      Status(code: .notFound, message: "no job"), large, only: true)
    #expect(HeaderCoding.status(failed) == Status(code: .notFound, message: "no job"))
    let ok = HeaderCoding.trailers(Status(code: .ok, message: ""), large, only: false)
    #expect(HeaderCoding.status(ok).code == .resourceExhausted)
  }

  @Test func metadataThatCannotBeSentForItsSizeIsAnError() {
    let large: Metadata = ["key": .string(String(repeating: "x", count: 70_000))]
    let answer = #expect(throws: RPCError.self) { try HeaderCoding.response(large) }
    #expect(answer?.code == .resourceExhausted)
    let request = #expect(throws: RPCError.self) {
      try HeaderCoding.request("/a/b", authority: "c", metadata: large)
    }
    #expect(request?.code == .resourceExhausted)
  }

  @Test func joinedBinaryValuesAreTakenApart() {
    let headers = HeaderList([("a-bin", "YQ==,Yg==, Yw"), ("b", "1,2")])
    let metadata = HeaderCoding.metadata(headers)
    #expect(Array(metadata[binaryValues: "a-bin"]) == [[0x61], [0x62], [0x63]])
    #expect(Array(metadata[stringValues: "b"]) == ["1,2"])
  }
}
