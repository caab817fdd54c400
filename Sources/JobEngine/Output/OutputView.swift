import JobStore
import Linux

/// From where on a reading shows a job's output, when not from a cursor.
public struct OutputView: Hashable, Sendable {
  /// The last so many lines of what is there; nil: no matter how many.
  ///
  /// Counted over `streams` together, in the order in which they were read from the job; what follows
  /// the last newline is a line.
  public var tail: Int?
  /// What was read from the job then or later, in nanoseconds since 1970; nil: no matter when.
  public var since: Int64?
  /// The streams whose lines count for `tail`. All the same both streams are given out.
  public var streams: Set<OutputStream> = Set(OutputStream.allCases)
  /// Every chunk is what was read from the job at once, so that its time is that of every byte in it;
  /// otherwise small pieces are joined.
  public var hasExactTimes = false

  /// Everything, from the first byte.
  public init() {}

  fileprivate var searches: [JournalSearch] {
    let streams = Set(self.streams.map { $0 == .stdout ? JournalStream.stdout : .stderr })
    let lines = self.tail.map { JournalSearch(.lines($0, streams)) }
    let since = self.since.map { JournalSearch(.since($0)) }
    return [lines, since].compactMap { $0 }
  }

  func validate() throws(WorkerError) {
    if let tail, tail < 0 { throw .invalid("tail must not be negative, got \(tail)") }
  }

  /// Where it begins in the job's journal: the later place, where two are asked for.
  func place(of id: JobID, in state: StateDirectory) async throws -> JournalPlace? {
    var place: JournalPlace?
    for var search in self.searches {
      while true {
        try Task.checkCancellation()
        let before = search
        let (after, step) = try await Worker.searchers.run {
          () throws(StoreError) -> (JournalSearch, JournalSearch.Step) in
          var search = before
          let folder = try StoreError.wrap { () throws(SystemError) in try state.open(id) }
          let step = try search.step(in: folder, jobID: id.description)
          return (search, step)
        }
        search = after
        if case .found(let found) = step {
          place = max(place ?? .start, found)
          break
        }
      }
    }
    return place
  }
}
