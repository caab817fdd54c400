package import Linux

/// What can be wrong with a job on disk.
package enum StoreError: Error, Hashable, CustomStringConvertible {
  case system(SystemError)
  /// A small file that is cut short or not what it should be.
  case malformed(String)
  /// A journal that fails its checksums at this position.
  case damaged(position: UInt64, String)
  /// A position that no chunk ends at, or beyond the end.
  case outOfRange(position: UInt64)

  package var description: String {
    switch self {
    case .system(let error): error.description
    case .malformed(let what): what
    case .damaged(let position, let what): "output damaged at position \(position): \(what)"
    case .outOfRange(let position): "no output ends at position \(position)"
    }
  }

  /// Runs `body` and wraps what the kernel refuses.
  package static func wrap<Result: ~Copyable>(
    _ body: () throws(SystemError) -> Result
  ) throws(StoreError) -> Result {
    do throws(SystemError) { return try body() } catch { throw .system(error) }
  }
}
