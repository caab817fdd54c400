import Glibc
import JobEngine
import Linux
import TestSupport
import Testing

/// A folder of its own for one test, removed afterwards.
final class TemporaryFolder: Sendable {
  let path: String

  private let parent: String
  private let name: String

  /// In TMPDIR, which a host whose /tmp is in memory sets to a disk, or in /tmp.
  init() throws {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    let name = "engine-test-" + Random.bytes(6).map { String($0, radix: 16) }.joined()
    self.parent = parent
    self.name = name
    self.path = "\(parent)/\(name)"
    try File.makeFolders(self.path)
  }

  deinit {
    if let parent = try? File.openFolder(self.parent) {
      try? Folder.removeTree(self.name, in: parent)
    }
  }
}

/// The `worker` program that was built beside the tests: it holds the keeper and PID 1.
let workerProgram: String = {
  let own = (try? File.realPath("/proc/self/exe")) ?? ""
  return String(own[..<(own.lastIndex(of: "/") ?? own.startIndex)]) + "/worker"
}()

extension Trait where Self == ConditionTrait {
  /// Namespaces, cgroups and other users need root.
  static var requiresRoot: Self {
    .enabled(
      if: geteuid() == 0 && File.exists(path: workerProgram), "needs root and a built worker")
  }
}

func configuration(_ folder: TemporaryFolder) -> WorkerConfiguration {
  var configuration = WorkerConfiguration(stateDirectory: "\(folder.path)/state")
  configuration.program = workerProgram
  return configuration
}

/// Opens a worker on a fresh state directory; at the end stops its jobs and closes it.
func withWorker(
  _ change: (inout WorkerConfiguration) -> Void = { _ in },
  _ body: (Worker) async throws -> Void
) async throws {
  let folder = try TemporaryFolder()
  var configuration = configuration(folder)
  change(&configuration)
  let worker = try await Worker.open(configuration)
  do { try await body(worker) } catch {
    await stopAll(worker)
    await worker.close()
    throw error
  }
  await stopAll(worker)
  await worker.close()
  #expect(Leftovers.of(server: configuration.stateDirectory) == [])
}

func stopAll(_ worker: Worker) async {
  for job in worker.jobs() where job.state != .finished {
    _ = try? await worker.stop(job.id, signal: SIGKILL, grace: .zero, by: "test")
  }
}

func shell(_ script: String) -> JobSpec { JobSpec(command: ["/bin/sh", "-c", script]) }

/// All output of a job until its end.
struct Collected: Sendable {
  var stdout: [UInt8] = []
  var stderr: [UInt8] = []
  var cursors: [Cursor] = []
  var gaps: [OutputGap] = []
  var end: OutputEnd?

  var text: String { String(decoding: self.stdout, as: UTF8.self) }
  var errorText: String { String(decoding: self.stderr, as: UTF8.self) }
}

func collect(_ output: JobOutput) async throws -> Collected {
  var all = Collected()
  for try await event in output {
    switch event {
    case .start: break
    case .chunk(let chunk):
      all.cursors.append(chunk.cursor)
      switch chunk.stream {
      case .stdout: all.stdout += chunk.bytes
      case .stderr: all.stderr += chunk.bytes
      }
    case .gap(let gap): all.gaps.append(gap)
    case .end(let end): all.end = end
    }
  }
  return all
}

/// Reads a following output until `text` was seen on stdout.
func waitForOutput(_ text: String, of id: JobID, _ worker: Worker) async throws {
  var seen = ""
  for try await event in try worker.output(of: id) {
    guard case .chunk(let chunk) = event else { break }
    seen += String(decoding: chunk.bytes, as: UTF8.self)
    if seen.contains(text) { return }
  }
  Issue.record("'\(text)' never came, but '\(seen)'")
}

/// Every folder named like a job's cgroup, in all hierarchies.
func cgroupFolders() throws -> [String] {
  var found: [String] = []
  for mount in MountInfo.parse(try File.readText("/proc/self/mountinfo"))
  where mount.type.hasPrefix("cgroup") {
    found += try folders(below: mount.mountPoint)
  }
  return found
}

private func folders(below path: String) throws -> [String] {
  guard let names = try? names(in: path) else { return [] }  // a file, or gone meanwhile
  return try names.flatMap { name in
    name.contains(".")
      ? []
      : [name].filter { $0.hasPrefix("worker-") }
        + (try folders(below: "\(path)/\(name)"))
  }
}
