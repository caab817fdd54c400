import Testing

@testable import worker

/// Which role the binary plays.
@Suite struct InvocationTests {
  @Test(arguments: [
    (["worker", "serve", "--listen", "x"], ["serve", "--listen", "x"]),
    (["/usr/bin/worker-serve", "--listen", "x"], ["serve", "--listen", "x"]),
    (["worker-serve"], ["serve"]),
    (["worker-client", "run", "--", "x"], ["run", "--", "x"]),
    (["./worker", "client", "run", "--", "x"], ["run", "--", "x"]),
    (["worker", "run", "--", "client"], ["run", "--", "client"]),
    (["worker"], []),
    ([], []),
    (["renamed", "list"], ["list"]),
    (["worker-client", "init"], ["init"]),  // no such verb, and not the hidden role
  ])
  func commandByNameAndFirstArgument(line: [String], arguments: [String]) {
    let invocation = Invocation(line)
    #expect(invocation.role == .command)
    #expect(invocation.arguments == arguments)
  }

  @Test func initIsTheHiddenRole() {
    let invocation = Invocation(["worker", "init", "keeper"])
    #expect(invocation.role == .initRole)
    #expect(invocation.arguments == ["init", "keeper"])
  }
}
