import GRPCCore
import Linux
import TestSupport
import Testing

@testable import GRPCNghttp2

/// Whatever a stranger may send: nothing of it may end the process, and the sanitizers look on.
@Suite(.serialized) struct FuzzTests {
  /// HTTP/2, and the gRPC in it, as a server takes them.
  @Test func anyBytesAfterTheHandshakeAreBorne() async throws {
    try await Fuzz.apart {
      try Fuzz.run(corpus: Self.conversations, rounds: 1000) { input, fuzz in
        let server = try GRPCSide()
        var rest = input[...]
        while !rest.isEmpty, !server.isOver {  // in pieces, as networks deliver
          let piece = Array(rest.prefix(1 + fuzz.number(below: rest.count)))
          rest = rest.dropFirst(piece.count)
          server.receive(piece)
        }
      }
    }
  }

  private static let conversations: [[UInt8]] = {
    let message: [UInt8] = [0, 0, 0, 0, 3, 1, 2, 3]
    let call = Frames.headers(1) + Frames.frame(0, 1, 1, message)
    let dense = (0..<20).flatMap { Frames.headers(2 * $0 + 1) }
    return [
      Frames.preface + call, Frames.preface + dense,
      Frames.preface + Frames.headers(1, isWhole: false) + Frames.frame(9, 4, 1, [0x40, 1, 97, 0]),
    ]
      + Flood.all.map { flood in
        Frames.preface + flood.opening + (0..<3).flatMap { flood.round($0) }
      }
  }()

  /// TLS records, as a server takes them before it knows anything.
  @Test func anyRecordIsBorne() async throws {
    try await Fuzz.apart {
      let certificates = TestCertificates.shared
      let server = try TLSContext(certificates.configuration("server"), role: .server)
      let client = try TLSContext(certificates.configuration("alice"), role: .client)
      let hello = try Self.hello(client)
      try Fuzz.run(corpus: [hello, Array(hello.prefix(60))], rounds: 200) { input, _ in
        let records = OutputBuffer(capacity: 1 << 14)
        let stream = try TLSStream(server, records: records)
        _ = input.withUnsafeBytes { try? stream.handshake($0) }
      }
    }
  }

  /// The second flight, whose first byte a stranger can make, too: the server's keys are known to it.
  @Test func anyAnswerToTheServersFlightIsBorne() async throws {
    try await Fuzz.apart {
      let certificates = TestCertificates.shared
      let server = try TLSContext(certificates.configuration("server"), role: .server)
      let client = try TLSContext(certificates.configuration("alice"), role: .client)
      let noise: [[UInt8]] = [
        [20, 3, 3, 0, 1, 1], [21, 3, 3, 0, 2, 2, 40],
        [23, 3, 3, 0, 40] + Array(repeating: 7, count: 40),
      ]
      try Fuzz.run(corpus: noise, rounds: 100) { input, _ in
        let records = OutputBuffer(capacity: 1 << 14)
        let stream = try TLSStream(server, records: records)
        let hello = try Self.hello(client)
        _ = try hello.withUnsafeBytes { try stream.handshake($0) }
        _ = input.withUnsafeBytes { try? stream.handshake($0) }
      }
    }
  }

  private static func hello(_ context: TLSContext) throws -> [UInt8] {
    let records = OutputBuffer(capacity: 1 << 14)
    let stream = try TLSStream(context, records: records, serverName: "localhost")
    _ = try stream.handshake(UnsafeRawBufferPointer(start: nil, count: 0))
    return Array(records.bytes)
  }

  @Test func anyPiecesOfMessagesAreBorne() async throws {
    try await Fuzz.apart {
      let one: [UInt8] = [0, 0, 0, 0, 5, 1, 2, 3, 4, 5]
      let corpus = [one + one, [0, 0xff, 0xff, 0xff, 0xff], [1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 9]]
      try Fuzz.run(corpus: corpus, rounds: 4000) { input, fuzz in
        var deframer = MessageDeframer(maximumSize: 1000)
        var total = 0
        var rest = input[...]
        while !rest.isEmpty {
          let piece = Array(rest.prefix(1 + fuzz.number(below: 8)))
          rest = rest.dropFirst(piece.count)
          let isGood = piece.withUnsafeBytes { bytes in
            (try? deframer.append(bytes) { total += 5 + $0.count }) != nil
          }
          if !isGood { return }
        }
        try #require(total + deframer.heldCount == input.count)
      }
    }
  }

  @Test func anyHeadersAreBorne() async throws {
    try await Fuzz.apart {
      let corpus = [
        ":path|/a/b|grpc-timeout|10S|x-bin|AAE=,AAI=|grpc-message|a%20b|content-type|application/grpc",
        ":method|POST|:path|//|grpc-encoding|gzip|grpc-status|99999999999999999999",
        "te|trailers|:|",
        "grpc-timeout|99999999n|grpc-timeout|0H|grpc-message|%|grpc-message|%zz%f",
      ].map { Array($0.utf8) }
      try Fuzz.run(corpus: corpus, rounds: 4000) { input, _ in
        let parts = String(decoding: input, as: UTF8.self).split(
          separator: "|", omittingEmptySubsequences: false
        ).map(String.init)
        var headers = HeaderList([(":method", "POST"), ("content-type", "application/grpc")])
        for index in stride(from: 0, to: parts.count - 1, by: 2) {
          headers.append(parts[index], parts[index + 1])
        }
        _ = try? RequestHead(headers, methods: [:])
        _ = HeaderCoding.status(headers)
        _ = HeaderCoding.metadata(headers)
        for part in parts {
          _ = TimeoutCoding.decode(part)
          _ = PercentEncoding.decode(part)
          _ = PercentEncoding.encode(part, limit: 64)
        }
      }
    }
  }

  /// Certificates, keys, lists of revoked ones: files that somebody else has made.
  @Test func anyPEMFileIsBorne() async throws {
    try await Fuzz.apart {
      let certificates = TestCertificates.shared
      let temporary = try TemporaryDirectory()
      let folder = try File.openFolder(temporary.path)
      let names = ["server.crt", "server.key", "ca.crt", "ca.crl"]
      let source = try File.openFolder(certificates.directory)
      let corpus = try names.map { try File.read($0, in: source) }
      let target = temporary.path("file.pem")
      var good = certificates.configuration("server")
      good.revocationList = certificates.path("ca.crl")
      try Fuzz.run(corpus: corpus, rounds: 200) { input, fuzz in
        try File.replace("file.pem", in: folder, with: input, mode: 0o600, durable: false)
        var files = good
        switch fuzz.number(below: 4) {
        case 0: files.trustRoots = target
        case 1: files.certificateChain = target
        case 2: files.privateKey = target
        default: files.revocationList = target
        }
        _ = try? TLSContext(files, role: .server)
      }
    }
  }
}
