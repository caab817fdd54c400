/// The fields of one HEADERS frame (or of trailers), in order.
struct HeaderList: Hashable {
  struct Field: Hashable {
    let name: String
    let value: String
  }

  private(set) var fields: [Field] = []
  /// RFC 9113 6.5.2: "the length of the name and value in octets plus an overhead of 32".
  private(set) var size = 0

  init() {}

  init(_ fields: [(String, String)]) {
    for (name, value) in fields { self.append(name, value) }
  }

  mutating func append(_ name: String, _ value: String) {
    self.size += name.utf8.count + value.utf8.count + 32
    self.fields.append(Field(name: name, value: value))
  }

  /// Counts a field that is not kept.
  mutating func count(_ nameCount: Int, _ valueCount: Int) {
    self.size += nameCount + valueCount + 32
  }

  /// The first value of a field.
  subscript(name: String) -> String? {
    self.fields.first { $0.name == name }?.value
  }
}
