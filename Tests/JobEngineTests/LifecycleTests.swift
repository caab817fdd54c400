import JobStore
import Linux
import Testing

@testable import JobEngine

@Suite struct LifecycleTests {
  private let record = ExitRecord(
    end: .exited(code: 0), cause: .itself, killed: false, time: 1, journalEnd: 40, stdoutBytes: 0,
    stderrBytes: 0, evidence: [])

  @Test func stopBeforeTheStartGivesItUp() {
    var lifecycle = JobLifecycle()
    #expect(lifecycle.stop(by: "bob") == .killKeeper)
    #expect(lifecycle.abandoned?.message == "stopped by bob while it was being started")
    let hasStarted = lifecycle.started()
    #expect(!hasStarted)
    #expect(lifecycle.state == .starting)
  }

  @Test func stopTellsTheKeeperEachTime() {
    var lifecycle = JobLifecycle()
    lifecycle.started()
    #expect(lifecycle.stop(by: "a") == .tellKeeper)
    // Only what the keeper was told counts.
    #expect(lifecycle.state == .running)
    lifecycle.stopping()
    #expect(lifecycle.state == .stopping)
    #expect(lifecycle.stop(by: "a") == .tellKeeper)
  }

  @Test func endIsPublishedOnceAndForGood() {
    var lifecycle = JobLifecycle()
    lifecycle.started()
    #expect(lifecycle.finish(self.record) == .publish)
    #expect(lifecycle.finish(self.record) == .ignore)
    #expect(lifecycle.stop(by: "a") == .isOver)
    lifecycle.started()
    #expect(lifecycle.state == .finished)
    #expect(lifecycle.record == self.record)
  }

  @Test func failedStartIsOverAndHasNoRecord() {
    var lifecycle = JobLifecycle()
    lifecycle.startFailed(WorkerError(.startFailed, "x"))
    #expect(lifecycle.isOver)
    #expect(lifecycle.record == nil)
    #expect(lifecycle.finish(self.record) == .ignore)
  }

  @Test func onlyWhatIsOverIsRemovedAndOnlyOnce() {
    var lifecycle = JobLifecycle()
    lifecycle.started()
    #expect(lifecycle.remove() == .refuse)
    _ = lifecycle.finish(self.record)
    #expect(lifecycle.remove() == .remove)
    #expect(lifecycle.remove() == .isRemoved)
  }
}

@Suite struct WatchedTests {
  @Test func waiterIsWokenWhenItsConditionHolds() async {
    let number = Watched(0)
    async let waiter: Void = number.wait { $0 >= 3 }
    for _ in 0..<3 { number.change { $0 += 1 } }
    await waiter
    #expect(number.value == 3)
  }

  @Test func conditionThatHoldsAlreadyIsNotWaitedFor() async {
    await Watched(5).wait { $0 == 5 }
  }

  @Test func cancelledTaskStopsWaiting() async {
    let number = Watched(0)
    let task = Task { await number.wait { $0 == 1 } }
    task.cancel()
    await task.value
  }

  @Test func manyWaitersAndManyChangesLoseNobody() async {
    let number = Watched(0)
    await withTaskGroup(of: Void.self) { group in
      for target in 1...200 { group.addTask { await number.wait { $0 >= target } } }
      group.addTask { for _ in 0..<200 { number.change { $0 += 1 } } }
    }
    #expect(number.value == 200)
  }
}

@Suite struct RegistryTests {
  private func reserve(
    _ registry: inout Registry, name: String? = nil, request: String? = nil, owner: String = "a",
    user: ResolvedUser? = nil
  ) throws -> Job {
    var spec = JobSpec(command: ["true"])
    spec.name = name
    if let user { spec.user = .ids(uid: user.uid, gid: user.gid) }
    switch try registry.reserve(
      spec, id: .random(), owner: owner, request: request.map { JobRequest(id: $0) }, time: 0,
      user: user)
    {
    case .new(let job), .existing(let job): return job
    }
  }

  @Test func userIDsAreHandedOutInTurnAndComeBack() throws {
    var registry = Registry(userIDs: 10...12, first: 12)
    let first = try self.reserve(&registry)
    let second = try self.reserve(&registry)
    #expect([first.record.uid, second.record.uid] == [12, 10])
    registry.release(second)
    let third = try self.reserve(&registry)
    #expect(third.record.uid == 11)
    let fourth = try self.reserve(&registry)
    #expect(fourth.record.uid == 10)
    #expect { try self.reserve(&registry) } throws: { isError($0, .resourceExhausted) }
    // The second is forgotten only now: what the fourth holds stays taken.
    registry.drop(second)
    #expect { try self.reserve(&registry) } throws: { isError($0, .resourceExhausted) }
  }

  @Test func userIDsThatWereNamedAreNotHandedOut() throws {
    var registry = Registry(userIDs: 10...11, first: 10)
    var named = ResolvedUser.own(10)
    named.gid = 11
    let jobs = [
      try self.reserve(&registry, user: named), try self.reserve(&registry, user: named),
    ]
    #expect { try self.reserve(&registry) } throws: { isError($0, .resourceExhausted) }
    registry.release(jobs[0])
    #expect { try self.reserve(&registry) } throws: { isError($0, .resourceExhausted) }
    registry.release(jobs[1])
    let own = try self.reserve(&registry)
    #expect(own.record.uid == 10)
  }

  @Test func nameComesBackToItsNewHolderOnly() throws {
    var registry = Registry(userIDs: 10...20)
    let first = try self.reserve(&registry, name: "web")
    #expect { try self.reserve(&registry, name: "web") } throws: { isError($0, .alreadyExists) }
    registry.release(first)
    _ = try self.reserve(&registry, name: "web")
    registry.drop(first)
    #expect { try self.reserve(&registry, name: "web") } throws: { isError($0, .alreadyExists) }
    _ = try self.reserve(&registry, name: "web", owner: "b")
  }

  @Test func sameRequestGetsTheSameJobUntilItIsForgotten() throws {
    var registry = Registry(userIDs: 10...20)
    let first = try self.reserve(&registry, request: "r")
    #expect(try self.reserve(&registry, request: "r").id == first.id)
    #expect(try self.reserve(&registry, request: "r", owner: "b").id != first.id)
    registry.drop(first)
    #expect(try self.reserve(&registry, request: "r").id != first.id)
  }

  @Test func closedRegistryTakesNothing() throws {
    var registry = Registry(userIDs: 10...20)
    registry.close()
    #expect { try self.reserve(&registry) } throws: { isError($0, .unavailable) }
  }
}
