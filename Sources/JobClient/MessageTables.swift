import JobAPI
import SwiftProtobuf

/// What the Swift runtime and the protobuf library make of our messages when they first meet them.
package enum MessageTables {
  /// Meets those of a start and of its output: some tenths of a millisecond that would else be spent between
  /// the server's answer and the next request. Blocks for that long.
  package static func load() {
    var end = Worker_V1_OutputEnd()
    end.job = Self.job
    var last = Worker_V1_StreamOutputResponse()
    last.end = end
    var chunk = Worker_V1_OutputChunk()
    chunk.stream = .stdout
    var first = Worker_V1_StreamOutputResponse()
    first.chunk = chunk
    var started = Worker_V1_StartJobResponse()
    started.job = Self.job
    var asked = Worker_V1_StreamOutputRequest()
    asked.job = "job"
    Self.meet(started)
    Self.meet(asked)
    Self.meet(first)
    Self.meet(last)
  }

  private static var job: Worker_V1_Job {
    var job = Worker_V1_Job()
    job.id = "job"
    job.command = ["true"]
    job.limits.memory = 1
    job.applied = ["memory": Worker_V1_AppliedLimit()]
    job.exit.code = 0
    job.usage.cpuTime.seconds = 1
    job.createTime.seconds = 1
    job.isolation.user = "user"
    return job
  }

  private static func meet(_ message: some Message) {
    let bytes: [UInt8] = (try? message.serializedBytes()) ?? []
    _ = try? type(of: message).init(serializedBytes: bytes)
  }
}
