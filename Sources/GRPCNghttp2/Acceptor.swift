import GRPCCore
import Linux

/// Takes connections from one listening socket and gives them to the loops in turn. Confined to a
/// loop, except for its making.
final class Acceptor: ReadinessHandler, @unchecked Sendable {
  // @unchecked: state is touched on the loop only.

  /// accept(2) may fail for want of descriptors; the backlog waits so long.
  private static let pause: Int64 = 100_000_000
  private static let acceptsPerTurn = 64

  private var listener: Listener?
  private let loop: EventLoop
  private let loops: [ServerLoop]
  private let shared: ServerState
  private var turn = 0
  private var registration: UInt64?

  init(
    _ listener: Listener, loop: EventLoop, loops: [ServerLoop], shared: ServerState
  ) {
    self.listener = listener
    self.loop = loop
    self.loops = loops
    self.shared = shared
  }

  func start() {
    guard self.registration == nil, let listener = self.listener else { return }
    do {
      self.registration = try self.loop.register(
        listener.socket.descriptor.rawValue, events: .readable, self)
    } catch {
      self.shared.onEvent(.acceptFailed(reason: error.description))
    }
  }

  /// Closes the socket: from here the kernel refuses.
  func stop() {
    guard self.listener != nil else { return }
    self.suspend()
    self.listener = nil
    self.shared.acceptorGone()
  }

  func ready(_ events: Epoll.Events) {
    for _ in 0..<Self.acceptsPerTurn {
      do throws(SystemError) {
        guard let (socket, peer) = try self.listener?.socket.accept() else { return }
        self.admit(socket, peer)
      } catch {
        return self.pause(error)
      }
    }
  }

  private func admit(_ socket: StreamSocket, _ peer: IPEndpoint) {
    if let refusal = self.shared.admit(peer, now: Clock.monotonic()) {
      return self.shared.onEvent(.connectionRefused(peer: peer, identity: nil, reason: refusal))
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
    guard let registration = self.registration, let listener = self.listener else { return }
    self.registration = nil
    self.loop.unregister(listener.socket.descriptor.rawValue, token: registration)
  }
}
