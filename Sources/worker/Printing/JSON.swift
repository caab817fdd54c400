import JobAPI
import SwiftProtobuf

/// The JSON mapping of protocol buffers, one line. Keys of maps are sorted: the same is printed the same.
enum JSON {
  private static let options: JSONEncodingOptions = {
    var options = JSONEncodingOptions()
    options.useDeterministicOrdering = true
    return options
  }()

  static func text(_ message: some SwiftProtobuf.Message) throws -> String {
    try message.jsonString(options: self.options) + "\n"
  }

  static func text(_ job: Worker_V1_Job) throws -> String { try self.object(job) + "\n" }

  /// A list is one array.
  static func text(_ jobs: [Worker_V1_Job]) throws -> String {
    "[" + (try jobs.map(self.object).joined(separator: ",")) + "]\n"
  }

  static func text(_ messages: [some SwiftProtobuf.Message]) throws -> String {
    "[" + (try messages.map { try $0.jsonString(options: self.options) }.joined(separator: ","))
      + "]\n"
  }

  /// Every key that programs may rely on: the mapping leaves empty maps out.
  private static func object(_ job: Worker_V1_Job) throws -> String {
    let text = try job.jsonString(options: self.options)
    guard job.applied.isEmpty, !job.id.isEmpty else { return text }
    return "{\"applied\":{}," + text.dropFirst()
  }

  /// For what is no message of the API.
  static func text(_ fields: [String: Google_Protobuf_Value]) throws -> String {
    try self.text(Google_Protobuf_Struct(fields: fields))
  }
}

extension Google_Protobuf_Value {
  init(_ text: String) { self.init(stringValue: text) }

  init(_ texts: [String]) {
    self.init(listValue: Google_Protobuf_ListValue(values: texts.map { .init(stringValue: $0) }))
  }
}
