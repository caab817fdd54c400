import Glibc
import Linux

/// Sockets of the host's that a job must not reach, see unix(7).
enum UnixListener {
  /// Listens at an address of these bytes.
  fileprivate static func listen(at path: [UInt8]) throws -> OwnedDescriptor {
    let socket = OwnedDescriptor(
      owning: try check("socket") { Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0) })
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    let size = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
    let raw = socket.rawValue
    try withUnsafeMutablePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        try check("bind") { bind(raw, generic, size) }
        try check("listen") { Glibc.listen(raw, 1) }
      }
    }
    return socket
  }
}

/// One without a name in the file system.
final class AbstractListener {
  let name: String
  private let socket: OwnedDescriptor

  init(name: String) throws {
    self.name = "probe" + name.filter { $0 != "/" }.suffix(40)
    self.socket = try UnixListener.listen(at: [0] + Array(self.name.utf8))
  }
}

/// One that everybody may connect to, as far as modes say.
final class NamedListener {
  let path: String
  private let socket: OwnedDescriptor

  init(path: String) throws {
    self.path = path
    self.socket = try UnixListener.listen(at: Array(path.utf8) + [0])
    try check("chmod(\(path))") { chmod(path, 0o777) }
  }
}

/// What the probes of Tests/VM/programs/probe.c look for, there for as long as this is.
final class ProbeTargets {
  private let abstract: AbstractListener
  private let named: NamedListener
  /// That tell a job where.
  let options: [String]

  init(on host: Host) throws {
    self.abstract = try AbstractListener(name: host.path)
    self.named = try NamedListener(path: "\(host.path)/service.sock")
    self.options = [
      "PROBE_SECRET=\(host.certs)/server.key", "PROBE_ABSTRACT=\(self.abstract.name)",
      "PROBE_SOCKET=\(self.named.path)", "PROBE_PORT=\(host.port)",
    ].flatMap { ["--env", $0] }
  }
}
