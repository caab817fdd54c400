import JobStore
import Linux

// How much output there is, where nobody wrote it down.
extension Remains {
  /// Finds the last whole record: what lies behind it was being written and is not served.
  static func measureOutput(
    of id: JobID, in state: StateDirectory, into record: inout ExitRecord
  ) throws(StoreError) {
    do throws(StoreError) {
      let folder = try StoreError.wrap { () throws(SystemError) in try state.open(id) }
      let bases = try self.bases(in: folder)
      record.journalStart = bases.first ?? 0
      try self.readOutput(of: id, in: folder, into: &record)
      // A hole: what is behind it was written, so that reading must not end before it in silence.
      if bases.last ?? 0 > record.journalEnd {
        try self.takeEnd(of: id, in: folder, into: &record)
      }
    } catch {
      if error.isShortage { throw error }
      // No journal: no output.
    }
  }

  private static func readOutput(
    of id: JobID, in folder: borrowing OwnedDescriptor, into record: inout ExitRecord
  ) throws(StoreError) {
    let copy = try StoreError.wrap { () throws(SystemError) in try folder.duplicate() }
    var reader = try JournalReader(folder: copy, jobID: id.description)
    record.journalEnd = reader.position
    do throws(StoreError) {
      while let (stream, bytes, end) = try reader.next(waiting: true).reached {
        switch stream {
        case .stdout: record.stdoutBytes = bytes
        case .stderr: record.stderrBytes = bytes
        }
        record.journalEnd = end
      }
    } catch {
      // Damage ends what can be served; readers meet it at the same place.
      guard case .damaged = error else { throw error }
    }
  }

  /// The journal's end, by its last segment.
  static func takeEnd(
    of id: JobID, in folder: borrowing OwnedDescriptor, into record: inout ExitRecord
  ) throws(StoreError) {
    guard let whole = try StreamCounts.end(in: folder, jobID: id.description) else { return }
    record.journalEnd = whole.position
    record.stdoutBytes = whole.counts.stdout
    record.stderrBytes = whole.counts.stderr
  }

  static func bases(
    in folder: borrowing OwnedDescriptor
  ) throws(StoreError) -> [UInt64] {
    try StoreError.wrap { () throws(SystemError) in try JournalHeaders.bases(in: folder) }
  }
}

extension JournalReader.Next {
  /// How far its stream, and the journal, is known behind this; nil at the end.
  fileprivate var reached: (stream: JournalStream, bytes: UInt64, position: UInt64)? {
    switch self {
    case .record(let record):
      (record.stream, record.offset + UInt64(record.bytes.count), record.end)
    case .gap(let gap): (gap.stream, gap.to, gap.end)
    case .end, .wouldBlock: nil
    }
  }
}
