import COpenSSL
import Linux

/// What all of our OpenSSL use has in common: start-up, and the queue of errors.
enum OpenSSL {
  /// Before any other call: without the system's configuration file, which must not change us, and
  /// without a clean-up at exit, which would pull memory from under loops that still run.
  static func initialize() {
    let flags = UInt64(OPENSSL_INIT_NO_LOAD_CONFIG) | UInt64(OPENSSL_INIT_NO_ATEXIT)
    OPENSSL_init_ssl(flags, nil)
  }

  /// All tables that a client's first context needs, which takes over a millisecond; once.
  static let clientTables: Void = {
    OpenSSL.initialize()
    if let context = SSL_CTX_new(TLS_client_method()) { SSL_CTX_free(context) }
    OpenSSL.clearErrors()  // whoever makes a context is told of its own
  }()

  /// The queue is one a thread, and a loop serves many connections: clear it before each call.
  static func clearErrors() { ERR_clear_error() }

  /// Takes the earliest error, which is the cause of the others.
  static func takeError() -> UInt {
    let error = ERR_get_error()
    ERR_clear_error()
    return error
  }

  static func text(_ error: UInt) -> String {
    if error == 0 { return "unknown error" }
    if copenssl_is_system_error(error) != 0 {
      return "system error \(error & 0x7fff_ffff)"
    }
    guard let reason = ERR_reason_error_string(error) else { return "OpenSSL error \(error)" }
    return String(cString: reason)
  }

  static func takeErrorText() -> String { Self.text(Self.takeError()) }
}

/// What OpenSSL reads of itself before a first connection.
package enum TLSTables {
  /// For a process that will be a client. Blocks for a millisecond; a connection made meanwhile waits for it.
  package static func load() { OpenSSL.clientTables }
}
