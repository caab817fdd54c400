import ArgumentParser
import JobAPI

/// How much of a job's output is kept.
struct OutputOptions: ParsableArguments, Sendable {
  enum WhenFull: String, ExpressibleByArgument, CaseIterable {
    case dropOldest = "drop-oldest"
    case block
    case stop
  }

  @Option(
    parsing: .unconditional,
    help: "Bytes of output that are kept, as 256M. (default: the server's)", transform: Values.size)
  var outputQuota: Int64?

  @Option(
    help: """
      When that or the disk is full. drop-oldest (default): the job goes on and its oldest output \
      goes; block: it waits until it is stopped; stop: it is ended.
      """)
  var outputFull: WhenFull?

  func set(_ spec: inout Worker_V1_JobSpec) {
    if let outputQuota { spec.outputQuota = outputQuota }
    switch self.outputFull {
    case .dropOldest: spec.outputFull = .dropOldest
    case .block: spec.outputFull = .block
    case .stop: spec.outputFull = .stop
    case nil: break
    }
  }
}
