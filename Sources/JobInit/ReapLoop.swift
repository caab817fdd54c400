import CLinux
import Glibc
import JobStore
import Linux

/// What PID 1 does while the job runs: reap whatever dies, pass signals on, end with the target.
struct ReapLoop: ~Copyable {
  private let orders: OwnedDescriptor
  private let children: SignalDescriptor
  private var target: Int32 = 0

  init(orders: consuming OwnedDescriptor) throws(InitFailure) {
    // Blocked before there is a child, so that no death can fall between start and wait.
    do throws(SystemError) { self.children = try SignalDescriptor([SIGCHLD]) } catch {
      throw InitFailure(step: "signalfd", error)
    }
    self.orders = orders
  }

  mutating func startTarget(
    _ plan: LaunchPlan, _ kept: consuming Mounts.Kept
  ) throws(InitFailure) {
    self.target = try Target.start(plan, kept)
    self.closeOutput()
    KeeperPipe.tell(.started(pid: self.target))
  }

  consuming func run() -> Never {
    var entries = [self.children.descriptor.rawValue, self.orders.rawValue].map {
      pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
    }
    while true {
      // poll(2) with two good descriptors fails only for lack of memory; then there is no way on.
      guard (try? Poll.wait(&entries)) != nil else { _exit(1) }
      if entries[0].revents != 0 { self.reap() }
      if entries[1].revents != 0 { self.obey() }
    }
  }

  /// Ends the process once the target has: the kernel then kills all that is left in the namespace.
  private func reap() {
    _ = self.children.next()
    var status: CInt = 0
    while true {
      let pid = clinux_reap_any(&status)
      guard pid > 0 else { return }
      if pid == self.target {
        KeeperPipe.tell(.ended(Self.end(of: status)))
        _exit(0)
      }
    }
  }

  /// A byte is a signal for the target's process group, as a terminal would send it.
  private func obey() {
    var buffer = [UInt8](repeating: 0, count: 64)
    guard let result = try? File.read(self.orders, into: &buffer, at: 0, count: buffer.count)
    else { return }
    switch result {
    case .bytes(let count):
      for number in buffer[..<count] { _ = kill(-self.target, CInt(number)) }
    case .endOfFile: _exit(1)  // the keeper is gone
    case .wouldBlock: break
    }
  }

  /// The target has its copies; ours would keep a reader from seeing its end.
  private func closeOutput() {
    guard let null = try? File.open("/dev/null", O_RDWR) else { return }
    null.copy(over: STDOUT_FILENO)
    null.copy(over: STDERR_FILENO)
  }

  /// The encoding of wait(2).
  private static func end(of status: CInt) -> ProcessEnd {
    let signal = status & 0x7f
    return signal == 0 ? .exited(code: status >> 8 & 0xff) : .signaled(number: signal)
  }
}
