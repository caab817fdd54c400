import GRPCNghttp2
import Linux
import Logging
import PKI

/// Reading files again while the server runs, and telling in time of what runs out.
extension Server {
  /// Orders, and changes of files, one after another, until the server shall drain.
  func obey(_ orders: AsyncStream<ServerOrder>) async {
    let (merged, sender) = AsyncStream<ServerOrder>.makeStream()
    let watch = self.watchFiles { sender.yield(.reloadChanged) }
    sender.yield(.reloadChanged)  // they may have changed between the first reading and the watch
    await withDiscardingTaskGroup { group in
      group.addTask {
        for await order in orders {
          sender.yield(order)
          if order == .drain { break }
        }
        sender.finish()
      }
      for await order in merged {
        switch order {
        case .drain: break
        case .reload: await self.reload()
        case .reloadChanged: if self.files.haveChanged() { await self.reload() }
        }
      }
    }
    watch?.stop()
  }

  /// Without it (no more watches, a folder that is gone) there is SIGHUP still.
  private func watchFiles(_ onChange: @escaping @Sendable () -> Void) -> FolderWatch? {
    let folders = Set(
      self.configuration.files().map { path in
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
      }.map { $0.isEmpty ? "/" : $0 })
    guard !folders.isEmpty else { return nil }
    do throws(SystemError) {
      return try FolderWatch(folders.sorted(), onChange: onChange)
    } catch {
      self.log.warning(
        "files are not watched, send SIGHUP after a change", metadata: ["reason": "\(error)"])
      return nil
    }
  }

  private func reload() async {
    _ = self.files.haveChanged()
    if let problem = await self.configuration.audit?.reopen() {
      self.log.error("audit file not rotated", metadata: ["reason": "\(problem)"])
    }
    self.reload("policy") {
      try self.files.reloadPolicy()
      self.longCalls.checkAgain(under: self.files.policy.value)
      return ["roles": "\(self.files.policy.value.names.joined(separator: ","))"]
    }
    self.reload("certificates") {
      try self.files.reloadCertificates()
      return ["revocation_list": "\(self.files.hasRevocationList)"]
    }
    self.warnOfEnd()
  }

  private func reload(_ what: String, _ body: () throws -> Logger.Metadata) {
    var entry = AuditEntry(.reloaded)
    do {
      let metadata = try body()
      self.log.notice("\(what) read again", metadata: metadata)
      entry.reason = what
    } catch {
      self.log.error("\(what) not read again", metadata: ["reason": "\(error)"])
      entry.reason = "\(what) refused: \(error)"
    }
    self.configuration.audit?.post(entry)
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
