import CLinux
import Glibc
import Linux
import Testing

@Suite struct SpawnTests {
  /// Runs a shell script and gives back what it wrote to stdout and how it ended.
  private func run(
    _ script: String, change: (inout Spawn) -> Void = { _ in }
  ) throws -> (output: String, end: ProcessEnd?) {
    let pipe = try Pipe()
    let null = try File.open("/dev/null", O_RDWR)
    var spawn = Spawn(
      .paths(["/bin/sh"]), arguments: ["sh", "-c", script],
      descriptors: [null.rawValue, pipe.writeEnd.rawValue, null.rawValue])
    change(&spawn)
    switch try spawn.start() {
    case .failed(let step, let errno): throw SystemError(call: "step \(step)", errno: errno)
    case .started(_, let process):
      let output = String(decoding: try File.readAll(pipe.takeReadEnd()), as: UTF8.self)
      return (output, try process.reap(waiting: true))
    }
  }

  @Test func exitAndSignalAreToldApart() throws {
    #expect(try self.run("exit 9").end == .exited(code: 9))
    #expect(try self.run("kill -9 $$").end == .signaled(number: 9))
  }

  @Test func theChildHasNoDescriptorButItsOwn() throws {
    let open = try (0..<20).map { _ in try File.open("/dev/null", O_RDONLY).release() }
    defer { for descriptor in open { close(descriptor) } }
    // ls has 3 of its own at that moment: the folder it lists.
    #expect(try self.run("ls /proc/self/fd").output == "0\n1\n2\n3\n")
  }

  @Test func descriptorsLandWhereTheMapSaysEvenWhenTheySwap() throws {
    let first = try Pipe()
    let second = try Pipe()
    let null = try File.open("/dev/null", O_RDWR)
    var spawn = Spawn(
      .paths(["/bin/sh"]), arguments: ["sh", "-c", "echo three >&3; echo four >&4"],
      descriptors: [
        null.rawValue, null.rawValue, null.rawValue, second.writeEnd.rawValue,
        first.writeEnd.rawValue,
      ])
    spawn.newSession = true
    guard case .started(_, let process) = try spawn.start() else {
      Issue.record("not started")
      return
    }
    _ = try process.reap(waiting: true)
    #expect(try File.readAll(second.takeReadEnd()) == Array("three\n".utf8))
    #expect(try File.readAll(first.takeReadEnd()) == Array("four\n".utf8))
  }

  @Test func theEnvironmentIsWhatWasAskedAndNothingElse() throws {
    let result = try self.run("/usr/bin/env") { $0.environment = ["A=1", "B=x y"] }
    #expect(result.output.contains("A=1\nB=x y\n"))
    #expect(!result.output.contains("HOME="))
  }

  @Test func ignoredAndBlockedSignalsAreResetInTheChild() throws {
    signal(SIGUSR1, SIG_IGN)
    defer { signal(SIGUSR1, SIG_DFL) }
    let result = try self.run("grep -E '^Sig(Ign|Blk)' /proc/self/status")
    #expect(result.output == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n")
  }

  @Test(arguments: [
    (["/no/such/program"], ENOENT), (["/etc/passwd"], EACCES), (["/no/such", "/etc"], EACCES),
  ])
  func aProgramThatCannotBeExecutedIsTheStepExec(paths: [String], errno: Int32) throws {
    let null = try File.open("/dev/null", O_RDWR)
    let spawn = Spawn(.paths(paths), arguments: ["x"], descriptors: [null.rawValue])
    guard case .failed(let step, let code) = try spawn.start() else {
      Issue.record("started")
      return
    }
    #expect(step == Int32(CLINUX_STEP_EXEC.rawValue))
    #expect(code == errno)
  }

  @Test func aFolderThatCannotBeEnteredIsTheStepWorkdir() throws {
    let null = try File.open("/dev/null", O_RDWR)
    var spawn = Spawn(.paths(["/bin/true"]), arguments: ["x"], descriptors: [null.rawValue])
    spawn.workdir = "/no/such"
    guard case .failed(let step, ENOENT) = try spawn.start() else {
      Issue.record("started")
      return
    }
    #expect(step == Int32(CLINUX_STEP_WORKDIR.rawValue))
  }

  @Test(.enabled(if: getuid() == 0, "needs root: the user is changed"))
  func aChangeOfUserLeavesNoGroupAndNoCapability() throws {
    let result = try self.run("id -u; id -G; grep -E '^Cap(Prm|Eff|Bnd)' /proc/self/status") {
      $0.user = .init(uid: 61184, gid: 61185)
      $0.capabilities = 0
      $0.noNewPrivileges = true
    }
    let none = "0000000000000000"
    #expect(
      result.output == "61184\n61185\nCapPrm:\t\(none)\nCapEff:\t\(none)\nCapBnd:\t\(none)\n")
  }

  @Test func manyThreadsMayStartChildrenAtOnce() async throws {
    try await withThrowingTaskGroup(of: ProcessEnd?.self) { group in
      for code in 0..<64 { group.addTask { try self.run("exit \(code)").end } }
      var codes: Set<Int32> = []
      for try await end in group { if case .exited(let code)? = end { codes.insert(code) } }
      #expect(codes == Set(0..<64))
    }
  }
}
