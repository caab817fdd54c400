import GRPCCore
import JobEngine

/// How a request names a job: an id, a unique prefix of one, or a name.
///
/// Only jobs that the caller may use the method on are looked at, so that another owner's job and
/// one that does not exist answer alike, and nothing can be learnt by guessing.
struct JobReference: Hashable, Sendable {
  let text: String

  init(_ text: String) throws(RPCError) {
    guard !text.isEmpty else {
      throw RPCError(
        code: .invalidArgument, message: "job is empty: give an id, a prefix of one, or a name")
    }
    self.text = text
  }

  /// Looks at all jobs only where it is no whole id. Whoever may not use the job of that id is answered as
  /// if it was not there, and as late.
  func resolve(
    in engine: some JobWorker, for method: Method, _ caller: Caller
  ) throws(RPCError) -> JobSummary {
    if let id = JobID(self.text), let job = engine.summary(id),
      Authorization.allows(method, onJobOf: job.owner, caller)
    {
      return job
    }
    return try self.resolve(among: engine.jobs(), for: method, caller)
  }

  func resolve(
    among jobs: [JobSummary], for method: Method, _ caller: Caller
  ) throws(RPCError) -> JobSummary {
    let usable = jobs.filter { Authorization.allows(method, onJobOf: $0.owner, caller) }
    if let job = usable.first(where: { $0.id.description == self.text }) { return job }
    let named = usable.filter { $0.name == self.text }
    let prefixed = usable.filter { $0.id.description.hasPrefix(self.text) && $0.name != self.text }
    // A name of the caller's own is his to choose; another's must not stand for what he may mean by an id.
    if prefixed.isEmpty || named.contains(where: { $0.owner == caller.name }), !named.isEmpty {
      return try self.best(of: named, caller)
    }
    return try self.only(of: named + prefixed)
  }

  /// Of several with this name: own before others', unfinished before finished, then the newest.
  private func best(of named: [JobSummary], _ caller: Caller) throws(RPCError) -> JobSummary {
    let own = named.filter { $0.owner == caller.name }
    let candidates = own.isEmpty ? named : own
    let unfinished = candidates.filter { $0.state != .finished }
    if !unfinished.isEmpty { return try self.only(of: unfinished) }
    guard let newest = candidates.max(by: { $0.createTime < $1.createTime }) else {
      return try self.only(of: [])
    }
    return newest
  }

  private func only(of jobs: [JobSummary]) throws(RPCError) -> JobSummary {
    guard let job = jobs.first else {
      throw RPCError(code: .notFound, message: "no such job '\(self.text)'")
    }
    guard jobs.count > 1 else { return job }
    let shown = jobs.prefix(10).map { job in
      job.name.map { "\(job.id) (\($0) of \(job.owner))" } ?? job.id.description
    }
    let more = jobs.count > shown.count ? " and \(jobs.count - shown.count) more" : ""
    throw RPCError(
      code: .invalidArgument,
      message: "job '\(self.text)' could be any of \(shown.joined(separator: ", "))\(more)")
  }
}
