import JobStore
import Linux
import Testing

@testable import JobEngine

/// Which finished jobs go, and when.
@Suite struct RetentionTests {
  private static func candidates(_ sizes: [Int64]) throws -> [Retention.Candidate] {
    try sizes.enumerated().map { index, size in
      let digits = String(index, radix: 16)
      let id = try #require(JobID(String(repeating: "0", count: 16 - digits.count) + digits))
      return Retention.Candidate(
        id: id, owner: "alice", endTime: Int64(index) * 1_000_000_000, bytes: size)
    }.reversed()
  }

  /// Bob has the two oldest, and one of them is large.
  @Test(
    arguments: [
      (Retention(count: 5), [2, 3, 4]), (Retention(count: 4), [2, 3, 4, 5]),
      // Equal numbers: the older goes.
      (Retention(count: 3), [2, 3, 4, 5, 0]), (Retention(bytes: 119), [0]),
      (Retention(count: 6, bytes: 35), [2, 3, 0, 4, 5]),
    ] as [(Retention, [Int])])
  func nobodyPushesOutTheJobsOfOthers(retention: Retention, gone: [Int]) throws {
    var all = try Array(Self.candidates([50, 10, 10, 10, 10, 10, 10, 10]).reversed())
    for index in 0..<2 { all[index].owner = "bob" }
    let look = retention.look(at: all.shuffled(), now: 10_000_000_000)
    #expect(look.expired == gone.map { all[$0].id })
  }

  @Test(
    arguments: [
      (Retention(), 0), (Retention(count: 3), 2), (Retention(count: 0), 5),
      (Retention(count: 9), 0), (Retention(bytes: 25), 3), (Retention(bytes: 50), 0),
      (Retention(bytes: 0), 5), (Retention(age: .seconds(8)), 3),
      (Retention(age: .seconds(100)), 0),
      (Retention(age: .seconds(9), count: 4, bytes: 45), 2),
    ] as [(Retention, Int)])
  func theOldestGoFirst(retention: Retention, gone: Int) throws {
    let all = try Self.candidates([10, 10, 10, 10, 10])
    let look = retention.look(at: all, now: 10_000_000_000)
    let next = look.next
    #expect(look.expired == all.reversed().prefix(gone).map(\.id))
    let seconds = retention.age.map { gone + Int($0.components.seconds) }
    #expect(next == (gone < 5 ? seconds.map { Int64($0) * 1_000_000_000 } : nil))
  }

  @Test(
    arguments: [
      (Retention(count: 7), 2), (Retention(count: 5), 0), (Retention(count: 3), 0),
      (Retention(bytes: 65), 1), (Retention(count: 9, bytes: 80), 3), (Retention(), 100),
    ] as [(Retention, Int)])
  func aLookTellsHowManyMoreThereIsRoomFor(retention: Retention, more: Int) throws {
    let all = try Self.candidates([10, 10, 10, 10, 10])
    var room = retention.look(at: all, now: 10_000_000_000).room
    var taken = 0
    while taken < 100, room.take(all[0]) { taken += 1 }
    #expect(taken == more)
  }

  @Test(.requiresRoot) func finishedJobsBeyondTheCountAreForgotten() async throws {
    let folder = try TemporaryFolder()
    let (forgotten, forget) = AsyncStream<JobID>.makeStream()
    var gone = forgotten.makeAsyncIterator()
    var configuration = configuration(folder)
    configuration.retention = Retention(count: 2)
    configuration.onExpired = { forget.yield($0.id) }
    let worker = try await Worker.open(configuration)
    let running = try await worker.start(shell("exec sleep 1000"), owner: "alice")
    var ids: [JobID] = []
    for _ in 0..<5 {
      let job = try await worker.start(shell("true"), owner: "alice")
      _ = try await worker.wait(job.id)
      ids.append(job.id)
    }
    _ = try await worker.stop(running.id, grace: .zero, by: "test")
    for id in ids[..<4] { #expect(await gone.next() == id) }
    await worker.waitForSweeps()
    await worker.close()
    let left = try names(in: "\(folder.path)/state/jobs")
    #expect(left.sorted() == [ids[4], running.id].map(\.description).sorted())

    configuration.retention = Retention(age: .zero)
    let second = try await Worker.open(configuration)
    #expect(await gone.next() == ids[4])
    #expect(await gone.next() == running.id)
    await second.waitForSweeps()
    await second.close()
    #expect(try names(in: "\(folder.path)/state/jobs").isEmpty)
  }

  /// In one step: whoever comes a moment before it keeps it, whoever comes after is told.
  @Test func aJobIsRemovedOnlyWhileNobodyReadsIt() {
    let record = JobRecord(
      spec: shell("true"), owner: "alice", createTime: 1, request: nil, uid: 1, gid: 1)
    let job = Job(id: .random(), record: record)
    _ = job.state.change {
      $0.finish(
        ExitRecord(
          end: nil, cause: .itself, killed: false, time: 1, journalEnd: 0, stdoutBytes: 0,
          stderrBytes: 0, evidence: []))
    }
    job.readerCame()
    #expect(!job.removeUnread() && !job.state.value.isRemoved)
    _ = job.readerWent()
    #expect(job.removeUnread() && job.state.value.isRemoved)
    #expect(!job.removeUnread())
  }

  @Test(.requiresRoot) func aJobThatIsReadStaysUntilItsLastReaderHasGone() async throws {
    let folder = try TemporaryFolder()
    let (forgotten, forget) = AsyncStream<JobID>.makeStream()
    var configuration = configuration(folder)
    configuration.retention = Retention(count: 0)
    configuration.onExpired = { forget.yield($0.id) }
    let worker = try await Worker.open(configuration)
    let job = try await worker.start(
      shell(
        "trap 'head -c 1000000 /dev/zero; exit 0' TERM; echo; while :; do sleep 0.05; done"),
      owner: "alice")
    let read = try await Self.bytes(of: job.id, worker)
    #expect(read == 1_000_001)
    var names = forgotten.makeAsyncIterator()
    #expect(await names.next() == job.id)
    #expect(worker.jobs().isEmpty)
    await worker.close()
  }

  /// Read to the end; the job ends, and is looked at, in the middle of it.
  private static func bytes(of id: JobID, _ worker: Worker) async throws -> Int {
    var count = 0
    for try await event in try worker.output(of: id) {
      guard case .chunk(let chunk) = event, chunk.stream == .stdout else { continue }
      count += chunk.bytes.count
      guard count == 1 else { continue }
      try await worker.signal(id, 15)
      _ = try await worker.wait(id)
    }
    return count
  }

  @Test(.requiresRoot) func ageIsATimerAndNoPolling() async throws {
    let folder = try TemporaryFolder()
    let (forgotten, forget) = AsyncStream<JobID>.makeStream()
    var configuration = configuration(folder)
    configuration.retention = Retention(age: .milliseconds(300))
    configuration.onExpired = { forget.yield($0.id) }
    let worker = try await Worker.open(configuration)
    let job = try await worker.start(shell("true"), owner: "alice")
    let end = try #require(try await worker.wait(job.id).endTime)
    var names = forgotten.makeAsyncIterator()
    #expect(await names.next() == job.id)
    #expect(Clock.wall() - end >= 300_000_000)
    await worker.close()
  }
}
