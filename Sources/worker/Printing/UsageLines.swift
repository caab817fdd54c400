import JobAPI
import SwiftProtobuf

/// What a job uses or has used, as pairs of key and value.
struct UsageLines {
  private let usage: Worker_V1_Usage
  private let isOver: Bool

  init(_ job: Worker_V1_Job) {
    self.usage = job.usage
    self.isOver = job.state == .finished
  }

  var pairs: [(String, String)] {
    var pairs = [("cpu time", self.cpu)]
    if self.usage.cpuThrottledTime != Google_Protobuf_Duration() {
      pairs.append(("cpu throttled", Units.seconds(self.usage.cpuThrottledTime)))
    }
    if !self.isOver { pairs.append(("memory", Units.bytes(self.usage.memoryBytes))) }
    pairs.append(("memory peak", Units.bytes(self.usage.memoryPeakBytes)))
    if !self.isOver { pairs.append(("processes", "\(self.usage.pids)")) }
    if self.usage.pidsPeak > 0 { pairs.append(("processes peak", "\(self.usage.pidsPeak)")) }
    pairs.append(("disk read", Self.disk(self.usage.ioReadBytes, self.usage.ioReadOps)))
    pairs.append(("disk written", Self.disk(self.usage.ioWriteBytes, self.usage.ioWriteOps)))
    return pairs + self.stalls + self.troubles
  }

  private var cpu: String {
    let user = Units.seconds(self.usage.cpuUserTime)
    let system = Units.seconds(self.usage.cpuSystemTime)
    return "\(Units.seconds(self.usage.cpuTime)) (user \(user), system \(system))"
  }

  private var stalls: [(String, String)] {
    var pairs: [(String, String)] = []
    if self.usage.hasCpuStalledTime {
      pairs.append(("waited for cpu", Units.seconds(self.usage.cpuStalledTime)))
    }
    if self.usage.hasMemoryStalledTime {
      pairs.append(("waited for memory", Units.seconds(self.usage.memoryStalledTime)))
    }
    if self.usage.hasIoStalledTime {
      pairs.append(("waited for disks", Units.seconds(self.usage.ioStalledTime)))
    }
    return pairs
  }

  /// While it runs: in the end the verdict says so.
  private var troubles: [(String, String)] {
    guard !self.isOver else { return [] }
    var pairs: [(String, String)] = []
    if self.usage.oomKills > 0 {
      pairs.append(("killed for lack of memory", "\(self.usage.oomKills)"))
    }
    if self.usage.pidsRefusals > 0 {
      pairs.append(("refused processes", "\(self.usage.pidsRefusals)"))
    }
    return pairs
  }

  private static func disk(_ bytes: Int64, _ operations: Int64) -> String {
    "\(Units.bytes(bytes)) in \(operations) operations"
  }
}
