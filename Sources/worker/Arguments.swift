import Linux

/// The command line's words as they were given.
enum Arguments {
  /// Throws for a word that is not UTF-8: Swift has put U+FFFD in its place, and a job would get other
  /// bytes than were given. The API's texts cannot hold it either.
  static func check(_ words: [String]) throws(Failure) {
    // Rare, and then only a sign: the character may have been given itself.
    guard words.contains(where: { $0.unicodeScalars.contains("\u{fffd}") }) else { return }
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try File.read("cmdline", in: try File.openFolder("/proc/self"))
    } catch {
      throw Failure("cannot read the command line again: \(error)")
    }
    try self.check(bytes)
  }

  /// Of words each ended by a NUL, see proc_pid_cmdline(5).
  static func check(_ bytes: [UInt8]) throws(Failure) {
    for (index, word) in bytes.split(separator: 0, omittingEmptySubsequences: false).enumerated()
    where String(validating: word, as: UTF8.self) == nil {
      throw Failure(
        "argument \(index) is not UTF-8: '\(String(decoding: word, as: UTF8.self))'; have the job "
          + "make such bytes itself, as with printf",
        code: ExitCode.usage)
    }
  }
}
