import Testing

@testable import GRPCNghttp2

@Suite struct TimeTests {
  @Test func timersFireInOrderOfTime() {
    var queue = TimerQueue()
    var fired: [Int] = []
    for time in [5, 1, 4, 2, 3, 3] { _ = queue.add(deadline: Int64(time)) { fired.append(time) } }
    #expect(queue.nextDeadline() == 1)
    while let action = queue.popDue(now: 4) { action() }
    #expect(fired == [1, 2, 3, 3, 4])
    #expect(queue.nextDeadline() == 5)
  }

  @Test func cancelledTimersDoNotFire() {
    var queue = TimerQueue()
    var fired: [Int] = []
    let first = queue.add(deadline: 1) { fired.append(1) }
    _ = queue.add(deadline: 2) { fired.append(2) }
    queue.cancel(first)
    #expect(queue.nextDeadline() == 2)
    while let action = queue.popDue(now: 9) { action() }
    #expect(fired == [2])
  }

  @Test func cancelledTimersCostNoMemory() {
    var queue = TimerQueue()
    let kept = queue.add(deadline: 1_000_000) {}
    for time in 0..<100_000 {
      let token = queue.add(deadline: Int64(2_000_000 - time)) {}
      queue.cancel(token)
    }
    #expect(queue.count == 1)
    #expect(queue.heapCount <= 65)
    #expect(queue.nextDeadline() == 1_000_000)
    queue.cancel(kept)
    #expect(queue.nextDeadline() == nil)
  }

  @Test func silentPeerIsPingedAndThenDead() {
    var keepalive = Keepalive(interval: 15, timeout: 10, now: 0)
    #expect(keepalive.check(now: 5, mayPing: true) == .wait(10))
    #expect(keepalive.check(now: 15, mayPing: true) == .ping(10))
    #expect(keepalive.check(now: 20, mayPing: true) == .wait(5))
    #expect(keepalive.check(now: 25, mayPing: true) == .dead)
  }

  @Test func anyByteIsASignOfLife() {
    var keepalive = Keepalive(interval: 15, timeout: 10, now: 0)
    #expect(keepalive.check(now: 15, mayPing: true) == .ping(10))
    keepalive.received(now: 24)
    #expect(keepalive.check(now: 25, mayPing: true) == .wait(14))
  }

  @Test func idleClientDoesNotPing() {
    var keepalive = Keepalive(interval: 15, timeout: 10, now: 0)
    #expect(keepalive.check(now: 15, mayPing: false) == .wait(15))
  }

  @Test(arguments: [(0, 10), (15, 0)]) func keepaliveOfNothingIsOff(interval: Int64, timeout: Int64)
  {
    var keepalive = Keepalive(interval: interval, timeout: timeout, now: 0)
    #expect(keepalive.check(now: 1_000, mayPing: true) == .off)
  }
}
