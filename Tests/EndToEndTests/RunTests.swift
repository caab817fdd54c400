import Glibc
import Linux
import Testing

@Suite(.endToEnd, .serialized) struct RunTests {
  @Test func runPassesOutputAndExitCodeOn() async throws {
    try await Host.with { host in
      let outcome = try await host.worker(
        "run", "--", "sh", "-c", "printf 'a\\0b'; printf 'e\\377' >&2; exit 42")
      #expect(outcome.code == 42)
      #expect(outcome.stdout == [97, 0, 98])
      let unseen = try await host.worker("run", "--", "sh", "-c", "kill -SEGV $$")
      #expect(unseen.code == 128 + SIGSEGV)
    }
  }

  /// As cron jobs and careless scripts have it: a descriptor of our own must not get the number.
  @Test(arguments: ["<&- >&-", ">&-", "<&- >&- 2>&-"])
  func outputThatHasNoPlaceToGoIsAnError(closed: String) async throws {
    try await Host.with { host in
      let binary = try #require(Host.binary)
      let command = try RunningCommand(
        ["/bin/sh", "-c", "exec \(binary) run -- printf 12345678 \(closed)"],
        environment: host.environment(as: "alice"), folder: host.path)
      let outcome = try await command.wait()
      #expect(outcome.code == 125, "\(outcome)")
      #expect(
        outcome.stderr.contains("stdout: Bad file descriptor") || closed.contains("2>"),
        "\(outcome)")
    }
  }

  /// For the certificates' folder, the event loop, the files in the folder: whichever is first.
  @Test(arguments: [4, 5, 6]) func wantOfDescriptorsIsToldAsItIs(limit: Int) async throws {
    try await Host.with { host in
      let binary = try #require(Host.binary)
      let command = try RunningCommand(
        ["/bin/sh", "-c", "ulimit -n \(limit); exec \(binary) list"],
        environment: host.environment(as: "alice"), folder: host.path)
      let outcome = try await command.wait()
      #expect(outcome.code == 125, "\(outcome)")
      #expect(
        outcome.stderr.hasPrefix("worker: ")
          && outcome.stderr.hasSuffix(": Too many open files\n"), "\(outcome)")
    }
  }

  @Test func whatCannotBeExecutedHasItsExitCodeAndLeavesNothing() async throws {
    try await Host.with { host in
      for (command, code, text) in [
        ("/no/such/program", Int32(127), "No such file or directory"), ("no-such", 127, "no-such"),
        ("/etc/passwd", 126, "Permission denied"),
      ] {
        let outcome = try await host.worker("run", "--", command)
        #expect(outcome.code == code, "\(outcome)")
        #expect(outcome.stderr.hasPrefix("worker: ") && outcome.stderr.contains(text), "\(outcome)")
        #expect(outcome.stderr.split(separator: "\n").count == 1)
      }
      let workdir = try await host.worker("run", "--workdir", "/no/such", "--", "true")
      #expect(workdir.code == 125 && workdir.stderr.contains("/no/such"), "\(workdir)")
      let user = try await host.worker("run", "--user", "nobody-here", "--", "true", as: "admin")
      #expect(user.code == 125 && user.stderr.contains("nobody-here"), "\(user)")
      #expect(try host.jobFolders() == [])
      _ = try await host.stopServer()
      #expect(try Folder.names(in: File.openFolder("\(host.state)/jobs")) == [])
      try await host.startServer()
    }
  }

  @Test func aUsageErrorIsTwoAndAConnectionErrorIs125() async throws {
    try await Host.with { host in
      for arguments in [
        ["run"], ["run", "--memory", "lots", "--", "true"], ["run", "--cpu", "-1", "--", "true"],
        ["nonsense"], ["logs"],
      ] {
        let outcome = try await host.worker(arguments)
        #expect(outcome.code == 2, "\(arguments): \(outcome)")
        #expect(outcome.stderr.hasPrefix("worker: "), "\(arguments): \(outcome)")
        #expect(outcome.stdout.isEmpty)
      }
      let refused = try await host.worker("list", "--server", "127.0.0.1:1")
      #expect(refused.code == 125 && refused.stderr.contains("127.0.0.1:1"), "\(refused)")
    }
  }

  @Test func aTimeoutIs124() async throws {
    try await Host.with { host in
      let outcome = try await host.worker("run", "--timeout", "200ms", "--", "sleep", "1000")
      #expect(outcome.code == 124, "\(outcome)")
    }
  }

  @Test func aJobSeesACleanPlace() async throws {
    try await Host.with { host in
      let script = """
        pwd; id -u; echo "$HOME"; ls /proc/self/fd | wc -l; ls -A /tmp; ls \(host.state); \
        ls \(host.certs); ls /sys/fs/cgroup; cat /proc/net/dev | wc -l; hostname; ls -d /proc/[0-9]* | wc -l
        """
      let outcome = try await host.worker("run", "--name", "clean", "--", "sh", "-c", script)
      let lines = outcome.text.split(separator: "\n").map(String.init)
      #expect(lines.first == "/tmp/work", "\(outcome)")
      #expect(lines.dropFirst().first.flatMap { Int($0) }.map { $0 >= 61184 } == true, "\(outcome)")
      #expect(!outcome.text.contains("jobs") && !outcome.text.contains("ca.crt"), "\(outcome)")
    }
  }

  @Test func thirtyJobsAtOnceAllComeThrough() async throws {
    try await Host.with { host in
      let codes = try await withThrowingTaskGroup(of: Int32?.self) { group in
        for code in 0..<30 {
          group.addTask { try await host.worker("run", "--", "sh", "-c", "exit \(code)").code }
        }
        return try await group.reduce(into: Set<Int32?>()) { $0.insert($1) }
      }
      #expect(codes == Set((0..<30).map { Int32($0) }))
    }
  }
}
