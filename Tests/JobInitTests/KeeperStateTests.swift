import JobStore
import Linux
import Testing

@testable import JobInit

@Suite struct KeeperStateTests {
  private func running(timeout: UInt64? = nil) -> KeeperState {
    var state = KeeperState(timeout: timeout, timeoutGrace: 50)
    #expect(state.onMessage(.started(pid: 2), now: 0) == [.announce])
    return state
  }

  @Test func aStopSignalsFirstAndKillsAfterTheGracePeriod() {
    var state = self.running()
    let stop = ControlMessage.stop(signal: 15, grace: 100, by: "alice")
    #expect(state.onControl(stop, now: 10) == [.forward(15)])
    #expect(state.nextDeadline == 110)
    #expect(state.onTimer(now: 109) == [])
    #expect(state.onTimer(now: 110) == [.kill])
    #expect(state.killed)
    #expect(state.cause == .stop(by: "alice"))
  }

  @Test func aStopWithoutGraceKillsAtOnce() {
    var state = self.running()
    #expect(state.onControl(.stop(signal: 15, grace: 0, by: "a"), now: 0) == [.kill])
    #expect(state.killed)
    #expect(state.nextDeadline == nil)
  }

  @Test func anImpatientSecondStopShortensTheGracePeriodAndTheFirstCauseStays() {
    var state = self.running()
    _ = state.onControl(.stop(signal: 15, grace: 1_000_000, by: "alice"), now: 0)
    _ = state.onControl(.stop(signal: 15, grace: 5, by: "bob"), now: 10)
    #expect(state.nextDeadline == 15)
    #expect(state.cause == .stop(by: "alice"))
  }

  @Test func aLaterStopNeitherPutsOffTheEndNorCancelsTheTimeout() {
    var state = self.running(timeout: 1000)
    _ = state.onControl(.stop(signal: 15, grace: 100, by: "alice"), now: 0)
    _ = state.onControl(.stop(signal: 18, grace: 1_000_000, by: "alice"), now: 10)
    #expect(state.nextDeadline == 100)
    var patient = self.running(timeout: 1000)
    _ = patient.onControl(.stop(signal: 18, grace: 1_000_000, by: "alice"), now: 10)
    #expect(patient.nextDeadline == 1000)
    #expect(patient.onTimer(now: 1000) == [.forward(15)])
    #expect(patient.nextDeadline == 1050)
  }

  @Test func aStopAfterTheEndIsNoPartOfTheVerdict() {
    var state = self.running(timeout: 1000)
    _ = state.onMessage(.ended(.exited(code: 0)), now: 1)
    #expect(state.onControl(.stop(signal: 15, grace: 0, by: "alice"), now: 2) == [])
    #expect(state.cause == .itself && !state.killed && state.nextDeadline == nil)
  }

  @Test func aTimeoutStopsWithItsOwnGracePeriod() {
    var state = self.running(timeout: 1000)
    #expect(state.nextDeadline == 1000)
    #expect(state.onTimer(now: 1000) == [.forward(15)])
    #expect(state.nextDeadline == 1050)
    #expect(state.onTimer(now: 1050) == [.kill])
    #expect(state.cause == .timeout)
  }

  @Test func aForgedSecondStartOrFailureChangesNothing() {
    var state = self.running()
    #expect(state.onMessage(.started(pid: 3), now: 1) == [])
    let forged = InitFailure(step: "exec", what: "x", errno: 2)
    #expect(state.onMessage(.failed(forged), now: 1) == [])
    #expect(state.failure == nil)
  }

  @Test func theFirstEndIsTheEnd() {
    var state = self.running()
    #expect(state.onMessage(.ended(.exited(code: 3)), now: 1) == [.kill])
    #expect(state.onMessage(.ended(.exited(code: 4)), now: 2) == [.kill])
    #expect(state.end == .exited(code: 3))
    #expect(!state.killed)
  }

  @Test func outputThatCannotBeKeptEndsTheJob() {
    var state = self.running()
    #expect(state.onJournalFailure(errno: 28) == [.kill])
    #expect(state.cause == .output(28))
  }

  @Test func onlyAKillThatNobodyIsKnownToHaveSentIsUnasked() {
    var own = self.running()
    #expect(own.wasKilledUnasked)  // PID 1 died, and could not tell
    _ = own.onMessage(.ended(.signaled(number: 9)), now: 1)
    #expect(own.wasKilledUnasked)
    var exited = self.running()
    _ = exited.onMessage(.ended(.exited(code: 9)), now: 1)
    #expect(!exited.wasKilledUnasked)
    var signaled = self.running()
    _ = signaled.onControl(.signal(9, by: "bob"), now: 1)
    _ = signaled.onMessage(.ended(.signaled(number: 9)), now: 2)
    #expect(!signaled.wasKilledUnasked)
    var stopped = self.running()
    _ = stopped.onControl(.stop(signal: 9, grace: 5, by: "bob"), now: 1)
    _ = stopped.onMessage(.ended(.signaled(number: 9)), now: 2)
    #expect(!stopped.wasKilledUnasked)
  }

  @Test func anEndlessGracePeriodDoesNotOverflow() {
    var state = self.running()
    _ = state.onControl(.stop(signal: 15, grace: .max, by: "a"), now: 10)
    #expect(state.nextDeadline == .max)
  }
}
