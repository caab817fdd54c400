import Glibc
import JobStore
import Linux
import Testing

@testable import JobEngine

@Suite struct MountValidationTests {
  private func refusal(_ change: (inout JobSpec) -> Void) -> String? {
    var spec = JobSpec(command: ["true"])
    change(&spec)
    do throws(WorkerError) { try spec.validate() } catch { return error.message }
    return nil
  }

  @Test func whatWouldCoverTheWorkingFolderIsRefused() throws {
    var spec = JobSpec(command: ["true"])
    spec.tmpfs = [.init(destination: "/tmp", size: nil)]
    #expect { try spec.validate() } throws: { "\($0)".contains("/tmp/work") }
    spec.workingDirectory = "/"
    try spec.validate()
  }

  @Test(
    arguments: [
      ("relative", "must be an absolute path"), ("/a/../b", "must be an absolute path"),
      ("/a//b", "must be an absolute path"), ("", "must be an absolute path"),
      ("/", "must be an absolute path below /"), ("/proc", "must not be in /proc, /sys or /dev"),
      ("/proc/sys", "must not be in /proc"), ("/dev/shm/x", "must not be in /proc"),
      ("/sys/fs/cgroup", "must not be in /proc"),
    ])
  func destinationsAreRefusedWithTheReason(destination: String, reason: String) {
    for change: (inout JobSpec) -> Void in [
      { $0.binds = [.init(source: "/srv", destination: destination)] },
      { $0.tmpfs = [.init(destination: destination)] },
    ] {
      let message = self.refusal(change)
      #expect(message?.contains(reason) == true && message?.contains(destination) == true)
    }
  }

  @Test(arguments: ["relative", "/a/../b", "/", "/proc", "/sys/kernel", "/dev/sda"])
  func sourcesAreRefused(source: String) {
    #expect(self.refusal { $0.binds = [.init(source: source, destination: "/tmp/x")] } != nil)
    #expect(self.refusal { $0.rootfs = source } != nil)
  }

  @Test func aHundredBindsAreRefused() {
    let message = self.refusal { spec in
      spec.binds = (0..<100).map { .init(source: "/srv", destination: "/tmp/\($0)") }
    }
    #expect(message == "at most 64 binds and tmpfs, got 100")
  }

  @Test func twoMountsInOnePlaceAreRefused() {
    let message = self.refusal {
      $0.binds = [.init(source: "/srv", destination: "/tmp/x")]
      $0.tmpfs = [.init(destination: "/tmp/x")]
    }
    #expect(message == "two mounts at '/tmp/x'")
  }

  @Test func aTmpfsLargerThanTheMemoryLimitIsRefused() {
    let message = self.refusal {
      $0.tmpfs = [.init(destination: "/tmp/x", size: 128 << 20)]
      $0.limits.memory = 64 << 20
    }
    #expect(message?.contains("larger than the job's memory limit of 67108864") == true)
  }

  @Test func aUserNamespaceTakesNoUser() {
    let message = self.refusal {
      $0.hasUserNamespace = true
      $0.user = .ids(uid: 5, gid: nil)
    }
    #expect(message?.contains("leave the user away") == true)
  }

  @Test func aSpecComesBackFromDiskWhole() throws {
    var spec = JobSpec(command: ["true"])
    spec.binds = [
      .init(source: "/a b", destination: "/c", isWritable: true),
      .init(source: "/d", destination: "/e"),
    ]
    spec.tmpfs = [.init(destination: "/f"), .init(destination: "/g", size: 4096)]
    spec.rootfs = "/srv/tree"
    spec.isReadOnly = true
    spec.hasUserNamespace = true
    spec.deniesSystemCalls = false
    let record = JobRecord(spec: spec, owner: "a", createTime: 1, uid: 2, gid: 2)
    #expect(try JobRecord(record.encoded()).spec == spec)
  }

  @Test func placesOfTheHostAreLookedAt() throws {
    let folder = try TemporaryFolder()
    try File.makeFolders("\(folder.path)/real")
    symlink("real", "\(folder.path)/link")
    close(creat("\(folder.path)/file", 0o644))
    let places = HostPlaces(hidden: ["\(folder.path)/state"])
    func refusal(_ path: String, isRoot: Bool = false) -> String? {
      var spec = JobSpec(command: ["true"])
      if isRoot {
        spec.rootfs = path
      } else {
        spec.binds = [.init(source: path, destination: "/x")]
      }
      do throws(WorkerError) { try places.check(spec) } catch { return error.message }
      return nil
    }
    #expect(refusal("\(folder.path)/real") == nil)
    #expect(refusal("\(folder.path)/file") == nil)
    #expect(refusal("\(folder.path)/none")?.contains("does not exist") == true)
    #expect(
      refusal("\(folder.path)/link")?.contains("symbolic link: name the place itself") == true)
    #expect(refusal("\(folder.path)/link/x")?.contains("symbolic link") == true)
    #expect(refusal("\(folder.path)/file", isRoot: true)?.contains("not a folder") == true)
    for path in ["state", "state/jobs", ""] {
      let name = path.isEmpty ? folder.path : "\(folder.path)/\(path)"
      #expect(refusal(name)?.contains("no job may see") == true, "\(name)")
    }
  }
}
