import Glibc
import JobStore
import Linux
import TestSupport
import Testing

@testable import JobEngine

@Suite struct LaunchTests {
  private let database = UserDatabase(
    passwd: """
      root:x:0:0:root:/root:/bin/bash
      broken line
      build:x:1001:1002:Builds,,,:/home/build:/bin/sh
      homeless:x:1003:1003::: /bin/sh
      unchanged:x:4294967295:4294967295::/:/bin/sh
      half:x:1004:4294967295::/:/bin/sh

      """,
    group: "root:x:0:\nbuilders:x:1002:\ndocker:x:998:root,build\nlog:x:997:build\nx:y:z\n")

  @Test func namedUserComesWithItsGroups() throws {
    let user = try #require(try ResolvedUser.resolve(.named("build"), in: self.database))
    #expect(user.uid == 1001)
    #expect(user.gid == 1002)
    #expect(user.groups == [1002, 998, 997])
    #expect(user.home == "/home/build")
  }

  @Test func unknownUserIsNamedInTheRefusal() {
    #expect { try ResolvedUser.resolve(.named("nope"), in: self.database) } throws: { error in
      isError(error, .invalidArgument)
        && "\(error)".hasPrefix("no such user 'nope' on this host")
    }
  }

  /// For setresuid(2) the largest number means to leave it as it is: root.
  @Test(arguments: ["unchanged", "half"])
  func anIDThatMeansNoneIsNobodys(name: String) {
    #expect(throws: WorkerError.self) {
      try ResolvedUser.resolve(.named(name), in: self.database)
    }
  }

  @Test func numbersNeedNoEntry() throws {
    let user = try #require(
      try ResolvedUser.resolve(.ids(uid: 4242, gid: nil), in: self.database))
    #expect(user.gid == 4242)
    #expect(user.groups == [4242])
    #expect(user.home == "/")
  }

  @Test func groupThatWasGivenIsTheOnlyOne() throws {
    let user = try #require(try ResolvedUser.resolve(.ids(uid: 1001, gid: 5), in: self.database))
    #expect(user.name == "build")
    #expect(user.gid == 5)
    #expect(user.groups == [5])
  }

  @Test func idThatMeansLeaveItIsRefused() {
    #expect(throws: WorkerError.self) {
      try ResolvedUser.resolve(.ids(uid: .max, gid: nil), in: self.database)
    }
  }

  @Test func onlyRootGetsCapabilities() throws {
    let root = try #require(try ResolvedUser.resolve(.named("root"), in: self.database))
    var spec = JobSpec(command: ["true"])
    #expect(root.capabilities(for: spec) == 0xa004_25fb)
    #expect(ResolvedUser.own(61_184).capabilities(for: spec) == 0)
    spec.network = .host
    #expect(root.capabilities(for: spec) == 0xa004_05fb)
  }

  @Test func whatWasAskedWinsInTheEnvironment() {
    let environment = JobEnvironment.make(
      id: .random(), user: .own(61_184), asked: ["PATH": "/bin", "A": "b"])
    #expect(environment.contains("PATH=/bin"))
    #expect(environment.contains("A=b"))
    #expect(environment.contains("HOME=/tmp/work"))
    #expect(environment.filter { $0.hasPrefix("PATH=") }.count == 1)
  }

  private func steps(
    user: ResolvedUser = .own(61_184), memory: Int64? = nil, mounts: String = "",
    change: (inout JobSpec) -> Void = { _ in }
  ) -> [LaunchPlan.MountStep] {
    var spec = JobSpec(command: ["true"])
    spec.limits.memory = memory
    change(&spec)
    let plan = MountPlan(
      jobFolder: "/s/jobs/x", hidden: ["/s", "/etc/worker"], mounts: MountInfo.parse(mounts))
    return plan.steps(for: spec, as: user)
  }

  @Test func stateKeysSocketsAndHomesAreHidden() {
    let steps = self.steps()
    for path in ["/s", "/etc/worker", "/run", "/home", "/root"] {
      #expect(steps.filter { $0 == .hide(target: path) }.count == 1, "\(path)")
    }
  }

  @Test(.enabled(if: getuid() == 0, "needs root: it makes a folder in /var/lib"))
  func socketsThatServicesKeepElsewhereAreHidden() throws {
    // Not in /tmp: nothing that the host has there is in a job's tree.
    let folder = try TemporaryDirectory(in: "/var/lib")
    let socket = folder.path("socket")
    #expect(mknod(socket, S_IFSOCK | 0o777, 0) == 0)
    #expect(symlink(socket, folder.path("link")) == 0)
    let plan = MountPlan(
      jobFolder: "/s/jobs/x", hidden: ["/s"], mounts: [],
      sockets: [folder.path("link"), "/etc/passwd", "/run/x", "/no/such"])
    let steps = plan.steps(for: JobSpec(command: ["true"]), as: .own(61_184))
    #expect(steps.contains(.hide(target: socket)))
    for path in ["/etc/passwd", "/run/x", "/no/such"] {
      #expect(!steps.contains(.hide(target: path)), "\(path)")
    }
  }

  @Test func aUserOfTheHostKeepsItsHomeAndItsEntry() throws {
    let build = try #require(try ResolvedUser.resolve(.named("build"), in: self.database))
    let steps = self.steps(user: build)
    #expect(!steps.contains(.hide(target: "/home")))
    #expect(!steps.contains(.cover(source: "/s/jobs/x/files/passwd", target: "/etc/passwd")))
    #expect(
      self.steps().contains(.cover(source: "/s/jobs/x/files/passwd", target: "/etc/passwd")))
  }

  @Test func everyCgroupMountOutsideOfSysIsHidden() {
    let steps = self.steps(
      mounts: """
        1 0 0:1 / /sys rw - sysfs sysfs rw
        2 0 0:2 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
        3 0 0:2 / /srv/cg\\040x rw - cgroup2 cgroup2 rw
        4 0 0:3 / /srv/v1 rw - cgroup cgroup rw,memory
        5 0 0:3 / /run/v1 rw - cgroup cgroup rw,memory
        """)
    #expect(steps.filter { $0 == .hide(target: "/srv/cg x") }.count == 1)
    #expect(steps.filter { $0 == .hide(target: "/srv/v1") }.count == 1)
    #expect(!steps.contains(.hide(target: "/sys/fs/cgroup")))
    #expect(!steps.contains(.hide(target: "/run/v1")))
  }

  @Test func aTreeOfItsOwnHasNothingOfTheHostToHide() {
    let steps = self.steps { $0.rootfs = "/srv/tree" }
    for path in ["/s", "/run", "/home"] { #expect(!steps.contains(.hide(target: path))) }
  }

  @Test func tmpfsComesBeforeBindsThatMayLieInIt() throws {
    let steps = self.steps(memory: 1 << 20) {
      $0.binds = [.init(source: "/srv/a", destination: "/data/a", isWritable: true)]
      $0.tmpfs = [.init(destination: "/data"), .init(destination: "/x", size: 4096)]
    }
    #expect(
      steps.suffix(3) == [
        .tmpfs(target: "/data", options: "mode=1777,size=1048576"),
        .tmpfs(target: "/x", options: "mode=1777,size=4096"),
        .bind(source: "/srv/a", target: "/data/a", readOnly: false),
      ])
  }

  @Test func namespaceIDsAreBlocksThatDoNotMeet() throws {
    var blocks = IDBlocks(0x7801_0000...0x7804_ffff)
    var taken: Set<UInt32> = []
    for _ in 0..<4 { taken.insert(try blocks.free { !taken.contains($0) }) }
    #expect(taken == [0x7801_0000, 0x7802_0000, 0x7803_0000, 0x7804_0000])
    let error = #expect(throws: WorkerError.self) { try blocks.free { !taken.contains($0) } }
    #expect(error?.message.hasPrefix("all 4 id ranges") == true)
  }

  @Test func sharedMemoryIsBoundedByTheMemoryLimit() {
    let shared = LaunchPlan.MountStep.tmpfs(
      target: "/dev/shm", options: "mode=1777,size=67108864")
    #expect(self.steps(memory: 64 << 20).contains(shared))
  }
}
