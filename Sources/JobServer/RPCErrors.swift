package import GRPCCore
import Glibc
package import JobEngine

extension WorkerError {
  /// Whether a start failed for what the host has too little of, and the request is none the worse.
  fileprivate var isShortage: Bool {
    guard self.code == .startFailed, let errno = self.errno else { return false }
    return [EAGAIN, ENOMEM, ENOSPC, EDQUOT, EMFILE, ENFILE].contains(errno)
  }
}

/// The one table from the engine's errors to gRPC's.
extension RPCError {
  /// Metadata of a start that failed: the step, as `exec`, and its errno.
  package static let startStep = "worker-start-step"
  package static let startErrno = "worker-start-errno"

  package init(_ error: WorkerError) {
    var metadata = Metadata()
    if let step = error.step { metadata.addString(step, forKey: Self.startStep) }
    if let errno = error.errno { metadata.addString("\(errno)", forKey: Self.startErrno) }
    // What should not happen may tell of the server's inside: that is for its log.
    let message = error.code == .internal ? Self.internalMessage : error.message
    self.init(
      code: error.isShortage ? .resourceExhausted : Code(error.code), message: message,
      metadata: metadata)
  }

  /// For what has no row: the log has the detail.
  static let internalMessage = "internal error: the server's log says more"
}

extension RPCError.Code {
  init(_ code: WorkerError.Code) {
    switch code {
    case .invalidArgument, .startFailed: self = .invalidArgument
    case .notFound: self = .notFound
    case .failedPrecondition: self = .failedPrecondition
    case .resourceExhausted: self = .resourceExhausted
    case .outOfRange: self = .outOfRange
    case .dataLoss: self = .dataLoss
    case .alreadyExists: self = .alreadyExists
    case .unavailable: self = .unavailable
    case .cancelled: self = .cancelled
    case .aborted: self = .aborted
    case .internal: self = .internalError
    }
  }
}
