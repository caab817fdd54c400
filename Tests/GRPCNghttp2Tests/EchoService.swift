import GRPCCore
import GRPCNghttp2

/// A service of raw bytes for the tests: each method shows one way to stream.
struct EchoService: RegistrableRPCService {
  static let service = ServiceDescriptor(fullyQualifiedService: "test.Echo")

  /// The methods by name; the handler is given with each test's own set.
  typealias Handler =
    @Sendable (StreamingServerRequest<[UInt8]>, ServerContext) async throws
    -> StreamingServerResponse<[UInt8]>

  var methods: [String: Handler]

  init(_ extra: [String: Handler] = [:]) {
    self.methods = Self.standard.merging(extra) { $1 }
  }

  func registerMethods(with router: inout RPCRouter<some ServerTransport>) {
    for (name, handler) in self.methods {
      router.registerHandler(
        forMethod: Self.method(name), deserializer: RawBytes(), serializer: RawBytes(),
        handler: handler)
    }
  }

  static func method(_ name: String) -> MethodDescriptor {
    MethodDescriptor(service: Self.service, method: name, type: name == "Once" ? .unary : nil)
  }

  static let standard: [String: Handler] = [
    // Unary: the same bytes, with the request's metadata in headers and trailers.
    "Get": { request, _ in
      var message: [UInt8] = []
      for try await part in request.messages { message = part }
      let (answer, metadata) = (message, request.metadata)
      return StreamingServerResponse(metadata: metadata) { writer in
        try await writer.write(answer)
        return metadata
      }
    },
    // As Get, and the transport knows that it takes one message.
    "Once": { request, _ in
      let message = try await ServerRequest(stream: request).message
      return StreamingServerResponse { writer in
        try await writer.write(message)
        return [:]
      }
    },
    // Client streaming: the number and the sum of all bytes.
    "Collect": { request, _ in
      var count = 0
      for try await part in request.messages { count += part.count }
      let text = Array("\(count)".utf8)
      return StreamingServerResponse { writer in
        try await writer.write(text)
        return [:]
      }
    },
    // Server streaming: `COUNT SIZE` messages, the first bytes of which are their number.
    "Expand": { request, _ in
      var text = ""
      for try await part in request.messages { text = String(decoding: part, as: UTF8.self) }
      let numbers = text.split(separator: " ").compactMap { Int($0) }
      return StreamingServerResponse { writer in
        for number in 0..<numbers[0] {
          try await writer.write(Pattern.message(number: number, size: numbers[1]))
        }
        return [:]
      }
    },
    // Bidirectional: each message back.
    "Update": { request, _ in
      StreamingServerResponse { writer in
        for try await part in request.messages { try await writer.write(part) }
        return [:]
      }
    },
    "Fail": { _, _ in
      throw RPCError(
        code: .permissionDenied, message: "no: 100% Ünfug\n", metadata: ["why-bin": [0, 255]])
    },
    // The peer's identity as text.
    "Who": { _, context in
      let identity = context.transportSpecific as? PeerIdentity
      let text =
        "\(identity?.commonName ?? "-") \(identity?.organizations ?? []) "
        + "\(identity?.uris ?? [])"
      return StreamingServerResponse { writer in
        try await writer.write(Array(text.utf8))
        return [:]
      }
    },
  ]
}

/// Messages whose content tells which one it is.
enum Pattern {
  static func message(number: Int, size: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      var value = UInt64(truncatingIfNeeded: number) &* 0x9e37_79b9_7f4a_7c15 | 1
      for index in 0..<size {
        if index % 8 == 0 {
          value ^= value << 13
          value ^= value >> 7
          value ^= value << 17
        }
        buffer[index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index % 8)))
      }
      count = size
    }
  }
}

/// Messages are bytes and stay as they are.
struct RawBytes: MessageSerializer, MessageDeserializer {
  func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Bytes {
    if let same = message as? Bytes { return same }
    return Bytes(message)
  }

  func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> [UInt8] {
    if let same = bytes as? [UInt8] { return same }
    return bytes.withUnsafeBytes { Array($0) }
  }
}
