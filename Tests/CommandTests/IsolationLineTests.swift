import JobAPI
import SwiftProtobuf
import Testing

@testable import worker

/// What `status` and `run --plan` say of what separates a job from the host.
@Suite struct IsolationLineTests {
  private static let isolation = Worker_V1_Isolation.with {
    $0.user = "uid 7, gid 7, of its own"
    $0.namespaces = ["pid", "mount"]
    $0.root = "the host's tree, read-only"
    $0.mounts = ["/tmp of its own", "/data: tmpfs"]
    $0.network = "none: a loopback interface of its own"
    $0.seccomp = "on"
    $0.noNewPrivileges = true
  }

  private static let told = [
    "runs as: uid 7, gid 7, of its own", "capabilities: none", "namespaces: pid mount",
    "root: the host's tree, read-only", "mounts: /tmp of its own", "mounts: /data: tmpfs",
    "reaches: none: a loopback interface of its own", "seccomp: on", "new privileges: never",
  ]

  @Test func planShowsIt() {
    var plan = Worker_V1_PlanJobResponse()
    plan.cgroupVersion = "v2"
    plan.isolation = Self.isolation
    let lines = PlanPage(plan).text.split(separator: "\n").map(String.init)
    #expect(Array(lines.suffix(Self.told.count)) == Self.told)
  }

  @Test func statusShowsIt() {
    var job = Worker_V1_Job()
    job.isolation = Self.isolation
    // The page pads its keys.
    let lines = Set(
      JobPage(job).text.split(separator: "\n").map {
        $0.split(separator: " ").joined(separator: " ")
      })
    #expect(lines.isSuperset(of: Self.told))
  }
}
