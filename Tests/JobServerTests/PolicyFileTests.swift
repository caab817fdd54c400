import Glibc
import JobEngine
import JobServer
import Linux
import TestSupport
import Testing

/// What a policy file may hold, and how a mistake in one is told.
@Suite struct PolicyFileTests {
  private static let example = """
    {
      "comment": "who may do what",
      "roles": {
        "operator": {"methods": {"*": "any", "StartJob": "none"}},
        "build": {
          "comment": "the build farm",
          "methods": {"*": "own", "GetServerInfo": "any", "RemoveJob": "none"},
          "job": {
            "users": ["own", "build", "1000-1999"],
            "networks": ["host"],
            "commands": ["/usr/bin/make", "/opt/tools/"],
            "max": {"cpu": 2.5, "memory": "1G", "pids": 200, "time": "2h"}
          },
          "total": {"jobs": 3, "memory": "4G"}
        }
      }
    }
    """

  @Test func rolesHaveTheScopesThatAreWritten() throws {
    let policy = try PolicyFile.parse(Self.example, path: "policy.json")
    #expect(policy.names == ["build", "operator"])
    let build = try #require(policy.roles["build"])
    let operators = try #require(policy.roles["operator"])
    #expect(build.scope(of: .startJob) == .own && build.scope(of: .stopJob) == .own)
    #expect(build.scope(of: .getServerInfo) == .everybodys)
    #expect(build.scope(of: .removeJob) == .nobodys)
    #expect(operators.scope(of: .startJob) == .nobodys)
    #expect(operators.scope(of: .checkAccess) == .everybodys)
  }

  @Test func whatIsNotListedIsRefusedButKnowingOneself() throws {
    let policy = try PolicyFile.parse(
      #"{"roles": {"r": {"methods": {"GetJob": "own"}}}}"#, path: "p")
    let rights = try #require(policy.roles["r"])
    let allowed = Method.allCases.filter { rights.scope(of: $0) != .nobodys }
    #expect(allowed == [.getJob, .whoAmI, .checkAccess])
  }

  /// What is documented is what is read.
  @Test func theDocumentedExampleIsGood() throws {
    let here = "\(#filePath)".split(separator: "/").dropLast(3).joined(separator: "/")
    let text = try File.readText("/\(here)/docs/policy.md")
    let start = try #require(text.firstRange(of: "```json\n")).upperBound
    let example = try #require(text[start...].firstRange(of: "```")).lowerBound
    let policy = try PolicyFile.parse(String(text[start..<example]), path: "policy.md")
    #expect(policy.names == ["admin", "build", "monitor"])
  }

  /// Each on a line of its own, the wrong one last.
  @Test(
    arguments: [
      ("max", #""cpu": 1, "pids": 9"#, #""output": "1K""#, "output: ", "output must be at least"),
      ("max", #""cpu": 1, "pids": 9"#, #""memory": "1M""#, "memory: ", "got 1048576"),
      ("max", #""cpu": 1, "pids": 9"#, #""memorySwap": "1M""#, "memorySwap: ", "needs memory"),
      (
        "max", #""cpu": 1, "pids": 9"#, #""time": 9000000000000000"#, "time: ",
        "at most 100 years, got 9000000000000000.0 seconds"
      ),
      ("total", #""cpu": 1, "pids": 9"#, #""memory": 0"#, "memory: ", "got 0"),
      ("total", #""memory": "1G""#, #""cpu": 0"#, "cpu: ", "got 0"),
      ("total", #""memory": "1G""#, #""pids": 2"#, "pids: ", "got 2"),
      ("total", #""memory": "1G""#, #""output": 1"#, "output: ", "output must be at least"),
      ("total", #""memory": "1G""#, #""jobs": 0"#, "jobs: ", "at least 1, got 0"),
    ] as [(String, String, String, String, String)])
  func aBoundThatLeavesNoJobIsToldByItsOwnField(
    part: String, good: String, bad: String, field: String, reason: String
  ) {
    let bounds = "{\n\(good),\n\(bad)}"
    let rest = part == "max" ? "\"job\": {\"max\": \(bounds)}" : "\"total\": \(bounds)"
    let text = "{\"roles\": {\"r\": {\"methods\": {\"*\": \"own\"}, \(rest)}}}"
    let error = #expect(throws: PolicyError.self) { try PolicyFile.parse(text, path: "p") }
    let place = part == "max" ? "job.max" : "total"
    let told = error?.description ?? ""
    #expect(told.hasPrefix("p:3: roles.r.\(place).\(field)") && told.contains(reason), "\(told)")
  }

  /// More than one job can have, as several add up; and nothing, to whom starts none.
  @Test(arguments: [
    (#"{"*": "own"}"#, #"{"pids": 5000000, "ioReadOps": 5000000000, "memorySwap": 0}"#),
    (#"{"UpdateJob": "own"}"#, #"{"cpu": 0, "jobs": 0}"#),
  ])
  func otherTotalsAreTaken(methods: String, total: String) throws {
    let text = "{\"roles\": {\"r\": {\"methods\": \(methods), \"total\": \(total)}}}"
    #expect(try PolicyFile.parse(text, path: "p").names == ["r"])
  }

  @Test func whatIsNoFileIsRefusedAndNotWaitedFor() throws {
    let folder = try TemporaryDirectory()
    let fifo = folder.path("policy.json")
    #expect(mkfifo(fifo, 0o600) == 0)
    for path in [fifo, folder.path] {
      let error = #expect(throws: PolicyError.self) { try PolicyFile.read(path) }
      #expect(error?.description == "cannot read the policy \(path): is not a regular file")
    }
  }

  @Test func aMissingFileSaysSo() {
    let error = #expect(throws: PolicyError.self) { try PolicyFile.read("/no/such/policy.json") }
    #expect(
      error?.description == "cannot read the policy /no/such/policy.json: No such file or directory"
    )
  }

  @Test(
    arguments: [
      ("", "p:1: is no JSON: a value is missing"),
      ("{\n\"roles\": {\n}", "p:3: is no JSON: ',' or '}' is missing"),
      ("{\"roles\": {},\n}", "p:2: is no JSON: a key in quotes is missing"),
      ("{\"roles\": {}}\nx", "p:2: is no JSON: there is more after the end"),
      ("{\"roles\": nul}", "p:1: is no JSON: 'nul' is no value of JSON"),
      ("{\"roles\": {\"a\": 1,\n\"a\": 2}}", "p:2: is no JSON: the key \"a\" is there twice"),
      ("{\"roles\": \"x\n\"}", "p:1: is no JSON: a text does not end on its line"),
      ("[]", "p:1: must be an object, in braces"),
      ("{}", "p:1: the field roles is missing"),
      ("{\"roles\":\n{}}", "p:2: roles: holds no role, so that nobody could do anything"),
      (
        "{\n\"include\": \"other.json\", \"roles\": {}}",
        "p:2: include: is unknown here: there are comment, roles"
      ),
      (
        "{\"roles\": {\"a b\": {}}}",
        "p:1: roles.a b: a role's name has 1 to 63 letters, digits, '.', '_' or '-'"
      ),
      (
        "{\"roles\": {\n\"r\": {}}}",
        "p:2: roles.r: has no methods, so that it allows nothing: add \"methods\""
      ),
      (
        "{\"roles\": {\"r\": {\"methods\": {}}}}",
        "p:1: roles.r.methods: is empty, so that the role allows nothing"
      ),
      (
        "{\"roles\": {\"r\": {\"methods\": {\n\n\"StopJob\": \"all\"}}}}",
        "p:3: roles.r.methods.StopJob: must be \"own\", \"any\" or \"none\", got \"all\""
      ),
      (
        "{\"roles\": {\"r\": {\"methods\": {\"*\": \"own\"}, \"job\": {\n\"user\": []}}}}",
        "p:2: roles.r.job.user: is unknown here: there are users, networks, commands, max"
      ),
      (
        "{\"roles\": {\"r\": {\"methods\": {\"GetJob\": \"own\"},\n\"total\": {\"jobs\": 1}}}}",
        "p:2: roles.r.total: is about jobs, but the role may neither StartJob nor UpdateJob"
      ),
      (
        "{\"roles\": {\"r\": {\"methods\": {\"*\": \"own\"}, \"job\": {\n\"max\": {\"pids\": 1}}}}}",
        "p:2: roles.r.job.max.pids: allows no job that could be started: pids must be at least 3, got 1"
      ),
      (
        "{\"roles\": {\"r\": {\"methods\": {\"*\": \"own\"}, \"job\": {\n\"max\": {\"time\": 0}}}}}",
        "p:2: roles.r.job.max.time: allows no job that could be started: timeout must be above zero"
      ),
    ] as [(String, String)])
  func mistakesAreToldWithLineAndField(text: String, message: String) {
    let error = #expect(throws: PolicyError.self) { try PolicyFile.parse(text, path: "p") }
    #expect(error?.description.hasPrefix(message) == true, "\(String(describing: error))")
  }

  @Test(
    arguments: [
      (#""users": "root""#, "users: must be a list, in brackets"),
      (#""users": [7]"#, "users[0]: must be a text, in quotes"),
      (#""users": ["own", "1:2:3"]"#, "users[1]: must be \"own\""),
      (#""users": ["20-10"]"#, "users[0]: must be \"own\""),
      (#""networks": ["bridge"]"#, "networks[0]: must be \"none\", \"nat\" or \"host\""),
      (#""commands": ["make"]"#, "commands[0]: must be an absolute path"),
      (#""commands": ["/opt/../bin/"]"#, "commands[0]: must be an absolute path"),
      (#""max": {"memory": "1X"}"#, "max.memory: must be bytes, or a text as \"512M\""),
      (#""max": {"memory": -1}"#, "max.memory: must be bytes"),
      (#""max": {"pids": 1.5}"#, "max.pids: must be a whole number"),
      (#""max": {"cpu": true}"#, "max.cpu: must be a number"),
      (#""max": {"time": "1y"}"#, "max.time: must be seconds"),
      (#""max": {"disk": 1}"#, "max.disk: is unknown here"),
      (#""max": {"memorySwap": 1}"#, "max.memorySwap: needs memory beside it"),
    ] as [(String, String)])
  func mistakesInAJobsRightsToo(job: String, message: String) {
    let text = "{\"roles\": {\"r\": {\"methods\": {\"*\": \"own\"},\n\"job\": {\(job)}}}}"
    let error = #expect(throws: PolicyError.self) { try PolicyFile.parse(text, path: "p") }
    #expect(
      error?.description.hasPrefix("p:2: roles.r.job.\(message)") == true,
      "\(String(describing: error))")
  }
}
