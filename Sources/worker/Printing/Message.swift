/// What is told to the person beside the answer: one line on stderr, `worker: MESSAGE`.
enum Message {
  static func line(_ text: String) -> String {
    "worker: \(Printable.escaped(text))\n"
  }

  static func print(_ text: String) {
    // With stderr closed nobody can be told; the exit code still says it.
    try? StandardStream.stderr.write(self.line(text))
  }
}

/// Text from elsewhere made safe for a terminal: one line, no control characters.
enum Printable {
  static func escaped(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: self.isControl) else { return text }
    return text.unicodeScalars.map { scalar in
      guard self.isControl(scalar) else { return String(scalar) }
      return scalar == "\n" || scalar == "\t"
        ? " " : "\\u{\(String(scalar.value, radix: 16))}"
    }.joined()
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
  }

  /// A command as one would type it.
  static func command(_ words: [String]) -> String {
    words.map { word in
      let isPlain =
        !word.isEmpty
        && word.utf8.allSatisfy {
          switch $0 {
          case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
          default: "_-./=:,@%+".utf8.contains($0)
          }
        }
      if isPlain { return word }
      let inner = word.split(separator: "'", omittingEmptySubsequences: false)
      return "'" + self.escaped(inner.joined(separator: "'\\''")) + "'"
    }.joined(separator: " ")
  }
}
