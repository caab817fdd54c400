import Glibc
import JobEngine
import Testing

/// Output from where a view begins.
@Suite(.requiresRoot) struct ViewTests {
  @Test func theLastLinesOfAFinishedAndOfARunningJob() async throws {
    try await withWorker { worker in
      var view = OutputView()
      view.tail = 2
      view.streams = [.stdout]  // the shell may say on stderr that its sleep was killed
      let done = try await worker.start(shell("seq 1 50000"), owner: "alice")
      _ = try await worker.wait(done.id)
      let last = try await collect(worker.output(of: done.id, view: view))
      #expect(last.text == "49999\n50000\n")
      #expect(last.end?.stdoutBytes == 288_894)

      let running = try await worker.start(
        shell("echo a; echo b; echo c; trap 'echo d; exit' TERM; while :; do sleep 0.1; done"),
        owner: "alice")
      try await waitForOutput("c\n", of: running.id, worker)
      let now = try await collect(worker.output(of: running.id, view: view, follow: false))
      #expect(now.text == "b\nc\n")
      #expect(now.end?.stdoutBytes == 6)
      async let followed = collect(worker.output(of: running.id, view: view))
      _ = try await worker.stop(running.id, by: "test")
      #expect(try await followed.text.hasSuffix("c\nd\n"))
    }
  }

  @Test func aViewThatBeginsAtTheEndTellsThePlace() async throws {
    try await withWorker { worker in
      let job = try await worker.start(shell("echo a; exec sleep 1000"), owner: "alice")
      try await waitForOutput("a\n", of: job.id, worker)
      var view = OutputView()
      view.tail = 0
      var iterator = try worker.output(of: job.id, view: view).makeAsyncIterator()
      guard case .start(let cursor) = try await iterator.next() else {
        Issue.record("the place must be told")
        return
      }
      let rest = try await collect(worker.output(of: job.id, from: cursor, follow: false))
      #expect(rest.stdout.isEmpty && rest.end?.stdoutBytes == 2)
    }
  }

  @Test func exactTimesAreThoseOfEveryRecord() async throws {
    try await withWorker { worker in
      let job = try await worker.start(
        shell("echo a; sleep 0.2; echo b; sleep 0.2; echo c"), owner: "alice")
      _ = try await worker.wait(job.id)
      var view = OutputView()
      view.hasExactTimes = true
      var times: [Int64] = []
      for try await event in try worker.output(of: job.id, view: view) {
        if case .chunk(let chunk) = event { times.append(chunk.time) }
      }
      #expect(times.count == 3 && times == times.sorted() && Set(times).count == 3)
      view.since = times.last
      #expect(try await collect(worker.output(of: job.id, view: view)).text == "c\n")
      view.tail = 2
      view.since = times.first
      #expect(try await collect(worker.output(of: job.id, view: view)).text == "b\nc\n")
    }
  }

  @Test func whatIsWrittenBeforeATimeStillToComeIsNotShown() async throws {
    try await withWorker { worker in
      let job = try await worker.start(
        shell("i=0; while [ $i -lt 30 ]; do echo $i; sleep 0.05; i=$((i+1)); done"),
        owner: "alice")
      let time = try #require(job.startTime) + 700_000_000
      var view = OutputView()
      view.since = time
      let shown = try await collect(worker.output(of: job.id, view: view)).text
      view.since = nil
      view.hasExactTimes = true
      var expected = ""
      for try await event in try worker.output(of: job.id, view: view) {
        guard case .chunk(let chunk) = event, chunk.time >= time || !expected.isEmpty else {
          continue
        }
        expected += String(decoding: chunk.bytes, as: UTF8.self)
      }
      #expect(shown == expected && !shown.isEmpty)
    }
  }

  @Test func liveOutputBytesAreExactHoweverMany() async throws {
    try await withWorker { worker in
      let job = try await worker.start(
        shell("echo x >&2; head -c 6000000 /dev/zero; echo done; exec sleep 1000"), owner: "alice")
      var count = 0
      for try await event in try worker.output(of: job.id) {
        if case .chunk(let chunk) = event { count += chunk.bytes.count }
        if count == 6_000_007 { break }
      }
      #expect(try await worker.status(job.id).outputBytes == 6_000_007)
    }
  }

  @Test func aViewAndACursorExcludeEachOther() async throws {
    try await withWorker { worker in
      let job = try await worker.start(shell("echo a"), owner: "alice")
      let cursor = try #require(Cursor("\(job.id).56"))
      var view = OutputView()
      view.tail = 1
      #expect { try worker.output(of: job.id, from: cursor, view: view) } throws: {
        isError($0, .invalidArgument)
      }
      view.tail = -1
      #expect { try worker.output(of: job.id, view: view) } throws: {
        isError($0, .invalidArgument)
      }
    }
  }
}
