/// All jobs, and what no two of them may share.
struct Registry: Sendable {
  private struct Key: Hashable, Sendable {
    var owner: String
    var text: String
  }

  enum Reservation: Sendable {
    /// A new job, with its name, request and user id taken.
    case new(Job)
    /// The job that the same request started before.
    case existing(Job)
  }

  private(set) var jobs: [JobID: Job] = [:]
  /// Of unfinished jobs.
  private var names: [Key: JobID] = [:]
  private var requests: [Key: JobID] = [:]
  /// What each unfinished job may have, as last changed.
  private var held: [JobID: Limits] = [:]
  var totals = HostTotals()
  /// Unfinished jobs by their owner.
  private var unfinished: [String: Set<JobID>] = [:]
  /// Of the range; an administrator may let several jobs share one.
  private var userIDs: [UInt32: Set<JobID>] = [:]
  private var nextUserID: UInt32
  /// Starts under way: closing waits for them.
  private(set) var starting = 0
  private(set) var isClosed = false
  private let range: ClosedRange<UInt32>
  /// What jobs with a user namespace get theirs from.
  private var blocks: IDBlocks

  /// Never given to jobs of others.
  private var lasting: LastingIDs

  /// User ids are handed out in turn from `first` on, at random by default: so what a job has left
  /// behind is not met by the next one, nor by the first after a restart.
  init(
    userIDs: ClosedRange<UInt32>, first: UInt32? = nil,
    namespaceIDs: ClosedRange<UInt32> = 0x7801_0000...0x7ffd_ffff,
    lasting: LastingIDs = LastingIDs()
  ) {
    self.lasting = lasting
    self.range = userIDs
    self.blocks = IDBlocks(namespaceIDs)
    self.nextUserID = first ?? .random(in: userIDs)
  }

  /// Takes what a new job needs; `user` is nil when it gets a user id of its own.
  mutating func reserve(
    _ spec: JobSpec, id: @autoclosure () -> JobID, owner: String, request: JobRequest?, time: Int64,
    user: ResolvedUser?, quota: OwnerQuota? = nil
  ) throws(WorkerError) -> Reservation {
    guard !self.isClosed else { throw .closing }
    if let request, let first = self.requests[Key(owner: owner, text: request.id)],
      let job = self.jobs[first]
    {
      guard job.record.isOf(request, spec) else {
        throw WorkerError(
          .alreadyExists,
          "the request id '\(request.id)' started job \(first) with another spec: use a new "
            + "request id for another job")
      }
      return .existing(job)
    }
    try self.check(spec, owner: owner, quota: quota)
    let uid: UInt32
    if let user {
      uid = user.uid
    } else {
      uid = try self.ownID(for: spec, of: owner)
    }
    let record = JobRecord(
      spec: spec, owner: owner, createTime: time, request: request, uid: uid,
      gid: user?.gid ?? uid)
    let job = Job(id: id(), record: record)
    self.insert(job, isOver: false)
    self.starting += 1
    return .new(job)
  }

  /// Whether there is room for a new job, with its name.
  func check(_ spec: JobSpec, owner: String, quota: OwnerQuota?) throws(WorkerError) {
    if let name = spec.name, let other = self.names[Key(owner: owner, text: name)] {
      throw WorkerError(
        .alreadyExists,
        "the name '\(name)' is taken by the unfinished job \(other): choose another, or stop it")
    }
    try self.totals.check(
      count: self.held.count, ofOwner: self.unfinished[owner]?.count ?? 0, owner: owner)
    try self.totals.check(spec.limits, beside: self.held.values)
    try quota?.check(spec, beside: self.unfinished(of: owner), owner: owner)
  }

  /// Why there is none; nil: there is.
  func refusal(of spec: JobSpec, owner: String, quota: OwnerQuota?) -> String? {
    do throws(WorkerError) {
      try self.check(spec, owner: owner, quota: quota)
      return nil
    } catch {
      return error.message
    }
  }

  /// Takes in a job of an earlier worker's.
  mutating func insert(_ job: Job, isOver: Bool) {
    self.jobs[job.id] = job
    if let request = job.record.request?.id {
      self.requests[Key(owner: job.record.owner, text: request)] = job.id
    }
    guard !isOver else { return }
    self.held[job.id] = job.record.spec.limits
    self.unfinished[job.record.owner, default: []].insert(job.id)
    if let name = job.record.spec.name {
      self.names[Key(owner: job.record.owner, text: name)] = job.id
    }
    for id in self.heldUserIDs(job) { self.userIDs[id, default: []].insert(job.id) }
  }

  private func unfinished(of owner: String, but one: JobID? = nil) -> [JobSpec] {
    (self.unfinished[owner] ?? []).compactMap { id in
      guard id != one, var spec = self.jobs[id]?.record.spec else { return nil }
      spec.limits = self.held[id] ?? spec.limits
      return spec
    }
  }

  /// Gives a job other limits, if they fit beside what the others have.
  mutating func change(
    _ job: Job, to limits: Limits, quota: OwnerQuota?
  ) throws(WorkerError) {
    guard let old = self.held[job.id] else { return }  // it has just ended, and that will be told
    try self.totals.check(
      limits, from: old, beside: self.held.filter { $0.key != job.id }.values)
    let owner = job.record.owner
    let others = self.unfinished(of: owner, but: job.id).map(\.limits)
    try quota?.check(limits, from: old, beside: others, owner: owner)
    self.held[job.id] = limits
  }

  /// A change that could not be made.
  mutating func takeBack(_ limits: Limits, of job: Job) {
    if self.held[job.id] != nil { self.held[job.id] = limits }
  }

  /// Those of the range, whether it was given them or an administrator named them.
  private func heldUserIDs(_ job: Job) -> Set<UInt32> {
    Set([job.record.uid, job.record.gid]).filter {
      self.range.contains($0) || self.blocks.range.contains($0)
    }
  }

  /// The start came to an end, good or bad.
  mutating func startEnded() {
    self.starting -= 1
  }

  /// Gives back what only living jobs hold; another may have taken it since, if it was given back
  /// before.
  mutating func release(_ job: Job) {
    self.held[job.id] = nil
    self.unfinished[job.record.owner]?.remove(job.id)
    if self.unfinished[job.record.owner]?.isEmpty == true {
      self.unfinished[job.record.owner] = nil
    }
    if let name = job.record.spec.name {
      let key = Key(owner: job.record.owner, text: name)
      if self.names[key] == job.id { self.names[key] = nil }
    }
    for id in self.heldUserIDs(job) {
      self.userIDs[id]?.remove(job.id)
      if self.userIDs[id]?.isEmpty == true { self.userIDs[id] = nil }
    }
  }

  /// Forgets the job.
  mutating func drop(_ job: Job) {
    self.release(job)
    self.jobs[job.id] = nil
    if let request = job.record.request?.id {
      let key = Key(owner: job.record.owner, text: request)
      if self.requests[key] == job.id { self.requests[key] = nil }
    }
  }

  mutating func close() {
    self.isClosed = true
  }

  /// For a job that named no user; jobs that may leave files share one with all such of their owner.
  private mutating func ownID(for spec: JobSpec, of owner: String) throws(WorkerError) -> UInt32 {
    let key = LastingIDs.Key(owner: owner, hasUserNamespace: spec.hasUserNamespace)
    if spec.mayLeaveFiles, let id = self.lasting[key] { return id }
    let isFree = { [userIDs, lasting] (id: UInt32) in
      userIDs[id] == nil && !lasting.contains(id)
    }
    let id = try spec.hasUserNamespace ? self.blocks.free(isFree) : self.freeUserID(isFree)
    if spec.mayLeaveFiles { self.lasting[key] = id }
    return id
  }

  private mutating func freeUserID(
    _ isFree: (UInt32) -> Bool
  ) throws(WorkerError) -> UInt32 {
    let uid =
      (self.nextUserID...self.range.upperBound).first(where: isFree)
      ?? (self.range.lowerBound..<self.nextUserID).first(where: isFree)
    guard let uid else {
      throw WorkerError(
        .resourceExhausted,
        "all \(self.range.count) user ids for jobs are in use: wait for a job to end, or name a user"
      )
    }
    self.nextUserID = uid == self.range.upperBound ? self.range.lowerBound : uid + 1
    return uid
  }
}
