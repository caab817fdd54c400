/// Which role the binary plays and with what arguments: chosen by the name it was called by, then by
/// the first argument.
struct Invocation: Hashable {
  enum Role: Hashable {
    /// The hidden one: keeper of a job, or its PID 1.
    case initRole
    case command
  }

  let role: Role
  /// With the verb first; without the program's name.
  let arguments: [String]

  /// `worker-serve …` is `worker serve …`; `worker-client …` and `worker client …` are `worker …`.
  init(_ commandLine: [String]) {
    let name = commandLine.first?.split(separator: "/").last.map(String.init) ?? "worker"
    let arguments = Array(commandLine.dropFirst())
    switch (name, arguments.first) {
    case ("worker-serve", _):
      self.init(.command, ["serve"] + arguments)
    case ("worker-client", _):
      self.init(.command, arguments)
    case (_, "init"):
      self.init(.initRole, arguments)
    case (_, "client"):
      self.init(.command, Array(arguments.dropFirst()))
    default:
      self.init(.command, arguments)
    }
  }

  private init(_ role: Role, _ arguments: [String]) {
    self.role = role
    self.arguments = arguments
  }
}
