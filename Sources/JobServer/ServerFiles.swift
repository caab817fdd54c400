import GRPCNghttp2
import JobAPI
import Linux
import Logging
import PKI
import SwiftProtobuf

/// The files that a server runs by, as they are in force: what could not be read again stays as it
/// was, and says why.
package final class ServerFiles: Sendable {
  /// What is read as a whole, and fails as a whole.
  enum Part: String, CaseIterable, Hashable, Sendable { case certificates, policy }

  private struct State {
    var stamps: [FileStamp]
    var loadTime = Clock.wall()
    var problems: [Part: String] = [:]
    var failures: [Part: Int64] = [:]
    var validity: TLSValidity
    var hasRevocationList: Bool
  }

  let policy: CurrentPolicy
  private let configuration: ServerConfiguration
  private let transport: Nghttp2ServerTransport
  private let state: Lock<State>

  init(
    _ configuration: ServerConfiguration, transport: Nghttp2ServerTransport,
    tls: TLSConfiguration, policy: Policy
  ) throws(ServerFileError) {
    self.configuration = configuration
    self.transport = transport
    self.policy = CurrentPolicy(policy)
    self.state = Lock(
      State(
        stamps: configuration.files().map(FileStamp.init), validity: transport.validity,
        hasRevocationList: tls.revocationList != nil))
    try Self.check(transport.validity)
  }

  var validity: TLSValidity { self.state.withLock { $0.validity } }
  var hasRevocationList: Bool { self.state.withLock { $0.hasRevocationList } }
  var problems: [String] { self.state.withLock { $0.problems.values.sorted() } }

  /// Whether a file is another one than when this was asked last.
  func haveChanged() -> Bool {
    let stamps = self.configuration.files().map(FileStamp.init)
    return self.state.withLock { state in
      defer { state.stamps = stamps }
      return state.stamps != stamps
    }
  }

  private static let thread = BlockingThreads(name: "files", count: 1)

  /// Runs `body`, which reads files, on a thread of ours; nil when the task is cancelled first: what
  /// waits for a file system that does not answer is left behind.
  static func reading<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value? {
    let (values, sender) = AsyncStream<Value>.makeStream()
    Self.thread.perform {
      sender.yield(body())
      sender.finish()
    }
    return await values.first { _ in true }
  }

  /// Blocks. What was read is in force then.
  func reload(_ part: Part) throws {
    switch part {
    case .certificates: try self.reloadCertificates()
    case .policy:
      try self.noting(part) { self.policy.replace(try self.configuration.policy()) }
    }
  }

  private func reloadCertificates() throws {
    try self.noting(.certificates) {
      let tls = try self.configuration.tls()
      guard tls.revocationList != nil || !self.hasRevocationList else {
        throw ServerFileError(
          "the revocation list is gone, and the revoked would be let in again: put it back, or "
            + "start the server anew to do without")
      }
      let trust = self.validity.trust
      let validity = try self.transport.reload(tls: tls) { validity in
        try Self.check(validity)
        guard let loss = validity.trust.loss(since: trust) else { return }
        throw ServerFileError(
          "\(loss), and the revoked would be let in again: put its newest list into the file, or "
            + "start the server anew to do without")
      }
      self.state.withLock { state in
        state.validity = validity
        state.hasRevocationList = tls.revocationList != nil
      }
    }
  }

  private func noting(_ part: Part, _ body: () throws -> Void) throws {
    do {
      try body()
      self.state.withLock { state in
        state.problems[part] = nil
        if state.problems.isEmpty { state.loadTime = Clock.wall() }
      }
    } catch {
      self.state.withLock { state in
        state.problems[part] = "\(part.rawValue): \(error)"
        state.failures[part, default: 0] += 1
      }
      throw error
    }
  }

  /// With files that have run out, or that are not for it, the server would run and nobody could connect.
  private static func check(_ validity: TLSValidity) throws(ServerFileError) {
    let now = Clock.wall() / 1_000_000_000
    if now > validity.notAfter {
      throw ServerFileError(
        "the server's certificate expired on \(rfc3339(validity.notAfter)): renew it, as with "
          + "worker pki renew server")
    }
    if now < validity.notBefore {
      throw ServerFileError(
        "the server's certificate is not valid before \(rfc3339(validity.notBefore)), and it is "
          + "\(rfc3339(now)) here: is the clock right?")
    }
    if let end = validity.revocationsEnd, now > end {
      throw ServerFileError(
        "the revocation list ran out on \(rfc3339(end)), so that nobody could connect: have a new "
          + "one made")
    }
    if let problem = validity.ownProblem {
      throw ServerFileError(
        "the server's certificate is of no use, as clients that trust the same authorities would "
          + "refuse it: \(problem)")
    }
  }

  /// For `/metrics`: nothing of what is in the files.
  struct Report: Hashable, Sendable {
    let failed: Set<Part>
    let failures: [Part: Int64]
    let loadTime: Int64
    let validity: TLSValidity
  }

  var report: Report {
    self.state.withLock { state in
      Report(
        failed: Set(state.problems.keys), failures: state.failures, loadTime: state.loadTime,
        validity: state.validity)
    }
  }

  /// For GetServerInfo.
  var message: Worker_V1_ConfigurationState {
    let audit = self.configuration.audit
    return self.state.withLock { state in
      .with {
        $0.loadTime = Google_Protobuf_Timestamp(nanoseconds: state.loadTime)
        $0.problems = state.problems.values.sorted()
        $0.certificateEndTime = Google_Protobuf_Timestamp(seconds: state.validity.notAfter)
        $0.revocationList = state.hasRevocationList
        $0.policy = self.policy.value.path ?? ""
        $0.audit = audit?.path ?? ""
        $0.auditProblem = audit?.problem?.description ?? ""
      }
    }
  }
}

/// Why files are not taken though they can be read.
package struct ServerFileError: Error, Hashable, CustomStringConvertible {
  package let description: String
  init(_ description: String) { self.description = description }
}
