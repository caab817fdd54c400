import GRPCCore
import Linux

/// Takes connections from one listening socket and gives them to the loops in turn. Confined to a
/// loop, except for its making.
final class Acceptor: ReadinessHandler, @unchecked Sendable {
  // @unchecked: state is touched on the loop only.

  /// accept(2) may fail for want of descriptors; the backlog waits so long.
  private static let pause: Int64 = 100_000_000
  private static let acceptsPerTurn = 64

  private let listener: Listener
  private let loop: EventLoop
  private let loops: [ServerLoop]
  private let shared: ServerState
  private var turn = 0
  private var registration: UInt64?
  private var isStopped = false

  init(
    _ listener: Listener, loop: EventLoop, loops: [ServerLoop], shared: ServerState
  ) {
    self.listener = listener
    self.loop = loop
    self.loops = loops
    self.shared = shared
  }

  func start() {
    guard self.registration == nil, !self.isStopped else { return }
    do {
      self.registration = try self.loop.register(
        self.listener.socket.descriptor.rawValue, events: .readable, self)
    } catch {
      self.shared.onEvent(.acceptFailed(reason: error.description))
    }
  }

  /// New connections are refused by the kernel once the acceptor is released.
  func stop() {
    self.isStopped = true
    self.suspend()
  }

  func ready(_ events: Epoll.Events) {
    for _ in 0..<Self.acceptsPerTurn {
      do throws(SystemError) {
        guard let (socket, peer) = try self.listener.socket.accept() else { return }
        self.admit(socket, peer)
      } catch {
        return self.pause(error)
      }
    }
  }

  private func admit(_ socket: StreamSocket, _ peer: IPEndpoint) {
    guard self.shared.admit() else {
      return self.shared.onEvent(
        .connectionRefused(peer: peer, reason: "the limit of open connections is reached"))
    }
    self.turn = (self.turn + 1) % self.loops.count
    let target = self.loops[self.turn]
    target.loop.execute { target.adopt(socket, peer: peer) }
  }

  private func pause(_ error: SystemError) {
    self.shared.onEvent(.acceptFailed(reason: error.description))
    self.suspend()
    _ = self.loop.schedule(after: Self.pause) { [weak self] in self?.start() }
  }

  private func suspend() {
    guard let registration = self.registration else { return }
    self.registration = nil
    self.loop.unregister(self.listener.socket.descriptor.rawValue, token: registration)
  }
}
