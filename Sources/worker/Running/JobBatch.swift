/// One action on several jobs at a time; one that fails holds up no other.
enum JobBatch {
  struct Outcomes<Success: Sendable>: Sendable {
    /// In the order of the jobs.
    let results: [Result<Success, Failure>]

    var successes: [Success] { self.results.compactMap { try? $0.get() } }

    /// Says what failed, and gives back the exit code.
    func tellFailures() -> Int32 {
      var code = ExitCode.success
      var told: Set<String> = []  // a role is refused for each job alike
      for case .failure(let failure) in self.results {
        if told.insert(failure.description).inserted { Message.print(failure.description) }
        if code == ExitCode.success { code = failure.code }
      }
      return code
    }
  }

  static func each<Success: Sendable>(
    _ jobs: [String], _ action: @escaping @Sendable (String) async throws -> Success
  ) async -> Outcomes<Success> {
    await withTaskGroup(of: (Int, Result<Success, Failure>).self) { group in
      for (index, job) in jobs.enumerated() {
        group.addTask {
          do { return (index, .success(try await action(job))) } catch {
            return (index, .failure(Failure(error)))
          }
        }
      }
      var results: [(Int, Result<Success, Failure>)] = []
      for await result in group { results.append(result) }
      return Outcomes(results: results.sorted { $0.0 < $1.0 }.map(\.1))
    }
  }
}
