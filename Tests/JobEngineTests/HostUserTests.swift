import Linux
import Testing

@testable import JobEngine

/// Whom a user's name means where the job has a tree of its own.
@Suite(.requiresRoot) struct HostUserTests {
  @Test(arguments: [JobSpec.User.named("daemon"), .ids(uid: 1, gid: nil)])
  func aTreeMakesNobodyRootWhoIsToBeAUserOfTheHost(user: JobSpec.User) async throws {
    try await withWorker { worker in
      let folder = try TemporaryFolder()
      let etc = "\(folder.path)/tree/etc"
      try File.makeFolders(etc)
      let place = try File.openFolder(etc)
      try File.replace(
        "passwd", in: place, with: Array("daemon:x:0:0::/:/bin/sh\nx:x:1:0::/:\n".utf8))
      try File.replace("group", in: place, with: Array("disk:x:6:daemon,x\n".utf8))
      var spec = JobSpec(command: ["true"])
      spec.rootfs = "\(folder.path)/tree"
      spec.user = user
      let free = try #require(try await worker.resolve(spec))
      #expect(free.gid == 0 && free.groups.contains(6))
      spec.isHostUser = true
      let bound = try #require(try await worker.resolve(spec))
      #expect(bound.uid == 1 && bound.gid == 1 && bound.groups == [1])
    }
  }

  @Test func nameThatOnlyTheTreeKnowsIsRefused() async throws {
    try await withWorker { worker in
      let folder = try TemporaryFolder()
      try File.makeFolders("\(folder.path)/tree/etc")
      let etc = try File.openFolder("\(folder.path)/tree/etc")
      try File.replace("passwd", in: etc, with: Array("builder:x:0:0::/:/bin/sh\n".utf8))
      var spec = JobSpec(command: ["true"])
      spec.rootfs = "\(folder.path)/tree"
      spec.user = .named("builder")
      spec.isHostUser = true
      await #expect {
        _ = try await worker.resolve(spec)
      } throws: { error in
        "\(error)".contains("no such user 'builder' on this host")
      }
    }
  }
}
