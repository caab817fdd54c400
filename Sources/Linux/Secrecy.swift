import CLinux

extension CurrentProcess {
  /// Keeps memory that holds keys out of core dumps and debuggers, see PR_SET_DUMPABLE in prctl(2).
  package static func keepSecrets() throws(SystemError) {
    try check("prctl(PR_SET_DUMPABLE)") { clinux_keep_secrets() }
  }
}
