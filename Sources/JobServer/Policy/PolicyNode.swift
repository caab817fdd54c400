import SwiftProtobuf

/// What is wrong with a policy file: where, and what to do.
package struct PolicyError: Error, Hashable, CustomStringConvertible {
  package let description: String
}

/// One value of a policy file, which knows where it is.
struct PolicyNode {
  private let value: Google_Protobuf_Value
  private let path: [String]
  private let file: String
  private let places: JSONPlaces

  /// The whole file.
  init(_ text: String, file: String) throws(PolicyError) {
    do throws(JSONPlaces.Fault) {
      self.places = try JSONPlaces(text)
    } catch {
      throw PolicyError(description: "\(file):\(error.line): is no JSON: \(error.reason)")
    }
    do {
      self.value = try Google_Protobuf_Value(jsonString: text)
    } catch {
      throw PolicyError(description: "\(file): is no JSON: \(error)")
    }
    self.path = []
    self.file = file
  }

  private init(_ value: Google_Protobuf_Value, _ name: String, in parent: PolicyNode) {
    self.value = value
    self.path = parent.path + [name]
    self.file = parent.file
    self.places = parent.places
  }

  /// `FILE:LINE: roles.user.max.cpu: REASON`.
  func error(_ reason: String) -> PolicyError {
    let line = self.places.line(of: self.path)
    let field = self.path.reduce("") { text, name in
      text.isEmpty || name.hasPrefix("[") ? text + name : "\(text).\(name)"
    }
    return PolicyError(
      description: "\(self.file):\(line): " + (field.isEmpty ? "" : "\(field): ") + reason)
  }

  /// The fields of an object, by name; `known` nil takes any name.
  func object(known: [String]?) throws(PolicyError) -> [String: PolicyNode] {
    guard case .structValue(let object)? = self.value.kind else {
      throw self.error("must be an object, in braces")
    }
    var fields: [String: PolicyNode] = [:]
    for (name, value) in object.fields {
      let node = PolicyNode(value, name, in: self)
      guard known?.contains(name) ?? true else {
        throw node.error(
          "is unknown here: there are \((known ?? []).joined(separator: ", "))")
      }
      fields[name] = node
    }
    return fields
  }

  func text() throws(PolicyError) -> String {
    guard case .stringValue(let text)? = self.value.kind else {
      throw self.error("must be a text, in quotes")
    }
    return text
  }

  func texts() throws(PolicyError) -> [(String, PolicyNode)] {
    guard case .listValue(let list)? = self.value.kind else {
      throw self.error("must be a list, in brackets")
    }
    var texts: [(String, PolicyNode)] = []
    for (index, value) in list.values.enumerated() {
      let node = PolicyNode(value, "[\(index)]", in: self)
      texts.append((try node.text(), node))
    }
    return texts
  }

  /// A number above zero, with a unit in quotes where there is one: `1.5`, `"512M"`, `"90s"`.
  func quantity(_ unit: Cap.Unit) throws(PolicyError) -> Double {
    let hint: String
    var number: Double?
    switch self.value.kind {
    case .numberValue(let value)?: number = value
    case .stringValue(let text)?: number = Self.number(text, Self.units(unit))
    default: break
    }
    switch unit {
    case .number: hint = "a number, as 1.5"
    case .whole: hint = "a whole number, as 100"
    case .bytes: hint = "bytes, or a text as \"512M\""
    case .seconds: hint = "seconds, or a text as \"90s\" or \"2h\""
    }
    guard let number, number >= 0, number < 0x1p53, number.isFinite,
      unit == .number || unit == .seconds || number == number.rounded()
    else { throw self.error("must be \(hint), not negative") }
    return number
  }

  private static func units(_ unit: Cap.Unit) -> [(String, Double)] {
    switch unit {
    case .number, .whole: []
    case .bytes: [("K", 0x1p10), ("M", 0x1p20), ("G", 0x1p30), ("T", 0x1p40)]
    case .seconds: [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86400)]
    }
  }

  private static func number(_ text: String, _ units: [(String, Double)]) -> Double? {
    guard let (suffix, factor) = units.first(where: { text.hasSuffix($0.0) }) else { return nil }
    let digits = text.dropLast(suffix.count)
    guard digits.utf8.allSatisfy({ (48...57).contains($0) || $0 == UInt8(ascii: ".") }),
      let number = Double(digits)
    else { return nil }
    return number * factor
  }
}
