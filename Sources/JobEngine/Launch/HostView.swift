import Glibc
import JobStore
import Linux

/// What of the host decides what a job sees: while it stays the same, mounts made ahead still serve.
struct HostView: Hashable, Sendable {
  let mounts: [MountInfo]
  /// What is hidden or covered. The kernel takes a mount away with the file it lies on, also where
  /// rename(2) puts another one in its place: a new key, a new list of users.
  private let places: [FileStamp]

  init(_ mounts: [MountInfo], _ steps: [LaunchPlan.MountStep]) {
    self.mounts = mounts
    self.places = steps.map { FileStamp.ofPlace($0.target) }
  }
}

/// The host's mounts, parsed anew only when they are others.
final class HostMounts: Sendable {
  private let last = Lock<(text: String, mounts: [MountInfo])>(("", []))

  func read() throws(SystemError) -> [MountInfo] {
    let text = try File.readText("/proc/self/mountinfo", limit: 64 << 20)
    let last = self.last.withLock { $0 }
    if last.text == text { return last.mounts }
    let mounts = MountInfo.parse(text)
    self.last.withLock { $0 = (text, mounts) }
    return mounts
  }
}

/// The host's mount table: "ready" when it is another one than when this was made. proc_pid_mounts(5).
final class MountTable: Waitable {
  private let file: OwnedDescriptor

  init() throws(SystemError) {
    self.file = try File.open("/proc/self/mountinfo", O_RDONLY)
  }

  var descriptor: CInt { self.file.rawValue }
  /// It can always be read; a change is EPOLLERR.
  var events: Epoll.Events { [] }
}
