import Linux

/// How long finished jobs are kept: the oldest goes first, as soon as one of these is exceeded.
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
    /// Nanoseconds since 1970.
    var endTime: Int64
    var bytes: Int64
  }

  /// Which of `finished` go now, the oldest first, and when the next one's time will have come.
  func expired(of finished: [Candidate], now: Int64) -> (ids: [JobID], next: Int64?) {
    let all = finished.sorted { ($0.endTime, $0.id) < ($1.endTime, $1.id) }
    var bytes = all.reduce(0) { $0 + $1.bytes }
    var gone = 0
    while gone < all.count {
      let isTooMany = self.count.map { all.count - gone > $0 } ?? false
      let isTooMuch = self.bytes.map { bytes > $0 } ?? false
      guard isTooMany || isTooMuch || self.isOld(all[gone], now: now) else { break }
      bytes -= all[gone].bytes
      gone += 1
    }
    return (all.prefix(gone).map(\.id), gone < all.count ? self.expiry(of: all[gone]) : nil)
  }

  private func isOld(_ job: Candidate, now: Int64) -> Bool {
    self.expiry(of: job).map { $0 <= now } ?? false
  }

  private func expiry(of job: Candidate) -> Int64? {
    guard let age else { return nil }
    let (time, overflow) = job.endTime.addingReportingOverflow(age.nanoseconds)
    return overflow ? nil : time
  }
}
