import Linux

/// The policy in force; a reload puts a new one in its place, and each call is decided by one.
package final class CurrentPolicy: Sendable {
  private let policy: Lock<Policy>

  package init(_ policy: Policy = .builtIn) { self.policy = Lock(policy) }

  package var value: Policy { self.policy.withLock { $0 } }

  package func replace(_ policy: Policy) { self.policy.withLock { $0 = policy } }
}
