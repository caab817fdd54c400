import Glibc
import JobStore
import Linux
import Testing

@testable import JobEngine

@Suite(.requiresRoot) struct SpareKeeperTests {
  @Test func spareKeeperIsTakenOnceAndAnswersThroughThePipeOfItsJob() throws {
    let folder = try TemporaryFolder()
    let spare = SpareKeeper()
    let program = try File.open(workerProgram, OpenFlags.path)
    spare.fill(program: program.rawValue)
    let first = try take(spare, in: folder)
    let second = try take(spare, in: folder)
    let isSpent = second.isNobody
    #expect(isSpent)
    // There is no plan in the folder.
    var bytes = try File.readAll(first.answer)
    guard case .failed(let failure)? = InitMessage.take(from: &bytes) else {
      Issue.record("no answer")
      return
    }
    #expect(failure.step == "plan")
    let end = try first.keeper?.process.reap(waiting: true)
    #expect(end == .exited(code: 1))
    spare.close()
  }

  @Test func closedSpareKeeperIsGoneAndMakesNoOther() throws {
    let folder = try TemporaryFolder()
    let program = try File.open(workerProgram, OpenFlags.path)
    let spare = SpareKeeper()
    spare.fill(program: program.rawValue)
    spare.close()
    spare.fill(program: program.rawValue)
    let taken = try take(spare, in: folder)
    let isNobody = taken.isNobody
    #expect(isNobody)
  }

  @Test func spareKeeperEndsWithTheProcessThatMadeIt() throws {
    let sockets = try SocketPair()
    let null = try File.open("/dev/null", O_RDWR)
    let program = try File.open(workerProgram, OpenFlags.path)
    let spawn = Spawn(
      .descriptor(program.rawValue), arguments: ["worker", "init", "spare"],
      descriptors: [null.rawValue, null.rawValue, null.rawValue, sockets.right.rawValue])
    switch try spawn.start() {
    case .failed(let step, let errno): Issue.record("step \(step): \(errno)")
    case .started(_, let process):
      _ = sockets.takeLeft()  // closed at once
      let end = try process.reap(waiting: true)
      #expect(end == .exited(code: 0))
    }
  }

  @Test func jobsOfSpareKeepersHaveNetworksOfTheirOwn() async throws {
    try await withWorker { worker in
      var networks = [try networkNamespace()]
      var jobs: [JobStatus] = []
      for _ in 0..<3 {
        // All live until the end: the kernel gives the number of a gone namespace to the next.
        let job = try await worker.start(
          shell("readlink /proc/self/ns/net; cat /sys/class/net/lo/flags; echo up; exec sleep 600"),
          owner: "alice")
        try await waitForOutput("up", of: job.id, worker)
        await worker.endings.waitUncancelled { $0 == 0 }  // the next one is ready
        jobs.append(job)
      }
      for job in jobs {
        _ = try await worker.stop(job.id, grace: .zero, by: "alice")
        let output = try await collect(worker.output(of: job.id))
        let lines = String(decoding: output.stdout, as: UTF8.self).split(separator: "\n")
        networks.append(lines.first.map(String.init) ?? "")
        #expect(lines.dropFirst().first == "0x9")  // IFF_UP | IFF_LOOPBACK
      }
      #expect(Set(networks).count == 4)
      #expect(!networks.contains(""))
    }
  }

  private struct Taken: ~Copyable {
    let keeper: KeeperProcess?
    let answer: OwnedDescriptor
    var isNobody: Bool { self.keeper == nil }
  }

  private func take(_ spare: SpareKeeper, in folder: TemporaryFolder) throws -> Taken {
    let place = try File.openFolder(folder.path)
    let lock = try File.open("lock", in: place, O_RDWR | O_CREAT)
    let answer = try Pipe()
    let keeper = spare.take(folder: place, lock: lock, answer: answer.writeEnd)
    return Taken(keeper: keeper, answer: answer.takeReadEnd())
  }

  private func networkNamespace() throws -> String {
    var buffer = [CChar](repeating: 0, count: 64)
    let count = try check("readlink") { readlink("/proc/self/ns/net", &buffer, buffer.count) }
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
