import JobAPI

/// What a person is told of output that is not there.
enum GapMessage {
  static func text(_ gap: Worker_V1_OutputGap) -> String {
    let stream = gap.stream == .stderr ? "stderr" : "stdout"
    guard gap.hasFrom else { return "\(stream) up to byte \(gap.to) is missing: \(gap.message)" }
    return "bytes \(gap.from) to \(gap.to) of \(stream) are missing: \(gap.message)"
  }
}

extension OutputWriter {
  /// On stderr, behind what was written before.
  func tell(_ gap: Worker_V1_OutputGap) async throws(Failure) {
    try await self.write(Array(Message.line(GapMessage.text(gap)).utf8), to: .stderr)
  }
}
