import Glibc
import Linux

/// LLVM's libFuzzer in the place of our own mutations: it keeps an input that reaches new code, and goes
/// on from there. `.make/fuzz` links it, and names its options and a folder for the corpus in
/// `WORKER_LIBFUZZER`. It ends the process after its time, or at the first crash, whose input it leaves
/// as a file. <https://llvm.org/docs/LibFuzzer.html>
struct CoverageFuzzer {
  private typealias Driver =
    @convention(c) (
      UnsafeMutablePointer<CInt>,
      UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
      @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
    ) -> CInt

  private let arguments: [String]

  /// What the environment asks for.
  static var asked: Self? {
    guard let text = getenv("WORKER_LIBFUZZER") else { return nil }
    return Self(arguments: String(cString: text).split(separator: " ").map(String.init))
  }

  /// What one input does; for the C function that libFuzzer calls, which can hold nothing.
  private nonisolated(unsafe) static var target: ((_ input: [UInt8]) -> Void)?

  func run(
    corpus: [[UInt8]], _ body: (_ input: [UInt8], _ fuzz: inout Fuzz) throws -> Void
  ) throws -> Never {
    try self.save(corpus)
    guard let symbol = dlsym(nil, "LLVMFuzzerRunDriver") else {
      fatalError("WORKER_LIBFUZZER is set, but libFuzzer is not linked: use make fuzz")
    }
    let drive = unsafeBitCast(symbol, to: Driver.self)
    Self.takeSignals()
    withoutActuallyEscaping(body) { body in
      Self.target = { input in
        // Choices besides the input's come from the input, so that a crash can be had again.
        var fuzz = Fuzz(corpus: corpus, seed: input.reduce(1) { $0 &* 31 &+ UInt64($1) })
        do {
          try body(input, &fuzz)
        } catch {
          fatalError("\(error)")
        }
      }
      var count = CInt(self.arguments.count + 1)
      var strings = (["fuzz"] + self.arguments).map { strdup($0) } + [nil]
      strings.withUnsafeMutableBufferPointer { strings in
        guard var first = strings.baseAddress else { return }
        _ = drive(&count, &first) { bytes, count in
          Self.target?(Array(UnsafeBufferPointer(start: bytes, count: count)))
          return 0
        }
      }
    }
    exit(0)
  }

  /// libFuzzer saves the input in a handler, and ends what takes too long by an alarm: the threads that
  /// work for Swift tasks here have all signals blocked.
  private static func takeSignals() {
    var none = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, nil)
  }

  /// The last argument is the folder where libFuzzer begins and where it adds what it finds.
  private func save(_ corpus: [[UInt8]]) throws {
    guard let path = self.arguments.last else { return }
    let folder = try File.openFolder(path)
    for (index, input) in corpus.enumerated() {
      try File.replace("seed-\(index)", in: folder, with: input, mode: 0o600, durable: false)
    }
  }
}
