import JobAPI
import SwiftProtobuf

extension DoctorCheck {
  private static let script = """
    echo "uid $(id -u)"
    while read key value rest; do echo "$key $value"; done < /proc/self/status
    set -- /proc/[0-9]*; echo "processes $#"
    while read name rest; do case $name in *:) echo "interface $name";; esac; done < /proc/net/dev
    for file in /etc/worker-doctor /usr/worker-doctor /proc/sys/kernel/hostname; do
      if (: >> "$file") 2>/dev/null; then echo "wrote $file"; fi
    done
    """

  /// What a job without options sees and may do. Everything that is wrong is told.
  static let isolation = DoctorCheck(
    name: "isolation",
    spec: .with {
      $0.command = ["sh", "-c", script]
      $0.labels = ["worker": "doctor"]
      $0.timeout = .init(seconds: 20)
    }
  ) { evidence in
    guard evidence.job.exit.reason == .exited, evidence.job.exit.code == 0 else {
      return DoctorFinding(.unknown, evidence.job.exit.message)
    }
    var facts: [Substring: [Substring]] = [:]
    for line in String(decoding: evidence.stdout, as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ", maxSplits: 1)
      if words.count == 2 { facts[words[0], default: []].append(words[1]) }
    }
    let problems = problems(facts)
    guard problems.isEmpty else {
      return DoctorFinding(.fails, problems.joined(separator: "; "))
    }
    return DoctorFinding(
      .holds,
      "uid \(facts["uid"]?.first ?? "?"), no capabilities, a seccomp filter, "
        + "\(facts["processes"]?.first ?? "?") processes in sight, no network, the host read-only")
  }

  private static func problems(_ facts: [Substring: [Substring]]) -> [String] {
    func value(_ key: Substring) -> Substring { facts[key]?.first ?? "" }
    var problems: [String] = []
    if Int(value("uid")) ?? 0 == 0 { problems.append("it runs as root") }
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] as [Substring]
    where UInt64(value(set), radix: 16) != 0 {
      problems.append("it has capabilities (\(set) \(value(set)))")
    }
    if value("NoNewPrivs:") != "1" { problems.append("it may gain privileges") }
    if value("Seccomp:") != "2" { problems.append("no seccomp filter") }
    if Int(value("processes")) ?? .max > 4 {
      problems.append("it sees \(value("processes")) processes")
    }
    let interfaces = facts["interface"] ?? []
    if interfaces != ["lo:"] {
      problems.append("it has a network: \(interfaces.joined(separator: " "))")
    }
    return problems + (facts["wrote"] ?? []).map { "it can write \($0)" }
  }
}
