import Linux

/// How long finished jobs are kept. As soon as one of these is exceeded, the oldest goes of the owner who
/// takes the most of it: nobody can have others' jobs forgotten with many of his own.
public struct Retention: Hashable, Sendable {
  /// After its end; nil: for ever.
  public var age: Duration?
  /// So many finished jobs; nil: any number.
  public var count: Int?
  /// The output of all finished jobs together on disk; nil: as much as fits.
  public var bytes: Int64?

  /// Everything is kept until it is removed.
  public static let unlimited = Retention()

  /// Of these bounds.
  public init(age: Duration? = nil, count: Int? = nil, bytes: Int64? = nil) {
    self.age = age
    self.count = count
    self.bytes = bytes
  }

  /// What is looked at of a finished job.
  struct Candidate: Hashable, Sendable {
    var id: JobID
    var owner: String
    /// Nanoseconds since 1970.
    var endTime: Int64
    var bytes: Int64
  }

  /// What can come before somebody has to look again.
  struct Room: Hashable, Sendable {
    var count: Int
    var bytes: Int64

    /// False when it was not there.
    mutating func take(_ job: Candidate) -> Bool {
      self.count -= 1
      self.bytes -= job.bytes
      return self.count >= 0 && self.bytes >= 0
    }
  }

  /// What is to be done about finished jobs.
  struct Look: Hashable, Sendable {
    /// These go now, in this order.
    var expired: [JobID]
    /// When the next one's time will have come, in nanoseconds since 1970.
    var next: Int64?
    var room: Room
  }

  func look(at finished: [Candidate], now: Int64) -> Look {
    let all = finished.sorted { ($0.endTime, $0.id) < ($1.endTime, $1.id) }
    let old = all.prefix { self.isOld($0, now: now) }
    var shares = Shares(all[old.endIndex...])
    var expired = old.map(\.id)
    while let job = shares.nextToGo(beyond: self) { expired.append(job.id) }
    let room = Room(
      count: (self.count ?? .max) - shares.count, bytes: (self.bytes ?? .max) - shares.bytes)
    return Look(
      expired: expired, next: shares.oldest.flatMap { self.expiry(of: $0) }, room: room)
  }

  func isOld(_ job: Candidate, now: Int64) -> Bool {
    self.expiry(of: job).map { $0 <= now } ?? false
  }

  func expiry(of job: Candidate) -> Int64? {
    guard let age else { return nil }
    let (time, overflow) = job.endTime.addingReportingOverflow(age.nanoseconds)
    return overflow ? nil : time
  }
}
