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
/// what ends without that was refused.
package final class Decision: Sendable {
  private let log: AuditLog
  private let method: String
  private let entry: AuditEntry
  private let isSaid = Lock(false)

  init(_ log: AuditLog, _ context: ServerContext) {
    self.log = log
    self.method = context.descriptor.method
    var entry = AuditEntry(.decision)
    entry.method = self.method
    entry.peer = context.remotePeer
    self.entry = entry
  }

  /// Waits for the line where the call changes something: it is on file before anything is done. Only
  /// a start is refused when it cannot be written, as jobs must be stopped on a full disk too.
  func allowed(
    _ caller: Caller, _ method: Method, job: String = "", spec: String = ""
  ) async throws(RPCError) {
    guard self.say() else { return }
    var entry = self.entry(of: caller)
    entry.decision = "allowed"
    entry.job = job
    entry.spec = spec
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

  /// Does nothing when the call was allowed before.
  func refused(_ error: RPCError, name: String, serial: String) async {
    guard self.say() else { return }
    var entry = self.entry
    entry.identity = name
    entry.serial = serial
    entry.decision = "refused"
    entry.reason = "\(error.code): \(error.message)"
    await self.log.note(entry)
  }

  private func entry(of caller: Caller) -> AuditEntry {
    var entry = self.entry
    entry.identity = caller.name
    entry.serial = caller.certificate.serial
    return entry
  }

  /// Whether nothing was said yet.
  private func say() -> Bool {
    self.isSaid.withLock { isSaid in
      defer { isSaid = true }
      return !isSaid
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
