import GRPCCore

/// gRPC's fields of HTTP/2 headers and trailers, both ways, see "gRPC over HTTP2" in gRPC's docs.
enum HeaderCoding {
  static let contentType = "application/grpc"
  /// Of all fields together: nghttp2 sends no more than 64 KiB.
  static let maximumSize = 60 << 10
  /// Of a status and what comes with it: peers take 8 to 16 KiB by default, and an error that cannot
  /// be told is worse than one that is cut.
  private static let maximumTrailers = 16 << 10
  private static let maximumMessage = 4 << 10

  // MARK: Requests

  static func request(
    _ path: String, authority: String, metadata: Metadata
  ) throws(RPCError) -> HeaderList {
    var headers = HeaderList([
      (":method", "POST"), (":scheme", "https"), (":path", path), (":authority", authority),
      ("content-type", Self.contentType), ("te", "trailers"),
      ("user-agent", "grpc-swift-nghttp2/1.0"),
    ])
    try Self.append(metadata, to: &headers)
    try Self.checkSize(headers)
    return headers
  }

  // MARK: Answers

  static func response(_ metadata: Metadata) throws(RPCError) -> HeaderList {
    var headers = HeaderList([(":status", "200"), ("content-type", Self.contentType)])
    try Self.append(metadata, to: &headers)
    try Self.checkSize(headers)
    return headers
  }

  private static func checkSize(_ headers: HeaderList, limit: Int = maximumSize) throws(RPCError) {
    guard headers.size > limit else { return }
    throw RPCError(
      code: .resourceExhausted,
      message: "metadata of \(headers.size) bytes is larger than the limit of \(limit)")
  }

  /// `only`: no headers were sent, so that these are headers and trailers in one.
  static func trailers(_ status: Status, _ metadata: Metadata, only: Bool) -> HeaderList {
    var headers = HeaderList()
    if only {
      headers.append(":status", "200")
      headers.append("content-type", Self.contentType)
    }
    do throws(RPCError) {
      var complete = headers
      Self.append(status, to: &complete)
      try Self.append(metadata, to: &complete)
      try Self.checkSize(complete, limit: Self.maximumTrailers)
      return complete
    } catch {
      // An OK would hide what is missing; an error says more than its metadata.
      let code = Status.Code(error.code)
      Self.append(
        status.code == .ok ? Status(code: code, message: error.message) : status, to: &headers)
      return headers
    }
  }

  private static func append(_ status: Status, to headers: inout HeaderList) {
    headers.append("grpc-status", "\(status.code.rawValue)")
    if !status.message.isEmpty {
      headers.append(
        "grpc-message", PercentEncoding.encode(status.message, limit: Self.maximumMessage))
    }
  }

  /// Of trailers; UNKNOWN when they carry none.
  static func status(_ headers: HeaderList) -> Status {
    guard let text = headers["grpc-status"] else {
      return Status(code: .unknown, message: "the server sent no grpc-status")
    }
    guard let number = Int(text), let code = Status.Code(rawValue: number) else {
      return Status(code: .unknown, message: "the server sent grpc-status '\(text)'")
    }
    return Status(code: code, message: PercentEncoding.decode(headers["grpc-message"] ?? ""))
  }

  // MARK: Metadata

  /// Fields that are the transport's own and not the application's.
  private static let reserved: Set<String> = [
    "content-type", "te", "grpc-encoding", "grpc-accept-encoding", "grpc-timeout", "grpc-status",
    "grpc-message", "grpc-message-type", "connection", "host", "keep-alive", "upgrade",
    "transfer-encoding", "proxy-connection", "user-agent", "content-length",
  ]

  /// `-bin` values stay as they came: GRPCCore decodes them when they are asked for. Those that
  /// came in one field, joined with commas, are taken apart.
  static func metadata(_ headers: HeaderList) -> Metadata {
    var metadata = Metadata()
    metadata.reserveCapacity(headers.fields.count)
    for field in headers.fields where field.name.utf8.first != UInt8(ascii: ":") {
      if Self.reserved.contains(field.name), field.name != "user-agent" { continue }
      guard field.name.hasSuffix("-bin"), field.value.utf8.contains(UInt8(ascii: ",")) else {
        metadata.addString(field.value, forKey: field.name)
        continue
      }
      for value in field.value.split(separator: ",") {
        metadata.addString(String(value.filter { $0 != " " }), forKey: field.name)
      }
    }
    return metadata
  }

  private static func append(
    _ metadata: Metadata, to headers: inout HeaderList
  ) throws(RPCError) {
    for (key, value) in metadata {
      let name = key.lowercased()
      // GRPCCore passes the call's timeout as metadata.
      if Self.reserved.contains(name), name != "grpc-timeout" { continue }
      let text = value.encoded()
      guard Self.isName(name), Self.isValue(text) else {
        throw RPCError(
          code: .internalError,
          message: "metadata '\(key)' holds bytes that only a -bin key may carry")
      }
      headers.append(name, text)
    }
  }

  private static func isName(_ name: String) -> Bool {
    !name.isEmpty
      && name.utf8.allSatisfy {
        (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d || $0 == 0x5f
          || $0 == 0x2e
      }
  }

  private static func isValue(_ value: String) -> Bool {
    value.utf8.first != 0x20 && value.utf8.last != 0x20
      && value.utf8.allSatisfy { (0x20...0x7e).contains($0) }
  }
}
