import Glibc
import Linux

/// A listening socket that can be kept in a list until the acceptors take it.
final class Listener: Sendable {
  let socket: ListeningSocket

  private init(_ socket: consuming ListeningSocket) { self.socket = socket }

  var endpoint: IPEndpoint { self.socket.endpoint }

  /// Binds every address of `address` that this host has. Never empty.
  static func bind(_ address: SocketAddress) throws(SystemError) -> [Listener] {
    var bound: [Listener] = []
    var missing: SystemError?
    for candidate in address.candidates {
      // Port 0: all get the port that the first one got.
      let port = candidate.port == 0 ? bound.first?.endpoint.port ?? 0 : candidate.port
      do throws(SystemError) {
        let socket = try ListeningSocket(
          candidate.with(port: port), dualStack: address.host.isEmpty)
        bound.append(Listener(socket))
        if address.host.isEmpty { return bound }  // takes IPv4 as well
      } catch {
        guard error.errno == EADDRNOTAVAIL || error.errno == EAFNOSUPPORT else { throw error }
        missing = error
      }
    }
    if bound.isEmpty, let missing { throw missing }
    return bound
  }
}
