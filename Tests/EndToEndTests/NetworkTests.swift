import Glibc
import Linux
import TestSupport
import Testing

/// The network `nat`: a way out, none in, and nothing left of what carries it.
@Suite(.endToEnd, .serialized, .outgoingNetwork) struct NetworkTests {
  @Test func aJobGetsOutAndNotToTheHostsLoopback() async throws {
    try await Host.with { host in
      let address = try #require(HostAddress.find())
      let outside = try TCPListener(address)
      let loopback = try TCPListener(0x7f00_0001)
      let script = """
        cat /etc/resolv.conf
        (exec 3<>/dev/tcp/\(address.dotted)/\(outside.port)) && echo out
        # Who does not answer at all is given up: it is the listener that tells.
        for host in 127.0.0.1 10.0.2.100 10.0.2.2 10.0.2.3; do
          timeout 1 bash -c "exec 3<>/dev/tcp/$host/\(loopback.port)" 2>/dev/null
        done
        echo done
        """
      for options in [[], ["--user", "12345"], ["--userns"]] {
        let outcome = try await host.worker(
          ["run", "--net", "nat"] + options + ["--", "bash", "-c", script],
          as: "admin")
        #expect(outcome.text == "nameserver 10.0.2.3\nout\ndone\n", "\(options): \(outcome)")
      }
      #expect(outside.connections == 3)
      #expect(loopback.connections == 0)
    }
  }

  /// It is root inside that unpacks and owns what comes, over ids that are nobody's outside.
  @Test(
    .enabled(
      if: getenv("WORKER_DEBIAN_TREE") != nil,
      "needs WORKER_DEBIAN_TREE, a tree made with debootstrap (.ci/run makes one)"))
  func aDebianTreeInstallsPackagesFromTheArchive() async throws {
    let tree = String(cString: try #require(getenv("WORKER_DEBIAN_TREE")))
    let script = """
      (apt-get update && apt-get install -y --no-install-recommends hello) >/tmp/log 2>&1 &&
        hello && exec stat -c %u /usr/bin/hello
      tail -n 20 /tmp/log; exit 1
      """
    try await Host.with { host in
      let outcome = try await host.worker(
        "run", "--net", "nat", "--userns", "--rootfs", tree, "--", "sh", "-c", script, as: "admin")
      #expect(outcome.text == "Hello, world!\n0\n", "\(outcome)")
    }
    var status = stat()
    #expect(lstat("\(tree)/usr/bin/hello", &status) == 0 && status.st_uid == 0)
  }

  /// A socket that is bound to the interface leaves out the routes of loopback, and a raw one all routes.
  @Test(.enabled(if: access("/usr/bin/perl", X_OK) == 0, "needs perl as a client"))
  func noSocketOptionIsAWayToTheHostsLoopback() async throws {
    try await Host.with { host in
      let stream = try TCPListener(0x7f00_0001)
      let datagrams = try UDPReceiver(0x7f00_0001)
      let script = """
        use Socket;
        sub attempt { my ($type, $host, $port) = @_;
          socket(my $s, PF_INET, $type, 0) or return "socket";
          setsockopt($s, SOL_SOCKET, 25, pack("Z16", "eth0")) or return "bind";
          local $SIG{ALRM} = sub { die }; alarm 1;
          my $to = sockaddr_in($port, inet_aton($host));
          my $sent = eval { $type == SOCK_STREAM ? connect($s, $to) : send($s, "x", 0, $to) };
          alarm 0; return $sent ? "sent" : "not";
        }
        for my $host ("127.0.0.1", "127.1.2.3", "169.254.169.254") {
          print "$host ", attempt(SOCK_STREAM, $host, \(stream.port)), attempt(SOCK_DGRAM, $host, \(datagrams.port)), " ";
        }
        print socket(my $r, 17, SOCK_RAW, 0) ? "raw " : "";
        socket(my $p, PF_INET, SOCK_DGRAM, 0);  # a priority of 7 is for who rules the network
        print setsockopt($p, SOL_SOCKET, 12, pack("i", 7)) ? "ruled" : "refused";
        """
      for options in [[], ["--user", "12345"], ["--userns"]] {
        let outcome = try await host.worker(
          ["run", "--net", "nat"] + options + ["--", "perl", "-e", script], as: "admin")
        #expect(outcome.code == 0 && outcome.text.hasSuffix("refused"), "\(options): \(outcome)")
      }
      #expect(stream.connections == 0)
      #expect(datagrams.received == 0)
    }
  }

  /// Root of the host may become whom the network belongs to, and has every capability over it then.
  @Test func rootOfTheHostDoesNotGetIt() async throws {
    try await Host.with { host in
      for user in ["0", "root", "0:100"] {
        let outcome = try await host.worker(
          "run", "--net", "nat", "--user", user, "--", "true", as: "admin")
        #expect(outcome.code == 125 && outcome.stderr.contains("--userns"), "\(outcome)")
      }
      let reserved = try await host.worker("run", "--user", "2147418112", "--", "true", as: "admin")
      #expect(reserved.code == 125 && reserved.stderr.contains("set apart"), "\(reserved)")
    }
  }

  @Test(.enabled(if: access("/usr/bin/perl", X_OK) == 0, "needs perl as a listener"))
  func nobodyGetsIn() async throws {
    try await Host.with { host in
      let script = """
        use IO::Socket::INET; $| = 1;
        my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => '0.0.0.0') or die;
        print $s->sockport(), "\\n"; sleep 1000;
        """
      let id = try await host.startJob(["--net", "nat", "--", "perl", "-e", script], as: "admin")
      let logs = try host.start(["logs", "--follow", id], as: "admin")
      try await logs.waitForOutput("\n")
      let port = try #require(
        UInt16(String(decoding: logs.stdout, as: UTF8.self).filter(\.isNumber)))
      logs.signal(SIGKILL)
      _ = try await logs.wait()
      #expect(TCPListener.connect(0x7f00_0001, port) == ECONNREFUSED)
      #expect(TCPListener.connect(try #require(HostAddress.find()), port) == ECONNREFUSED)
    }
  }

  @Test(.enabled(if: Programs.compiler != nil, "needs a C compiler for the probe"))
  func itIsAsIsolatedAsAnyJob() async throws {
    let table = try ProbeTable(documentation: Programs.documentation)
    try await Host.with { host in
      let probe = try await Programs.compile("probe", in: host.path)
      let targets = try ProbeTargets(on: host)
      for (kind, options) in [
        ("default", []), ("userns", ["--userns"]),
      ] as [(String, [String])] {
        let outcome = try await host.worker(
          ["run", "--net", "nat"] + options + targets.options + ["--", probe], as: "admin")
        let differences = table.differences(from: outcome.text, kind: kind)
        // It is connected.
        #expect(differences.filter { !$0.contains("connect-out") } == [], "\(outcome.stderr)")
      }
    }
  }

  @Test func whatCarriesItEndsWithTheJob() async throws {
    try await Host.with { host in
      let id = try await host.startJob(["--net", "nat", "--", "sleep", "1000"], as: "admin")
      let helpers = try Helper.all(of: id)
      #expect(helpers.count == 2)  // the program, and what takes it along
      let stopped = try await host.worker("stop", id, "--grace", "0s", as: "admin")
      #expect(stopped.code == 0, "\(stopped)")
      for helper in helpers { #expect(try await helper.hasEnded()) }
    }
  }

  @Test func whatCarriesItEndsWithAKeeperThatIsKilled() async throws {
    try await Host.with { host in
      let id = try await host.startJob(["--net", "nat", "--", "sleep", "1000"], as: "admin")
      let helpers = try Helper.all(of: id)
      #expect(helpers.count == 2)
      let keeper = try #require(helpers.first { $0.name == "worker-network" }?.parent)
      kill(keeper, SIGKILL)
      for helper in helpers { #expect(try await helper.hasEnded()) }
      let waited = try await host.worker("wait", id, as: "admin")
      #expect(waited.stderr.contains("lost"), "\(waited)")
    }
  }

  @Test func onlyARoleThatMayHaveItGetsIt() async throws {
    try await Host.with { host in
      let outcome = try await host.worker("run", "--net", "nat", "--", "true")
      #expect(outcome.code == 125 && outcome.stderr.contains("policy allows"), "\(outcome)")
    }
  }
}

extension Trait where Self == ConditionTrait {
  static var outgoingNetwork: Self {
    .enabled(
      if: access("/usr/bin/pasta", X_OK) == 0 && HostAddress.find() != nil,
      "needs pasta (the package passt) and an address of the host's besides loopback")
  }
}

/// A process of a job's cgroup that is neither the job's nor its PID 1.
final class Helper: Sendable {
  let name: String
  let parent: Int32
  private let process: PIDFD

  private init?(_ pid: Int32) throws {
    self.process = try PIDFD(process: pid)
    let status = try File.readText("/proc/\(pid)/status").split(separator: "\n")
    func field(_ key: String) -> String {
      let line = status.first { $0.hasPrefix("\(key):\t") }
      return line.map { String($0.dropFirst(key.count + 2)) } ?? ""
    }
    self.name = field("Name")
    self.parent = Int32(field("PPid")) ?? 0
    guard self.name == "worker-network" || self.name.hasPrefix("pas") else { return nil }
  }

  static func all(of id: String) throws -> [Helper] {
    let groups = Cgroups.of(job: id)
    let pids = groups.flatMap { group in
      ((try? File.readText("\(group)/cgroup.procs")) ?? "").split(separator: "\n")
    }.compactMap { Int32($0) }
    return try Set(pids).compactMap { try Helper($0) }
  }

  /// Waits for it on a thread of ours.
  func hasEnded() async throws -> Bool {
    try await RunningCommand.threads.run { () throws(SystemError) in
      var entries = [
        pollfd(fd: self.process.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
      ]
      while entries[0].revents == 0 { try Poll.wait(&entries) }
      return true
    }
  }
}
