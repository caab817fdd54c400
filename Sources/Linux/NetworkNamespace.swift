import CLinux
import Glibc

/// A network namespace that nobody is in yet, and the user namespace that it belongs to: whoever enters
/// that one rules this network and nothing else.
package struct OwnedNetwork: ~Copyable {
  package let user: OwnedDescriptor
  package let network: OwnedDescriptor

  /// In the user namespace there is root alone, who is `id` outside, and whose it is: nobody else's, root
  /// with less than all capabilities included. `proc` is the proc(5) of the caller's PID namespace; the
  /// caller has one thread.
  package static func make(
    id: UInt32, proc: borrowing OwnedDescriptor
  ) throws(SystemError) -> OwnedNetwork {
    let raw = proc.rawValue
    var namespaces: [CInt] = [-1, -1]
    try check("clone(CLONE_NEWUSER | CLONE_NEWNET)") {
      clinux_owned_network(raw, id, &namespaces)
    }
    return OwnedNetwork(
      user: OwnedDescriptor(owning: namespaces[0]), network: OwnedDescriptor(owning: namespaces[1]))
  }

  /// Moves this process, which has one thread, into the network, see setns(2).
  package func enter() throws(SystemError) {
    let raw = self.network.rawValue
    try check("setns(CLONE_NEWNET)") { clinux_enter_network(raw) }
  }
}
