import Glibc
import JobStore
import Linux
import TestSupport
import Testing

@testable import JobInit

@Suite(.enabled(if: getuid() == 0, "needs root: namespaces are made"))
struct KeeperTests {
  @Test func outputAndExitCodeAreKept() throws {
    let job = try KeeperUnderTest(["sh", "-c", "echo out; echo err >&2; exit 3"])
    guard case .started = job.answer else {
      Issue.record("\(String(describing: job.answer))"); return
    }
    let record = try job.finish()
    #expect(record.end == .exited(code: 3))
    #expect(record.cause == .itself)
    #expect(try job.output(.stdout) == "out\n")
    #expect(try job.output(.stderr) == "err\n")
    #expect(record.stdoutBytes == 4 && record.stderrBytes == 4)
  }

  @Test func aSignalIsNoExitCode() throws {
    let job = try KeeperUnderTest(["sh", "-c", "kill -SEGV $$"])
    #expect(try job.finish().end == .signaled(number: SIGSEGV))
  }

  @Test(arguments: [
    (["/no/such"], "exec", "/no/such", ENOENT), (["no-such"], "exec", "no-such", ENOENT),
    (["/etc/passwd"], "exec", "/etc/passwd", EACCES), (["/"], "exec", "/", EACCES),
  ])
  func aProgramThatCannotBeExecutedIsNamedWithItsErrno(
    command: [String], step: String, what: String, errno: Int32
  ) throws {
    let job = try KeeperUnderTest(command)
    #expect(job.answer == .failed(InitFailure(step: step, what: what, errno: errno)))
    _ = try job.keeper.reap(waiting: true)
    let recorded = File.exists(JobDirectory.exit, in: job.folder)
    #expect(!recorded)
  }

  @Test func aFolderThatIsNotThereIsNamedWithItsErrno() throws {
    let job = try KeeperUnderTest(["true"]) { $0.workdir = "/no/such/folder" }
    let expected = InitFailure(step: "chdir", what: "/no/such/folder", errno: ENOENT)
    #expect(job.answer == .failed(expected))
  }

  @Test(.requiresTool("setpriv")) func aLoopbackThatCannotBeRaisedIsNamedWithItsErrno() throws {
    let job = try KeeperUnderTest(["true"], missing: "net_admin")
    let expected = InitFailure(step: "network", what: "ioctl(SIOCSIFFLAGS, lo)", errno: EPERM)
    #expect(job.answer == .failed(expected))
    _ = try job.keeper.reap(waiting: true)
    let recorded = File.exists(JobDirectory.exit, in: job.folder)
    #expect(!recorded)
  }

  @Test func aStubbornTreeIsGoneAfterTheGracePeriod() throws {
    let script = """
      trap '' TERM; (setsid sh -c 'trap "" TERM HUP; echo deep; while :; do read x < /dev/zero; done' &)
      while :; do read x < /dev/zero; done
      """
    let job = try KeeperUnderTest(["sh", "-c", script])
    try job.waitForOutput("deep")
    try job.order(.stop(signal: SIGTERM, grace: 1_000_000, by: "alice"))
    let record = try job.finish()
    #expect(record.cause == .stop(by: "alice"))
    #expect(record.killed)
  }

  @Test func aJobThatObeysIsNotKilled() throws {
    let job = try KeeperUnderTest([
      "sh", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done",
    ])
    try job.waitForOutput("up")
    try job.order(.stop(signal: SIGTERM, grace: 60_000_000_000, by: "alice"))
    let record = try job.finish()
    #expect(record.end == .exited(code: 7))
    #expect(!record.killed)
  }

  @Test func theTargetSeesOnlyItsOwn() throws {
    let script = """
      echo pid=$$ ppid=$PPID; ls /proc | grep -c '^[0-9]'; ls -l /proc/self/fd | wc -l
      cat /proc/sys/kernel/hostname; cat /proc/self/oom_score_adj
      grep -E '^(Sig(Blk|Ign|Cgt)|Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs)' /proc/self/status | tr -d '\\t'
      ip link 2>/dev/null | grep -c ': ' || grep -c : /proc/net/dev; env
      """
    let job = try KeeperUnderTest(["sh", "-c", script]) { $0.user = .init(uid: 61184, gid: 61184) }
    _ = try job.finish()
    let output = try job.output(.stdout)
    #expect(output.contains("pid=2 ppid=1\n"))
    #expect(output.contains("\njob\n0\n"))
    for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "SigBlk", "SigIgn"] {
      #expect(output.contains("\(name):0000000000000000"), "\(output)")
    }
    #expect(output.contains("NoNewPrivs:1"))
  }

  @Test func whatTheTargetMayNotGainPID1MayNotEither() throws {
    let job = try KeeperUnderTest(["sleep", "1000"]) {
      $0.user = .init(uid: 61184, gid: 61184)
      $0.capabilities = 1 << 10
    }
    guard case .started(let pid) = job.answer else { Issue.record("not started"); return }
    let status = try File.readText("/proc/\(pid)/status")
    #expect(status.contains("\nCapBnd:\t0000000000000400\n"))
  }

  @Test func anUnprivilegedJobMayOpenItsOutputAnew() throws {
    let job = try KeeperUnderTest(["sh", "-c", "echo o > /dev/stdout; echo e > /dev/stderr"]) {
      $0.user = .init(uid: 61184, gid: 61184)
    }
    #expect(try job.finish().end == .exited(code: 0))
    #expect(try job.output(.stdout) + job.output(.stderr) == "o\ne\n")
  }

  @Test(arguments: [
    "unshare --user true", "unshare --mount true", "mount -t tmpfs tmpfs /mnt", "umount /proc",
    "unshare --map-root-user --mount true",
  ])
  func evenRootMakesNoNamespaceAndNoMount(command: String) throws {
    let job = try KeeperUnderTest(["sh", "-c", "\(command) 2>&1; echo $?"]) {
      $0.capabilities = 0x1ff_ffff_ffff
    }
    _ = try job.finish()
    let output = try job.output(.stdout)
    #expect(!output.hasSuffix("\n0\n") && output != "0\n", "\(output)")
  }

  @Test func hiddenFoldersAndFilesAreEmptyAndCannotBeWritten() throws {
    let script =
      "for d in /mnt /opt /srv; do ls -A $d; touch $d/x && echo wrote; done; cat /etc/passwd"
    let job = try KeeperUnderTest(["sh", "-c", script]) {
      $0.mounts = ["/mnt", "/opt", "/no/such", "/srv", "/etc/passwd"].map { .hide(target: $0) }
      $0.capabilities = 0x1ff_ffff_ffff
    }
    _ = try job.finish()
    #expect(try job.output(.stdout) == "")
    #expect(try job.output(.stderr).contains("Read-only file system"))
  }

  @Test func aTimeoutEndsTheJob() throws {
    let job = try KeeperUnderTest(["sleep", "1000"]) { $0.timeout = 50_000_000 }
    let record = try job.finish()
    #expect(record.cause == .timeout)
    #expect(record.end == .signaled(number: SIGTERM))
  }

  @Test func outputOfWhatTheTargetLeftBehindIsKeptAndNotWaitedFor() throws {
    let job = try KeeperUnderTest([
      "sh", "-c", "(while :; do echo x; sleep 0.01; done) & echo first",
    ])
    let record = try job.finish()
    #expect(record.end == .exited(code: 0))
    #expect(try job.output(.stdout).hasPrefix("first") || job.output(.stdout).contains("first"))
  }

  @Test func theJobDiesWithItsKeeper() throws {
    let job = try KeeperUnderTest(["sleep", "1000"])
    guard case .started(let pid) = job.answer else { Issue.record("not started"); return }
    let first = try PIDFD(process: pid)
    try job.keeper.signal(SIGKILL)
    var entries = [pollfd(fd: first.descriptor.rawValue, events: Int16(POLLIN), revents: 0)]
    while entries[0].revents == 0 { try Poll.wait(&entries) }
  }

  @Test func aMebibyteComesThroughWhole() throws {
    let job = try KeeperUnderTest([
      "sh", "-c", "head -c 1048577 /dev/zero; head -c 3 /dev/zero >&2",
    ])
    let record = try job.finish()
    #expect(record.stdoutBytes == 1_048_577 && record.stderrBytes == 3)
  }
}
