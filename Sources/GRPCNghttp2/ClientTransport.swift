package import GRPCCore
package import Linux

/// GRPCCore's client side over TCP, mutual TLS 1.3 and HTTP/2.
///
/// One connection, made when a call needs it, and made anew after it was lost or the server sent
/// GOAWAY. A call that cannot be made fails at once with UNAVAILABLE and the reason; retrying is
/// for the caller. A name was looked up once, when its `SocketAddress` was made. Calls are fastest
/// from a task on the transport's loop; from elsewhere each step goes to the loop and back.
package final class Nghttp2ClientTransport: ClientTransport {
  package typealias Bytes = [UInt8]

  package let retryThrottle: RetryThrottle? = nil
  /// Of the files it was made with.
  package let validity: TLSValidity
  private let state: ClientState

  /// `serverName`: what the server's certificate must be for, a host name or an address; nil is the
  /// host as written in `address`.
  package init(
    address: SocketAddress, serverName: String? = nil, tls: TLSConfiguration,
    limits: TransportLimits = TransportLimits(), loop: EventLoop,
    connectTimeout: Duration = .seconds(10)
  ) throws(TLSConfigurationError) {
    let host = address.host.isEmpty ? "localhost" : address.host
    let context = try TLSContext(tls, role: .client)
    self.validity = context.validity
    self.state = ClientState(
      address: address, serverName: serverName ?? host, context: context, limits: limits,
      connectTimeout: connectTimeout.nanoseconds, loop: loop)
  }

  /// Waits until a shutdown is over; cancelling it cuts every call. Calls need not wait for it.
  package func connect() async throws {
    let state = self.state
    await withTaskCancellationHandler {
      await withTaskExecutorPreference(state.loop) { await state.waitForShutdown() }
    } onCancel: {
      state.loop.execute { state.abort() }
    }
  }

  package func beginGracefulShutdown() {
    let state = self.state
    state.loop.execute { state.beginShutdown() }
  }

  package func withStream<T: Sendable>(
    descriptor: MethodDescriptor, options: CallOptions,
    _ closure: (RPCStream<Inbound, Outbound>, ClientContext) async throws -> T
  ) async throws -> T {
    let state = self.state
    let (call, context) =
      if state.loop.isCurrent {
        try await state.openCall(descriptor, options)
      } else {
        try await withTaskExecutorPreference(state.loop) {
          try await state.openCall(descriptor, options)
        }
      }
    let stream = RPCStream(
      descriptor: descriptor, inbound: RPCAsyncSequence(wrapping: call.inbound),
      outbound: RPCWriter.Closable(wrapping: call))
    defer { state.loop.executeNow { state.closeCall(call) } }
    return try await withTaskCancellationHandler {
      try await closure(stream, context)
    } onCancel: {
      state.loop.execute {
        call.cancel(RPCError(code: .cancelled, message: "the call was cancelled"))
      }
    }
  }

  package func config(forMethod descriptor: MethodDescriptor) -> MethodConfig? { nil }
}
