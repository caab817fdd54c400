import Glibc
import Linux
import TestSupport
import Testing

/// A program of the host, run to its end.
enum Shell {
  private static let threads = BlockingThreads(name: "shell", count: 2)

  /// Its exit code; -1 when it could not be run or was killed.
  static func run(_ arguments: [String]) async -> Int32 {
    await Self.threads.run {
      guard let program = Tools.find(arguments[0]),
        let null = try? File.open("/dev/null", O_RDWR)
      else { return -1 }
      let spawn = Spawn(
        .paths([program]), arguments: arguments,
        descriptors: [null.rawValue, null.rawValue, null.rawValue])
      guard case .started(_, let process)? = try? spawn.start(),
        case .exited(let code)? = try? process.reap(waiting: true)
      else { return -1 }
      return code
    }
  }
}

/// Runs `body` with a disk of `size` in memory, as `16k`.
func withSmallDisk(_ size: String, _ body: (String) async throws -> Void) async throws {
  let folder = try TemporaryDirectory()
  try Mount.mount("tmpfs", at: folder.path, type: "tmpfs", data: "size=\(size)")
  do {
    try await body(folder.path)
  } catch {
    _ = await Shell.run(["umount", "-l", folder.path])
    throw error
  }
  #expect(await Shell.run(["umount", "-l", folder.path]) == 0)
}
