import Glibc
import JobStore
import Linux
import Testing

@testable import JobEngine

/// The network `nat`, as far as no helper is needed for it.
@Suite(.serialized) struct OutgoingNetworkTests {
  private static let spec: JobSpec = {
    var spec = JobSpec(command: ["true"])
    spec.network = .nat
    return spec
  }()

  @Test(.requiresRoot) func withoutItsProgramNothingIsStarted() async throws {
    let folder = try TemporaryFolder()
    var configuration = configuration(folder)
    configuration.networkProgramFolders = ["\(folder.path)/a", "\(folder.path)/b"]
    let worker = try await Worker.open(configuration)
    for attempt in [
      { _ = try await worker.start(Self.spec, owner: "alice") },
      { _ = try await worker.plan(Self.spec) },
    ] as [() async throws -> Void] {
      await #expect { try await attempt() } throws: { error in
        isError(error, .failedPrecondition)
          && "\(error)".contains("pasta, which is not in \(folder.path)/a, \(folder.path)/b")
          && "\(error)".contains("install the package passt")
      }
    }
    #expect(worker.jobs().isEmpty)
    await worker.close()
  }

  @Test(.requiresRoot) func aProgramThatFailsFailsTheStartWithItsWords() async throws {
    let folder = try TemporaryFolder()
    try File.makeFolders(folder.path)
    let path = "\(folder.path)/pasta"
    let place = try File.openFolder(folder.path)
    let file = try File.open("pasta", in: place, O_WRONLY | O_CREAT, mode: 0o755)
    try File.writeAll(Array("#!/bin/sh\necho no way out >&2\nexit 1\n".utf8), to: file)
    try File.setMode(0o755, of: file)
    _ = consume file
    chmod(folder.path, 0o755)  // the program is nobody in particular
    var configuration = configuration(folder)
    configuration.networkProgramFolders = [folder.path]
    let worker = try await Worker.open(configuration)
    await #expect { try await worker.start(Self.spec, owner: "alice") } throws: { error in
      isError(error, .startFailed) && "\(error)".contains("\(path) (no way out)")
    }
    #expect(worker.jobs().isEmpty)
    #expect(try await foldersOfJobs(folder, worker) == [])
    await worker.close()
  }

  @Test func limitsThatLeaveItNoRoomAreRefused() {
    for (change, text) in [
      ({ $0.limits.memory = 8 << 20 }, "memory must be at least 33554432, got 8388608"),
      ({ $0.limits.pids = 4 }, "pids must be at least 8, got 4"),
    ] as [((inout JobSpec) -> Void, String)] {
      var spec = Self.spec
      change(&spec)
      #expect { try spec.validate() } throws: { "\($0)".contains(text) }
    }
  }

  @Test func itsUserIsNobodysAndOneAJob() throws {
    let folder = try TemporaryFolder()
    close(creat("\(folder.path)/pasta", 0o755))
    let program = NetworkProgram(folders: [folder.path])
    let own = try [UInt32(0x7800_0000), 0x7800_ffff, 0x7801_0000, 0].map {
      try #require(try program.outgoing(for: Self.spec, uid: $0)).user
    }
    #expect(Set(own).count == 4)
    #expect(own.allSatisfy { (0x7fff_0000...0x7fff_ffff).contains($0) })
    #expect(try program.outgoing(for: JobSpec(command: ["true"]), uid: 1) == nil)
  }

  @Test func itComesBackFromDiskWhole() throws {
    var plan = LaunchPlan(
      jobID: "a", command: ["true"], environment: [], workdir: "/", hostname: "h",
      user: .init(uid: 1, gid: 1), capabilities: 0)
    plan.outgoing = OutgoingNetwork(program: "/usr/bin/pasta", user: 7)
    #expect(try LaunchPlan(plan.encoded()) == plan)
    let record = JobRecord(spec: Self.spec, owner: "a", createTime: 1, uid: 2, gid: 2)
    #expect(try JobRecord(record.encoded()).spec == Self.spec)
  }
}
