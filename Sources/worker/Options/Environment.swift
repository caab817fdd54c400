import Glibc

/// The variables and folders that options fall back on; a value, so that tests can bring their own.
struct Environment: Sendable {
  private let variables: @Sendable (String) -> String?

  init(variables: @escaping @Sendable (String) -> String?) {
    self.variables = variables
  }

  /// Of this process.
  static let process = Environment { name in getenv(name).map { String(cString: $0) } }

  /// Nil when unset or empty.
  subscript(name: String) -> String? {
    guard let value = self.variables(name), !value.isEmpty else { return nil }
    return value
  }
}
