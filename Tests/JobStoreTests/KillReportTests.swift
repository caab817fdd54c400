import JobStore
import Testing

@Suite struct KillReportTests {
  private static let killed = "3,9,9,-;Memory cgroup out of memory: Killed process"

  private static func chosen(_ pid: Int32, in group: String) -> String {
    "6,8,9,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/a,task_memcg=\(group),task=x,"
      + "pid=\(pid),uid=0"
  }

  @Test func itComesBackWhole() {
    var report = KillReport(target: 20, first: 19, group: "worker-1")
    report.take(Self.chosen(20, in: "/a/worker-1"))
    report.take("\(Self.killed) 20 (x) total-vm:1kB")
    report.isWhole = false
    #expect(report.records.count == 2)
    #expect(KillReport(report.text) == report)
    var none = KillReport(target: nil, first: 19, group: "")
    none.problem = "open(/dev/kmsg): Permission denied"
    #expect(KillReport(none.text) == none)
  }

  @Test func allAreCountedAndOnlyTheJobsTwoAreKept() {
    var report = KillReport(target: 20, first: 19, group: "worker-1")
    for pid in 1...1000 as ClosedRange<Int32> {
      report.take(Self.chosen(pid, in: pid % 2 == 0 ? "/a/worker-1" : "/a/worker-11"))
      report.take("\(Self.killed) \(pid) (x) total-vm:1kB")
      report.take("6,8,9,-;tail invoked oom-killer")
    }
    #expect(report.kills == 1000 && report.ownKills == 500)
    #expect(report.records.count == 4)
  }
}
