import Linux

/// The folder of one job: `jobs/ID/` below the state directory, 0700.
///
/// Written by the engine before the start: `spec`, `launch`, `lock`, `control`, `files/`;
/// later `limits`, `change`.
/// Written by the keeper: `started`, `output.*`, `exit`.
package enum JobDirectory {
  /// What was asked, by whom and when (the engine's own record).
  package static let spec = "spec"
  /// What a later change made of its limits; only there once there was one.
  package static let limits = "limits"
  /// A change of its limits that is under way, to be taken back by a worker that finds it.
  package static let change = "change"
  /// What keeper and init do, a `LaunchPlan`.
  package static let launch = "launch"
  /// Held by the keeper with flock(2) for as long as it lives.
  package static let lock = "lock"
  /// A FIFO: `ControlMessage`s to the keeper.
  package static let control = "control"
  /// A `StartRecord`, once the program has been executed.
  package static let started = "started"
  /// An `ExitRecord`; its presence means that the job has finished.
  package static let exit = "exit"
  /// Made by the engine, empty, once the keeper has the order to stop the job: the next worker shall
  /// know of it.
  package static let stopping = "stopping"
  /// The job's private /tmp and /var/tmp; removed at its end.
  package static let files = "files"

  /// Whether something in the folder is a tree of the job's: `files`, or what a removal of it has left.
  package static func isTree(_ name: String) -> Bool {
    name == self.files || name.hasPrefix(Folder.removingPrefix)
  }

  /// What begins so, beside the folders of the jobs, is nobody's any more and being removed.
  package static let trashPrefix = ".trash-"

  /// Where the folder of a job that was removed goes.
  package static func trashed(_ id: String) -> String { self.trashPrefix + id }

  /// Where `files` of a finished job go, beside its folder: a keeper puts them there, and the engine
  /// removes them, as that may take long.
  package static func trashedFiles(of id: String) -> String { "\(self.trashPrefix)\(id).files" }
}
