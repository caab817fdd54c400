import Glibc
import Linux

/// Follows the chain through audit files, which may be larger than memory.
package struct AuditCheck {
  package struct Broken: Error, Hashable, CustomStringConvertible {
    package let description: String
    /// The file could not be read: nothing is known of its lines.
    package var isUnreadable = false
  }

  private var chain: AuditChain?
  /// Lines that must be there, and have not been seen.
  private var missing: [AuditAnchor]
  package private(set) var lines = 0
  /// What the first line links to, and the hash of the last one.
  package private(set) var first: String?
  package private(set) var last: String?

  package init(expecting anchors: [AuditAnchor] = []) { self.missing = anchors }

  /// Goes on through one more file.
  package mutating func read(_ path: String) throws(Broken) {
    do {
      let file = try File.open(path, O_RDONLY)
      try self.read(file, path)
    } catch let error as SystemError {
      throw Broken(description: "\(path): \(error.reason)", isUnreadable: true)
    } catch {
      throw (error as? Broken) ?? Broken(description: "\(path): \(error)", isUnreadable: true)
    }
  }

  private mutating func read(_ file: borrowing OwnedDescriptor, _ path: String) throws {
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    var rest: [UInt8] = []
    var number = 0
    while case .bytes(let count) = try File.read(file, into: &buffer, at: 0, count: buffer.count) {
      rest += buffer[..<count]
      var start = 0
      while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
        number += 1
        try self.follow(rest[start..<end], "\(path):\(number)")
        start = end + 1
      }
      rest.removeFirst(start)
      guard rest.count < 1 << 20 else {
        throw Broken(description: "\(path):\(number + 1): is no line of an audit file")
      }
    }
    guard rest.isEmpty else {
      throw Broken(description: "\(path):\(number + 1): the last line has no end")
    }
    guard number > 0 else { throw Broken(description: "\(path): is empty") }
  }

  private mutating func follow(_ line: ArraySlice<UInt8>, _ place: String) throws(Broken) {
    do throws(AuditBreak) {
      let link = try AuditLink(line)
      if var chain = self.chain {
        try chain.follow(link)
        self.chain = chain
      } else {
        self.chain = AuditChain(behind: link)
        self.first = link.previous
      }
      self.last = link.hash
      self.lines += 1
      try self.compare(link)
    } catch {
      throw Broken(description: "\(place): \(error.reason)")
    }
  }

  private mutating func compare(_ link: AuditLink) throws(AuditBreak) {
    for anchor in self.missing where anchor.sequence == link.sequence {
      guard anchor.hash == link.hash else {
        throw AuditBreak(
          reason: "has the hash \(link.hash), and not the expected \(anchor.hash): "
            + "the file was made anew")
      }
    }
    self.missing.removeAll { $0.sequence == link.sequence }
  }

  /// The last line, for `AuditAnchor`.
  package var anchor: String {
    self.chain.map { "\($0.sequence):\($0.hash)" } ?? "-"
  }

  /// After the last file: whether all anchors were met.
  package func expectAnchors() throws(Broken) {
    guard let anchor = self.missing.max(by: { $0.sequence < $1.sequence }) else { return }
    throw Broken(
      description: "line \(anchor.sequence) is not there: the files end with \(self.anchor)")
  }

  package func expect(after: String?, last: String?) throws(Broken) {
    if let after, after != self.first {
      throw Broken(description: "the first line links to \(self.first ?? "-"), not to \(after)")
    }
    if let last, last != self.last {
      throw Broken(description: "the last line has the hash \(self.last ?? "-"), not \(last)")
    }
  }
}
