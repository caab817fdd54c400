import Glibc
import Linux
import Testing

/// What hostile jobs try. The table that they are measured against is docs/isolation.md.
@Suite(.endToEnd, .serialized) struct IsolationTests {
  @Test(.enabled(if: Programs.compiler != nil, "needs a C compiler for the probe"))
  func everyProbeComesToWhatTheTableSays() async throws {
    let table = try ProbeTable(documentation: Programs.documentation)
    try await Host.with { host in
      let probe = try await Programs.compile("probe", in: host.path)
      let targets = try ProbeTargets(on: host)
      for (kind, options, identity) in [
        ("default", [], "alice"), ("root", ["--user", "0"], "admin"),
        ("userns", ["--userns"], "alice"),
      ] as [(String, [String], String)] {
        let outcome = try await host.worker(
          ["run"] + options + targets.options + ["--", probe], as: identity)
        #expect(table.differences(from: outcome.text, kind: kind) == [], "\(outcome.stderr)")
      }
    }
  }

  /// CVE-2019-5736: a program that is a script of /proc/self/exe makes the kernel execute the worker, if
  /// PID 1 starts it.
  @Test func theBinaryCannotBeWrittenThroughProc() async throws {
    try await Host.with { host in
      let before = try File.read("worker", in: try Self.binaryFolder(), limit: 1 << 30)
      let script = """
        printf '#!/proc/self/exe\\n' >/tmp/trap && chmod 755 /tmp/trap
        for p in 1 self $$; do
          (exec 3>/proc/$p/exe) 2>/dev/null && echo "opened $p"
          (exec 3>>/proc/$p/exe) 2>/dev/null && echo "appended $p"
        done
        /tmp/trap >/dev/null 2>&1 & pid=$!
        for i in 1 2 3 4 5 6 7 8 9; do (exec 3>>/proc/$pid/exe) 2>/dev/null && echo opened; done
        echo done
        """
      let outcome = try await host.worker(
        "run", "--user", "0", "--", "sh", "-c", script, as: "admin")
      #expect(outcome.text == "done\n", "\(outcome)")
      try File.makeFolders("\(host.path)/trap", mode: 0o755)
      try File.replace(
        "run", in: try File.openFolder("\(host.path)/trap"), with: Array("#!/proc/self/exe\n".utf8),
        mode: 0o755)
      let trap = try await host.worker(
        "run", "--user", "0", "--", "\(host.path)/trap/run", as: "admin")
      #expect(trap.code != 0, "\(trap)")
      #expect(try File.read("worker", in: try Self.binaryFolder(), limit: 1 << 30) == before)
    }
  }

  /// CVE-2024-21626: a working folder by way of a descriptor that was left open.
  @Test func noDescriptorLeadsToTheHost() async throws {
    try await Host.with { host in
      for number in 3..<32 {
        let outcome = try await host.worker(
          "run", "--user", "0", "--workdir", "/proc/self/fd/\(number)", "--", "pwd", as: "admin")
        #expect(outcome.code == 125, "\(number): \(outcome)")
      }
      let listed = try await host.worker(
        "run", "--user", "0", "--", "sh", "-c", "ls -l /proc/$$/fd; :", as: "admin")
      #expect(listed.text.split(separator: "\n").filter { $0.contains("->") }.count == 3)
    }
  }

  /// CVE-2025-31133, -52565, -52881: links where the set-up mounts and masks.
  @Test func linksInATreeLeadNoMountElsewhere() async throws {
    try await Host.with { host in
      for name in ["proc", "sys", "dev", "tmp", "var"] {
        let tree = "\(host.path)/hostile-\(name)"
        try File.makeFolders("\(tree)/bin", mode: 0o755)
        symlink("/etc", "\(tree)/\(name)")
        let outcome = try await host.worker(
          "run", "--user", "0", "--rootfs", tree, "--", "/bin/true", as: "admin")
        #expect(outcome.code == 125, "\(name): \(outcome)")
        #expect(outcome.stderr.contains("no link is followed"), "\(outcome)")
      }
    }
  }

  /// What else hostile hands put there: a mount needs a folder on a folder.
  @Test func whatIsNoFolderInATreeIsNamed() async throws {
    try await Host.with { host in
      for place in ["dev", "proc", "var/tmp"] {
        let tree = "\(host.path)/odd-\(place.filter { $0 != "/" })"
        try File.makeFolders("\(tree)/bin", mode: 0o755)
        if place.hasPrefix("var") { try File.makeFolders("\(tree)/var", mode: 0o755) }
        #expect(mkfifo("\(tree)/\(place)", 0o666) == 0)
        let outcome = try await host.worker(
          "run", "--user", "0", "--rootfs", tree, "--", "/bin/true", as: "admin")
        #expect(outcome.code == 125, "\(place): \(outcome)")
        #expect(outcome.stderr.contains("/\(place), which must be a folder"), "\(outcome)")
      }
      let file = try await host.worker(
        "run", "--bind", "/etc/passwd:/mnt", "--", "true", as: "admin")
      #expect(file.code == 125, "\(file)")
      #expect(file.stderr.contains("/mnt, which must not be a folder"), "\(file)")
    }
  }

  /// The checks of a destination, and the policy's, are of its text.
  @Test func aLinkInOneMountLeadsNoOtherElsewhere() async throws {
    try await Host.with { host in
      try File.makeFolders("\(host.path)/mine", mode: 0o755)
      for (name, place) in [("bin", "/usr/bin"), ("proc", "/proc")] {
        symlink(place, "\(host.path)/mine/\(name)")
        let outcome = try await host.worker(
          "run", "--bind", "\(host.path)/mine:/mnt", "--bind", "\(host.path)/mine:/mnt/\(name)",
          "--",
          "/usr/bin/true", as: "admin")
        #expect(outcome.code == 125 && outcome.stderr.contains("no link is followed"), "\(outcome)")
      }
    }
  }

  /// As on hosts with one store for all keys.
  @Test func aKeyThatALinkLeadsToIsHidden() async throws {
    try await Host.with { host in
      try await host.stopServer()
      try File.makeFolders("\(host.path)/store", mode: 0o755)
      let key = "\(host.path)/store/worker.key"
      #expect(rename("\(host.certs)/server.key", key) == 0)
      symlink(key, "\(host.certs)/server.key")
      try await host.startServer()
      try await host.waitForServer("keep them in the folder")
      let read = try await host.worker("run", "--user", "0", "--", "cat", key, as: "admin")
      #expect(read.code == 0 && read.text == "", "\(read)")
      let shown = try await host.worker(
        "run", "--bind", "\(host.path)/store:/mnt", "--", "true", as: "admin")
      #expect(shown.code == 125 && shown.stderr.contains("no job may see"), "\(shown)")
    }
  }

  /// With 0, the host's core_pattern would start its program all the same.
  @Test func aCrashStartsNoProgramOfTheHosts() async throws {
    try await Host.with { host in
      let outcome = try await host.worker("run", "--", "grep", "core", "/proc/self/limits")
      let words = outcome.text.split(whereSeparator: \.isWhitespace)
      #expect(words.last == "bytes" && words[4] == "1", "\(outcome)")
    }
  }

  @Test(
    .enabled(
      if: access("/usr/bin/busybox", X_OK) == 0, "needs busybox (Debian package: busybox-static)"))
  func aTreeOfItsOwnIsAllThatIsSeen() async throws {
    try await Host.with { host in
      let busybox = ["--", "/bin/busybox"]
      for (name, options) in [("mapped", ["--userns"]), ("closed", ["--read-only"])] {
        let bare = try Self.tree(in: host, name: name)
        let outcome = try await host.worker(
          ["run", "--rootfs", bare] + options + busybox + ["true"], as: "admin")
        #expect(outcome.code == 0, "\(outcome)")
      }
      let tree = try Self.tree(in: host, name: "tree")
      let list = try await host.worker(
        ["run", "--rootfs", tree] + busybox + ["ls", "/"], as: "admin")
      #expect(list.text == "bin\ndev\nproc\nsys\ntmp\nvar\n", "\(list)")
      let root = try await host.worker(
        ["run", "--rootfs", tree, "--userns"] + busybox + ["touch", "/made"], as: "admin")
      #expect(root.code == 0, "\(root)")
      var status = stat()
      #expect(lstat("\(tree)/made", &status) == 0 && status.st_uid == 0)
      let closed = try await host.worker(
        ["run", "--rootfs", tree, "--userns", "--read-only"] + busybox + ["touch", "/more"],
        as: "admin")
      #expect(closed.code == 1 && closed.stderr.contains("Read-only"), "\(closed)")
      let missing = try await host.worker(
        ["run", "--rootfs", tree, "--", "/bin/none"], as: "admin")
      #expect(missing.code == 127, "\(missing)")
    }
  }

  @Test func whatCannotBeMountedIsRefusedWithTheReason() async throws {
    try await Host.with { host in
      symlink("/etc", "\(host.path)/link")
      for (options, text) in [
        (["--bind", "/no/such:/tmp/x"], "does not exist"),
        (["--bind", "\(host.path)/link:/tmp/x"], "symbolic link: name the place itself, /etc"),
        (["--bind", "\(host.state):/tmp/x"], "no job may see"),
        (["--bind", "\(host.certs)/server.key:/tmp/x"], "no job may see"),
        (["--bind", "/srv:/proc/x"], "must not be in /proc"),
        (["--bind", "/srv:/no-such-place"], "is not in the job's tree"),
        (["--bind", "/srv:/tmp/../etc"], "without '.' and '..'"),
        (["--rootfs", "/etc/passwd"], "is not a folder"), (["--rootfs", "/no/such"], "not exist"),
        (["--tmpfs", "/tmp/x:64M", "--memory", "16M"], "larger than the job's memory limit"),
        (["--user", "nobody-here"], "no such user"),
        (["--userns", "--user", "1"], "leave the user away"),
        (["--user", "2013265921"], "are given to jobs"),
        (["--user", "1:2013331456"], "are given to jobs"),
      ] {
        let outcome = try await host.worker(["run"] + options + ["--", "true"], as: "admin")
        #expect(outcome.code == 125 && outcome.stderr.contains(text), "\(options): \(outcome)")
      }
      for options in [
        ["--bind", "/srv:/tmp/x"], ["--rootfs", "/srv"], ["--seccomp", "off"], ["--user", "0"],
        ["--net", "host"],
      ] {
        let outcome = try await host.worker(["run"] + options + ["--", "true"])
        #expect(outcome.code == 125 && outcome.stderr.contains("policy allows"), "\(outcome)")
      }
    }
  }

  @Test func twoUsersJobsDoNotMeet() async throws {
    try await Host.with { host in
      let script = "umask 0; echo secret >/tmp/shared; echo secret >/dev/shm/shared; sleep 100"
      let id = try await host.startJob(["--", "sh", "-c", script])
      let status = try await host.worker("status", id, "--json")
      let uid = try #require(
        status.text.split(separator: "\"").map(String.init).first {
          $0.hasPrefix("2013") && $0.contains(":")
        })
      let probe = """
        cat /tmp/shared /dev/shm/shared; ls -d /proc/[0-9]* | wc -l
        kill -9 -1 2>/dev/null; echo alive; find / -xdev -user \(uid.prefix { $0 != ":" }) 2>/dev/null
        """
      let outcome = try await host.worker(["run", "--", "sh", "-c", probe], as: "bob")
      #expect(!outcome.text.contains("secret"), "\(outcome)")
      #expect(!outcome.text.contains(id), "\(outcome)")
      let after = try await host.worker("status", id)
      #expect(after.text.contains("RUNNING"), "\(after)")
    }
  }

  @Test func statusSaysWhatAJobGets() async throws {
    try await Host.with { host in
      let id = try await host.startJob(["--tmpfs", "/tmp/x:1M", "--", "sleep", "100"])
      let page = try await host.worker("status", id).text
      for text in [
        "of its own", "capabilities:", "none", "pid mount uts ipc cgroup network",
        "the host's tree, read-only", "/tmp/x: tmpfs of 1048576 bytes", "seccomp:",
      ] { #expect(page.contains(text), "\(text) in \(page)") }
    }
  }

  // MARK: What is needed

  private static func binaryFolder() throws -> OwnedDescriptor {
    let path = try File.realPath(try #require(Host.binary))
    return try File.openFolder(String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]))
  }

  /// A folder with nothing but busybox.
  private static func tree(in host: Host, name: String) throws -> String {
    let tree = "\(host.path)/\(name)"
    try File.makeFolders("\(tree)/bin", mode: 0o755)
    let folder = try File.openFolder("\(tree)/bin")
    let program = try File.open("busybox", in: folder, O_WRONLY | O_CREAT, mode: 0o755)
    let source = try File.readAll(try File.open("/usr/bin/busybox", O_RDONLY), limit: 64 << 20)
    try File.writeAll(source, to: program)
    try File.setMode(0o755, of: program)
    return tree
  }
}
