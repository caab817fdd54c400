import Glibc
package import Linux

/// Some loops, each with a thread named `worker-loop-N`, given out in turn.
package final class EventLoopGroup: Sendable {
  package let loops: [EventLoop]
  private let turn = Lock(0)

  /// `count`: nil means one a processor.
  package init(count: Int? = nil) throws(SystemError) {
    let wanted = max(1, count ?? sysconf(CInt(_SC_NPROCESSORS_ONLN)))
    var loops: [EventLoop] = []
    for number in 0..<wanted {
      loops.append(try EventLoop.start(name: "worker-loop-\(number)"))
    }
    self.loops = loops
  }

  /// Loops that run already, as the one of a command's main thread.
  package init(_ loops: [EventLoop]) {
    precondition(!loops.isEmpty, "a group needs a loop")
    self.loops = loops
  }

  package func next() -> EventLoop {
    let turn = self.turn.withLock { turn in
      turn &+= 1
      return turn
    }
    return self.loops[turn % self.loops.count]
  }
}
