import Glibc
import Linux
import Testing

/// Test programs in C, shared with the VM ring.
enum Programs {
  static let folder: String = {
    let own = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    return "/\(own)/VM/programs"
  }()

  static let compiler: String? = {
    let known: [String] = ["/usr/bin/gcc", "/usr/bin/clang", "/usr/bin/cc"]
    return known.first { access($0, X_OK) == 0 }
  }()

  static var documentation: String {
    get throws {
      let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
      return try File.readText("/\(root)/docs/isolation.md")
    }
  }

  /// Compiles `NAME.c` into `folder`, where jobs can execute it.
  static func compile(_ name: String, in folder: String) async throws -> String {
    let program = "\(folder)/\(name)"
    let command = try RunningCommand(
      [
        try #require(Self.compiler), "-O2", "-static", "-o", program, "\(Self.folder)/\(name).c",
      ], environment: ["PATH=/usr/bin:/bin"], folder: folder)
    let outcome = try await command.wait()
    try #require(outcome.code == 0, "\(outcome)")
    return program
  }
}

/// The table of docs/isolation.md: a line a probe, a column a kind of job.
struct ProbeTable {
  private var expected: [String: [String: String]] = [:]

  init(documentation: String) throws {
    for line in documentation.split(separator: "\n") {
      let cells = line.split(separator: "|").map { $0.filter { $0 != " " && $0 != "`" } }
      guard line.hasPrefix("| "), cells.count == 4, cells[0] != "probe",
        !cells[0].hasPrefix("-")
      else { continue }
      self.expected[cells[0]] = ["default": cells[1], "root": cells[2], "userns": cells[3]]
    }
    try #require(self.expected.count > 40)
  }

  /// Lines of `output` that the table says otherwise, and those that are missing on one side.
  func differences(from output: String, kind: String) -> [String] {
    var left = self.expected
    var found: [String] = []
    for line in output.split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      guard words.count == 2, let expected = left.removeValue(forKey: words[0])?[kind] else {
        found.append("\(kind): unknown '\(line)'")
        continue
      }
      if expected != words[1] { found.append("\(kind): \(line), not \(expected)") }
    }
    return found + left.keys.sorted().map { "\(kind): no answer of \($0)" }
  }
}
