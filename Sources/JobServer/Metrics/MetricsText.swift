/// Writes the text format of Prometheus, version 0.0.4: families, each with its samples.
struct MetricsText {
  enum Kind: String { case counter, gauge }

  private(set) var text = ""

  static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  mutating func family(_ name: String, _ kind: Kind, _ help: String) {
    self.text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
  }

  /// Of the family that was named last.
  mutating func sample(_ name: String, _ labels: [(String, String)] = [], _ value: Int64) {
    let pairs = labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
    self.text += pairs.isEmpty ? "\(name) \(value)\n" : "\(name){\(pairs)} \(value)\n"
  }

  /// A family of one.
  mutating func single(_ name: String, _ kind: Kind, _ help: String, _ value: Int64) {
    self.family(name, kind, help)
    self.sample(name, value)
  }

  private mutating func sample(_ name: String, _ value: Int64) { self.sample(name, [], value) }

  private static func escaped(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
  }
}
