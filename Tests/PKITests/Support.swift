import COpenSSL
import Glibc
import Testing

@testable import PKI

/// A folder of its own, removed at the end.
final class TemporaryFolder {
  let path: String

  init() throws {
    var template = Array("/tmp/worker-pki-XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    self.path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  deinit {
    _ = shell("rm -rf '\(self.path)'")
  }

  func file(_ name: String) -> String { "\(self.path)/\(name)" }

  func read(_ name: String) -> String { shell("cat '\(self.file(name))'").output }

  func write(_ text: String, to name: String, mode: mode_t = 0o644) throws {
    let file = try #require(fopen(self.file(name), "w"))
    fputs(text, file)
    fclose(file)
    chmod(self.file(name), mode)
  }

  func mode(_ name: String) -> mode_t? {
    var status = stat()
    return stat(self.file(name), &status) == 0 ? status.st_mode & 0o777 : nil
  }

  /// Every file below, by its relative path, sorted.
  func names() -> [String] {
    shell("cd '\(self.path)' && find . -type f | sort").output
      .split(separator: "\n").map { String($0.dropFirst(2)) }
  }
}

/// sh -c, with both outputs as one text.
func shell(_ command: String) -> (status: Int32, output: String) {
  guard let stream = popen("{ \(command)\n} 2>&1", "re") else { return (-1, "popen failed") }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 4096)
  while true {
    let count = fread(&chunk, 1, chunk.count, stream)
    if count == 0 { break }
    bytes += chunk.prefix(count)
  }
  let status = pclose(stream)
  return (status >> 8 & 0xff, String(decoding: bytes, as: UTF8.self))
}

extension Trait where Self == ConditionTrait {
  static var requiresOpenSSL: Self {
    .enabled("needs the openssl command (apt-get install openssl)") {
      shell("command -v openssl").status == 0
    }
  }

  static var requiresCertTool: Self {
    .enabled("needs the certtool command (apt-get install gnutls-bin)") {
      shell("command -v certtool").status == 0
    }
  }
}

/// A fresh authority in `folder/certs`.
@discardableResult
func makeAuthority(
  in folder: TemporaryFolder, algorithm: KeyAlgorithm = .p256, clock: PKIClock = .system
) throws -> CertificateAuthority {
  let path = folder.file("certs")
  _ = try CertificateAuthority.initialize(folder: path, algorithm: algorithm, clock: clock)
  return try CertificateAuthority(folder: path, clock: clock)
}

func load(_ name: String, in folder: TemporaryFolder) throws -> Certificate {
  try Certificate(file: name, in: CertificateFolder(opening: folder.file("certs")))
}

/// The reason of the `PKIError` that `body` throws.
func failure(_ body: () throws -> Void) throws -> PKIError {
  do {
    try body()
  } catch let error as PKIError {
    return error
  }
  throw PKIError(what: "test", reason: "nothing was thrown")
}

let day: Int64 = 86400
