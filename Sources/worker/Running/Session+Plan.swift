import JobAPI
import JobClient

extension Session {
  /// `--plan`: tells what a start would make of the limits; fails as the start would.
  func tellPlan(_ spec: Worker_V1_JobSpec, json: Bool) async throws -> Int32 {
    let plan = try await self.client.plan(spec)
    try StandardStream.stdout.write(json ? try JSON.text(plan) : PlanPage(plan).text)
    if let start = plan.limits.first(where: \.isStart) {
      throw Failure("a start would be refused: \(start.unenforced)")
    }
    guard !plan.startable, !spec.limits.bestEffort else { return ExitCode.success }
    let names = plan.limits.filter { !$0.unenforced.isEmpty }.map(\.name)
    throw Failure(
      "a start would be refused: \(names.joined(separator: ", ")) cannot be enforced here")
  }
}
