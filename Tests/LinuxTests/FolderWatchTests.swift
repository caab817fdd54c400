import Linux
import TestSupport
import Testing

/// When a change in a folder is told.
@Suite struct FolderWatchTests {
  /// As one that holds a log beside what is watched for.
  @Test func aFolderThatIsNeverQuietIsToldOfAllTheSame() async throws {
    let folder = try TemporaryDirectory()
    let told = Lock(false)
    let watch = try FolderWatch([folder.path]) { told.withLock { $0 = true } }
    defer { watch.stop() }
    let giveUp = Clock.monotonic() + 20_000_000_000
    while !told.withLock({ $0 }), Clock.monotonic() < giveUp { try folder.write("busy", "x") }
    #expect(told.withLock { $0 })
  }
}
