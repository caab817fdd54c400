import GRPCCore

/// A request's headers, understood; or the answer that refuses them.
struct RequestHead {
  let path: String
  let descriptor: MethodDescriptor
  let metadata: Metadata
  /// Nanoseconds from now.
  let timeout: Int64?

  /// An answer without a body.
  struct Refusal: Error { let headers: HeaderList }

  /// `methods`: those that are served, by path. Others pass too: the router answers UNIMPLEMENTED.
  init(_ headers: HeaderList, methods: [String: MethodDescriptor]) throws(Refusal) {
    guard headers[":method"] == "POST" else {
      throw Refusal(headers: HeaderList([(":status", "405"), ("allow", "POST")]))
    }
    guard Self.isGRPC(headers["content-type"]) else {
      throw Refusal(headers: HeaderList([(":status", "415")]))
    }
    let path = headers[":path"] ?? ""
    guard let descriptor = methods[path] ?? Self.descriptor(path) else {
      throw Self.refusal(.unimplemented, "path '\(path)' is not /SERVICE/METHOD")
    }
    try Self.checkEncoding(headers)
    self.path = path
    self.descriptor = descriptor
    self.timeout = try Self.timeout(headers)
    self.metadata = HeaderCoding.metadata(headers)
  }

  static func refusal(
    _ code: Status.Code, _ message: String, extra: [(String, String)] = []
  ) -> Refusal {
    var headers = HeaderCoding.trailers(Status(code: code, message: message), [:], only: true)
    for (name, value) in extra { headers.append(name, value) }
    return Refusal(headers: headers)
  }

  /// `application/grpc`, with `+proto` or another codec, or with parameters.
  static func isGRPC(_ contentType: String?) -> Bool {
    guard let contentType = contentType?.lowercased(),
      contentType.hasPrefix(HeaderCoding.contentType)
    else { return false }
    let rest = contentType.dropFirst(HeaderCoding.contentType.count).first
    return rest == nil || rest == "+" || rest == ";" || rest == " "
  }

  private static func descriptor(_ path: String) -> MethodDescriptor? {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].isEmpty, !parts[1].isEmpty, !parts[2].isEmpty else {
      return nil
    }
    return MethodDescriptor(fullyQualifiedService: String(parts[1]), method: String(parts[2]))
  }

  private static func checkEncoding(_ headers: HeaderList) throws(Refusal) {
    guard let encoding = headers["grpc-encoding"], encoding != "identity" else { return }
    throw Self.refusal(
      .unimplemented, "grpc-encoding '\(encoding)' is not supported",
      extra: [("grpc-accept-encoding", "identity")])
  }

  private static func timeout(_ headers: HeaderList) throws(Refusal) -> Int64? {
    guard let text = headers["grpc-timeout"] else { return nil }
    if let timeout = TimeoutCoding.decode(text) { return timeout }
    throw Self.refusal(.internalError, "grpc-timeout '\(text)' is malformed")
  }
}
