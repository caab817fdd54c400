import JobAPI
import JobEngine

/// The job's tree and its privileges, from the API and to it.
extension JobSpec {
  mutating func takeTree(_ message: Worker_V1_JobSpec) {
    self.binds = message.binds.map {
      Bind(source: $0.source, destination: $0.destination, isWritable: $0.writable)
    }
    self.tmpfs = message.tmpfs.map {
      Tmpfs(destination: $0.destination, size: $0.hasSize ? $0.size : nil)
    }
    self.rootfs = message.rootfs.isEmpty ? nil : message.rootfs
    self.isReadOnly = message.readOnly
    self.hasUserNamespace = message.userNamespace
    self.deniesSystemCalls = !message.seccompOff
  }
}

extension Worker_V1_Isolation {
  init(_ isolation: Isolation) {
    self.init()
    self.user = isolation.user
    self.capabilities = isolation.capabilities
    self.namespaces = isolation.namespaces
    self.root = isolation.root
    self.mounts = isolation.mounts
    self.network = isolation.network
    self.seccomp = isolation.seccomp
    self.noNewPrivileges = isolation.noNewPrivileges
  }
}
