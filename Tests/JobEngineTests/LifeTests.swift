import Glibc
import JobEngine
import Linux
import Testing

@Suite(.requiresRoot) struct LifeTests {
  @Test func outputAndExitCodeComeBack() async throws {
    try await withWorker { worker in
      let job = try await worker.start(shell("echo out; echo err >&2; exit 7"), owner: "alice")
      let output = try await collect(worker.output(of: job.id))
      let status = try await worker.wait(job.id)
      #expect(output.text == "out\n")
      #expect(output.errorText == "err\n")
      #expect(output.end?.complete == true)
      #expect(output.end?.stdoutBytes == 4)
      #expect(status.verdict?.reason == .exited)
      #expect(status.verdict?.code == 7)
      #expect(status.outputBytes == 8)
      #expect(status.startTime != nil)
      #expect(status.endTime != nil)
    }
  }

  @Test func deathBySignalIsToldApartFromExit() async throws {
    try await withWorker { worker in
      let job = try await worker.start(shell("kill -SEGV $$"), owner: "alice")
      let status = try await worker.wait(job.id)
      #expect(status.verdict?.reason == .signaled)
      #expect(status.verdict?.signal == SIGSEGV)
      #expect(status.verdict?.code == nil)
    }
  }

  @Test func environmentIsCleanAndHoldsWhatWasAsked() async throws {
    try await withWorker { worker in
      var spec = JobSpec(command: ["env"])
      spec.environment = ["COLOR": "green", "LANG": "C"]
      let job = try await worker.start(spec, owner: "alice")
      let lines = try await collect(worker.output(of: job.id)).text.split(separator: "\n")
      let expected = [
        "COLOR=green", "HOME=/tmp/work", "JOB_ID=\(job.id)", "LANG=C", "LOGNAME=job",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "USER=job",
      ]
      #expect(lines.map(String.init).sorted() == expected)
    }
  }

  @Test func jobRunsAsItsOwnUserInItsOwnFolder() async throws {
    try await withWorker { worker in
      let script = "id -u; id -g; id -G; pwd; stat -c '%u %a' .; echo x > file && cat file"
      let job = try await worker.start(shell(script), owner: "alice")
      let lines = try await collect(worker.output(of: job.id)).text.split(separator: "\n")
      let uid = "\(job.uid)"
      #expect(
        lines.map(String.init) == [uid, uid, uid, "/tmp/work", "\(uid) 700", "x"])
    }
  }

  @Test func jobRunsAsUserOfTheHost() async throws {
    try await withWorker { worker in
      var spec = shell("id -un; echo $HOME; echo $USER")
      spec.user = .named("nobody")
      let job = try await worker.start(spec, owner: "alice")
      let output = try await collect(worker.output(of: job.id))
      let home = try UserDatabase().user(named: "nobody")?.home ?? ""
      #expect(output.text == "nobody\n\(home)\nnobody\n", "\(output.errorText)")
    }
  }

  @Test func rootJobHasFewCapabilities() async throws {
    try await withWorker { worker in
      var spec = shell("grep -E 'CapEff|CapBnd' /proc/self/status; mount -t tmpfs x /mnt; echo $?")
      spec.user = .ids(uid: 0, gid: nil)
      let job = try await worker.start(spec, owner: "alice")
      let output = try await collect(worker.output(of: job.id))
      // chown to setpcap, net_bind_service, net_raw, sys_chroot, audit_write, setfcap.
      #expect(output.text.contains("CapEff:\t00000000a00425fb"))
      #expect(output.text.contains("CapBnd:\t00000000a00425fb"))
      #expect(!output.text.hasSuffix("\n0\n"))
    }
  }

  @Test func rootJobCannotWriteToTheKernelsFiles() async throws {
    try await withWorker { worker in
      var spec = shell("for f in /sys /sys/kernel /proc/sys; do [ -w $f ] && echo $f; done; echo x")
      spec.user = .ids(uid: 0, gid: nil)
      let job = try await worker.start(spec, owner: "alice")
      let output = try await collect(worker.output(of: job.id))
      #expect(output.text == "x\n")
    }
  }

  @Test func jobSeesOnlyItself() async throws {
    try await withWorker { worker in
      let script = """
        ls /proc | grep -c '^[0-9]'; cat /proc/1/comm; hostname
        ls /sys/class/net; ls /sys/fs/cgroup /tmp /var/tmp | wc -l; cat /proc/self/cgroup | grep ^0
        """
      let job = try await worker.start(shell(script), owner: "alice")
      let output = try await collect(worker.output(of: job.id))
      #expect(output.text.contains("job-\(job.id)"))
      #expect(output.text.contains("0::/\n"), "\(output.text) \(output.errorText)")
    }
  }

  @Test func stateDirectoryIsHidden() async throws {
    let folder = try TemporaryFolder()
    // Not below /tmp, which every job sees its own of.
    var configuration = configuration(folder)
    configuration.stateDirectory =
      "/var/lib/engine-test-\(folder.path.split(separator: "-").last ?? "")"
    defer {
      if let parent = try? File.openFolder("/var/lib") {
        let name = String(configuration.stateDirectory.dropFirst("/var/lib/".count))
        try? Folder.removeTree(name, in: parent)
      }
    }
    let worker = try await Worker.open(configuration)
    var spec = JobSpec(command: ["ls", "-A", configuration.stateDirectory])
    spec.user = .ids(uid: 0, gid: 0)
    let job = try await worker.start(spec, owner: "alice")
    let output = try await collect(worker.output(of: job.id))
    #expect(output.text == "")
    await worker.close()
  }

  @Test func timeoutEndsTheJob() async throws {
    try await withWorker { worker in
      var spec = JobSpec(command: ["sleep", "1000"])
      spec.timeout = .milliseconds(50)
      let job = try await worker.start(spec, owner: "alice")
      let status = try await worker.wait(job.id)
      #expect(status.verdict?.reason == .timedOut)
    }
  }

  @Test func removedJobIsForgottenAndItsFolderGone() async throws {
    let folder = try TemporaryFolder()
    let worker = try await Worker.open(configuration(folder))
    let job = try await worker.start(JobSpec(command: ["true"]), owner: "alice")
    _ = try await worker.wait(job.id)
    try await worker.remove(job.id)
    #expect(worker.jobs().isEmpty)
    #expect(try await foldersOfJobs(folder, worker) == [])
    await #expect { try await worker.status(job.id) } throws: { isError($0, .notFound) }
    await worker.close()
  }

  @Test func runningJobIsNotRemoved() async throws {
    try await withWorker { worker in
      let job = try await worker.start(JobSpec(command: ["sleep", "1000"]), owner: "alice")
      await #expect { try await worker.remove(job.id) } throws: {
        isError($0, .failedPrecondition)
      }
    }
  }

  @Test func nameIsUniqueAmongUnfinishedJobsOfAnOwner() async throws {
    try await withWorker { worker in
      var spec = JobSpec(command: ["sleep", "1000"])
      spec.name = "web"
      let first = try await worker.start(spec, owner: "alice")
      await #expect { try await worker.start(spec, owner: "alice") } throws: {
        isError($0, .alreadyExists)
      }
      _ = try await worker.start(spec, owner: "bob")
      _ = try await worker.stop(first.id, grace: .zero, by: "alice")
      _ = try await worker.start(spec, owner: "alice")
    }
  }

  @Test func sameRequestStartsOneJob() async throws {
    try await withWorker { worker in
      let spec = JobSpec(command: ["true"])
      let ids = try await withThrowingTaskGroup(of: JobID.self) { group in
        for _ in 0..<8 {
          group.addTask { try await worker.start(spec, owner: "alice", requestID: "r1").id }
        }
        return try await group.reduce(into: Set()) { $0.insert($1) }
      }
      #expect(ids.count == 1)
      let other = try await worker.start(spec, owner: "bob", requestID: "r1")
      #expect(!ids.contains(other.id))
    }
  }

  @Test func aRequestIDOfAnotherSpecIsRefusedAndStartsNothing() async throws {
    try await withWorker { worker in
      let first = try await worker.start(
        JobSpec(command: ["true"]), owner: "alice", requestID: "r1")
      for command in [["false"], ["true", "x"]] {
        let error = await #expect(throws: WorkerError.self) {
          try await worker.start(JobSpec(command: command), owner: "alice", requestID: "r1")
        }
        #expect(error?.code == .alreadyExists)
        #expect(error?.message.contains("\(first.id)") == true, "\(String(describing: error))")
      }
      #expect(worker.jobs().count == 1)
      let again = try await worker.start(
        JobSpec(command: ["true"]), owner: "alice", requestID: "r1")
      #expect(again.id == first.id)
    }
  }

  /// Settings may have made another spec of it since.
  @Test func aRequestIsTheSameByWhatWasAsked() async throws {
    let folder = try TemporaryFolder()
    let first = try await Worker.open(configuration(folder))
    let job = try await first.start(
      JobSpec(command: ["true"]), owner: "alice", requestID: "r1", requestDigest: "d1")
    await first.close()
    let second = try await Worker.open(configuration(folder))
    var changed = JobSpec(command: ["true"])
    changed.outputQuota = 1 << 20
    let again = try await second.start(
      changed, owner: "alice", requestID: "r1", requestDigest: "d1")
    #expect(again.id == job.id && again.isRepeated)
    await #expect {
      try await second.start(changed, owner: "alice", requestID: "r1", requestDigest: "d2")
    } throws: { isError($0, .alreadyExists) }
    await second.close()
  }

  @Test func fiftyJobsStartAtOnceWithUserIDsOfTheirOwn() async throws {
    try await withWorker { worker in
      let jobs = try await withThrowingTaskGroup(of: JobStatus.self) { group in
        for index in 0..<50 {
          group.addTask {
            try await worker.start(shell("echo \(index); exec sleep 1000"), owner: "alice")
          }
        }
        return try await group.reduce(into: [JobStatus]()) { $0.append($1) }
      }
      #expect(Set(jobs.map(\.uid)).count == 50)
      #expect(worker.jobs().filter { $0.state == .running }.count == 50)
    }
  }
}

func names(in path: String) throws -> [String] {
  try Folder.names(in: try File.openFolder(path))
}

func isError(_ error: any Error, _ code: WorkerError.Code) -> Bool {
  (error as? WorkerError)?.code == code
}
