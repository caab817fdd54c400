import Glibc
import Linux

/// An open audit file. Only ever appended to; what could not be written whole is taken back.
final class AuditFile: Sendable {
  let path: String
  private let descriptor: OwnedDescriptor
  /// Which file it is, whatever its name becomes.
  private let identity: FileIdentity

  /// What an existing file ends with.
  struct End {
    var chain: AuditChain?
    /// Bytes of a line that was cut short, as by a power loss; they are gone now.
    var torn = 0
    /// When it was last written to, in nanoseconds since 1970.
    var time: Int64 = 0
    /// The jobs whose ends its last lines tell.
    var ended: Set<String> = []
  }

  private init(_ path: String, _ descriptor: consuming OwnedDescriptor) throws(SystemError) {
    self.path = path
    self.identity = try FileIdentity(of: descriptor)
    self.descriptor = descriptor
  }

  /// Opens or makes the file, and says how it ends.
  static func open(_ path: String) throws(AuditProblem) -> (AuditFile, End) {
    do {
      let descriptor = try File.open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW)
      guard try File.tryLock(descriptor) else {
        throw AuditProblem("\(path): another server writes to it, name another --audit file")
      }
      try Self.keepToOurselves(descriptor, path)
      var end = End()
      end.time = try FileIdentity.changeTime(of: descriptor)
      let size = try File.size(descriptor)
      let tail = try Self.tail(of: descriptor, size: size)
      let whole = (tail.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1
      end.torn = tail.count - whole
      if end.torn > 0 { try File.truncate(descriptor, to: size - Int64(end.torn)) }
      let lines = tail[..<whole].split(separator: UInt8(ascii: "\n"))
      end.ended = Set(lines.compactMap { Self.endedJob($0) })
      if let last = lines.last {
        end.chain = AuditChain(behind: try AuditLink(last))
      } else if size > Int64(end.torn) {
        throw AuditBreak(reason: "is no line of an audit file")
      }
      return (try AuditFile(path, descriptor), end)
    } catch let error as AuditBreak {
      throw AuditProblem("\(path): its last line \(error.reason); move the file away")
    } catch let error as SystemError {
      throw AuditProblem("\(path): \(error.reason)")
    } catch {
      throw (error as? AuditProblem) ?? AuditProblem("\(path): \(error)")
    }
  }

  /// What others can read or write is no audit file: one that was there keeps its mode when it is opened.
  private static func keepToOurselves(
    _ file: borrowing OwnedDescriptor, _ path: String
  ) throws {
    let status = try FileStatus(of: file)
    guard status.isRegular, status.mode & 0o077 != 0 else { return }
    guard status.uid == CurrentProcess.effectiveUID else {
      throw AuditProblem(
        "\(path): has mode 0\(String(status.mode, radix: 8)) and another owner: others could use it; "
          + "run chmod 600 \(path)")
    }
    try File.setMode(0o600, of: file)
  }

  /// Values are escaped: no quote of theirs looks like a field's.
  private static func endedJob(_ line: ArraySlice<UInt8>) -> String? {
    let text = String(decoding: line, as: UTF8.self)
    let field = "\"job\":\""
    guard text.contains("\"event\":\"ended\""), let start = text.firstRange(of: field) else {
      return nil
    }
    return String(text[start.upperBound...].prefix { $0 != "\"" })
  }

  /// A line is at most so long.
  private static let longestLine = 64 << 10

  private static func tail(
    of file: borrowing OwnedDescriptor, size: Int64
  ) throws(SystemError) -> [UInt8] {
    let count = Int(min(size, Int64(2 * Self.longestLine)))
    var buffer = [UInt8](repeating: 0, count: count)
    guard count > 0 else { return [] }
    guard
      case .bytes(let read) = try File.read(
        file, into: &buffer, at: 0, count: count, position: UInt64(size) - UInt64(count),
        waiting: true)
    else { return [] }
    return Array(buffer[..<read])
  }

  /// Writes all or nothing.
  func append(_ bytes: [UInt8]) throws(SystemError) {
    let size = try File.size(self.descriptor)
    do throws(SystemError) {
      try File.writeAll(bytes, to: self.descriptor)
    } catch {
      try? File.truncate(self.descriptor, to: size)  // half a line would break the chain for good
      throw error
    }
  }

  func sync() throws(SystemError) { try File.sync(self.descriptor) }

  /// Lets another server write to it.
  func unlock() {
    try? File.unlock(self.descriptor)  // cannot fail for a good descriptor
  }

  /// Whether its path leads to another file now, or to none.
  var wasRenamed: Bool { FileIdentity(ofPath: self.path) != self.identity }
}

/// Why the audit file cannot be used, for a person.
package struct AuditProblem: Error, Hashable, CustomStringConvertible {
  package let description: String
  init(_ description: String) { self.description = description }
}
