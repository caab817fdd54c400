import Linux

/// A disk that limits of a job are set on.
struct JobDisk: Hashable, Sendable {
  /// What divides it by weight between groups.
  enum Sharing: Hashable, Sendable {
    /// The scheduler BFQ.
    case bfq
    /// The IO cost model (io.cost.qos), which cgroup v1 does not have.
    case cost
    /// Nothing does; its scheduler, as `mq-deadline`.
    case nothing(scheduler: String)
  }

  var device: BlockDevice
  /// From the path to the device, as `/var/lib/worker: 254:1 vda1 > 254:0 vda`.
  var chain: String
  var sharing: Sharing

  init(_ device: BlockDevice, chain: String = "", sharing: Sharing = .nothing(scheduler: "none")) {
    self.device = device
    self.chain = chain
    self.sharing = sharing
  }

  /// BFQ_MAX_WEIGHT of the kernel.
  private static let maxWeightOfBFQ: Int64 = 1000

  /// Why a weight means nothing on this disk; nil: it does.
  func refusal(ofWeight weight: Int64, _ version: CgroupVersion) -> String? {
    switch self.sharing {
    case .bfq where weight > Self.maxWeightOfBFQ:
      return "the scheduler bfq of disk \(self.device) takes weights up to "
        + "\(Self.maxWeightOfBFQ), got \(weight)"
    case .bfq: return nil
    case .cost where version == .v2: return nil
    case .cost:
      return "disk \(self.device) is shared by io.cost, which cgroup v1 does not have"
    case .nothing(let scheduler):
      return "nothing shares disk \(self.device) by weight: its scheduler is \(scheduler); give it "
        + "bfq (/sys/dev/block/\(self.device)/queue/scheduler)"
        + (version == .v2 ? " or turn io.cost.qos on for it" : "")
    }
  }

  /// Reads how `device` is shared now.
  static func sharing(of device: BlockDevice) -> Sharing {
    // The file is in the root group only, which a container does not see.
    let qos = (try? File.readText("/sys/fs/cgroup/io.cost.qos")) ?? ""
    let scheduler = (try? File.readText("/sys/dev/block/\(device)/queue/scheduler")) ?? ""
    return self.sharing(of: device, scheduler: scheduler, qos: qos)
  }

  /// `scheduler` is as `none [mq-deadline] bfq`, `qos` has lines as `8:0 enable=1 ctrl=auto`.
  static func sharing(of device: BlockDevice, scheduler: String, qos: String) -> Sharing {
    let line = qos.split(separator: "\n").first { $0.hasPrefix("\(device) ") }
    if line?.split(separator: " ").contains("enable=1") == true { return .cost }
    let words = scheduler.split(whereSeparator: \.isWhitespace)
    // A device without schedulers to choose from has the one word `none`.
    let chosen = words.first { $0.hasPrefix("[") }?.dropFirst().dropLast() ?? "none"
    return chosen == "bfq" ? .bfq : .nothing(scheduler: String(chosen))
  }
}
