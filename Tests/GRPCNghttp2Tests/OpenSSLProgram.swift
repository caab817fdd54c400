import Foundation
import Linux

/// The `openssl` program as a client, and sockets without TLS.
enum OpenSSLProgram {
  /// What `openssl s_client` prints, both streams.
  static func connect(to address: SocketAddress, options: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
    process.arguments =
      [
        "s_client", "-connect", address.description, "-CAfile",
        TestCertificates.shared.path("ca.crt"),
      ]
      + options
    let (input, output) = (Foundation.Pipe(), Foundation.Pipe())
    process.standardInput = input
    process.standardOutput = output
    process.standardError = output
    try process.run()
    // The input stays open: s_client ends when the server closes.
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try input.fileHandleForWriting.close()
    return String(decoding: text, as: UTF8.self)
  }

  static func open(_ address: SocketAddress) throws -> StreamSocket {
    try StreamSocket(connectingTo: address.candidates[0])
  }

  static func sendPlain(_ text: String, to address: SocketAddress) throws {
    let socket = try Self.open(address)
    let bytes = Array(text.utf8)
    // On loopback the connection stands when connect(2) returns or an instant later.
    while bytes.withUnsafeBytes({ socket.send($0) }) != .bytes(bytes.count) {}
    withExtendedLifetime(socket) {}
  }
}
