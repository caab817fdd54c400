import Glibc
import Linux

extension WorkerError {
  /// Something could not be put into the state directory. That its disk is full is nobody's secret, as
  /// whoever asked has to wait or to free room.
  init(making what: String, _ error: SystemError) {
    guard error.errno == ENOSPC || error.errno == EDQUOT else {
      self.init(.internal, "cannot make \(what): \(error)")
      return
    }
    self.init(
      .resourceExhausted,
      "cannot make \(what): \(SystemError.reason(errno: error.errno)): remove finished jobs "
        + "(worker rm), or free room on the server's disk", errno: error.errno)
  }
}
