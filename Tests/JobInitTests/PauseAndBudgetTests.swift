import JobStore
import Linux
import Testing

@testable import JobInit

@Suite struct PauseStateTests {
  private func paused(timeout: UInt64? = nil) -> KeeperState {
    var state = KeeperState(timeout: timeout, timeoutGrace: 50)
    _ = state.onMessage(.started(pid: 2), now: 0)
    #expect(state.onControl(.pause, now: 1) == [.freeze])
    return state
  }

  /// As a task that v1 froze does not die.
  @Test func anEndThatAPauseCameInBetweenIsThawed() {
    var state = self.paused()
    #expect(state.onMessage(.ended(.exited(code: 0)), now: 2) == [.kill, .thaw])
    #expect(!state.isPaused)
  }

  @Test func aResumeThawsOnce() {
    var state = self.paused()
    #expect(state.onControl(.resume, now: 2) == [.thaw])
    #expect(state.onControl(.resume, now: 3) == [])
  }

  @Test func aStopThawsSoThatTheJobCanReact() {
    var state = self.paused()
    let stop = ControlMessage.stop(signal: 15, grace: 100, by: "alice")
    #expect(state.onControl(stop, now: 2) == [.thaw, .forward(15)])
    #expect(state.onTimer(now: 102) == [.kill])
  }

  @Test func aKillComesBeforeTheThaw() {
    var state = self.paused()
    #expect(state.onControl(.stop(signal: 15, grace: 0, by: "a"), now: 2) == [.kill, .thaw])
    var full = self.paused()
    #expect(full.onJournalFailure(errno: 28) == [.kill, .thaw])
  }

  @Test func theTimeoutGoesOnWhilePaused() {
    var state = self.paused(timeout: 1000)
    #expect(state.nextDeadline == 1000)
    #expect(state.onTimer(now: 1000) == [.thaw, .forward(15)])
    #expect(state.cause == .timeout)
  }

  @Test func whatIsBeingEndedIsNotPaused() {
    var state = KeeperState(timeout: nil, timeoutGrace: 50)
    #expect(state.onControl(.pause, now: 0) == [])
    _ = state.onMessage(.started(pid: 2), now: 0)
    _ = state.onControl(.stop(signal: 15, grace: 100, by: "a"), now: 1)
    #expect(state.onControl(.pause, now: 2) == [])
    var over = KeeperState(timeout: nil, timeoutGrace: 50)
    _ = over.onMessage(.started(pid: 2), now: 0)
    _ = over.onMessage(.ended(.exited(code: 0)), now: 1)
    #expect(over.onControl(.pause, now: 2) == [])
  }

  @Test func aSignalWaitsForTheResumeAndKILLDoesNot() {
    var state = self.paused()
    #expect(state.onControl(.signal(15, by: "bob"), now: 2) == [.forward(15)])
    #expect(state.isPaused)
    #expect(state.onControl(.signal(9, by: "bob"), now: 3) == [.forward(9), .thaw])
    #expect(!state.isPaused)
    // Or it would be frozen again before PID 1 has passed it on.
    #expect(state.onControl(.pause, now: 4) == [])
  }

  @Test func howLongAgoTheSignalCameThroughIsKnown() {
    var state = KeeperState(timeout: nil, timeoutGrace: 50)
    _ = state.onMessage(.started(pid: 2), now: 0)
    _ = state.onControl(.signal(15, by: "bob"), now: 10)
    #expect(state.signaledAgo == nil)
    _ = state.onMessage(.ended(.signaled(number: 15)), now: 25)
    #expect(state.signaledAgo == 15)
    var paused = self.paused()
    _ = paused.onControl(.signal(15, by: "bob"), now: 10)
    _ = paused.onControl(.resume, now: 20)
    _ = paused.onMessage(.ended(.signaled(number: 15)), now: 25)
    #expect(paused.signaledAgo == 5)
  }

  @Test func theSenderOfTheSignalThatEndedItIsKnown() {
    var state = KeeperState(timeout: nil, timeoutGrace: 50)
    _ = state.onMessage(.started(pid: 2), now: 0)
    _ = state.onControl(.signal(1, by: "bob"), now: 1)
    #expect(state.signaledBy == nil)
    _ = state.onMessage(.ended(.signaled(number: 1)), now: 2)
    #expect(state.signaledBy == "bob")
    var other = KeeperState(timeout: nil, timeoutGrace: 50)
    _ = other.onMessage(.started(pid: 2), now: 0)
    _ = other.onControl(.signal(1, by: "bob"), now: 1)
    _ = other.onMessage(.ended(.signaled(number: 11)), now: 2)
    #expect(other.signaledBy == nil)
  }
}

@Suite struct CPUBudgetTests {
  private let second: UInt64 = 1_000_000_000

  private func running(_ limit: UInt64, processors: Int) -> KeeperState {
    var state = KeeperState(
      timeout: nil, timeoutGrace: 50, budget: CPUBudget(limit: limit, processors: processors))
    #expect(state.nextDeadline == nil)
    _ = state.onMessage(.started(pid: 2), now: 0)
    #expect(state.onTimer(now: 0) == [.measureCPUTime])
    return state
  }

  @Test func itLooksWhenAllProcessorsCouldHaveUsedItUp() {
    var state = self.running(30 * self.second, processors: 4)
    #expect(state.onCPUTime(0, now: 0) == [])
    #expect(state.nextDeadline == 7_500_000_000)
    #expect(state.onCPUTime(10 * self.second, now: 7_500_000_000) == [])
    #expect(state.nextDeadline == 12_500_000_000)
  }

  @Test func itNeverLooksMoreOftenThanItsShortestPause() {
    var state = self.running(self.second, processors: 4)
    #expect(state.onCPUTime(self.second - 1, now: 0) == [])
    #expect(state.nextDeadline == CPUBudget.shortest)
    #expect(state.onCPUTime(nil, now: self.second) == [])
    #expect(state.nextDeadline == self.second + CPUBudget.shortest)
  }

  @Test func whenItIsUsedUpTheJobIsStoppedOnce() {
    var state = self.running(self.second, processors: 1)
    #expect(state.onCPUTime(self.second, now: 10) == [.forward(15)])
    #expect(state.cause == .cpuTime)
    #expect(state.nextDeadline == 60)
    #expect(state.onTimer(now: 60) == [.kill])
  }

  @Test func aPausedJobIsNotLookedAt() {
    var state = self.running(self.second, processors: 1)
    _ = state.onCPUTime(0, now: 0)
    _ = state.onControl(.pause, now: 1)
    #expect(state.nextDeadline == nil)
    _ = state.onControl(.resume, now: 2)
    #expect(state.onTimer(now: 2) == [.measureCPUTime])
  }

  @Test func theKernelsFilesAreRead() {
    #expect(CPUBudget.microseconds(in: "usage_usec 1500\nuser_usec 1\n") == 1500)
    #expect(CPUBudget.microseconds(in: "nr_periods 0\n") == nil)
  }
}
