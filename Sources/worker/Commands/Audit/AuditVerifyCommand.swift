import ArgumentParser
import JobServer
import SwiftProtobuf

/// `worker audit verify`
struct AuditVerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check that no line of audit files was changed, removed or put in.",
    discussion: """
      Give files of one server in their order, the oldest first. Lines that are missing at the end \
      of the newest, and files that were made anew, show only against a line that was kept \
      elsewhere (--expect). Exits with 1 when a line is not as it was written, with 125 when a file \
      cannot be read.

      EXAMPLE: worker audit verify audit.log.1 audit.log
      """)

  @Argument(help: "The files, the oldest first.") var file: [String]
  @Option(help: "The hash that the first line must link to, where older files are gone.")
  var after: String?
  @Option(help: "The hash that the last line must have.") var last: String?
  @Option(
    help: ArgumentHelp(
      "A line that must be there, as an earlier check has printed it; may be repeated.",
      valueName: "number:hash"),
    transform: { text throws(ValidationError) in
      guard let anchor = AuditAnchor(text) else {
        throw ValidationError("must be NUMBER:HASH, with a hash of 64 digits, got '\(text)'")
      }
      return anchor
    })
  var expect: [AuditAnchor] = []
  @Flag(help: "Print the result as JSON.") var json = false

  func run() throws {
    var check = AuditCheck(expecting: self.expect)
    var found: String?
    do throws(AuditCheck.Broken) {
      for path in self.file { try check.read(path) }
      try check.expect(after: self.after, last: self.last.map(Self.hash))
      try check.expectAnchors()
    } catch {
      if error.isUnreadable { throw Failure("cannot read \(error)") }
      found = error.description
    }
    if self.json || found == nil {
      try StandardStream.stdout.write(try self.text(check, found))
    }
    if let found { throw Failure("broken: \(found)", code: ExitCode.no) }
  }

  /// Of `NUMBER:HASH` too, which is what is printed.
  private static func hash(_ text: String) -> String {
    text.split(separator: ":").last.map(String.init) ?? text
  }

  private func text(_ check: AuditCheck, _ broken: String?) throws -> String {
    guard !self.json else {
      var fields: [String: Google_Protobuf_Value] = [
        "intact": .init(boolValue: broken == nil), "lines": .init(numberValue: Double(check.lines)),
        "after": .init(check.first ?? ""), "last": .init(check.last ?? ""),
        "anchor": .init(check.anchor),
      ]
      if let broken { fields["problem"] = .init(broken) }
      return try JSON.text(fields)
    }
    return "intact: \(check.lines) lines, after \(check.first ?? "-"), last \(check.anchor)\n"
  }
}
