/// What carries a job's connections out into the host's network: pasta(1) of the package passt, outside
/// of the job's namespaces, and the addresses that the job sees.
package struct OutgoingNetwork: Hashable, Sendable {
  package static let address = "10.0.2.100"
  package static let prefix = "24"
  package static let gateway = "10.0.2.2"
  /// What is sent there goes to the first name server of the host.
  package static let nameServer = "10.0.2.3"

  /// The job's name for it.
  package static let interface = "eth0"
  /// With their masks. Loopback is the host's own where the program passes it on, as older ones do; at
  /// link-local addresses clouds tell a host its secrets.
  package static let unreachable = [("127.0.0.0", "255.0.0.0"), ("169.254.0.0", "255.255.0.0")]

  /// An absolute path.
  package var program: String
  /// Whom it runs as: root of a user namespace in which it is this id outside.
  package var user: UInt32

  package init(program: String, user: UInt32) {
    self.program = program
    self.user = user
  }

  /// What the program is started with; `namespace` is a path to the job's network namespace.
  package static func arguments(_ program: String, namespace: String) -> [String] {
    [
      program, "--quiet", "--config-net", "--netns", namespace, "--netns-only", "--ns-ifname",
      self.interface,
      "--ipv4-only", "--address", self.address, "--netmask", self.prefix, "--gateway",
      self.gateway, "--dns-forward", self.nameServer,
      // Neither the gateway's address nor a port stands for the host's own loopback.
      "--no-map-gw", "--tcp-ns", "none", "--udp-ns", "none",
      // Nobody gets in.
      "--tcp-ports", "none", "--udp-ports", "none",
      // The addresses are set, so nobody has to ask for them.
      "--no-dhcp", "--no-dhcpv6", "--no-ndp", "--no-ra",
    ]
  }
}
