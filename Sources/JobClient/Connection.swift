package import GRPCCore
package import GRPCNghttp2
package import Linux

/// What a connection to a server takes.
package struct Connection: Sendable {
  package var server: SocketAddress
  package var tls: TLSConfiguration
  package var connectTimeout: Duration

  package init(
    server: SocketAddress, tls: TLSConfiguration, connectTimeout: Duration = .seconds(10)
  ) {
    self.server = server
    self.tls = tls
    self.connectTimeout = connectTimeout
  }
}

extension JobClient where Transport == Nghttp2ClientTransport {
  /// A client over the network; connects when it is first used. Fastest from a task on `loop`.
  package init(
    _ connection: Connection, loop: EventLoop, retries: Retries = Retries(),
    onRetry: @escaping @Sendable (RPCError, _ isFirst: Bool) -> Void = { _, _ in }
  ) throws(TLSConfigurationError) {
    let transport = try Nghttp2ClientTransport(
      address: connection.server, tls: connection.tls, loop: loop,
      connectTimeout: connection.connectTimeout)
    self.init(
      transport: transport, retries: retries, validity: transport.validity,
      pause: { try await loop.pause(for: $0) }, onRetry: onRetry)
  }
}
