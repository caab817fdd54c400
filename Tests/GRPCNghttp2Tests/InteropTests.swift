import Foundation
import GRPCCore
import Linux
import Testing

@testable import GRPCNghttp2

/// Against grpcio, both ways; the other side is a script in `Interop`.
@Suite(.enabled(if: Python.hasGRPC, "needs python3 with grpcio: pip install grpcio"))
struct InteropTests {
  @Test func grpcioClientIsServed() async throws {
    let cancelled = Counter()
    let extra: [String: EchoService.Handler] = [
      "Wait": { _, context in
        StreamingServerResponse { writer in
          try await writer.write([1])
          do {
            try await context.cancellation.cancelled
          } catch {
            // The task was cancelled as well.
          }
          cancelled.add()
          return [:]
        }
      },
      "Cancelled": { _, _ in
        StreamingServerResponse { writer in
          try await writer.write(Array("\(cancelled.value)".utf8))
          return [:]
        }
      },
    ]
    try await Harness.withServer(EchoService(extra)) { server in
      let result = try Python.run(
        "client.py", ["\(server.address.port)", TestCertificates.shared.directory])
      #expect(result.status == 0, "\(result.output)")
    }
  }

  @Test func grpcioServerAnswers() async throws {
    let server = try Python.Server()
    defer { server.stop() }
    let transport = try Nghttp2ClientTransport(
      address: try SocketAddress(parsing: "127.0.0.1:\(server.port)"),
      tls: TestCertificates.shared.configuration("alice"), loop: Harness.loops.next())
    let client = GRPCClient(transport: transport)
    for size in [0, 1, 65_535, 65_536, 3_000_000] {
      let message = Pattern.message(number: size, size: size)
      let answer = try await client.get("Get", message).message
      #expect(answer == message)
    }
    let metadata: Metadata = ["x-text": "v", "x-b-bin": [0, 255]]
    let trailers = try await client.get("Get", [1], metadata: metadata).trailingMetadata
    #expect(Array(trailers[stringValues: "x-text"]) == ["v"])
    #expect(Array(trailers[binaryValues: "x-b-bin"]) == [[0, 255]])
    let total = try await client.collect(count: 300, size: 10_000)
    #expect(total == 3_000_000)
    let received = try await client.expand("Expand", Array("256 65536".utf8)) { response in
      var number = 0
      for try await message in response.messages {
        #expect(message == Array(repeating: UInt8(number % 256), count: 65_536))
        number += 1
      }
      return number
    }
    #expect(received == 256)
  }

  @Test func grpcioServerRefuses() async throws {
    let server = try Python.Server()
    defer { server.stop() }
    let address = try SocketAddress(parsing: "127.0.0.1:\(server.port)")
    func client(_ identity: String) throws -> GRPCClient<Nghttp2ClientTransport> {
      GRPCClient(
        transport: try Nghttp2ClientTransport(
          address: address, tls: TestCertificates.shared.configuration(identity),
          loop: Harness.loops.next()))
    }
    let alice = try client("alice")
    let failed = await #expect(throws: RPCError.self) { try await alice.get("Fail", []).message }
    #expect(failed?.code == .permissionDenied, "\(String(describing: failed))")
    #expect(failed?.message == "no: 100% Ünfug\n")
    let unknown = await #expect(throws: RPCError.self) { try await alice.get("No", []).message }
    #expect(unknown?.code == .unimplemented)
    var options = CallOptions.defaults
    options.timeout = .milliseconds(200)
    let late = await #expect(throws: RPCError.self) {
      try await alice.expand("Wait", [], options: options) { response in
        for try await _ in response.messages {}
      }
    }
    #expect(late?.code == .deadlineExceeded, "\(String(describing: late))")
    let mallory = try client("mallory")
    let refused = await #expect(throws: RPCError.self) { try await mallory.get("Get", []).message }
    #expect(refused?.code == .unavailable)
  }
}

/// The scripts of `Interop`, found beside this file.
enum Python {
  static let hasGRPC: Bool = {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", "import grpc"]
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }()

  private static func script(_ name: String, _ arguments: [String]) -> Process {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "\(folder)/Interop/\(name)"] + arguments
    return process
  }

  static func run(_ name: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Self.script(name, arguments)
    let output = Foundation.Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: text, as: UTF8.self))
  }

  /// `server.py`, which runs until its input ends.
  struct Server {
    private let process: Process
    private let input = Foundation.Pipe()
    let port: Int

    init() throws {
      self.process = Python.script("server.py", [TestCertificates.shared.directory])
      let output = Foundation.Pipe()
      self.process.standardInput = self.input
      self.process.standardOutput = output
      try self.process.run()
      let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
      self.port = Int(line.split(separator: "\n").first ?? "") ?? 0
    }

    func stop() {
      try? self.input.fileHandleForWriting.close()
      self.process.waitUntilExit()
    }
  }
}
