import ArgumentParser
import Glibc
import JobInit
import Linux

@main enum Main {
  static func main() {
    let invocation = Invocation(CommandLine.arguments)
    // PID 1 and the keeper stay single-threaded for life, so `init` is chosen before anything else.
    if invocation.role == .initRole { JobInit.run(arguments: invocation.arguments) }
    StandardDescriptors.occupy()  // before anything opens a file
    Memory.keepForStreams()
    // A reader that has gone away shall be an error of write(2), told like others, and not a death.
    signal(SIGPIPE, SIG_IGN)
    Failure.exiting {
      try Arguments.check(CommandLine.arguments)
      try WorkerCommand.execute(invocation.arguments)
    }
  }
}
