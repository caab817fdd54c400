import CLinux
import Glibc
import JobStore
import Linux

/// A keeper before it has a job: all is done that needs to know nothing of one.
enum SpareKeeper {
  /// Waits for a job, and keeps it; ends when the engine that started it is gone.
  static func run() -> Never {
    let engine = Inherited.take(3)
    Keeper.becomeQuiet()
    let hasNetwork = Network.makeAhead()
    self.warmUp()
    // A message that is none of ours ends it as well: the engine reads that from the job's pipe.
    guard let received = try? SocketPair.receive(3, from: engine), received.count == 3 else {
      _exit(0)
    }
    _ = consume engine
    Keeper.keep(
      folder: OwnedDescriptor(owning: received[0]), lock: OwnedDescriptor(owning: received[1]),
      engine: OwnedDescriptor(owning: received[2]), hasNetwork: hasNetwork)
  }

  /// Brings in the pages of code that every job needs, as each costs a start its fault.
  private static func warmUp() {
    let plan = LaunchPlan(
      jobID: "", command: ["true"], environment: ["PATH=/"], workdir: "/", hostname: "",
      user: Spawn.User(uid: 0, gid: 0), capabilities: 0)
    _ = try? LaunchPlan(plan.encoded())
    _ = try? SealedMemory.make(name: "plan", plan.encoded())
    _ = InitMessage.started(pid: 1).encoded()
  }
}
