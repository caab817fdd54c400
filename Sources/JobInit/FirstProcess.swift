import CLinux
import Glibc
import JobStore
import Linux

/// PID 1 of a job: sets up what the job sees, starts the target, reaps, forwards signals.
enum FirstProcess {
  static func run() -> Never {
    let orders = Inherited.take(4)
    Threads.nameCurrent("worker-init")  // an execveat leaves a descriptor's number as the name
    do throws(InitFailure) {
      let plan = try self.plan(Inherited.take(3))
      for step in Setup.before { try step.run(plan, orders) }
      let kept = try self.mount(plan)
      for step in Setup.after { try step.run(plan, orders) }
      var loop = try ReapLoop(orders: orders)
      try loop.startTarget(plan, kept)
      loop.run()
    } catch {
      KeeperPipe.tell(.failed(error))
      _exit(1)
    }
  }

  private static func mount(_ plan: LaunchPlan) throws(InitFailure) -> Mounts.Kept {
    do throws(SystemError) { return try Mounts.build(plan) } catch {
      throw InitFailure(step: "mount", error)
    }
  }

  /// The plan comes in a sealed memfd: nobody can change it, and there is nothing to wait for.
  private static func plan(_ descriptor: consuming OwnedDescriptor) throws(InitFailure)
    -> LaunchPlan
  {
    let bytes: [UInt8]
    do throws(SystemError) { bytes = try File.readAll(descriptor) } catch {
      throw InitFailure(step: "plan", error)
    }
    do throws(StoreError) { return try LaunchPlan(bytes) } catch {
      throw InitFailure(step: "plan", what: error.description, errno: EINVAL)
    }
  }
}

/// The pipe from PID 1 to its keeper: descriptor 5, open for as long as PID 1 lives.
enum KeeperPipe {
  static func tell(_ message: InitMessage) {
    let pipe = Inherited.take(5)
    // Fails only when the keeper is gone, and then this process is about to be killed.
    try? File.writeAll(message.encoded(), to: pipe)
    _ = pipe.release()
  }
}
