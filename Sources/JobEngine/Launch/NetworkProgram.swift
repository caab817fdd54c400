import Glibc
import JobStore
import Linux

/// The program of the host that carries the connections of jobs out, see `OutgoingNetwork`.
struct NetworkProgram {
  /// Where it may lie.
  let folders: [String]

  /// Of this uid and above, one a job: below the ids of the usual 32-bit signed numbers' end, above
  /// systemd's foreign ids. It owns no file.
  private static let firstUser: UInt32 = 0x7fff_0000
  static let users = Self.firstUser...Self.firstUser + 0xffff

  /// Its path; throws when there is none, before anything is made for a job.
  func find() throws(WorkerError) -> String {
    for folder in self.folders {
      let path = "\(folder)/pasta"
      if access(path, X_OK) == 0 { return path }
    }
    throw WorkerError(
      .failedPrecondition,
      "the network 'nat' needs the program pasta, which is not in \(self.folders.joined(separator: ", ")) "
        + "of the server's host: install the package passt there, or use none, or host where the "
        + "policy allows it")
  }

  /// For a job that runs as `uid`; nil when it does not want one.
  func outgoing(for spec: JobSpec, uid: UInt32) throws(WorkerError) -> OutgoingNetwork? {
    guard spec.network == .nat else { return nil }
    let user = Self.firstUser + (uid ^ uid >> 16) & 0xffff
    return OutgoingNetwork(program: try self.find(), user: user)
  }
}

extension ResolvedUser {
  /// A network with a way out belongs to a user of its own, and the kernel gives him every capability over
  /// it, user_namespaces(7). Nobody may be him, or become him.
  func checkNetwork(_ network: JobSpec.Network) throws(WorkerError) {
    guard !NetworkProgram.users.contains(self.uid) else {
      throw .invalid(
        "the user ids \(NetworkProgram.users.lowerBound) to \(NetworkProgram.users.upperBound) are set "
          + "apart for the networks of jobs, got \(self.uid)")
    }
    guard network == .nat, self.uid == 0 else { return }
    throw .invalid(
      "a job that is root on the host cannot have the network nat: it could undo the bounds of that "
        + "network; make it root inside alone (--userns), run it as another user, or give it the network "
        + "none or host")
  }
}

extension JobSpec {
  /// The program is in the job's cgroup, takes 20 MiB (measured), and works with three processes.
  private static let networkMemory: Int64 = 32 << 20
  private static let networkProcesses: Int64 = 8

  func validateNetwork() throws(WorkerError) {
    guard self.network == .nat else { return }
    if let memory = self.limits.memory, memory < Self.networkMemory {
      throw .invalid(
        "with the network nat, memory must be at least \(Self.networkMemory), got \(memory): "
          + "what carries the connections is in it")
    }
    if let pids = self.limits.pids, pids < Self.networkProcesses {
      throw .invalid(
        "with the network nat, pids must be at least \(Self.networkProcesses), got \(pids): "
          + "what carries the connections is among them")
    }
  }
}

/// resolv.conf(5) of a job whose network has a name server of its own.
enum NameServerFile {
  static let name = "resolv.conf"
  static let text = "nameserver \(OutgoingNetwork.nameServer)\n"

  /// In the folder of a job's files.
  static func make(in files: borrowing OwnedDescriptor) throws(SystemError) {
    let file = try File.open(self.name, in: files, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
    try File.setMode(0o644, of: file)
    try File.writeAll(Array(self.text.utf8), to: file)
  }
}
