import Glibc
import JobStore
import Linux

/// What a keeper works with, made before the job is: journal, orders, timer.
struct Desk: ~Copyable {
  var journal: JournalWriter
  let control: OwnedDescriptor
  let timer: TimerDescriptor
  let engineWatch: EngineWatch
  /// What the record of the start says of this process.
  let bootID: String
  let keeper: ProcessIdentity
  /// First of all, as it counts from here on.
  var witness = Witness()

  init(
    folder: borrowing OwnedDescriptor, plan: LaunchPlan, engineWatch: consuming EngineWatch
  ) throws(SystemError) {
    let journal = try JournalWriter(
      folder: try folder.duplicate(), jobID: plan.jobID, segmentSize: plan.segmentSize,
      quota: plan.outputQuota)
    // Read and write: with a writer of its own the FIFO never reports that the last one left.
    let control = try File.open(JobDirectory.control, in: folder, O_RDWR | O_NONBLOCK)
    let bootID = try ProcessIdentity.bootID()
    let keeper = try ProcessIdentity.current
    self.timer = try TimerDescriptor()
    // Whoever fills the disk later, this job's end gets told. Best effort: where it fails, the job may
    // still end well.
    try? File.reserve(JobDirectory.exit, size: ExitRecord.usualSize, in: folder)
    self.journal = journal
    self.engineWatch = engineWatch
    self.bootID = bootID
    self.keeper = keeper
    self.control = control
  }
}

/// The pipe to the engine that started the job: one message, then it is closed.
///
/// A class, so that it can be let go of from where the message is sent, whoever holds it.
final class Announcement {
  private let pipe: Lock<CInt?>

  init(_ pipe: consuming OwnedDescriptor) {
    self.pipe = Lock(pipe.release())
  }

  func tell(_ message: InitMessage) {
    guard let descriptor = self.pipe.withLock({ pipe in pipe.take() }) else { return }
    // Owned from here on, so closed at the end; fails only when the engine is gone.
    try? File.writeAll(message.encoded(), to: OwnedDescriptor(owning: descriptor))
  }
}
