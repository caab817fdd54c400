import ArgumentParser

/// What the parser overlooks when help is asked for: that there is no such verb.
enum Verbs {
  /// The command that the words lead to. Throws for the first word that should be a verb and is none.
  @discardableResult
  static func check(_ arguments: [String]) throws(Failure) -> any ParsableCommand.Type {
    var words = arguments[...]
    if words.first == "help" { words = words.dropFirst() }
    var command: any ParsableCommand.Type = WorkerCommand.self
    var path = "worker"
    while let word = words.popFirst(), !word.hasPrefix("-") {
      let children = Self.children(of: command)
      guard !children.isEmpty else { break }  // its arguments begin
      guard let child = children.first(where: { Self.names(of: $0).contains(word) }) else {
        throw Failure(
          "unknown verb '\(word)': \(path) --help lists what there is", code: ExitCode.usage)
      }
      command = child
      path += " \(word)"
    }
    return command
  }

  private static func children(
    of command: any ParsableCommand.Type
  ) -> [any ParsableCommand.Type] {
    let configuration = command.configuration
    return configuration.subcommands + configuration.groupedSubcommands.flatMap(\.subcommands)
  }

  private static func names(of command: any ParsableCommand.Type) -> [String] {
    [command.configuration.commandName ?? ""] + command.configuration.aliases
  }
}
