import JobStore
import Linux

/// Pressure stall information of a cgroup2 folder, see the kernel's documentation of PSI: time in
/// which at least one task of the job waited for a resource that others had. Not on v1, nor where the
/// kernel was built or booted without it.
enum Pressure {
  static func evidence(in folder: String) -> [ExitRecord.Evidence] {
    ["cpu.pressure", "memory.pressure", "io.pressure"].map {
      .init(name: $0, content: "\(folder)/\($0)")
    }
  }

  /// The total of the line `some avg10=0.00 avg60=0.00 avg300=0.00 total=N`, N in microseconds.
  static func stalled(_ text: String?) -> Duration? {
    guard let line = text?.split(separator: "\n").first(where: { $0.hasPrefix("some ") }),
      let total = line.split(separator: " ").first(where: { $0.hasPrefix("total=") })
    else { return nil }
    return Int64(total.dropFirst("total=".count)).map { .microseconds($0) }
  }
}
