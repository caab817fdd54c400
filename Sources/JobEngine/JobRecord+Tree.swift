import JobStore

/// What of a spec is about the job's tree and its privileges, in the file `spec`.
extension JobSpec {
  func appendTree(to fields: inout Fields) {
    for bind in self.binds {
      fields.append("bind", bind.isWritable ? "rw" : "ro")
      fields.append("bind.source", bind.source)
      fields.append("bind.destination", bind.destination)
    }
    for mount in self.tmpfs {
      fields.append("tmpfs", mount.destination)
      fields.append("tmpfs.size", mount.size ?? 0)
    }
    fields.append("rootfs", self.rootfs)
    if self.isReadOnly { fields.append("read-only", "yes") }
    if self.hasUserNamespace { fields.append("userns", "yes") }
    if !self.deniesSystemCalls { fields.append("seccomp", "off") }
  }

  mutating func takeTree(from fields: Fields) {
    let places = zip(fields.all("bind.source"), fields.all("bind.destination"))
    self.binds = zip(fields.all("bind"), places).map { mode, place in
      Bind(source: place.0, destination: place.1, isWritable: mode == "rw")
    }
    self.tmpfs = zip(fields.all("tmpfs"), fields.all("tmpfs.size")).map { destination, size in
      Tmpfs(destination: destination, size: Int64(size).flatMap { $0 == 0 ? nil : $0 })
    }
    self.rootfs = fields["rootfs"]
    self.isReadOnly = fields["read-only"] != nil
    self.hasUserNamespace = fields["userns"] != nil
    self.deniesSystemCalls = fields["seccomp"] != "off"
  }
}
