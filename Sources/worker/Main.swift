import JobInit

@main enum Main {
  static func main() {
    // PID 1 and the keeper stay single-threaded for life, so `init` is chosen before anything else.
    let arguments = Array(CommandLine.arguments.dropFirst())
    if arguments.first == "init" { JobInit.run(arguments: arguments) }
  }
}
