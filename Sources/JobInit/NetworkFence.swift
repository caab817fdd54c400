import CLinux
import JobStore
import Linux

/// What of the outgoing network a job must not reach, though the helper would take it there.
enum NetworkFence {
  /// In the network of the calling process, before anything of the job runs in it: nobody in the job may
  /// change routes or neighbours.
  ///
  /// A route alone is no fence. A socket that is bound to the interface (SO_BINDTODEVICE, IP_PKTINFO)
  /// leaves out the routes of `lo`, and where none is left the kernel takes the address for a
  /// neighbour's and asks who has it, which the helper answers for all. So nobody is asked: the two
  /// neighbours there are stand in the table.
  static func raise() throws(SystemError) {
    for (network, mask) in OutgoingNetwork.unreachable {
      try check("ioctl(SIOCADDRT, \(network))") { clinux_reject_route(network, mask) }
    }
    for address in [OutgoingNetwork.gateway, OutgoingNetwork.nameServer] {
      try check("ioctl(SIOCSARP, \(address))") {
        clinux_fix_neighbour(OutgoingNetwork.interface, address)
      }
    }
    // See arp(7): how often is asked before an address is given up. The files are those of the network
    // that the opener is in.
    for name in ["mcast_solicit", "ucast_solicit", "app_solicit"] {
      let folder = "/proc/sys/net/ipv4/neigh/\(OutgoingNetwork.interface)"
      try File.writeText("0", to: "\(folder)/\(name)")
    }
  }
}
