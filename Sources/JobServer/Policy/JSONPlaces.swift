/// Where in a JSON text each value begins. The library that reads the values does not say; a person
/// who looks for a mistake wants the line.
///
/// As strict as RFC 8259, and stricter: a key given twice is a mistake that most readers hide.
struct JSONPlaces {
  struct Fault: Error, Hashable {
    let line: Int
    let reason: String
  }

  /// The lines of values by their paths: keys, and `[0]` for elements.
  private(set) var lines: [[String]: Int] = [:]
  private let bytes: [UInt8]
  private var at = 0
  private var line = 1

  init(_ text: String) throws(Fault) {
    self.bytes = Array(text.utf8)
    try self.value([])
    self.skipSpace()
    guard self.at == self.bytes.count else { throw self.fault("there is more after the end") }
  }

  /// The line of the value at `path`, or of the nearest around it.
  func line(of path: [String]) -> Int {
    var path = path
    while !path.isEmpty {
      if let line = self.lines[path] { return line }
      path.removeLast()
    }
    return 1
  }

  private static let deepest = 32

  private mutating func value(_ path: [String]) throws(Fault) {
    guard path.count <= Self.deepest else { throw self.fault("is nested too deeply") }
    self.skipSpace()
    self.lines[path] = self.line
    switch self.next {
    case UInt8(ascii: "{"): try self.object(path)
    case UInt8(ascii: "["): try self.array(path)
    case UInt8(ascii: "\""): _ = try self.string()
    default: try self.word()
    }
  }

  private mutating func object(_ path: [String]) throws(Fault) {
    self.at += 1
    if self.take("}") { return }
    repeat {
      self.skipSpace()
      guard self.next == UInt8(ascii: "\"") else { throw self.fault("a key in quotes is missing") }
      let key = try self.string()
      if key.contains("\\") { throw self.fault("the key \"\(key)\" holds a backslash") }
      guard self.lines[path + [key]] == nil else {
        throw self.fault("the key \"\(key)\" is there twice")
      }
      guard self.take(":") else { throw self.fault("':' is missing after the key \"\(key)\"") }
      try self.value(path + [key])
    } while self.take(",")
    guard self.take("}") else { throw self.fault("',' or '}' is missing") }
  }

  private mutating func array(_ path: [String]) throws(Fault) {
    self.at += 1
    if self.take("]") { return }
    var index = 0
    repeat {
      try self.value(path + ["[\(index)]"])
      index += 1
    } while self.take(",")
    guard self.take("]") else { throw self.fault("',' or ']' is missing") }
  }

  /// As it is written, escapes included.
  private mutating func string() throws(Fault) -> String {
    self.at += 1
    let start = self.at
    while let byte = self.next, byte != UInt8(ascii: "\"") {
      if byte < 0x20 { throw self.fault("a text does not end on its line") }
      self.at += byte == UInt8(ascii: "\\") ? 2 : 1
    }
    guard self.at < self.bytes.count else { throw self.fault("a text does not end") }
    defer { self.at += 1 }
    return String(decoding: self.bytes[start..<self.at], as: UTF8.self)
  }

  private mutating func word() throws(Fault) {
    let start = self.at
    while let byte = self.next, !" \t\r\n,]}:\"[{".utf8.contains(byte) { self.at += 1 }
    let word = String(decoding: self.bytes[start..<self.at], as: UTF8.self)
    if ["true", "false", "null"].contains(word) || Self.isNumber(word) { return }
    throw self.fault(word.isEmpty ? "a value is missing" : "'\(word)' is no value of JSON")
  }

  private static func isNumber(_ word: String) -> Bool {
    guard let first = word.utf8.first(where: { $0 != UInt8(ascii: "-") }),
      (48...57).contains(first), word.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) })
    else { return false }
    return Double(word) != nil
  }

  private var next: UInt8? { self.at < self.bytes.count ? self.bytes[self.at] : nil }

  private mutating func skipSpace() {
    while let byte = self.next, " \t\r\n".utf8.contains(byte) {
      if byte == UInt8(ascii: "\n") { self.line += 1 }
      self.at += 1
    }
  }

  private mutating func take(_ mark: Unicode.Scalar) -> Bool {
    self.skipSpace()
    guard self.next == UInt8(ascii: mark) else { return false }
    self.at += 1
    return true
  }

  private func fault(_ reason: String) -> Fault { Fault(line: self.line, reason: reason) }
}
