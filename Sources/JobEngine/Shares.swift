/// Finished jobs by owner, and what each owner's take.
struct Shares {
  private struct Share {
    /// The oldest first.
    var jobs: ArraySlice<Retention.Candidate>
    var bytes: Int64
  }

  private var shares: [String: Share]
  private(set) var count: Int
  private(set) var bytes: Int64

  /// Of jobs in the order of their ends.
  init(_ jobs: some Collection<Retention.Candidate>) {
    self.shares = Dictionary(grouping: jobs, by: \.owner).mapValues { jobs in
      Share(jobs: jobs[...], bytes: jobs.reduce(0) { $0 + $1.bytes })
    }
    self.count = jobs.count
    self.bytes = jobs.reduce(0) { $0 + $1.bytes }
  }

  var oldest: Retention.Candidate? {
    self.shares.values.compactMap(\.jobs.first).min { ($0.endTime, $0.id) < ($1.endTime, $1.id) }
  }

  /// Takes one out, as long as there is more than `retention` allows; nil after that.
  mutating func nextToGo(beyond retention: Retention) -> Retention.Candidate? {
    if self.count > retention.count ?? .max { return self.takeOldest { Int64($0.jobs.count) } }
    if self.bytes > retention.bytes ?? .max { return self.takeOldest(\.bytes) }
    return nil
  }

  /// Of the owner with the largest `size`; where two are equal, of him whose oldest is older.
  private mutating func takeOldest(_ size: (Share) -> Int64) -> Retention.Candidate? {
    let largest = self.shares.max { one, two in
      guard let first = one.value.jobs.first, let second = two.value.jobs.first else {
        return false
      }
      return (size(one.value), second.endTime, second.id)
        < (size(two.value), first.endTime, first.id)
    }
    guard let owner = largest?.key, let job = self.shares[owner]?.jobs.popFirst() else {
      return nil
    }
    self.shares[owner]?.bytes -= job.bytes
    if self.shares[owner]?.jobs.isEmpty == true { self.shares[owner] = nil }
    self.count -= 1
    self.bytes -= job.bytes
    return job
  }
}
