package import Linux

/// That a job runs, and as which processes. Written by the keeper once the program was executed.
///
/// Means nothing after a reboot, hence the boot id, and is not synced to disk.
package struct StartRecord: Hashable, Sendable {
  /// Of /proc/sys/kernel/random/boot_id.
  package var bootID: String
  /// The keeper as the host sees it; a pid alone may come to mean another process, with its start
  /// time (clock ticks since boot, field 22 of /proc/PID/stat) it cannot.
  package var keeper: ProcessIdentity
  /// PID 1 of the job as the host sees it.
  package var initProcess: ProcessIdentity
  /// Nanoseconds since 1970.
  package var time: Int64

  package init(
    bootID: String, keeper: ProcessIdentity, initProcess: ProcessIdentity, time: Int64
  ) {
    self.bootID = bootID
    self.keeper = keeper
    self.initProcess = initProcess
    self.time = time
  }

  package func encoded() -> [UInt8] {
    var fields = Fields()
    fields.append("boot", self.bootID)
    fields.append("keeper", self.keeper.pid)
    fields.append("keeper.start", self.keeper.startTicks)
    fields.append("init", self.initProcess.pid)
    fields.append("init.start", self.initProcess.startTicks)
    fields.append("time", self.time)
    return fields.encoded(kind: "started")
  }

  package init(_ bytes: [UInt8]) throws(StoreError) {
    let fields = try Fields(bytes, kind: "started")
    self.bootID = fields["boot"] ?? ""
    self.keeper = ProcessIdentity(
      pid: try fields.required("keeper"), startTicks: try fields.required("keeper.start"))
    self.initProcess = ProcessIdentity(
      pid: try fields.required("init"), startTicks: try fields.required("init.start"))
    self.time = try fields.required("time")
  }
}
