import GRPCCore
import JobAPI
import JobEngine
import Linux
import SwiftProtobuf
import Testing

@testable import JobServer

/// What a policy means for jobs.
@Suite struct PolicyTests {
  private static func policy(_ job: String, _ total: String = "{}") throws -> Policy {
    try PolicyFile.parse(
      """
      {"roles": {
        "r": {"methods": {"*": "own"}, "job": \(job), "total": \(total)},
        "wide": {"methods": {"*": "own"}, "job": {"max": {"cpu": 8}}},
        "see": {"methods": {"GetJob": "any"}}
      }}
      """, path: "p")
  }

  private static func caller(_ policy: Policy, _ roles: [String] = ["r"]) throws -> Caller {
    try Caller(peer("alice", roles: roles), trustDomain: "worker.local", policy: policy)
  }

  private static func refusal(_ spec: JobSpec, _ job: String) throws -> String? {
    let caller = try self.caller(try self.policy(job))
    do throws(RPCError) {
      _ = try Authorization.bounded(spec, caller)
      return nil
    } catch {
      #expect(error.code == .permissionDenied)
      return error.message
    }
  }

  /// A new field of a spec has to be decided about before it can be asked for.
  @Test func everyFieldOfASpecIsDecidedAbout() {
    let fields = Set(Mirror(reflecting: JobSpec(command: ["x"])).children.compactMap(\.label))
    let decided = SpecRules.harmless.union(SpecRules.bounded).union(SpecRules.settled)
      .union(SpecRules.all.map(\.field))
    #expect(fields == decided)
    let limits = Set(Mirror(reflecting: Limits()).children.compactMap(\.label))
    let known = SpecRules.harmlessLimits.union(Cap.allCases.map(\.rawValue))
    #expect(limits.isSubset(of: known), "\(limits)")
  }

  @Test func bestEffortIsNoWayAroundABound() throws {
    var spec = JobSpec(command: ["x"])
    spec.limits.bestEffort = true
    #expect(try Self.refusal(spec, "{}") == nil)
    let refusal = try Self.refusal(spec, #"{"max": {"memory": "1G"}}"#)
    #expect(refusal?.contains("--best-effort") == true)
  }

  @Test func aWeightBelowEverybodysIsGivenToEveryJob() throws {
    let caller = try Self.caller(try Self.policy(#"{"max": {"cpuWeight": 20}}"#))
    #expect(try Authorization.bounded(JobSpec(command: ["x"]), caller).limits.cpuWeight == 20)
    let roomy = try Self.caller(try Self.policy(#"{"max": {"cpuWeight": 200}}"#))
    #expect(try Authorization.bounded(JobSpec(command: ["x"]), roomy).limits.cpuWeight == nil)
  }

  @Test(
    arguments: [
      (.own, true), (.named("build"), true), (.named("root"), false),
      (.ids(uid: 1000, gid: nil), true), (.ids(uid: 1999, gid: nil), true),
      (.ids(uid: 2000, gid: nil), false), (.ids(uid: 0, gid: nil), false),
      (.ids(uid: 1500, gid: 0), false), (.ids(uid: 33, gid: 34), true),
      (.ids(uid: 33, gid: nil), false),
    ] as [(JobSpec.User, Bool)])
  func usersAreThoseListed(user: JobSpec.User, allowed: Bool) throws {
    var spec = JobSpec(command: ["x"])
    spec.user = user
    let refusal = try Self.refusal(spec, #"{"users": ["build", "1000-1999", "33:34"]}"#)
    #expect((refusal == nil) == allowed, "\(refusal ?? "")")
  }

  @Test(
    arguments: [
      ("/usr/bin/make", true), ("/opt/tools/x", true), ("/opt/tools/a/b", true),
      ("make", false), ("/opt/tools/../../bin/sh", false), ("/opt/toolsx", false),
      ("/usr/bin/make/", false), ("/usr/bin/./make", false), ("/usr//bin/make", false),
      ("/bin/sh", false),
    ] as [(String, Bool)])
  func programsAreThoseListed(program: String, allowed: Bool) throws {
    let refusal = try Self.refusal(
      JobSpec(command: [program, "x"]), #"{"commands": ["/usr/bin/make", "/opt/tools/"]}"#)
    #expect((refusal == nil) == allowed, "\(refusal ?? "")")
  }

  @Test func theHostsNetworkHasToBeListed() throws {
    var spec = JobSpec(command: ["x"])
    spec.network = .host
    #expect(try Self.refusal(spec, "{}")?.contains("the network 'host' (--net)") == true)
    #expect(try Self.refusal(spec, #"{"networks": ["host"]}"#) == nil)
  }

  /// A bound for each quantity: less is let through, more is refused, none gets the bound.
  @Test(arguments: Cap.allCases)
  func boundsHold(cap: Cap) throws {
    let memory = cap == .memorySwap ? #""memory": 1000000000, "# : ""
    let most = Self.bound(of: cap)
    let policy = try Self.policy("{\"max\": {\(memory)\"\(cap.rawValue)\": \(Int64(most))}}")
    let caller = try Self.caller(policy)
    var spec = JobSpec(command: ["x"])
    let given = try Authorization.bounded(spec, caller)
    let set = cap == .output ? given.outputQuotaBound.map(Double.init) : cap.value(in: given)
    #expect(cap.implied(in: given) != nil || set == most)
    cap.set(most - 1, in: &spec)
    #expect(cap.value(in: try Authorization.bounded(spec, caller)) == most - 1)
    cap.set(most + 1, in: &spec)
    let error = #expect(throws: RPCError.self) { try Authorization.bounded(spec, caller) }
    #expect(error?.message.hasPrefix("\(cap.option) is at most \(Int64(most))") == true)
  }

  /// One that a job can have.
  private static func bound(of cap: Cap) -> Double {
    switch cap {
    case .cpuWeight, .ioWeight: 5000
    case .cpu, .pids: 300_000
    default: 100_000_000
    }
  }

  @Test(arguments: Cap.allCases.filter { ![.time, .cpuTime].contains($0) })
  func whatNoHostHasIsRefusedAsAnythingElse(cap: Cap) throws {
    let memory = cap == .memorySwap ? #""memory": 5000000, "# : ""
    let most = Int64(Self.bound(of: cap))
    let bound = #"{"max": {\#(memory)"\#(cap.rawValue)": \#(most)}}"#
    for cores in [1e300, .infinity] {
      var spec = JobSpec(command: ["x"])
      spec.limits.cpu = cap == .cpu ? cores : nil
      spec.limits.cpuWeight = cap == .cpuWeight ? .max : nil
      spec.limits.memory = cap == .memory ? .max : nil
      spec.limits.memorySwap = cap == .memorySwap ? .max : nil
      spec.limits.ioRead = cap == .ioRead ? .max : nil
      spec.limits.ioWrite = cap == .ioWrite ? .max : nil
      spec.limits.ioReadOps = cap == .ioReadOps ? .max : nil
      spec.limits.ioWriteOps = cap == .ioWriteOps ? .max : nil
      spec.limits.ioWeight = cap == .ioWeight ? .max : nil
      spec.limits.pids = cap == .pids ? .max : nil
      spec.outputQuota = cap == .output ? .max : nil
      #expect(try Self.refusal(spec, bound)?.contains("is at most \(most)") == true)
    }
  }

  /// As records hold it: a job that was read from its record is the one that was asked for.
  @Test(arguments: [5, 7, 9, 30, 365])
  func aBoundOfDaysIsWholeNanoseconds(days: Int) {
    var spec = JobSpec(command: ["true"])
    Cap.time.give(Double(days * 86_400), to: &spec)
    #expect(spec.timeout == .seconds(days * 86_400))
  }

  @Test func outputThatNobodyAskedForStaysTheServersDefaultOrLess() throws {
    let caller = try Self.caller(try Self.policy(#"{"max": {"output": "1M"}}"#))
    let bounded = try Authorization.bounded(JobSpec(command: ["x"]), caller)
    #expect(bounded.outputQuota == nil && bounded.outputQuotaBound == 1 << 20)
  }

  @Test func onlyWhoMayBeAnybodyMayBeWhomATreeSays() throws {
    var spec = JobSpec(command: ["x"])
    #expect(try !Authorization.bounded(spec, Self.caller(Self.policy("{}"))).isHostUser)
    spec.user = .named("build")
    let some = try Self.caller(try Self.policy(#"{"users": ["build"]}"#))
    #expect(try Authorization.bounded(spec, some).isHostUser)
    let any = try Self.caller(try Self.policy(#"{"users": ["*"]}"#))
    #expect(try !Authorization.bounded(spec, any).isHostUser)
  }

  @Test(
    arguments: [
      ("/usr/bin/make", false), ("/usr/bin", false), ("/", false), ("/opt/tools/x", false),
      ("/opt", false), ("/lib/x86_64-linux-gnu/libc.so.6", false), ("/etc/ld.so.preload", false),
      ("/srv/source", true), ("/optional", true), ("/opt/data", true),
    ])
  func noFileIsPutOverAProgramWhereProgramsAreBounded(place: String, allowed: Bool) throws {
    var spec = JobSpec(command: ["/usr/bin/make"])
    spec.binds = [JobSpec.Bind(source: "/srv/a", destination: place, isWritable: false)]
    let bounded = #"{"commands": ["/usr/bin/make", "/opt/tools/"], "binds": ["/srv/"]}"#
    #expect((try Self.refusal(spec, bounded) == nil) == allowed)
    #expect(try Self.refusal(spec, #"{"binds": ["/srv/"]}"#) == nil)
  }

  @Test func noLinkerIsToldToRunOtherCodeWhereProgramsAreBounded() throws {
    var spec = JobSpec(command: ["/usr/bin/make"])
    spec.environment = ["LD_PRELOAD": "/srv/a", "PATH": "/"]
    let refusal = try Self.refusal(spec, #"{"commands": ["/usr/bin/make"]}"#)
    #expect(refusal?.contains("the variable LD_PRELOAD (--env)") == true)
    #expect(try Self.refusal(spec, "{}") == nil)
    spec.environment = ["LC_TIME": "C", "TZ": "UTC"]
    #expect(try Self.refusal(spec, #"{"commands": ["/usr/bin/make"]}"#) == nil)
  }

  @Test func variablesAreThoseListed() throws {
    var spec = JobSpec(command: ["/usr/bin/make"])
    spec.environment = ["APP_MODE": "x", "DEBUG": "1"]
    let job = #"{"commands": ["/usr/bin/make"], "environment": ["APP_*", "DEBUG"]}"#
    #expect(try Self.refusal(spec, job) == nil)
    spec.environment["APPLE"] = ""
    #expect(try Self.refusal(spec, job)?.contains("the variable APPLE") == true)
    #expect(try Self.refusal(spec, #"{"environment": []}"#) != nil)
  }

  @Test(arguments: ["none", "nat", "host"])
  func everyNetworkCanBeAllowed(network: String) throws {
    var spec = JobSpec(command: ["x"])
    spec.network = try #require(JobSpec.Network(rawValue: network))
    #expect(try Self.refusal(spec, "{\"networks\": [\"\(network)\"]}") == nil)
    #expect((try Self.refusal(spec, "{}") == nil) == (network == "none"))
  }

  @Test func severalRolesAddUp() throws {
    let policy = try Self.policy(#"{"users": ["build"], "max": {"cpu": 2, "pids": 9}}"#)
    var spec = JobSpec(command: ["x"])
    spec.user = .named("build")
    spec.limits.cpu = 7
    let both = try Self.caller(policy, ["r", "wide"])
    #expect(throws: RPCError.self) { try Authorization.bounded(spec, try Self.caller(policy)) }
    let bounded = try Authorization.bounded(spec, both)
    #expect(bounded.limits.cpu == 7 && bounded.limits.pids == nil)
    // One that starts no jobs lifts no bound.
    let seeing = try Self.caller(policy, ["r", "see"])
    #expect(throws: RPCError.self) { try Authorization.bounded(spec, seeing) }
    #expect(seeing.rights.scope(of: .getJob) == .everybodys)
  }

  @Test func theEngineGetsBoundsAndQuota() async throws {
    let policy = try Self.policy(
      #"{"max": {"memory": "64M", "time": 5}}"#, #"{"jobs": 2, "cpu": 1.5}"#)
    let engine = FakeEngine()
    try await withService(engine, as: peer("alice", roles: ["r"]), policy: policy) { service in
      _ = try await service.startJob(.with { $0.spec.command = ["true"] })
    }
    let started = try #require(engine.started.withLock { $0 })
    #expect(started.spec.limits.memory == 64 << 20 && started.spec.timeout == .seconds(5))
    #expect(started.quota?.jobs == 2 && started.quota?.limits.cpu == 1.5)
  }

  @Test func whoAmITellsWhatIsAllowed() async throws {
    let policy = try Self.policy(#"{"max": {"memory": "64M"}}"#, #"{"jobs": 2}"#)
    let alice = peer("alice", roles: ["r", "unknown"])
    try await withService(FakeEngine(), as: alice, policy: policy) { service in
      let answer = try await service.whoAmI(Worker_V1_WhoAmIRequest())
      #expect(answer.identity == "alice" && answer.roles == ["r"])
      #expect(answer.trustDomain == "worker.local" && answer.certificateSerial == "01")
      #expect(answer.job.max == ["memory": 67_108_864] && answer.job.total == ["jobs": 2])
      #expect(answer.job.allowed["users"]?.values == ["own"])
      #expect(answer.job.allowed["commands"] == nil)
      #expect(answer.permissions.contains { $0.method == "StopJob" && $0.access == .own })
    }
  }

  @Test func accessCanBeAskedAboutOneself() async throws {
    let own = job("aaaaaaaaaaaaaaaa", owner: "alice")
    let foreign = job("bbbbbbbbbbbbbbbb", owner: "bob")
    try await withService(FakeEngine([own, foreign]), as: peer("alice", roles: ["viewer"])) {
      service in
      func ask(_ method: String, _ job: String = "") async throws -> Worker_V1_CheckAccessResponse {
        try await service.checkAccess(
          .with {
            $0.method = method
            $0.job = job
          })
      }
      let stop = try await ask("StopJob", "aaaa")
      #expect(!stop.allowed && stop.access == .none)
      #expect(stop.reason.contains("needs the role admin or user"))
      #expect(try await ask("GetJob", "bbbb").allowed)
      #expect(await failure { _ = try await ask("NoSuch") }?.code == .invalidArgument)
      #expect(await failure { _ = try await ask("GetJob", "cccc") }?.code == .notFound)
      let other = await failure {
        _ = try await service.checkAccess(
          .with {
            $0.method = "GetJob"
            $0.roles = ["admin"]
          })
      }
      #expect(other?.code == .permissionDenied)
    }
  }

  @Test func adminsMayAskForOthers() async throws {
    let foreign = job("bbbbbbbbbbbbbbbb", owner: "bob")
    try await withService(FakeEngine([foreign]), as: peer("root", roles: ["admin"])) { service in
      for (name, allowed) in [("bob", true), ("alice", false), ("", false)] {
        let answer = try await service.checkAccess(
          .with {
            $0.method = "StopJob"
            $0.roles = ["user"]
            $0.name = name
            $0.job = "bbbb"
          })
        #expect(answer.allowed == allowed && answer.access == .own, "\(name)")
      }
    }
  }
}
