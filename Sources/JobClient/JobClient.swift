package import GRPCCore
package import GRPCNghttp2
import GRPCProtobuf
package import JobAPI
import Linux
import SwiftProtobuf

/// The API for programs: one method a call, repeated while the server is away wherever a repetition
/// does no harm. Prints nothing.
///
/// When the very first connection cannot be made that is told at once: then the address is wrong, or
/// nobody is there. Once a connection has been made, its loss is bridged.
package struct JobClient<Transport: ClientTransport>: Sendable {
  package typealias Job = Worker_V1_Job

  private let service: Worker_V1_JobService.Client<Transport>
  private let retries: Retries
  private let pause: @Sendable (Duration) async throws -> Void
  private let onRetry: @Sendable (RPCError, _ isFirst: Bool) -> Void
  private let now: @Sendable () -> Int64
  private let wasConnected = Lock(false)
  /// Until when the own certificate is valid; nil for transports that have none.
  package let validity: TLSValidity?

  /// `pause` waits without polling; `onRetry` is told of a failure that will be bridged, and whether it is
  /// the first since the server was there; `now` counts nanoseconds.
  package init(
    transport: Transport, retries: Retries = Retries(), validity: TLSValidity? = nil,
    pause: @escaping @Sendable (Duration) async throws -> Void,
    onRetry: @escaping @Sendable (RPCError, _ isFirst: Bool) -> Void = { _, _ in },
    now: @escaping @Sendable () -> Int64 = { Clock.monotonic() }
  ) {
    self.now = now
    self.service = Worker_V1_JobService.Client(wrapping: GRPCClient(transport: transport))
    self.retries = retries
    self.validity = validity
    self.pause = pause
    self.onRetry = onRetry
  }

  /// Starts a job. The request carries a random number by which the server knows a repetition, so
  /// that a lost answer never starts two.
  package func start(_ spec: Worker_V1_JobSpec) async throws -> Job {
    let request = Worker_V1_StartJobRequest.with {
      $0.spec = spec
      $0.requestID = Self.randomID()
    }
    return try await self.retrying { try await self.service.startJob(request).job }
  }

  /// What would become of a job's limits; starts nothing.
  package func plan(_ spec: Worker_V1_JobSpec) async throws -> Worker_V1_PlanJobResponse {
    let request = Worker_V1_PlanJobRequest.with { $0.spec = spec }
    return try await self.retrying { try await self.service.planJob(request) }
  }

  /// Ends a job and answers when it is gone; `grace` nil is the server's default.
  package func stop(_ job: String, signal: String = "", grace: Duration? = nil) async throws -> Job
  {
    let request = Worker_V1_StopJobRequest.with {
      $0.job = job
      $0.signal = signal
      if let grace { $0.grace = Google_Protobuf_Duration(rounding: grace) }
    }
    return try await self.retrying { try await self.service.stopJob(request).job }
  }

  /// Sends a signal; repeated only while the server cannot be reached, as two are not one.
  package func signal(_ job: String, _ signal: String) async throws {
    let request = Worker_V1_SignalJobRequest.with {
      $0.job = job
      $0.signal = signal
    }
    var backoff = Backoff(self.retries)
    while true {
      do {
        _ = try await self.once { try await self.service.signalJob(request) }
        return
      } catch let error as RPCError where error.isConnectFailure && self.isBridgeable(error) {
        try await self.wait(for: &backoff, after: error)
      }
    }
  }

  /// Freezes a job and answers when it is frozen.
  package func pause(_ job: String) async throws -> Job {
    let request = Worker_V1_PauseJobRequest.with { $0.job = job }
    return try await self.retrying { try await self.service.pauseJob(request).job }
  }

  package func resume(_ job: String) async throws -> Job {
    let request = Worker_V1_ResumeJobRequest.with { $0.job = job }
    return try await self.retrying { try await self.service.resumeJob(request).job }
  }

  /// Changes those limits that are set.
  package func update(_ job: String, _ limits: Worker_V1_Limits) async throws -> Job {
    let request = Worker_V1_UpdateJobRequest.with {
      $0.job = job
      $0.limits = limits
    }
    return try await self.retrying { try await self.service.updateJob(request).job }
  }

  package func get(_ job: String) async throws -> Job {
    let request = Worker_V1_GetJobRequest.with { $0.job = job }
    return try await self.retrying { try await self.service.getJob(request).job }
  }

  /// The jobs in these states (empty: all) that carry all of these labels, oldest first.
  package func list(
    states: [Worker_V1_JobState] = [], labels: [String: String] = [:]
  ) async throws -> [Job] {
    var request = Worker_V1_ListJobsRequest.with {
      $0.states = states
      $0.labels = labels
    }
    var jobs: [Job] = []
    repeat {
      let page = try await self.retrying { try await self.service.listJobs(request) }
      jobs += page.jobs
      request.pageToken = page.nextPageToken
    } while !request.pageToken.isEmpty
    return jobs
  }

  /// Answers when the job has finished.
  package func wait(_ job: String) async throws -> Job {
    let request = Worker_V1_WaitJobRequest.with { $0.job = job }
    return try await self.retrying { try await self.service.waitJob(request).job }
  }

  /// Forgets a finished job; never repeated, as the second answer would be that there is none.
  package func remove(_ job: String) async throws {
    let request = Worker_V1_RemoveJobRequest.with { $0.job = job }
    _ = try await self.once { try await self.service.removeJob(request) }
  }

  package func serverInfo() async throws -> Worker_V1_GetServerInfoResponse {
    try await self.retrying {
      try await self.service.getServerInfo(Worker_V1_GetServerInfoRequest())
    }
  }

  /// Who the server takes us for, and what it allows us.
  package func whoAmI() async throws -> Worker_V1_WhoAmIResponse {
    try await self.retrying { try await self.service.whoAmI(Worker_V1_WhoAmIRequest()) }
  }

  package func checkAccess(
    _ request: Worker_V1_CheckAccessRequest
  ) async throws -> Worker_V1_CheckAccessResponse {
    try await self.retrying { try await self.service.checkAccess(request) }
  }

  /// Hands every byte of a job's output to `onChunk` exactly once, in order, however often the
  /// connection is lost in between; gives back the end. `onGap` is told, in its place, of output that
  /// the server did not keep.
  package func output(
    of request: OutputRequest,
    onGap: @escaping @Sendable (Worker_V1_OutputGap) async throws -> Void = { _ in },
    onChunk: @escaping @Sendable (Worker_V1_OutputChunk) async throws -> Void
  ) async throws -> Worker_V1_OutputEnd {
    let output = ResumingOutput(request)
    var backoff = Backoff(self.retries)
    while true {
      let before = (output.cursor, self.now())
      do {
        return try await self.once {
          try await self.service.streamOutput(output.request) { response in
            try await output.receive(response, onGap: onGap, onChunk)
          }
        }
      } catch let error as RPCError where self.isBridgeable(error) {
        if output.cursor != before.0 || self.wasServed(since: before.1, until: error) {
          backoff = Backoff(self.retries)
        }
        try await self.wait(for: &backoff, after: error)
      }
    }
  }

  /// Lets time pass between two looks at what no event tells of, without a thread.
  package func rest(for duration: Duration) async throws { try await self.pause(duration) }

  // MARK: Repeating

  private func retrying<Success>(_ call: () async throws -> Success) async throws -> Success {
    var backoff = Backoff(self.retries)
    while true {
      do {
        return try await self.once(call)
      } catch let error as RPCError where self.isBridgeable(error) {
        try await self.wait(for: &backoff, after: error)
      }
    }
  }

  private func once<Success>(_ call: () async throws -> Success) async throws -> Success {
    do {
      let result = try await call()
      self.wasConnected.withLock { $0 = true }
      return result
    } catch let error as RPCError {
      if !error.isConnectFailure { self.wasConnected.withLock { $0 = true } }
      throw error
    }
  }

  /// Whether a server was there, and for longer than a pause: a job may be silent for days, and what
  /// breaks off then is a new outage.
  private func wasServed(since start: Int64, until error: RPCError) -> Bool {
    !error.isConnectFailure
      && .nanoseconds(self.now() - start) > self.retries.longestDelay
  }

  private func isBridgeable(_ error: RPCError) -> Bool {
    error.code == .unavailable && !error.isOfCertificate && self.wasConnected.withLock { $0 }
  }

  private func wait(for backoff: inout Backoff, after error: RPCError) async throws {
    let isFirst = backoff.isFresh
    guard let delay = backoff.next(now: self.now()) else { throw error }
    self.onRetry(error, isFirst)
    try await self.pause(delay)
  }

  private static func randomID() -> String {
    Random.bytes(16).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
