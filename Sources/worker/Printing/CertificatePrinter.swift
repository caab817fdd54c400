import PKI
import SwiftProtobuf

/// Certificates as lines, or as JSON.
struct CertificatePrinter {
  let json: Bool

  /// What was made, with the files it lies in.
  func print(_ issued: [IssuedCertificate]) throws {
    if self.json { return try self.print(issued.map(\.summary)) }
    let lines = issued.map { issued in
      let key = issued.keyPath.map { " and \($0)" } ?? ""
      return "\(issued.certificatePath)\(key): \(self.description(issued.summary))\n"
    }
    try StandardStream.stdout.write(lines.joined())
    for old in issued.compactMap(\.replaced) where old.state == .valid || old.state == .expiring {
      Message.print(
        "the certificate that this replaces stays valid until \(rfc3339(old.notAfter)); "
          + "worker pki revoke --serial \(old.serial) takes it back")
    }
  }

  func print(_ summaries: [CertificateSummary]) throws {
    guard !self.json else {
      return try StandardStream.stdout.write(try JSON.text(summaries.map(self.fields)))
    }
    let table = Table(Self.head, summaries.map(Self.row))
    try StandardStream.stdout.write(table.text(bold: StandardStream.stdout.hasColour))
    for summary in summaries where summary.state == .expiring {
      Message.print(
        "\(summary.path) ends on \(rfc3339(summary.notAfter)): worker pki renew \(summary.name)")
    }
  }

  private static let head = ["NAME", "KIND", "ROLES", "STATE", "UNTIL", "SERIAL", "FILE"]

  static func row(_ summary: CertificateSummary) -> [String] {
    let isReadable = summary.problem == nil
    let roles = (summary.kind == .server ? summary.hosts : summary.roles).joined(separator: ",")
    return [
      summary.name, summary.kind.rawValue, roles.isEmpty ? "-" : roles, summary.state.rawValue,
      isReadable ? rfc3339(summary.notAfter) : "-", isReadable ? summary.serial : "-",
      summary.path + (summary.problem.map { ": \($0)" } ?? ""),
    ].map(Printable.escaped)
  }

  private func description(_ summary: CertificateSummary) -> String {
    if let problem = summary.problem { return "unreadable: \(problem)" }
    var parts = ["\(summary.kind.rawValue) \(summary.name)"]
    if !summary.roles.isEmpty { parts.append("roles \(summary.roles.joined(separator: ", "))") }
    if !summary.hosts.isEmpty { parts.append("for \(summary.hosts.joined(separator: ", "))") }
    parts.append("\(summary.state.rawValue) until \(rfc3339(summary.notAfter))")
    parts.append("serial \(summary.serial)")
    return Printable.escaped(parts.joined(separator: "; "))
  }

  private func fields(_ summary: CertificateSummary) -> Google_Protobuf_Struct {
    var fields: [String: Google_Protobuf_Value] = [
      "name": .init(summary.name), "path": .init(summary.path),
      "kind": .init(summary.kind.rawValue), "identity": .init(summary.identity),
      "roles": .init(summary.roles), "hosts": .init(summary.hosts),
      "serial": .init(summary.serial), "algorithm": .init(summary.algorithm),
      "notBefore": .init(rfc3339(summary.notBefore)),
      "notAfter": .init(rfc3339(summary.notAfter)), "state": .init(summary.state.rawValue),
    ]
    if let problem = summary.problem { fields["problem"] = .init(problem) }
    return Google_Protobuf_Struct(fields: fields)
  }
}
