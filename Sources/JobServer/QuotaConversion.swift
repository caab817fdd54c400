import GRPCCore
import JobAPI
import JobEngine
import Linux
import SwiftProtobuf

// Quotas of output and what they cost, between the API and the engine.

extension JobSpec.WhenOutputFull {
  init(_ message: Worker_V1_OutputFull) throws(RPCError) {
    switch message {
    case .unspecified, .dropOldest: self = .dropOldest
    case .block: self = .block
    case .stop: self = .stop
    case .UNRECOGNIZED(let number):
      throw RPCError(
        code: .invalidArgument, message: "output_full \(number) is unknown to this server")
    }
  }
}

extension Worker_V1_OutputFull {
  init(_ choice: JobSpec.WhenOutputFull) {
    switch choice {
    case .dropOldest: self = .dropOldest
    case .block: self = .block
    case .stop: self = .stop
    }
  }
}

extension Worker_V1_StreamOutputResponse {
  init(_ gap: OutputGap) {
    self.init()
    self.gap = .with {
      $0.stream = gap.stream == .stdout ? .stdout : .stderr
      if let from = gap.from { $0.from = Int64(from) }
      $0.to = Int64(gap.to)
      $0.cursor = gap.cursor.description
      switch gap.reason {
      case .quota:
        $0.reason = .quota
        $0.message = "dropped as the output quota was full"
      case .disk(let errno):
        $0.reason = .disk
        $0.message = "it could not be written: \(SystemError.reason(errno: errno))"
      }
    }
  }
}
