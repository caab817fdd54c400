/// How much of a job's output is kept, and what happens to more.
package struct JournalQuota: Hashable, Sendable {
  package enum WhenFull: String, Hashable, Sendable, CaseIterable {
    /// The oldest segments make room; where the disk itself is full, the newest output is dropped.
    case dropOldest = "drop-oldest"
    /// The job waits, as at a pipe that nobody reads.
    case block
    /// The job is ended.
    case stop
  }

  /// Bytes on disk; nil: no bound.
  package var bytes: UInt64?
  package var whenFull: WhenFull

  package init(bytes: UInt64? = nil, whenFull: WhenFull = .dropOldest) {
    self.bytes = bytes
    self.whenFull = whenFull
  }

  package static let minimum: UInt64 = 256 << 10
  package static let maxSegment: UInt64 = 16 << 20
  private static let minSegment: UInt64 = 128 << 10

  /// A small part of the quota, as whole segments are dropped; room for a record at least.
  package var segmentSize: UInt64 {
    guard let bytes = self.bytes else { return Self.maxSegment }
    return min(max(bytes / 8, Self.minSegment), Self.maxSegment)
  }
}
