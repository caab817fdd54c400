import GRPCCore
import GRPCNghttp2
import JobAPI
import JobEngine
import Linux
import PKI
import SwiftProtobuf

/// What is decided about one call, to be said once in the audit file.
///
/// `Gate` makes it; the service says that the call is allowed as soon as it knows on which job, and
/// what ends without that was refused. What was to change something, was allowed and came to nothing
/// is said once more, with the reason: the engine alone knows what there is room for.
package final class Decision: Sendable {
  private let log: AuditLog
  private let method: String
  private enum State {
    /// With what is known of the call.
    case open(AuditEntry)
    /// With what was said.
    case allowed(AuditEntry, changesSomething: Bool)
    case over
  }

  private let state: Lock<State>

  init(_ log: AuditLog, _ context: ServerContext) {
    self.log = log
    self.method = context.descriptor.method
    var entry = AuditEntry(.decision)
    entry.method = self.method
    entry.peer = context.remotePeer
    self.state = Lock(.open(entry))
  }

  /// What the call is about, for the case that it is refused.
  func concerns(job: String = "", spec: String = "") {
    self.state.withLock { state in
      guard case .open(var entry) = state else { return }
      if !job.isEmpty { entry.job = job }
      if !spec.isEmpty { entry.spec = spec }
      state = .open(entry)
    }
  }

  /// Waits for the line where the call changes something: it is on file before anything is done. Only
  /// a start is refused when it cannot be written, as jobs must be stopped on a full disk too.
  func allowed(
    _ caller: Caller, _ method: Method, job: String = "", spec: String = ""
  ) async throws(RPCError) {
    self.concerns(job: job, spec: spec)
    guard let entry = self.allow(method, caller) else { return }
    guard method.changesSomething else { return await self.log.note(entry) }
    // What must not be done without its line must not outlive it either.
    let isNeeded = method == .startJob && self.log.isRequired
    guard let problem = await self.log.record(entry, isDurable: isNeeded), isNeeded else { return }
    throw RPCError(
      code: .failedPrecondition,
      message:
        "no job is started without its line in the audit file: \(problem); free space there, "
        + "or serve with --audit-failure allow")
  }

  /// What was to be done is done, or cannot be kept from happening: whatever the caller is told now.
  func carriedOut() {
    self.state.withLock { $0 = .over }
  }

  /// The call has ended with an error. One that was cancelled is none: what it began goes on.
  func failed(_ error: RPCError, name: String, serial: String) async {
    if error.code == .cancelled, self.wasAllowed { return }
    guard var entry = self.end(error, name: name, serial: serial) else { return }
    entry.reason = "\(error.code): \(error.message)"
    await self.log.note(entry)
  }

  private var wasAllowed: Bool {
    self.state.withLock { if case .allowed = $0 { true } else { false } }
  }

  /// Nil where something was said before.
  private func allow(_ method: Method, _ caller: Caller) -> AuditEntry? {
    self.state.withLock { state in
      guard case .open(var entry) = state else { return nil }
      entry.identity = caller.name
      entry.serial = caller.certificate.serial
      entry.decision = "allowed"
      state = .allowed(entry, changesSomething: method.changesSomething)
      return entry
    }
  }

  /// What is to be said of an error; nil for nothing.
  private func end(_ error: RPCError, name: String, serial: String) -> AuditEntry? {
    self.state.withLock { state in
      defer { state = .over }
      switch state {
      case .open(var entry):
        entry.identity = name
        entry.serial = serial
        entry.decision = "refused"
        return entry
      case .allowed(var entry, let changesSomething):
        // A policy that came later has cut it off.
        if !changesSomething, error.code != .permissionDenied { return nil }
        entry.decision = changesSomething ? "failed" : "refused"
        return entry
      case .over: return nil
      }
    }
  }
}

extension Worker_V1_JobSpec {
  /// SHA-256 over the message's deterministic form, which tells two specs apart and names neither the
  /// command nor its environment.
  var digest: String {
    var options = BinaryEncodingOptions()
    options.useDeterministicOrdering = true
    let bytes = (try? self.serializedBytes(options: options) as [UInt8]) ?? []
    return SHA256.hexadecimal(bytes)
  }
}

extension Caller {
  /// Tells the audit that the call is allowed, and on which job.
  func allowed(
    _ method: Method, job: String = "", spec: @autoclosure () -> String = ""
  ) async throws(RPCError) {
    guard let decision = self.decision else { return }
    try await decision.allowed(self, method, job: job, spec: spec())
  }
}
