import Linux

// Places in a segment: only behind a record is there one to go on from.
extension OpenSegment {
  /// The segment that `position` lies in, if that is its beginning or behind a record of it; the oldest,
  /// where the one it lay in is not there any more. Blocks.
  ///
  /// By the headers from the segment's beginning on, at most a segment of them: what is read at a place
  /// that somebody names may look like a record and be part of one.
  static func at(
    _ position: UInt64?, in folder: borrowing OwnedDescriptor, jobID: String
  ) throws(StoreError) -> OpenSegment {
    while true {
      let found = try self.find(position, in: folder, jobID: jobID)
      guard let position, position > found.header.base else { return found }
      let end = try found.lastEnd(upTo: position)
      if end == position { return found }
      if end < position {
        // Dropped while it was looked through: look again.
        if try found.isDropped { continue }
        try self.checkRecord(at: end, in: folder, jobID: jobID)
      }
      throw .outOfRange(position: position)
    }
  }

  /// The first position behind a record that is not before `limit`; of the last whole record, where none
  /// is.
  private func lastEnd(upTo limit: UInt64) throws(StoreError) -> UInt64 {
    try StoreError.wrap { () throws(SystemError) in
      var headers = try JournalHeaders(base: self.header.base, segment: try self.duplicate())
      while headers.position < limit, try headers.next() != nil {}
      return headers.position
    }
  }

  /// Throws where damage begins at `end`, at which a record ends. What was cut off there is none.
  private static func checkRecord(
    at end: UInt64, in folder: borrowing OwnedDescriptor, jobID: String
  ) throws(StoreError) {
    let copy = try StoreError.wrap { () throws(SystemError) in try folder.duplicate() }
    var reader = try JournalReader(folder: copy, jobID: jobID, position: end)
    _ = try reader.next(waiting: true)
  }
}
