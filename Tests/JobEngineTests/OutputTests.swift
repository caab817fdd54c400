import Glibc
import JobEngine
import JobStore
import Linux
import Testing

@Suite(.requiresRoot) struct OutputTests {
  @Test func lateReaderGetsEverything() async throws {
    try await withWorker { worker in
      let job = try await worker.start(shell("seq 1 10000"), owner: "alice")
      _ = try await worker.wait(job.id)
      let text = try await collect(worker.output(of: job.id)).text
      #expect(text == (1...10_000).map { "\($0)\n" }.joined())
    }
  }

  @Test func followersOfEveryMomentGetTheSameBytes() async throws {
    try await withWorker { worker in
      let size = 48 << 20
      let job = try await worker.start(
        shell("echo go; head -c \(size) /dev/urandom"), owner: "alice")
      let sums = try await withThrowingTaskGroup(of: (Int, UInt64).self) { group in
        for index in 0..<5 {
          group.addTask {
            // Each joins at another moment of the stream.
            try await waitForBytes(index * (size / 6), of: job.id, worker)
            return try await checksum(worker.output(of: job.id))
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(sums.allSatisfy { $0.0 == size + 3 })
      #expect(Set(sums.map(\.1)).count == 1)
    }
  }

  @Test func everyCursorContinuesExactlyThere() async throws {
    try await withWorker { worker in
      let job = try await worker.start(
        shell("for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done"), owner: "alice")
      let whole = try await collect(worker.output(of: job.id))
      var events: [OutputChunk] = []
      for try await event in try worker.output(of: job.id) {
        if case .chunk(let chunk) = event { events.append(chunk) }
      }
      for (index, chunk) in events.enumerated() {
        let rest = try await collect(worker.output(of: job.id, from: chunk.cursor))
        let seen = events[...index].filter { $0.stream == .stdout }.flatMap(\.bytes)
        #expect(seen + rest.stdout == whole.stdout)
        #expect(rest.end == whole.end)
      }
    }
  }

  @Test func cursorThatIsNoneOfTheOutputIsRefused() async throws {
    try await withWorker { worker in
      let job = try await worker.start(shell("echo hello"), owner: "alice")
      _ = try await worker.wait(job.id)
      let cursor = try #require(Cursor("\(job.id).55"))
      await #expect { try await collect(worker.output(of: job.id, from: cursor)) } throws: {
        isError($0, .outOfRange)
      }
      let far = try #require(Cursor("\(job.id).5000000"))
      await #expect { try await collect(worker.output(of: job.id, from: far)) } throws: {
        isError($0, .outOfRange)
      }
      let foreign = try #require(Cursor("0123456789abcdef.40"))
      #expect { try worker.output(of: job.id, from: foreign) } throws: {
        isError($0, .invalidArgument)
      }
    }
  }

  @Test func withoutFollowItEndsAtWhatIsThere() async throws {
    try await withWorker { worker in
      let job = try await worker.start(shell("echo hello; exec sleep 1000"), owner: "alice")
      try await waitForOutput("hello", of: job.id, worker)
      let output = try await collect(worker.output(of: job.id, follow: false))
      #expect(output.text == "hello\n")
      #expect(output.end?.complete == false)
      #expect(output.end?.stdoutBytes == 6)
      #expect(try await worker.status(job.id).outputBytes == 6)
    }
  }

  @Test func followDoesNotWaitForAChildThatOutlivesNothing() async throws {
    try await withWorker { worker in
      // The child holds the pipe open; the job's end is the end of its program.
      let job = try await worker.start(shell("sleep 1000 & echo done"), owner: "alice")
      let output = try await collect(worker.output(of: job.id))
      #expect(output.text == "done\n")
    }
  }

  @Test func outputThatStopsAndGoesOnIsFollowed() async throws {
    try await withWorker { worker in
      let job = try await worker.start(
        shell("trap 'exit 0' TERM; echo a; read x < /tmp/work/gate; echo b"), owner: "alice")
      _ = job
      // No such file: read fails at once, and b follows a.
      let output = try await collect(worker.output(of: job.id))
      #expect(output.text == "a\nb\n")
    }
  }

  @Test func cutJournalIsAnErrorAndNoSilentEnd() async throws {
    let folder = try TemporaryFolder()
    let worker = try await Worker.open(configuration(folder))
    let job = try await worker.start(shell("seq 1 1000"), owner: "alice")
    _ = try await worker.wait(job.id)
    let path = "\(folder.path)/state/jobs/\(job.id)/output.0000000000000000"
    #expect(truncate(path, 1000) == 0)
    await #expect { try await collect(worker.output(of: job.id)) } throws: {
      isError($0, .dataLoss)
    }
    await worker.close()
  }

  @Test func manyFollowersOfAChattyJobGetAllOfIt() async throws {
    try await withWorker { worker in
      let job = try await worker.start(
        shell("i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done"), owner: "alice")
      let texts = try await withThrowingTaskGroup(of: String.self) { group in
        for _ in 0..<100 { group.addTask { try await collect(worker.output(of: job.id)).text } }
        return try await group.reduce(into: Set()) { $0.insert($1) }
      }
      #expect(texts == [(0..<2000).map { "line \($0)\n" }.joined()])
    }
  }

  @Test func removingAJobThatIsReadIsNoDamage() async throws {
    try await withWorker { worker in
      var spec = shell("head -c 200000 /dev/zero")  // two segments
      spec.outputQuota = 256 << 10
      let job = try await worker.start(spec, owner: "alice")
      _ = try await worker.wait(job.id)
      var iterator = try worker.output(of: job.id).makeAsyncIterator()
      _ = try await iterator.next()
      try await worker.remove(job.id)
      await #expect { while try await iterator.next() != nil {} } throws: { error in
        isError(error, .notFound) && "\(error)".contains("was removed while its output was read")
      }
    }
  }

  /// Power went, and of two segments the first did not come to disk as a whole.
  @Test func aHoleInALostJobsOutputIsAnErrorAndNoSilentEnd() async throws {
    let folder = try TemporaryFolder()
    let first = try await Worker.open(configuration(folder))
    // The first segment has a record before the hole on any machine: what was there before the rest.
    var spec = shell("seq 1 3; while ! [ -e /tmp/go ]; do sleep 0.01; done; seq 4 100000")
    spec.outputQuota = 1 << 20
    let job = try await first.start(spec, owner: "alice")
    let path = "\(folder.path)/state/jobs/\(job.id)"
    try await waitForBytes(0, of: job.id, first)
    _ = try File.open("go", in: try File.openFolder("\(path)/files/tmp"), O_WRONLY | O_CREAT)
    _ = try await first.wait(job.id)
    await first.close()
    let segments = try names(in: path).filter { $0.hasPrefix("output.") }.sorted()
    try #require(segments.count > 1)
    let segment = try File.open("\(path)/\(segments[0])", O_RDWR)
    try File.truncate(segment, to: try File.size(segment) - 10)
    try File.remove(JobDirectory.exit, in: try File.openFolder(path))
    let second = try await Worker.open(configuration(folder))
    let status = try await second.status(job.id)
    #expect(status.verdict?.reason == .lost && status.outputBytes == 588_895)
    var text = ""
    await #expect {
      for try await event in try second.output(of: job.id) {
        if case .chunk(let chunk) = event { text += String(decoding: chunk.bytes, as: UTF8.self) }
      }
    } throws: { isError($0, .dataLoss) }
    #expect(text.hasPrefix("1\n2\n3\n"))
    await second.close()
  }

  @Test func removingAJobThatIsReadHarmsNobody() async throws {
    try await withWorker { worker in
      let job = try await worker.start(shell("head -c 1000000 /dev/zero"), owner: "alice")
      _ = try await worker.wait(job.id)
      var iterator = try worker.output(of: job.id).makeAsyncIterator()
      _ = try await iterator.next()
      try await worker.remove(job.id)
      var count = 1
      while let event = try await iterator.next() {
        if case .end = event { break }
        count += 1
      }
      // Its one segment was open: all of it is still read.
      #expect(count > 2)
    }
  }
}

/// Size and a sum (FNV-1a) of everything a job wrote to stdout.
func checksum(_ output: JobOutput) async throws -> (Int, UInt64) {
  var size = 0
  var sum: UInt64 = 0xcbf2_9ce4_8422_2325
  for try await event in output {
    guard case .chunk(let chunk) = event else { continue }
    #expect(chunk.offset == UInt64(size))
    size += chunk.bytes.count
    for byte in chunk.bytes { sum = (sum ^ UInt64(byte)) &* 0x100_0000_01b3 }
  }
  return (size, sum)
}

func waitForBytes(_ count: Int, of id: JobID, _ worker: Worker) async throws {
  for try await event in try worker.output(of: id) {
    guard case .chunk(let chunk) = event, chunk.offset < count else { return }
  }
}
