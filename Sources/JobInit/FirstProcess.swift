import CLinux
import Glibc
import JobStore
import Linux

/// PID 1 of a job: sets up what the job sees, starts the target, reaps, forwards signals.
enum FirstProcess {
  static func run() -> Never {
    let orders = self.begin()
    do throws(InitFailure) {
      let plan = try self.plan(Inherited.take(3))
      let mounts = try self.setUp(plan, orders)
      try self.live(plan, mounts, orders)
    } catch {
      self.fail(error)
    }
  }

  /// As `run`, but before there is a job: sets up all that jobs have in common, says so, and waits for
  /// the plan of the job. Its keeper has seen to it that the two plans fit.
  static func runAhead() -> Never {
    let orders = self.begin()
    do throws(InitFailure) {
      let keeper = Inherited.take(3)
      let early = try self.plan(from: keeper)
      let mounts = try self.setUp(early, orders)
      Handshake.tell(keeper)
      let plan = try self.plan(from: keeper)
      _ = consume keeper
      do throws(SystemError) {
        try mounts.add(plan.mounts.dropFirst(early.mounts.count))
      } catch {
        throw InitFailure(step: "mount", error)
      }
      try self.live(plan, mounts, orders)
    } catch {
      self.fail(error)
    }
  }

  private static func begin() -> OwnedDescriptor {
    Threads.nameCurrent("worker-init")  // an execveat leaves a descriptor's number as the name
    return Inherited.take(4)
  }

  private static func setUp(
    _ plan: LaunchPlan, _ orders: borrowing OwnedDescriptor
  ) throws(InitFailure) -> Mounts {
    for step in Setup.before { try step.run(plan, orders) }
    let mounts: Mounts
    do throws(SystemError) { mounts = try Mounts.build(plan) } catch {
      throw InitFailure(step: "mount", error)
    }
    for step in Setup.after { try step.run(plan, orders) }
    return mounts
  }

  private static func live(
    _ plan: LaunchPlan, _ mounts: consuming Mounts, _ orders: consuming OwnedDescriptor
  ) throws(InitFailure) -> Never {
    var loop = try ReapLoop(orders: orders)
    try loop.startTarget(plan, mounts.takeKept())
    loop.run()
  }

  private static func fail(_ failure: InitFailure) -> Never {
    KeeperPipe.tell(.failed(failure))
    _exit(1)
  }

  /// Waits for a plan from the keeper; ends with it.
  private static func plan(
    from keeper: borrowing OwnedDescriptor
  ) throws(InitFailure) -> LaunchPlan {
    let received: [CInt]?
    do throws(SystemError) { received = try SocketPair.receive(1, from: keeper) } catch {
      throw InitFailure(step: "plan", error)
    }
    guard let memory = received?.first else { _exit(0) }
    return try self.plan(OwnedDescriptor(owning: memory))
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
