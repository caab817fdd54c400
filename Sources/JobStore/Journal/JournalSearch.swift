import Glibc
package import Linux

/// A place in a journal: behind the first `skip` bytes of the record at `position`.
package struct JournalPlace: Hashable, Sendable, Comparable {
  /// Of a record; 0 is the first that is kept.
  package var position: UInt64
  package var skip = 0

  package static let start = JournalPlace(position: 0)

  package static func < (left: JournalPlace, right: JournalPlace) -> Bool {
    (left.position, left.skip) < (right.position, right.skip)
  }
}

/// Finds where a view of a journal begins.
///
/// DESIGN: from the end backward, one segment a step, so that the thread it runs on is free for
/// others in between and a caller that has gone away costs one step more. Nothing is held but counts:
/// a segment that holds the place is gone through twice.
package struct JournalSearch: Hashable, Sendable {
  package enum Wanted: Hashable, Sendable {
    /// The last lines of these streams together, in the order in which they were read. What follows
    /// the last newline is a line.
    case lines(Int, Set<JournalStream>)
    /// What was read from the job at this time or later, in nanoseconds since 1970.
    case since(Int64)
  }

  package enum Step: Hashable, Sendable {
    case found(JournalPlace)
    case goOn
  }

  private let wanted: Wanted
  /// Segments not looked at yet; nil before the first step.
  private var bases: [UInt64]?
  /// Newlines to be passed on the way back; nil while it is not known whether the last line is open.
  private var newlines: Int?
  /// Where the segment before ends that was looked at.
  private var limit: UInt64?

  package init(_ wanted: Wanted) { self.wanted = wanted }

  /// Looks through one more segment, from the last to the first. Blocks.
  package mutating func step(
    in folder: borrowing OwnedDescriptor, jobID: String
  ) throws(StoreError) -> Step {
    var bases: [UInt64]
    if let known = self.bases {
      bases = known
    } else {
      bases = try StoreError.wrap { () throws(SystemError) in
        try JournalHeaders.bases(in: folder)
      }
    }
    guard let base = bases.popLast() else { return .found(.start) }
    self.bases = bases
    do throws(StoreError) {
      switch self.wanted {
      case .lines(let count, let streams):
        return try self.lines(count, streams, base, in: folder, jobID: jobID)
      case .since(let time):
        return try StoreError.wrap { () throws(SystemError) in
          try self.since(time, base, in: folder)
        }
      }
    } catch {
      // Dropped meanwhile, as the oldest may be: what is kept begins behind it.
      if case .system(let cause) = error, cause.errno == ENOENT { return .found(.start) }
      // Its header is being written at this moment: there is nothing in it.
      if case .outOfRange = error { return .goOn }
      throw error
    }
  }

  private func since(
    _ time: Int64, _ base: UInt64, in folder: borrowing OwnedDescriptor
  ) throws(SystemError) -> Step {
    var headers = try JournalHeaders(base: base, in: folder)
    guard let first = try headers.next() else { return .goOn }
    if first.wallTime >= time { return .goOn }
    while let heading = try headers.next() {
      if heading.wallTime >= time { return .found(JournalPlace(position: heading.position)) }
    }
    // The next segment, or damage in this one: whoever goes on there is told.
    return .found(JournalPlace(position: headers.position))
  }

  private mutating func lines(
    _ count: Int, _ streams: Set<JournalStream>, _ base: UInt64,
    in folder: borrowing OwnedDescriptor, jobID: String
  ) throws(StoreError) -> Step {
    var pass = try LinePass(base, upTo: self.limit, streams, in: folder, jobID: jobID)
    do throws(StoreError) {
      while try pass.next() != nil {}
    } catch {
      // In the last segment, what is before it is there to be shown, and reading tells of it there.
      guard case .damaged = error, self.limit == nil else { throw error }
    }
    if count == 0 { return .found(JournalPlace(position: pass.position)) }
    self.limit = base
    guard let lastByte = pass.lastByte else { return .goOn }  // none of these streams is in it
    let newlines =
      self.newlines ?? (lastByte == LinePass.newline ? min(count, .max - 1) + 1 : count)
    guard pass.newlines >= newlines else {
      self.newlines = newlines - pass.newlines
      return .goOn
    }
    let before = pass.newlines - newlines
    var again = try LinePass(base, upTo: nil, streams, in: folder, jobID: jobID)
    while let record = try again.next() {
      guard again.newlines > before else { continue }
      var left = again.newlines - before
      // The one that is `left`-th from the record's end is the one that ends what is not wanted.
      for index in record.bytes.indices.reversed() where record.bytes[index] == LinePass.newline {
        left -= 1
        if left == 0 { return .found(record.place(behind: index)) }
      }
    }
    return .found(.start)  // dropped meanwhile: what is kept begins behind it
  }
}

extension JournalRecord {
  fileprivate func place(behind index: Int) -> JournalPlace {
    if index == self.bytes.count - 1 { return JournalPlace(position: self.end) }
    let size = UInt64(JournalFormat.headerSize + self.bytes.count)
    return JournalPlace(position: self.end - size, skip: index + 1)
  }
}

/// One segment from its beginning, with the newlines passed so far.
private struct LinePass: ~Copyable {
  static let newline = UInt8(ascii: "\n")

  private var reader: JournalReader
  private let limit: UInt64
  private let streams: Set<JournalStream>
  private(set) var newlines = 0
  private(set) var lastByte: UInt8?

  init(
    _ base: UInt64, upTo limit: UInt64?, _ streams: Set<JournalStream>,
    in folder: borrowing OwnedDescriptor, jobID: String
  ) throws(StoreError) {
    let copy = try StoreError.wrap { () throws(SystemError) in try folder.duplicate() }
    let reader = try JournalReader(folder: copy, jobID: jobID, position: base)
    guard reader.base == base else {
      throw .system(SystemError(call: "open", errno: ENOENT))  // the oldest that is left
    }
    self.reader = reader
    self.limit = limit ?? .max
    self.streams = streams
  }

  var position: UInt64 { self.reader.position }

  /// The next record of the streams.
  mutating func next() throws(StoreError) -> JournalRecord? {
    while self.reader.position < self.limit {
      switch try self.reader.next(waiting: true) {
      case .gap: continue
      case .end, .wouldBlock: return nil
      case .record(let record):
        guard self.streams.contains(record.stream) else { continue }
        self.lastByte = record.bytes.last
        for byte in record.bytes where byte == Self.newline { self.newlines += 1 }
        return record
      }
    }
    return nil
  }
}
