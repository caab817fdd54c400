import Glibc
import JobStore
import Linux

/// A keeper before it has a job: everything is done that is the same for most jobs, PID 1 and its mounts
/// included.
enum SpareKeeper {
  /// Waits for a job, and keeps it; ends, and PID 1 with it, when the engine that started it is gone.
  static func run() -> Never {
    let engine = Inherited.take(3)
    let folder = Inherited.take(4)
    let lock = Inherited.take(5)
    let watch = EngineWatch(Inherited.take(6))
    Keeper.becomeQuiet()
    do throws(InitFailure) {
      let early = try Keeper.plan(in: folder)
      var desk = try Keeper.desk(folder, early, watch)
      let birth = try BirthAhead.clone(early, hasNetwork: Network.makeAhead())
      try birth.waitUntilReady()
      let ready = Clock.boot()
      self.warmUp(early)
      Handshake.tell(engine)
      guard let pipe = self.wait(for: engine, birth) else {
        self.takeDown(birth, early, folder)
        _exit(0)
      }
      let answer = Announcement(pipe)
      _ = consume engine
      do throws(InitFailure) {
        let plan = try Keeper.plan(in: folder)
        desk.witness.jobCame(ready: ready)  // before PID 1 hears of it
        let born = try birth.take(plan)
        Keeper.live(
          folder: folder, lock: lock, engine: answer, plan: plan, desk: desk, birth: born)
      } catch {
        answer.tell(.failed(error))
        _exit(1)
      }
    } catch {
      // The engine sees the end of this process, and starts the job without it: what is wrong shows then.
      _exit(1)
    }
  }

  /// The pipe that the engine wants to be answered through; nil when the engine is gone.
  private static func wait(
    for engine: borrowing OwnedDescriptor, _ ahead: borrowing BirthAhead
  ) -> OwnedDescriptor? {
    var entries = [engine.rawValue, ahead.birth.process.descriptor.rawValue].map {
      pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
    }
    repeat {
      // Fails only for lack of memory. A PID 1 that was killed is of no use to anybody.
      guard (try? Poll.wait(&entries)) != nil, entries[1].revents == 0 else { _exit(1) }
    } while entries[0].revents == 0
    // A message that is none of ours is as good as none: the engine reads that from the job's pipe.
    guard let received = try? SocketPair.receive(1, from: engine) else { return nil }
    return OwnedDescriptor(owning: received[0])
  }

  /// The engine was killed: there may never be another one to clear away what was made for it. One that
  /// is there already does the same, and neither minds.
  private static func takeDown(
    _ ahead: borrowing BirthAhead, _ plan: LaunchPlan, _ folder: borrowing OwnedDescriptor
  ) {
    try? ahead.birth.process.signal(SIGKILL)  // ESRCH: it has ended
    _ = try? ahead.birth.process.reap(waiting: true)
    Aftermath.removeCgroups(plan)
    // Not to be asked for: a process that dies lets go of one descriptor after the other.
    Aftermath.removeJobsGroup(plan)
    if let jobs = try? File.open("..", in: folder, O_RDONLY | O_DIRECTORY) {
      try? Folder.removeTree(plan.jobID, in: jobs)
    }
  }

  /// Brings in the pages of code that every job needs, as each costs a start its fault.
  private static func warmUp(_ plan: LaunchPlan) {
    _ = try? LaunchPlan(plan.encoded())
    _ = InitMessage.started(pid: 1).encoded()
  }
}
