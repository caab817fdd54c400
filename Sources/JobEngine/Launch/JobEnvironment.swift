/// The clean environment of a job: nothing of the worker's own gets into it.
enum JobEnvironment {
  static let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  /// `KEY=value`, sorted; what was asked wins.
  static func make(id: JobID, user: ResolvedUser, asked: [String: String]) -> [String] {
    let base = [
      "PATH": self.path, "HOME": user.home, "USER": user.name, "LOGNAME": user.name,
      "LANG": "C.UTF-8", "JOB_ID": id.description,
    ]
    return base.merging(asked) { _, asked in asked }.map { "\($0)=\($1)" }.sorted()
  }
}
