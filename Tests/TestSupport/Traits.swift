import Glibc
import Linux
package import Testing

extension Trait where Self == ConditionTrait {
  /// Namespaces, cgroups and other users.
  package static var requiresRoot: Self {
    .enabled(if: geteuid() == 0, "needs root")
  }

  /// A program in the usual folders.
  package static func requiresTool(_ name: String) -> Self {
    .enabled(if: Tools.find(name) != nil, "needs the program \(name)")
  }

  /// Real jobs: root, and the program that was built beside the tests.
  package static var requiresJobs: Self {
    .enabled(
      if: geteuid() == 0 && Tools.worker != nil, "needs root and a built worker (swift build)")
  }
}

/// Programs that tests use.
package enum Tools {
  /// The path of a program of the host.
  package static func find(_ name: String) -> String? {
    ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"].map { "\($0)/\(name)" }
      .first { access($0, X_OK) == 0 }
  }

  /// The binary that was built beside the tests: it holds the keeper and PID 1.
  package static let worker: String? = {
    guard let own = try? File.realPath("/proc/self/exe"), let slash = own.lastIndex(of: "/") else {
      return nil
    }
    let path = "\(own[..<slash])/worker"
    return access(path, X_OK) == 0 ? path : nil
  }()
}
