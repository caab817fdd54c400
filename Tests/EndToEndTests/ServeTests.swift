import Glibc
import Linux
import Testing

/// With what a server does not start, and how it says so: one line, with the value and what to do.
@Suite(.endToEnd, .serialized) struct ServeTests {
  private func serve(_ host: Host, _ options: [String]) async throws -> Outcome {
    let command = try RunningCommand(
      [try #require(Host.binary), "serve", "--state-dir", "\(host.path)/other"] + options,
      environment: ["PATH=/usr/bin:/bin"], folder: host.path)
    return try await command.wait()
  }

  private func expectRefusal(
    _ host: Host, _ options: [String], _ reason: String,
    _ location: SourceLocation = #_sourceLocation
  ) async throws {
    let outcome = try await self.serve(host, options)
    #expect(outcome.code == 125, "\(outcome)", sourceLocation: location)
    let lines = outcome.stderr.split(separator: "\n")
    #expect(
      lines.count == 1 && lines[0].hasPrefix("worker: ") && lines[0].contains(reason),
      "\(outcome)", sourceLocation: location)
  }

  @Test func addressesThatCannotBeListenedOnAreNamed() async throws {
    try await Host.with { host in
      let certs = ["--certs", host.certs]
      let taken = "127.0.0.1:\(host.port)"
      try await self.expectRefusal(host, certs + ["--listen", taken], taken)
      try await self.expectRefusal(host, certs + ["--listen", "192.0.2.1:0"], "192.0.2.1")
    }
  }

  @Test func portZeroIsAnsweredWithTheOneTaken() async throws {
    try await Host.with { host in
      let command = try RunningCommand(
        [
          try #require(Host.binary), "serve", "--state-dir", "\(host.path)/other", "--certs",
          host.certs, "--listen", "127.0.0.1:0", "--log-level", "notice",
        ], environment: ["PATH=/usr/bin:/bin"], folder: host.path)
      try await command.waitForError("serving address=127.0.0.1:")
      command.signal(SIGTERM)
      let outcome = try await command.wait()
      let port = outcome.stderr.split(separator: "127.0.0.1:")[1].prefix { $0.isNumber }
      #expect(outcome.code == 0 && (Int(port) ?? 0) > 0, "\(outcome)")
    }
  }

  @Test func certificatesThatCannotBeUsedAreNamed() async throws {
    try await Host.with { host in
      let listen = ["--listen", "127.0.0.1:0", "--certs"]
      try await self.expectRefusal(
        host, listen + ["/no/such"], "cannot read the certificate folder /no/such")
      let folder = "\(host.path)/bad"
      try #require(
        await host.shell("cp -a \(host.certs) \(folder) && chmod 644 \(folder)/server.key"))
      try await self.expectRefusal(host, listen + [folder], "chmod 600 \(folder)/server.key")
      try #require(await host.shell("cp -p \(folder)/admin.key \(folder)/server.key"))
      try await self.expectRefusal(host, listen + [folder], "server.key: does not belong to")
      try #require(await host.shell("rm \(folder)/server.key"))
      try await self.expectRefusal(host, listen + [folder], "no server.key in \(folder)")
      try #require(
        await host.shell("cp -p \(host.certs)/server.key \(folder) && : > \(folder)/ca.crt"))
      try await self.expectRefusal(host, listen + [folder], "ca.crt")
      try await self.expectRefusal(host, listen + ["\(host.certs)/ca.crt"], "Not a directory")
    }
  }

  @Test func policiesThatCannotBeUsedAreNamed() async throws {
    try await Host.with { host in
      let options = ["--listen", "127.0.0.1:0", "--certs", host.certs, "--policy"]
      let policy = "\(host.path)/policy.json"
      try await self.expectRefusal(host, options + ["/no/such.json"], "/no/such.json")
      try File.writeNew("{\"roles\": {\n\"admin\": {\"rights\": []}}}", to: policy)
      try await self.expectRefusal(
        host, options + [policy], "policy.json:2: roles.admin.rights: is unknown here")
      try File.writeNew("{\"roles\": {\"admin\": {}}}", to: policy)
      try await self.expectRefusal(
        host, options + [policy], "policy.json:1: roles.admin: has no methods")
    }
  }

  @Test func aPolicyIsInForceAndReadAgain() async throws {
    try await Host.with { host in
      try await host.stopServer()
      let policy = "\(host.path)/policy.json"
      try File.writeNew(
        """
        {"roles": {"admin": {"methods": {"*": "any"}},
          "user": {"methods": {"*": "own"}, "job": {"max": {"memory": "64M", "pids": 20}},
            "total": {"jobs": 1}}}}
        """, to: policy)
      try await host.startServer(["--policy", policy])
      let id = try await host.startJob(["--", "sleep", "1000"])
      let status = try await host.worker("status", id, "--json")
      #expect(status.text.contains("\"memory\":\"67108864\""), "\(status)")
      let second = try await host.worker("run", "--", "true")
      #expect(second.code == 125 && second.stderr.contains("1 unfinished jobs"), "\(second)")
      let more = try await host.worker("run", "--memory", "65M", "--", "true")
      #expect(more.code == 125 && more.stderr.contains("--memory is at most"), "\(more)")
      let viewer = try await host.worker("list", as: "victor")
      #expect(viewer.code == 125 && viewer.stderr.contains("admin, user"), "\(viewer)")
      let yes = try await host.worker("auth", "can-i", "stop", id)
      let no = try await host.worker("auth", "can-i", "start", "--as", "viewer/victor", as: "admin")
      #expect(yes.code == 0 && yes.text.hasPrefix("yes: "), "\(yes)")
      #expect(no.code == 1 && no.text.hasPrefix("no: "), "\(no)")
      let who = try await host.worker("auth", "whoami")
      #expect(who.text.contains("spiffe://worker.local/user/alice"), "\(who)")
      #expect(try await host.worker("info", as: "admin").text.contains(policy))

      try File.writeNew(#"{"roles": {"admin": {"methods": {"*": "any"}}}}"#, to: policy)
      kill(try #require(host.serverPID), SIGHUP)
      try await host.waitForServer("policy read again")
      let after = try await host.worker("list")
      #expect(
        after.code == 125 && after.stderr.contains("no role that this server knows"), "\(after)")
    }
  }

  /// As orchestrators publish files: the name is a link through a folder that is a link, which is swapped.
  @Test func aPolicyIsReadAgainWhenALinkOnItsWayIsSwapped() async throws {
    try await Host.with { host in
      try await host.stopServer()
      let script = """
        cd '\(host.path)' && mkdir -p mount/one mount/two && cd mount &&
        echo '{"roles": {"admin": {"methods": {"*": "any"}}, "user": {"methods": {"*": "own"}}}}' \
          >one/policy.json &&
        echo '{"roles": {"admin": {"methods": {"*": "any"}}}}' >two/policy.json &&
        ln -s one current && ln -s current/policy.json policy.json
        """
      #expect(try await host.shell(script))
      try await host.startServer(["--policy", "\(host.path)/mount/policy.json"])
      #expect(try await host.worker("list").code == 0)
      #expect(try await host.shell("cd '\(host.path)/mount' && ln -s two new && mv -T new current"))
      try await host.waitForServer("policy read again")
      let after = try await host.worker("list")
      #expect(
        after.code == 125 && after.stderr.contains("no role that this server knows"), "\(after)")
    }
  }
}

extension File {
  /// A file of this content, whether there was one or not.
  fileprivate static func writeNew(_ text: String, to path: String) throws {
    let file = try File.open(path, O_WRONLY | O_CREAT | O_TRUNC)
    try File.writeAll(Array(text.utf8), to: file)
  }
}
