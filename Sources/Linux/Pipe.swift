import CLinux

/// A pipe(7); both ends close-on-exec.
package struct Pipe: ~Copyable {
  package let readEnd: OwnedDescriptor
  package let writeEnd: OwnedDescriptor

  package init() throws(SystemError) {
    var ends: (CInt, CInt) = (-1, -1)
    try check("pipe2") {
      withUnsafeMutableBytes(of: &ends) { raw in
        clinux_pipe(raw.assumingMemoryBound(to: CInt.self).baseAddress)
      }
    }
    self.readEnd = OwnedDescriptor(owning: ends.0)
    self.writeEnd = OwnedDescriptor(owning: ends.1)
  }

  /// Keeps the read end and closes the other.
  package consuming func takeReadEnd() -> OwnedDescriptor { self.readEnd }

  /// Keeps the write end and closes the other.
  package consuming func takeWriteEnd() -> OwnedDescriptor { self.writeEnd }
}
