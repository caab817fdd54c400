import JobAPI
import SwiftProtobuf
import Testing

@testable import worker

/// What people and programs read.
@Suite struct PrintingTests {
  static func job(_ id: String, name: String = "", command: [String]) -> Worker_V1_Job {
    .with {
      $0.id = id
      $0.name = name
      $0.owner = "alice"
      $0.command = command
      $0.state = .running
      $0.createTime = Google_Protobuf_Timestamp(seconds: 100)
    }
  }

  @Test func tableIsAligned() {
    let table = JobTable(
      [
        Self.job("aaaaaaaaaaaaaaaa", name: "build", command: ["make", "-j4"]),
        Self.job("bbbbbbbbbbbbbbbb", command: ["sh", "-c", "echo 'x'"]),
      ], now: 160_000_000_000)
    let expected = """
      ID                NAME   OWNER  STATE    AGE  COMMAND
      aaaaaaaaaaaaaaaa  build  alice  RUNNING  1m   make -j4
      bbbbbbbbbbbbbbbb  -      alice  RUNNING  1m   sh -c 'echo '\\''x'\\'''

      """
    #expect(table.text(bold: false) == expected)
    #expect(table.text(bold: true).hasPrefix("\u{1b}[1mID"))
  }

  @Test func pageShowsVerdictAndUsage() {
    var job = Self.job("aaaaaaaaaaaaaaaa", command: ["true"])
    job.state = .finished
    job.exit.reason = .exited
    job.exit.code = 3
    job.exit.message = "exited with code 3"
    job.usage.memoryPeakBytes = 3 << 19
    let lines = JobPage(job).text.split(separator: "\n")
    #expect(lines.contains("exit code:    3"))
    #expect(lines.contains("verdict:      exited with code 3"))
    #expect(lines.contains("memory peak:  1.5M"))
  }

  @Test func updateShowsLimitsAsStatusDoes() {
    var job = Self.job("aaaaaaaaaaaaaaaa", command: ["true"])
    job.applied["memory"] = .with {
      $0.file = "memory.max"
      $0.value = "4096"
    }
    job.applied["memoryHigh"] = .with { $0.unenforced = "cgroup v1 has none" }
    #expect(
      UpdateCommand.text(job)
        == "memory: memory.max = 4096\nmemoryHigh: NOT ENFORCED: cgroup v1 has none\n")
  }

  @Test func aPlanShowsThatThereIsNoRoom() {
    let plan = Worker_V1_PlanJobResponse.with {
      $0.cgroupVersion = "v2"
      $0.limits = [
        .with {
          $0.name = "start"
          $0.unenforced = "this host has 3 unfinished jobs"
        }
      ]
    }
    #expect(
      PlanPage(plan).text.hasSuffix(
        "\nno limit was asked for\nstart: REFUSED: this host has 3 unfinished jobs\n"))
  }

  @Test func controlCharactersDoNotReachTheTerminal() {
    #expect(Printable.escaped("a\nb\u{1b}[31m\u{9b}") == "a b\\u{1b}[31m\\u{9b}")
    #expect(Printable.command(["a\u{7}", ""]) == "'a\\u{7}' ''")
    #expect(Message.line("two\nlines") == "worker: two lines\n")
  }

  @Test(
    arguments: [
      (0, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86_399, "23h"),
      (86_400, "1d"), (-5, "0s"),
    ] as [(Int64, String)])
  func ages(seconds: Int64, text: String) {
    #expect(Units.age(seconds: seconds) == text)
  }

  @Test(
    arguments: [
      (0, "0"), (1023, "1023"), (1024, "1K"), (1536, "1.5K"), (64 << 20, "64M"), (5 << 40, "5T"),
    ] as [(Int64, String)])
  func byteCounts(count: Int64, text: String) {
    #expect(Units.bytes(count) == text)
  }

  @Test func listIsOneArray() throws {
    #expect(try JSON.text([Worker_V1_Job]()) == "[]\n")
    let text = try JSON.text([
      Worker_V1_Job.with { $0.id = "a" }, Worker_V1_Job.with { $0.id = "b" },
    ])
    #expect(text == #"[{"applied":{},"id":"a"},{"applied":{},"id":"b"}]"# + "\n")
    #expect(try Worker_V1_Job.array(fromJSONString: text).map(\.id) == ["a", "b"])
  }

  @Test func theSameIsPrintedTheSame() throws {
    let job = Worker_V1_Job.with { job in
      for (name, value) in zip("hgfedcba", 0...) {
        job.applied[String(name)] = .with { $0.value = "\(value)" }
      }
    }
    let names = try JSON.text(job).split(separator: "\"").map(String.init).filter { $0.count == 1 }
    #expect(names.filter { ("a"..."h").contains($0) } == "abcdefgh".map(String.init))
  }

  @Test func anOutageIsToldToATerminalAtOnceAndToAFileAfterTwoSeconds() {
    func told(_ isTerminal: Bool, _ failures: [(String, Int64)], again: Int64? = nil) -> [Bool] {
      var outage = Outage(isTerminal: isTerminal)
      return failures.enumerated().map { index, failure in
        outage.failed(
          failure.0, isFirst: index == 0 || failure.1 == again, now: failure.1 * 1_000_000_000)
      }
    }
    #expect(told(true, [("lost", 20), ("lost", 21), ("refused", 22)]) == [true, false, true])
    let lost = [20, 21, 22, 23].map { ("lost", $0 as Int64) }
    #expect(told(false, lost) == [false, false, true, false])
    // Attempts that find nobody take as long as a connection may.
    #expect(told(false, [("lost", 20), ("lost", 31), ("lost", 42)]) == [false, true, false])
    #expect(told(true, [("lost", 20), ("lost", 31)]) == [true, false])
    // Another one begins anew.
    #expect(told(false, lost + [("lost", 24)], again: 24).last == false)
    #expect(told(true, lost + [("lost", 24)], again: 24).last == true)
  }

  @Test func stampsEveryLineOnceForEachStream() {
    var stamper = LineStamper()
    let time = Google_Protobuf_Timestamp(seconds: 1, nanos: 5_000_000)
    let stamp = "1970-01-01T00:00:01.005Z "
    func stamped(_ text: String, _ stream: Worker_V1_OutputStream) -> String {
      String(decoding: stamper.stamped(Array(text.utf8), stream, time), as: UTF8.self)
    }
    #expect(stamped("a\nb", .stdout) == "\(stamp)a\n\(stamp)b")
    #expect(stamped("x\n", .stderr) == "\(stamp)x\n")
    #expect(stamped("c\nd\n", .stdout) == "c\n\(stamp)d\n")
  }
}
