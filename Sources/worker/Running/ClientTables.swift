import GRPCNghttp2
import JobClient
import Linux

/// What the libraries of a client make when it first needs it, and what takes longer than all the rest of
/// a short command.
enum ClientTables {
  /// Begins with it on a thread of its own: the first while the arguments are read, the second while the
  /// connection is made.
  static func loadAhead() {
    // Without a thread it is done where it is needed.
    try? Threads.tryStart(name: "tables") {
      TLSTables.load()
      MessageTables.load()
    }
  }
}
