import Glibc
import JobStore
import Linux
import Testing

/// Needs root, and perl, which can make any system call by its number.
@Suite(.enabled(if: getuid() == 0 && access("/usr/bin/perl", X_OK) == 0, "needs root and perl"))
struct SeccompTests {
  /// Makes each call with this first argument and answers with the error numbers.
  private static func errors(
    _ calls: [(number: Int32, argument: UInt64)], filtered: Bool = true
  ) throws -> [Int32] {
    let script = """
      while (@ARGV) { my ($n, $a) = (shift, shift);
        my $r = syscall($n, $a + 0, -1, -1, -1, -1, -1); print $r == -1 ? $! + 0 : 0, "\\n" }
      """
    let arguments = calls.flatMap { ["\($0.number)", "\($0.argument)"] }
    let job = try KeeperUnderTest(["/usr/bin/perl", "-e", script] + arguments) {
      $0.deniesSystemCalls = filtered
      $0.user = .init(uid: 65_534, gid: 65_534)
    }
    _ = try job.finish()
    return try job.output(.stdout).split(separator: "\n").compactMap { Int32($0) }
  }

  @Test func everyCallOfTheListIsDenied() throws {
    let all = DeniedCall.all
    #expect(all.count > 40)
    #expect(all.allSatisfy { !$0.reason.isEmpty && ($0.errno == EPERM || $0.errno == ENOSYS) })
    #expect(Set(all.map(\.number)).count == all.count)
    let errors = try Self.errors(all.map { ($0.number, UInt64.max) })
    try #require(errors.count == all.count)
    for (call, error) in zip(all, errors) { #expect(error == call.errno, "\(call.name)") }
  }

  /// x86_64 only: the numbers are that table's.
  @Test(.enabled(if: UTSName.machine == "x86_64", "numbers of x86_64"))
  func argumentsDecideWhereTheyMust() throws {
    let (personality, socket, unshare, clone) = (Int32(135), Int32(41), Int32(272), Int32(56))
    let denied: [(Int32, UInt64, Int32)] = [
      (personality, 0x40000, EPERM), (personality, 0x400000, EPERM), (socket, 40, EAFNOSUPPORT),
      (unshare, 0x1000_0000, EPERM), (unshare, 0x2_0000, EPERM), (clone, 0x1000_0000, EPERM),
      (0x4000_0000 | 39, 0, ENOSYS),
    ]
    let allowed: [(Int32, UInt64)] = [
      (personality, 0xffff_ffff), (personality, 0), (unshare, 0x200), (39, 0),
    ]
    let errors = try Self.errors(denied.map { ($0.0, $0.1) } + allowed.map { ($0.0, $0.1) })
    try #require(errors.count == denied.count + allowed.count)
    for (call, error) in zip(denied, errors) { #expect(error == call.2, "\(call)") }
    #expect(errors.suffix(allowed.count).allSatisfy { $0 == 0 })
  }

  @Test func withoutTheFilterTheKernelDecides() throws {
    // userfaultfd(-1) is a wrong argument to a kernel that is asked.
    let keyctl = try #require(DeniedCall.all.first { $0.name == "keyctl" })
    #expect(try Self.errors([(keyctl.number, 999)], filtered: false) != [EPERM])
  }
}

enum UTSName {
  static var machine: String {
    var name = utsname()
    uname(&name)
    return withUnsafeBytes(of: &name.machine) { raw in
      String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
    }
  }
}
