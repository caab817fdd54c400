import Glibc
import JobStore
import Linux
import Testing

@testable import JobEngine

/// Ids of jobs that may leave files behind.
@Suite(.serialized) struct LastingIDTests {
  private static func spec(_ change: (inout JobSpec) -> Void) -> JobSpec {
    var spec = JobSpec(command: ["true"])
    change(&spec)
    return spec
  }

  private static let writing = spec {
    $0.binds = [.init(source: "/srv", destination: "/tmp/x", isWritable: true)]
  }

  private func uid(_ registry: inout Registry, _ spec: JobSpec, _ owner: String) throws -> UInt32 {
    let reservation = try registry.reserve(
      spec, id: .random(), owner: owner, request: nil, time: 0, user: nil)
    guard case .new(let job) = reservation else { throw WorkerError.invalid("not new") }
    registry.release(job)
    return job.record.uid
  }

  @Test func whatMayLeaveFilesIsKnown() {
    #expect(Self.writing.mayLeaveFiles)
    #expect(Self.spec { $0.rootfs = "/srv" }.mayLeaveFiles)
    for spec in [
      Self.spec { _ in }, Self.spec { $0.binds = [.init(source: "/srv", destination: "/x")] },
      Self.spec {
        $0.rootfs = "/srv"
        $0.isReadOnly = true
      },
      Self.spec {
        $0.rootfs = "/srv"
        $0.hasUserNamespace = true
      },
      Self.spec {
        $0.rootfs = "/srv"
        $0.user = .ids(uid: 5, gid: nil)
      },
    ] { #expect(!spec.mayLeaveFiles, "\(spec)") }
  }

  @Test func anOwnersIDIsNeverAnothers() throws {
    var registry = Registry(userIDs: 10...13, first: 10)
    let alice = try self.uid(&registry, Self.writing, "alice")
    #expect(alice == 10)
    // Longest unused first, and never alice's, however often the range goes round.
    let others = try (0..<7).map { _ in
      try self.uid(&registry, Self.spec { _ in }, "bob")
    }
    #expect(others == [11, 12, 13, 11, 12, 13, 11])
    #expect(try self.uid(&registry, Self.spec { _ in }, "alice") == 12)
    #expect(try self.uid(&registry, Self.writing, "bob") == 13)
    #expect(try self.uid(&registry, Self.writing, "alice") == 10)
    _ = try self.uid(&registry, Self.writing, "carol")
    _ = try self.uid(&registry, Self.writing, "dora")
    #expect { try self.uid(&registry, Self.writing, "emil") } throws: {
      isError($0, .resourceExhausted)
    }
  }

  @Test func userNamespacesHaveBlocksOfTheirOwn() throws {
    var registry = Registry(userIDs: 10...13, namespaceIDs: 0x1_0000...0x2_ffff)
    let mapped = Self.spec {
      $0.binds = Self.writing.binds
      $0.hasUserNamespace = true
    }
    let block = try self.uid(&registry, mapped, "alice")
    #expect(block >= 0x1_0000)
    #expect(try self.uid(&registry, Self.writing, "alice") < 14)
    #expect(try self.uid(&registry, mapped, "alice") == block)
    #expect(try self.uid(&registry, mapped, "bob") != block)
  }

  @Test func theyAreReadAgain() throws {
    let folder = try TemporaryFolder()
    let state = try StateDirectory("\(folder.path)/state", program: "/proc/self/exe")
    let ids = LastingIDFolder(in: state)
    let keys = [
      LastingIDs.Key(owner: "a/../b c", hasUserNamespace: false),
      LastingIDs.Key(owner: "a/../b c", hasUserNamespace: true),
    ]
    for (number, key) in keys.enumerated() {
      try ids.keep(UInt32(20 + number), for: key)
      try ids.keep(UInt32(20 + number), for: key)
    }
    let read = try ids.read()
    #expect(read[keys[0]] == 20 && read[keys[1]] == 21)
    #expect(read.contains(20) && read.contains(21) && !read.contains(22))
    try File.writeText("rubbish", to: "\(folder.path)/state/ids/20")
    #expect { try ids.read() } throws: { isError($0, .failedPrecondition) }
  }

  @Test(.requiresRoot) func aLaterJobOfTheOwnerFindsItsFilesItsOwn() async throws {
    let place = "/var/lib/worker-test-\(Random.bytes(6).map { String($0, radix: 16) }.joined())"
    try File.makeFolders(place, mode: 0o777)
    chmod(place, 0o777)
    defer {
      if let parent = try? File.openFolder("/var/lib") {
        try? Folder.removeTree(String(place.dropFirst("/var/lib/".count)), in: parent)
      }
    }
    var spec = shell("umask 077; echo mine >>/tmp/place/file && cat /tmp/place/file")
    spec.binds = [.init(source: place, destination: "/tmp/place", isWritable: true)]
    let folder = try TemporaryFolder()
    var uids: [UInt32] = []
    for (owner, code) in [("alice", 0), ("bob", 2), ("alice", 0)] as [(String, Int32)] {
      // A worker each: what is known has to come from disk.
      let worker = try await Worker.open(configuration(folder))
      let job = try await worker.wait(try await worker.start(spec, owner: owner).id)
      #expect(job.verdict?.code == code, "\(owner)")
      uids.append(job.uid)
      await worker.close()
    }
    #expect(uids[0] == uids[2] && uids[0] != uids[1])
  }
}
