/// What would become of a job on this host.
public struct JobPlan: Hashable, Sendable {
  /// Those asked for, and what comes with them.
  public var limits: [PlannedLimit]
  /// The folders below which the job's cgroups would be made.
  public var folders: [String]
  /// What would separate it from the host.
  public var isolation: Isolation?
  /// Why it would be refused at this moment for what other jobs have; nil: it would not.
  public var refusal: String?

  /// A plan of these parts.
  public init(limits: [PlannedLimit], folders: [String]) {
    self.limits = limits
    self.folders = folders
  }
}

/// One limit before a start.
public struct PlannedLimit: Hashable, Sendable {
  /// As in the API, `ioRead`.
  public var name: String
  /// The kernel's file, as `io.max`.
  public var file: String
  /// The cgroup's parent folder; empty for what setrlimit(2) carries out.
  public var folder: String
  /// What would be written.
  public var value: String
  /// What the kernel made of it in an empty cgroup.
  public var applied = ""
  /// For disks: from the path to the device, as `/ on ext4 > 8:1 sda1 > 8:0 sda`.
  public var devices: [String] = []
  /// What is to be known of it; mostly empty.
  public var note = ""
  /// Why it cannot be enforced; nil: it can.
  public var unenforced: String?

  /// A limit of these parts; the rest is filled in later.
  public init(name: String, file: String = "", folder: String = "", value: String = "") {
    self.name = name
    self.file = file
    self.folder = folder
    self.value = value
  }
}
