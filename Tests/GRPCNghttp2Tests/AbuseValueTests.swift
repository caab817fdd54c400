import Linux
import Testing

@testable import GRPCNghttp2

/// The counts that bound what a client may cost, with a clock of the test's own.
@Suite struct AbuseValueTests {
  private let second: Int64 = 1_000_000_000

  @Test func bucketAllowsABurstAndThenItsRate() {
    var bucket = TokenBucket(RateLimit(perSecond: 2, burst: 3), now: 0)
    let burst = (0..<4).map { _ in bucket.take(now: 0) }
    #expect(burst == [true, true, true, false])
    #expect(bucket.wait(for: 1) == self.second / 2)
    let (early, later) = (
      bucket.take(now: self.second / 2 - 1), bucket.take(now: self.second / 2)
    )
    #expect(!early && later)
    let isFull = [self.second, 10 * self.second].map { bucket.isFull(now: $0) }
    #expect(isFull == [false, true])
  }

  @Test func bucketThatIsOwedSaysForHowLong() {
    var bucket = TokenBucket(RateLimit(perSecond: 100, burst: 100), now: 0)
    let waits = [100, 50, 50].map { bucket.owe($0, now: 0) }
    #expect(waits == [0, self.second / 2, self.second])
  }

  @Test func bucketWithoutARateIsNoLimit() {
    var bucket = TokenBucket(RateLimit(perSecond: 0, burst: 0), now: 0)
    let (taken, wait) = (bucket.take(1_000_000, now: 0), bucket.owe(1_000_000, now: 0))
    #expect(taken && wait == 0)
  }

  @Test(arguments: [
    ("10.0.0.1", "10.0.0.1", true), ("10.0.0.1", "10.0.0.2", false),
    ("::ffff:10.0.0.1", "10.0.0.1", true),
    ("2001:db8::1", "2001:db8::ffff:1", true), ("2001:db8::1", "2001:db8:0:1::1", false),
    ("::a00:1", "10.0.0.1", false),
  ]) func addressesOfOneHostCountTogether(one: String, other: String, same: Bool) throws {
    let keys = try [one, other].map { AddressKey(try #require(IPEndpoint(host: $0, port: 1))) }
    #expect((keys[0] == keys[1]) == same)
  }

  private func key(_ number: Int) throws -> AddressKey {
    let host = "10.\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)"
    return AddressKey(try #require(IPEndpoint(host: host, port: 1)))
  }

  @Test func addressIsHeldToItsConnectionsAndHandshakes() throws {
    var limits = TransportLimits()
    limits.connectionsPerAddress = 2
    limits.handshakesPerAddress = RateLimit(perSecond: 1, burst: 3)
    var ledger = AddressLedger(limits)
    let (one, other) = (try self.key(1), try self.key(2))
    let first = [ledger.admit(one, now: 0), ledger.admit(one, now: 0)]
    #expect(first == [nil, nil])
    let many = ledger.admit(one, now: 0)
    #expect(many == "the limit of 2 connections of one address is reached")
    ledger.leave(one, now: 0)
    ledger.leave(one, now: 0)
    let third = ledger.admit(one, now: 0)
    ledger.leave(one, now: 0)
    let fast = ledger.admit(one, now: 0)
    #expect(third == nil)
    #expect(fast == "the limit of 1 handshakes a second of one address is reached")
    let others = ledger.admit(other, now: 0)
    let later = ledger.admit(one, now: self.second)
    #expect(others == nil && later == nil)
  }

  @Test func addressesThatCameAndWentAreForgotten() throws {
    var ledger = AddressLedger(TransportLimits())
    for number in 0..<50_000 {
      let key = try self.key(number)
      _ = ledger.admit(key, now: Int64(number) * self.second)
      ledger.leave(key, now: Int64(number) * self.second)
    }
    #expect(ledger.count <= 16_385)
  }

  @Test func identityIsHeldToItsLimits() {
    var limits = TransportLimits()
    limits.connectionsPerIdentity = 1
    limits.openCallsPerIdentity = 2
    limits.callsPerIdentity = RateLimit(perSecond: 2, burst: 3)
    limits.bytesPerIdentity = RateLimit(perSecond: 1000, burst: 1000)
    limits.floodPenalty = .seconds(5)
    var account = AccountState(name: "'alice'", limits, now: 0)
    let connections = [account.connect(now: 0), account.connect(now: 0)]
    #expect(connections == [nil, "'alice' has 1 connections, which is the limit: end some"])
    let calls = (0..<3).map { _ in account.begin(now: 0) }
    #expect(calls == [nil, nil, "'alice' has 2 open calls, which is the limit: end some"])
    account.end()
    let third = account.begin(now: 0)
    account.end()
    let fourth = account.begin(now: 0)
    #expect(third == nil)
    #expect(fourth == "'alice' may begin 2 calls a second: try again in 500 ms")
    let pauses = [account.received(1000, now: 0), account.received(500, now: 0)]
    #expect(pauses == [0, self.second / 2])
    account.disconnect()
    account.block(now: 0)
    let blocked = account.connect(now: self.second)
    #expect(blocked == "'alice' flooded this server: connect again in 4 s")
    let later = account.connect(now: 5 * self.second)
    #expect(later == nil)
  }

  @Test func memoryOfAnIdentityIsCounted() {
    var limits = TransportLimits()
    limits.incompletePerIdentity = 100
    limits.answersPerIdentity = 100
    var account = AccountState(name: "'alice'", limits, now: 0)
    let held = [account.hold(100), account.hold(-1), account.hold(1)]
    #expect(held == [nil, nil, nil])
    let (more, less) = (account.hold(1), account.hold(-1))
    #expect(more?.hasPrefix("'alice' has 100 bytes of requests") == true)
    #expect(less == nil)
    account.queue(100)
    #expect(account.answerRefusal == nil && account.isCrowded)
    account.queue(1)
    #expect(account.answerRefusal?.hasPrefix("'alice' has 100 bytes of answers") == true)
    account.queue(-101)
    #expect(account.answerRefusal == nil && !account.isCrowded)
  }

  @Test func usefulWorkPaysForItsFrames() {
    let limit = RateLimit(perSecond: 1, burst: 10)
    var reader = FloodGuard(limit, now: 0)
    for _ in 0..<10_000 {  // a window update to stream and connection for 16 KiB each
      reader.moved(16 << 10)
      for _ in 0..<2 { reader.received(type: 8, length: 4, flags: 0, now: 0) }
    }
    #expect(!reader.isFlooded)
    var writer = FloodGuard(limit, now: 0)
    for _ in 0..<10_000 {  // a small message each
      writer.received(type: 0, length: 20, flags: 0, now: 0)
      writer.completed()
    }
    #expect(!writer.isFlooded)
    var idler = FloodGuard(limit, now: 0)
    for _ in 0..<11 { idler.received(type: 6, length: 8, flags: 0, now: 0) }
    #expect(idler.isFlooded)
  }
}
