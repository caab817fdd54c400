import ArgumentParser
import JobAPI
import SwiftProtobuf

/// What a job sees of the file system, and how it is kept from the rest.
struct TreeOptions: ParsableArguments, Sendable {
  enum Switch: String, ExpressibleByArgument, CaseIterable { case on, off }

  @Option(
    help: "A place of the host in the job's tree, SRC:DST or SRC:DST:rw; needs the role admin.",
    transform: BindOption.init)
  var bind: [BindOption] = []

  @Option(help: "An empty folder in memory, DST or DST:SIZE.", transform: TmpfsOption.init)
  var tmpfs: [TmpfsOption] = []

  @Option(help: "A folder of the host as the job's root; needs the role admin.")
  var rootfs: String?

  @Flag(help: "Makes --rootfs read-only, as the host's tree always is.") var readOnly = false

  @Flag(help: "Root inside, a range of unprivileged user ids outside.") var userns = false

  @Option(help: "The filter of system calls: on, or off, which needs the role admin.")
  var seccomp: Switch = .on

  func set(_ spec: inout Worker_V1_JobSpec) {
    spec.binds = self.bind.map(\.message)
    spec.tmpfs = self.tmpfs.map(\.message)
    spec.rootfs = self.rootfs ?? ""
    spec.readOnly = self.readOnly
    spec.userNamespace = self.userns
    spec.seccompOff = self.seccomp == .off
  }
}

/// `SRC:DST` or `SRC:DST:rw`.
struct BindOption: Hashable, Sendable {
  let message: Worker_V1_Bind

  init(_ text: String) throws {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard (2...3).contains(parts.count), !parts[0].isEmpty, !parts[1].isEmpty,
      parts.count == 2 || ["rw", "ro"].contains(parts[2])
    else { throw ValueError(description: "give SRC:DST, or SRC:DST:rw to write there") }
    self.message = .with {
      $0.source = parts[0]
      $0.destination = parts[1]
      $0.writable = parts.count == 3 && parts[2] == "rw"
    }
  }
}

/// `DST` or `DST:SIZE`.
struct TmpfsOption: Hashable, Sendable {
  let message: Worker_V1_Tmpfs

  init(_ text: String) throws {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.count <= 2, !parts[0].isEmpty else {
      throw ValueError(description: "give DST or DST:SIZE, as /scratch:64M")
    }
    let size = try parts.count == 2 ? Values.size(parts[1]) : nil
    self.message = .with {
      $0.destination = parts[0]
      if let size { $0.size = size }
    }
  }
}

extension JobOptions.Network {
  var message: Worker_V1_Network {
    switch self {
    case .none: .none
    case .host: .host
    case .nat: .nat
    }
  }
}
