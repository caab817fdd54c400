import JobAPI
import SwiftProtobuf
import Testing

@testable import worker

@Suite struct TopTests {
  private func job(_ id: String, cpu: Int64, written: Int64 = 0) -> Worker_V1_Job {
    .with {
      $0.id = id
      $0.owner = "alice"
      $0.command = ["sleep", "9"]
      $0.state = .running
      $0.startTime = Google_Protobuf_Timestamp(seconds: 100)
      $0.usage.cpuTime = Google_Protobuf_Duration(seconds: cpu)
      $0.usage.ioWriteBytes = written
      $0.usage.memoryBytes = 1 << 20
      $0.usage.pids = 2
    }
  }

  private func seconds(_ count: Int64) -> Int64 { count * 1_000_000_000 }

  @Test func ratesAreThoseSinceTheTableBeforeOrTheStart() {
    let first = TopTable(
      [self.job("a", cpu: 1), self.job("b", cpu: 5)], before: [:], now: self.seconds(110))
    #expect(first.lines(columns: nil).map { $0.prefix(1) } == ["I", "b", "a"])
    #expect(first.lines(columns: nil)[1].contains("  50  "))
    let second = TopTable(
      [self.job("a", cpu: 3, written: 4096), self.job("b", cpu: 5)], before: first.samples,
      now: self.seconds(112))
    let lines = second.lines(columns: nil)
    #expect(lines.map { $0.prefix(1) } == ["I", "a", "b"])
    #expect(lines[1].contains("  100  ") && lines[1].contains("  2K "))
    #expect(lines[2].contains("  0  "))
  }

  @Test func linesAreCutToTheTerminal() {
    let table = TopTable([self.job("a", cpu: 1)], before: [:], now: self.seconds(110))
    #expect(table.lines(columns: 20).allSatisfy { $0.count <= 20 })
  }

  @Test func aPausedJobSaysSo() {
    var job = self.job("a", cpu: 1)
    job.paused = true
    let table = TopTable([job], before: [:], now: self.seconds(110))
    #expect(table.lines(columns: nil)[1].contains("PAUSED"))
    #expect(JobPage(job).text.contains("RUNNING (paused)"))
  }

  @Test func anIntervalOfNothingIsRefused() {
    #expect(throws: ValueError.self) { try TopCommand.interval("10ms") }
  }
}
