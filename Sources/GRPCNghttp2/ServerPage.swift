package import Linux

/// What a server answers to GET beside gRPC's POST, by path.
package typealias ServerPages = [String: @Sendable (PageRequest) async -> PageAnswer]

/// A GET of somebody who has shown who it is. Whether they may is for the page to decide.
package struct PageRequest: Sendable {
  package let path: String
  package let identity: PeerIdentity
  package let peer: IPEndpoint
}

package struct PageAnswer: Hashable, Sendable {
  package var status: Int
  package var contentType: String
  package var body: [UInt8]

  package init(status: Int, contentType: String = "text/plain; charset=utf-8", text: String) {
    self.status = status
    self.contentType = contentType
    self.body = Array(text.utf8)
  }
}

/// The answer to one GET on its way. Confined to a loop.
///
/// A connection has one at a time: a client that does not read holds up itself, and its memory is
/// one page.
final class ServerPage {
  typealias Handler = @Sendable (PageRequest) async -> PageAnswer

  /// A GET of one of the pages there are.
  struct Request {
    let path: String
    let handler: Handler

    /// Nil: it is for gRPC to answer, or to refuse.
    init?(_ headers: HeaderList, of pages: ServerPages) {
      guard headers[":method"] == "GET", let target = headers[":path"] else { return nil }
      let path = String(target.prefix { $0 != "?" })
      guard let handler = pages[path] else { return nil }
      self.path = path
      self.handler = handler
    }
  }

  let stream: Int32
  private var body: [UInt8] = []
  private var sent = 0

  init(stream: Int32) { self.stream = stream }

  func headers(_ answer: PageAnswer) -> HeaderList {
    self.body = answer.body
    return HeaderList([
      (":status", "\(answer.status)"), ("content-type", answer.contentType),
      ("content-length", "\(answer.body.count)"), ("cache-control", "no-store"),
    ])
  }

  func nextData(limit: Int) -> DataChunk {
    let left = self.body.count - self.sent
    return .bytes(min(left, limit), end: left <= limit ? .endStream : .open)
  }

  func take(_ count: Int, into buffer: OutputBuffer) -> Bool {
    guard self.body.count - self.sent >= count else { return false }
    self.body.withUnsafeBytes {
      buffer.append(UnsafeRawBufferPointer(rebasing: $0[self.sent..<self.sent + count]))
    }
    self.sent += count
    return true
  }
}

extension ServerConnection {
  func page(of stream: Int32) -> ServerPage? { self.page?.stream == stream ? self.page : nil }

  /// Counts as a call of its client, as it costs as much.
  func accept(_ request: ServerPage.Request, stream: Int32) throws(RequestHead.Refusal) {
    guard let identity = self.identity, self.page == nil else { throw Self.tooMany }
    if let refusal = self.account?.begin(now: Clock.monotonic()) {
      self.owner.report(
        .callRefused(
          peer: self.peer, identity: identity, method: "GET \(request.path)", reason: refusal))
      throw Self.tooMany
    }
    let page = ServerPage(stream: stream)
    self.page = page
    self.handlers += 1
    let asked = PageRequest(path: request.path, identity: identity, peer: self.peer)
    Task(executorPreference: self.loop) {
      let answer = await request.handler(asked)
      self.answer(page, answer)
      self.account?.end()
      self.handlerReturned()
    }
  }

  private func answer(_ page: ServerPage, _ answer: PageAnswer) {
    guard self.page === page else { return }  // the client has gone, or did not wait
    try? self.session?.submitResponse(page.headers(answer), stream: page.stream, body: true)
    self.flushSoon()
  }

  /// RFC 6585 4.
  private static var tooMany: RequestHead.Refusal {
    RequestHead.Refusal(headers: HeaderList([(":status", "429"), ("retry-after", "1")]))
  }
}
