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
      of the newest show only against a hash that was kept elsewhere (--last). Exits with 1 when a \
      line is not as it was written.

      EXAMPLE: worker audit verify audit.log.1 audit.log
      """)

  @Argument(help: "The files, the oldest first.") var file: [String]
  @Option(help: "The hash that the first line must link to, where older files are gone.")
  var after: String?
  @Option(help: "The hash that the last line must have.") var last: String?
  @Flag(help: "Print the result as JSON.") var json = false

  func run() throws {
    var check = AuditCheck()
    var found: String?
    do throws(AuditCheck.Broken) {
      for path in self.file { try check.read(path) }
      try check.expect(after: self.after, last: self.last)
    } catch {
      found = error.description
    }
    if self.json || found == nil {
      try StandardStream.stdout.write(try self.text(check, found))
    }
    if let found { throw Failure("broken: \(found)", code: 1) }
  }

  private func text(_ check: AuditCheck, _ broken: String?) throws -> String {
    guard !self.json else {
      var fields: [String: Google_Protobuf_Value] = [
        "intact": .init(boolValue: broken == nil), "lines": .init(numberValue: Double(check.lines)),
        "after": .init(check.first ?? ""), "last": .init(check.last ?? ""),
      ]
      if let broken { fields["problem"] = .init(broken) }
      return try JSON.text(fields)
    }
    return "intact: \(check.lines) lines, after \(check.first ?? "-"), last \(check.last ?? "-")\n"
  }
}
