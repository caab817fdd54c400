import Linux

/// A pipe whose other end keepers hold: by it they see whether the worker that started them is there,
/// and clears away what all jobs share, or has closed or died.
final class Presence: Sendable {
  /// For keepers to inherit.
  let end: OwnedDescriptor
  private let held: Lock<CInt?>

  init() throws(SystemError) {
    let pipe = try Pipe()
    self.end = try pipe.readEnd.duplicate()
    self.held = Lock(pipe.takeWriteEnd().release())
  }

  deinit { self.cut() }

  /// From here on keepers take it that nobody is there.
  func cut() {
    guard let descriptor = self.held.withLock({ held in held.take() }) else { return }
    _ = OwnedDescriptor(owning: descriptor)
  }
}
