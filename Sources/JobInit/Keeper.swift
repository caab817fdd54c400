import Glibc
import JobStore
import Linux

/// The process outside that a job lives and dies with: it keeps the output, the timers and the record
/// of the end, whether or not a server is there to see it.
enum Keeper {
  static func run() -> Never {
    self.becomeQuiet()
    let folder = Inherited.take(3)
    let lock = Inherited.take(4)
    let engine = Announcement(Inherited.take(5))
    let watch = EngineWatch(Inherited.take(6))
    do throws(InitFailure) {
      let plan = try self.plan(in: folder)
      let desk = try self.desk(folder, plan, watch)
      let helper = try self.helper(folder, plan)
      let birth = try self.birth(folder, plan, helper)
      self.live(
        folder: folder, lock: lock, engine: engine, plan: plan, desk: desk, birth: birth,
        helper: helper)
    } catch {
      engine.tell(.failed(error))
      _exit(1)
    }
  }

  /// Keeps one job to its end. `lock` is held until this process is gone.
  static func live(
    folder: consuming OwnedDescriptor, lock: consuming OwnedDescriptor, engine: Announcement,
    plan: LaunchPlan, desk: consuming Desk, birth: consuming Birth, helper: NetworkHelper? = nil
  ) -> Never {
    var loop = KeeperLoop(folder: folder, engine: engine, plan: plan, desk: desk, birth: birth)
    loop.run()
    helper?.end()  // before the job's cgroup goes, which it is in
    loop.finish()
    _ = consume lock
    _exit(0)
  }

  /// What a supervisor or a lost terminal sends to a whole group must not end a job.
  static func becomeQuiet() {
    for number in [SIGHUP, SIGINT, SIGTERM, SIGPIPE] { signal(number, SIG_IGN) }
    umask(0o077)
    Threads.nameCurrent("worker-keeper")  // an execveat leaves a descriptor's number as the name
    // A keeper that is killed for memory takes its job with it, so it goes late. Needs
    // CAP_SYS_RESOURCE; without it the keeper is as likely a victim as its size makes it.
    try? File.writeText("-900", to: "/proc/self/oom_score_adj")
  }

  static func plan(in folder: borrowing OwnedDescriptor) throws(InitFailure) -> LaunchPlan {
    let bytes: [UInt8]
    do throws(SystemError) { bytes = try File.read(JobDirectory.launch, in: folder) } catch {
      throw InitFailure(step: "plan", error)
    }
    do throws(StoreError) { return try LaunchPlan(bytes) } catch {
      throw InitFailure(step: "plan", what: error.description, errno: EINVAL)
    }
  }

  static func desk(
    _ folder: borrowing OwnedDescriptor, _ plan: LaunchPlan, _ watch: consuming EngineWatch
  ) throws(InitFailure) -> Desk {
    do throws(SystemError) {
      return try Desk(folder: folder, plan: plan, engineWatch: watch)
    } catch {
      throw InitFailure(step: "keeper", error)
    }
  }

  private static func helper(
    _ folder: borrowing OwnedDescriptor, _ plan: LaunchPlan
  ) throws(InitFailure) -> NetworkHelper? {
    guard let outgoing = plan.outgoing else { return nil }
    do throws(InitFailure) { return try NetworkHelper.start(outgoing, plan) } catch {
      Aftermath.removeCgroups(plan)
      Aftermath.removeFiles(in: folder)
      throw error
    }
  }

  private static func birth(
    _ folder: borrowing OwnedDescriptor, _ plan: LaunchPlan, _ helper: NetworkHelper?
  ) throws(InitFailure) -> Birth {
    do throws(InitFailure) { return try Birth.clone(plan, hasNetwork: helper != nil) } catch {
      helper?.end()
      Aftermath.removeCgroups(plan)
      Aftermath.removeFiles(in: folder)
      throw error
    }
  }
}
