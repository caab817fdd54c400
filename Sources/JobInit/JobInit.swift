// DESIGN. Two processes a job, both this binary in its hidden role, both single-threaded for life:
//
//   engine ──▶ keeper (outside: journal, timers, exit record) ──▶ PID 1 (inside) ──▶ target
//
// The keeper gets 3 the job's folder, 4 the lock, 5 the pipe to the engine, 6 the engine's presence (see
// `EngineWatch`); 0-2 are /dev/null. PID 1 gets 1 and 2 the output pipes, 3 the plan, 4 the keeper's
// orders (one signal number a byte), 5 the pipe to the keeper. PID 1 holds nothing that a root job could
// profit from.
//
// A job with an outgoing network has a third, `init network`: see `NetworkHelper`.
// Both may be started before there is a job. A spare keeper (`init spare`) then gets 3 a socket of the
// engine's, 4 the folder, 5 the lock, 6 its presence, and later the pipe to the engine through that
// socket; its PID 1 (`init pid1-ahead`) gets 3 a socket of the keeper's, and two plans through it: what
// can be done ahead, and the job's.
import Glibc
import Linux

/// The hidden role `init`: the keeper of a job, or PID 1 inside it.
package enum JobInit {
  /// Runs the role that `arguments` name (`init keeper` or `init pid1`, each also ahead of a job, or `init network`) and ends the
  /// process.
  package static func run(arguments: [String]) -> Never {
    switch arguments {
    case ["init", "keeper"]: Keeper.run()
    case ["init", "spare"]: SpareKeeper.run()
    case ["init", "pid1"]: FirstProcess.run()
    case ["init", "network", arguments.last ?? ""]: NetworkGuard.run(arguments.last ?? "")
    case ["init", "pid1-ahead"]: FirstProcess.runAhead()
    default:
      // A person who finds the hidden role: say what it is.
      let message = "worker: init is started by the server and by nobody else\n"
      try? File.writeAll(Array(message.utf8), to: Inherited.take(STDERR_FILENO))
      _exit(2)
    }
  }
}

/// Descriptors a role is started with, by number.
enum Inherited {
  /// Takes over a descriptor that the parent put in this place, close-on-exec from here on.
  static func take(_ number: CInt) -> OwnedDescriptor {
    _ = fcntl(number, F_SETFD, FD_CLOEXEC)
    return OwnedDescriptor(owning: number)
  }
}
