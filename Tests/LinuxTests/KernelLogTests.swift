import Linux
import Testing

/// What the kernel says of lack of memory.
@Suite struct KernelLogTests {
  @Test(
    arguments: [
      "3,5423,1608538164,-;Memory cgroup out of memory: Killed process 8868 (tail) total-vm:35072kB",
      "3,1,2,c;Out of memory: Killed process 8868 (a b) total-vm:1kB, UID:0",
      "3,1,2,-;Out of memory (oom_kill_allocating_task): Killed process 8868 (x) total-vm:1kB",
    ])
  func whomTheKernelKilledIsRead(record: String) {
    #expect(OOMRecord(record) == .killed(pid: 8868))
  }

  @Test(
    arguments: [
      ("oom_memcg=/a/worker-1,task_memcg=/a/worker-1", "/a/worker-1", "/a/worker-1"),
      ("oom_memcg=/a,task_memcg=/a/worker-1", "/a", "/a/worker-1"),
      ("global_oom,task_memcg=/a/worker-1", nil, "/a/worker-1"),
    ] as [(String, String?, String?)])
  func whoseLimitWasReachedIsRead(paths: String, limit: String?, group: String?) {
    let record =
      "6,2,3,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,"
      + "\(paths),task=tail,pid=8868,uid=0"
    #expect(OOMRecord(record) == .chosen(pid: 8868, limit: limit, group: group))
  }

  /// A process may call itself anything.
  @Test func whatAProcessCallsItselfIsNotTheKernelsWord() {
    #expect(OOMRecord("4,1,2,-;Killed process  invoked oom-killer: order=0") == nil)
    #expect(OOMRecord("4,1,2,-;x[7]: Out of memory: Killed process 7 (x)") == nil)
    #expect(OOMRecord("4,1,2,-;Out of memory: Killed process 7") == nil)
    let record = "6,1,2,-;oom-kill:global_oom,task=a,oom_memcg=/b,pid=1,pid=8868,uid=0"
    #expect(OOMRecord(record) == .chosen(pid: 8868, limit: nil, group: nil))
  }

  @Test func onlyRecordsOfTheKernelsOwnCount() {
    let text = "3,1,2,-;Out of memory\n SUBSYSTEM=x\n"
    #expect(KernelLog.record(Array(text.utf8)[...]) == "3,1,2,-;Out of memory")
    // As what is written to /dev/kmsg: the facility is that of a process.
    #expect(KernelLog.record(Array("12,\(text)".utf8)[...]) == nil)
    #expect(KernelLog.record([]) == nil)
  }
}
