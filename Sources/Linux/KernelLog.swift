import Glibc

/// The kernel's log from a place on, see ABI/testing/dev-kmsg in the kernel's documentation.
package final class KernelLog: Sendable {
  private let device: OwnedDescriptor

  /// Of what is logged from now on.
  package init() throws(SystemError) {
    self.device = try File.open("/dev/kmsg", O_RDONLY | O_NONBLOCK)
    self.skip()
  }

  /// Leaves out what there is by now.
  package func skip() {
    lseek(self.device.rawValue, 0, SEEK_END)  // no place but the ends, and that cannot fail
  }

  /// Calls `body` with each record of the kernel's own that there is by now, one line each, as
  /// `3,5423,1608538164,-;text`. False when that is not all, as some were overwritten before or there
  /// are more than `limit`, which no log holds that is not being flooded.
  package func read(limit: Int = 100_000, _ body: (String) -> Void) -> Bool {
    // A read(2) is a record, and the kernel makes none that is longer.
    var buffer = [UInt8](repeating: 0, count: 8192)
    var isWhole = true
    for _ in 0..<limit {
      do throws(SystemError) {
        guard
          case .bytes(let count) = try File.read(
            self.device, into: &buffer, at: 0, count: buffer.count)
        else { return isWhole }
        if let record = Self.record(buffer[..<count]) { body(record) }
      } catch {
        // What came next was overwritten; the kernel goes on with the oldest that is left.
        guard error.errno == EPIPE else { return false }
        isWhole = false
      }
    }
    return false
  }

  /// Without the lines that say which device it is about; nil for what a process wrote, which always
  /// has another facility than the kernel's, 0.
  package static func record(_ bytes: ArraySlice<UInt8>) -> String? {
    let priority = String(decoding: bytes.prefix { $0 != UInt8(ascii: ",") }, as: UTF8.self)
    guard let priority = UInt32(priority), priority >> 3 == 0 else { return nil }
    return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
  }

  /// Whether the log counts processes as this one does: in the PID namespace of the host.
  package static var hasOurNumbers: Bool {
    var status = stat()
    // PROC_PID_INIT_INO of the kernel.
    return stat("/proc/self/ns/pid", &status) == 0 && status.st_ino == 0xEFFF_FFFC
  }
}
