import GRPCCore
import Linux

/// What a server does about a client that is slow on purpose, or too fast, or takes too much.
extension ServerConnection {
  // MARK: Too slow

  /// After the handshake: a client of HTTP/2 speaks at once, RFC 9113 3.4.
  func expectPreface() {
    self.setTimer(.handshake, after: self.limits.handshakeTimeout.nanoseconds) { [weak self] in
      self?.prefaceTimedOut()
    }
  }

  private func prefaceTimedOut() {
    self.read()  // what the loop was too slow to read
    guard self.phase == .open, !self.hasPreface || self.refusal != nil else { return }
    self.closeGently(CloseReason("the client did not begin HTTP/2 in time"))
  }

  func receivedPreface() {
    self.hasPreface = true
    // One that may not stay has so long to hear it.
    if self.refusal == nil { self.cancelTimer(.handshake) }
  }

  /// A list of fields that comes in drops holds up its connection, which is all it may cost.
  func watchHeaders() {
    let current = self.session?.headersInProgress
    guard current != self.headersWatched else { return }
    self.headersWatched = current
    guard current != nil, let time = self.limits.requestTimeout else {
      return self.cancelTimer(.headers)
    }
    self.setTimer(.headers, after: time.nanoseconds) { [weak self] in
      self?.headersTimedOut(current)
    }
  }

  private func headersTimedOut(_ list: Int?) {
    self.read()
    guard self.phase == .open, self.session?.headersInProgress == list else { return }
    self.closeGently(CloseReason("a request's headers did not come in time"))
  }

  // MARK: Too much

  /// So many more bytes of requests that are not complete, or fewer. Why that is too many, if so.
  func hold(_ change: Int) -> String? {
    self.incomplete += change
    let refusal = self.account?.hold(change)
    guard change > 0, self.incomplete > self.limits.incompletePerConnection else { return refusal }
    return "the connection's calls have too many bytes of requests that are not complete"
  }

  /// Refuses more answers to a client that does not read those it has: where they wait, they are memory.
  func checkAnswers(of method: String) throws(RPCError) {
    guard let refusal = self.queued.refusal else { return }
    self.reportRefusal(of: method, refusal)
    throw RPCError(code: .resourceExhausted, message: refusal)
  }

  func reportRefusal(of method: String, _ reason: String) {
    guard let identity = self.identity else { return }
    self.owner.report(
      .callRefused(peer: self.peer, identity: identity, method: method, reason: reason))
  }

  // MARK: Too fast

  /// The end of a connection that did too much for nothing. Not from inside nghttp2.
  func flooded(_ reason: CloseReason) {
    if let account = self.account, let identity = self.identity {
      account.block(now: Clock.monotonic())
      self.owner.report(
        .flooded(
          peer: self.peer, identity: identity, by: account.name, reason: reason.description))
    }
    self.closeGently(reason)
  }
}
