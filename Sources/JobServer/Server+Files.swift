import GRPCNghttp2
import Linux
import Logging
import PKI

/// Reading files again while the server runs, and telling in time of what runs out.
extension Server {
  /// Orders, and changes of files, until the server shall drain. One reading after another; draining
  /// waits for none, as the file system of certificates and policy may never answer.
  func obey(_ orders: AsyncStream<ServerOrder>) async {
    let (readings, sender) = AsyncStream<ServerOrder>.makeStream()
    let watch = self.watchFiles { sender.yield(.reloadChanged) }
    await withDiscardingTaskGroup { group in
      group.addTask {
        for await order in readings { await self.reload(order) }
      }
      for await order in orders {
        if order == .drain { break }
        watch?.lookAgain()
        sender.yield(order)
      }
      group.cancelAll()
    }
    watch?.stop()
  }

  /// Without it (no more watches, a folder that may not be read) there is SIGHUP still. `onLook` is called
  /// at once, too: files may have changed since they were read first.
  private func watchFiles(_ onLook: @escaping @Sendable () -> Void) -> FileWatch? {
    guard !self.configuration.files().isEmpty else { return nil }
    let log = self.log
    let warn: @Sendable (SystemError) -> Void = { problem in
      log.warning(
        "not all files are watched, send SIGHUP after a change",
        metadata: ["reason": "\(problem)"])
    }
    do throws(SystemError) {
      return try FileWatch(self.configuration.files, onProblem: warn, onLook: onLook)
    } catch {
      warn(error)
      return nil
    }
  }

  private func reload(_ order: ServerOrder) async {
    let files = self.files
    // Asked for each order: what is read now is what the next answer is measured by.
    guard let changed = await ServerFiles.reading({ files.haveChanged() }),
      changed || order == .reload
    else { return }
    if let problem = await self.configuration.audit?.reopen() {
      self.log.error("audit file not rotated", metadata: ["reason": "\(problem)"])
    }
    await self.reload(.policy)
    await self.reload(.certificates)
    self.warnOfEnd()
  }

  private func reload(_ part: ServerFiles.Part) async {
    let files = self.files
    let result = await ServerFiles.reading { Result { try files.reload(part) } }
    guard let result else { return }  // the server ends
    var entry = AuditEntry(.reloaded)
    do {
      try result.get()
      self.log.notice("\(part.rawValue) read again", metadata: self.apply(part))
      entry.reason = part.rawValue
    } catch {
      self.log.error("\(part.rawValue) not read again", metadata: ["reason": "\(error)"])
      entry.reason = "\(part.rawValue) refused: \(error)"
    }
    self.configuration.audit?.post(entry)
  }

  /// What new files mean for calls that run, and what the log says of them.
  private func apply(_ part: ServerFiles.Part) -> Logger.Metadata {
    switch part {
    case .certificates: return ["revocation_list": "\(self.files.hasRevocationList)"]
    case .policy:
      let policy = self.files.policy.value
      self.longCalls.checkAgain(under: policy)
      return ["roles": "\(policy.names.joined(separator: ","))"]
    }
  }

  // MARK: What runs out

  /// Once a day from when it matters, until cancelled.
  func warnOfEnds() async {
    while true {
      self.warnOfEnd()
      let now = Clock.wall() / 1_000_000_000
      let wait = self.files.validity.nextWarning(after: now).map { $0 - now } ?? 86_400
      do {
        try await self.loop.pause(for: .seconds(min(max(wait, 60), 86_400)))
      } catch {
        return  // the server ends
      }
    }
  }

  private func warnOfEnd() {
    let validity = self.files.validity
    let now = Clock.wall() / 1_000_000_000
    if validity.isEnding(at: now) {
      self.log.warning(
        "the server's certificate ends soon: renew it",
        metadata: ["until": "\(rfc3339(validity.notAfter))"])
    }
    for (name, end) in validity.endingLists(at: now) {
      self.log.warning(
        "a revocation list ends soon, and nobody of its authority can connect then: have a new one made",
        metadata: ["authority": "\(LineLog.cut(name))", "until": "\(rfc3339(end))"])
    }
  }
}
