import Glibc
import Linux

/// The places of the host that a spec names: looked at before anything is made for the job, so that a
/// refusal can say what is wrong. PID 1 opens them in the same way again.
struct HostPlaces {
  /// What no job may see.
  let hidden: [String]

  func check(_ spec: JobSpec) throws(WorkerError) {
    for bind in spec.binds { _ = try self.open(bind.source, what: "bind source") }
    guard let rootfs = spec.rootfs else { return }
    let place = try self.open(rootfs, what: "rootfs")
    guard (try? HostPath.isFolder(place)) == true else {
      throw .invalid("rootfs '\(rootfs)' is not a folder: name the folder of a tree")
    }
  }

  private func open(_ path: String, what: String) throws(WorkerError) -> OwnedDescriptor {
    for secret in self.hidden {
      guard path == secret || path.hasPrefix(secret + "/") || secret.hasPrefix(path + "/")
      else { continue }
      throw .invalid("\(what) '\(path)' holds what no job may see: name another folder")
    }
    do throws(SystemError) { return try HostPath.open(path) } catch {
      switch error.errno {
      case ENOENT, ENOTDIR: throw .invalid("\(what) '\(path)' does not exist on this host")
      case ELOOP:
        let real = (try? File.realPath(path)).map { ": name the place itself, \($0)" } ?? ""
        throw .invalid("\(what) '\(path)' leads through a symbolic link\(real)")
      default: throw .invalid("\(what) '\(path)' cannot be used: \(error.reason)")
      }
    }
  }
}
