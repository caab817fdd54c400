import COpenSSL
import Glibc
import Linux

/// PEM files, read whole, with errors that name the file and what to do.
enum PEMFile {
  private static let maximumSize = 1 << 20

  static func read(_ path: String) throws(TLSConfigurationError) -> [UInt8] {
    let file = try Self.open(path)
    do throws(SystemError) { return try Self.bytes(file, path) } catch {
      throw TLSConfigurationError(subject: path, reason: error.reason)
    }
  }

  /// The caller frees the key; `algorithm`: what it should be of, in OpenSSL's words.
  static func readPrivateKey(
    _ path: String, _ algorithm: String?
  ) throws(TLSConfigurationError) -> OpaquePointer {
    var pem: [UInt8]
    do {
      let file = try Self.open(path)
      try Self.refuseOpenMode(file, path)
      pem = try Self.bytes(file, path)
    } catch let error as SystemError {
      throw TLSConfigurationError(subject: path, reason: error.reason)
    } catch let error as TLSConfigurationError {
      throw error
    } catch {
      throw TLSConfigurationError(subject: path, reason: "\(error)")
    }
    defer { Self.wipe(&pem) }
    guard let key = Self.parsePrivateKey(pem, algorithm) else {
      throw TLSConfigurationError(
        subject: path, reason: "holds no private key in PEM that is not encrypted")
    }
    return key
  }

  private static func parsePrivateKey(_ pem: [UInt8], _ algorithm: String?) -> OpaquePointer? {
    OpenSSL.clearErrors()
    defer { OpenSSL.clearErrors() }
    // The BIO keeps the pointer, so that it is read and freed while the bytes are held.
    return pem.withUnsafeBytes { bytes in
      let bio = BIO_new_mem_buf(bytes.baseAddress, CInt(bytes.count))
      defer { BIO_free(bio) }
      if let algorithm, let key = copenssl_read_usual_key(bio, algorithm) { return key }
      // Of any form, or of another algorithm, which is told from no key at all.
      copenssl_rewind(bio)
      OpenSSL.clearErrors()  // the earliest decides what it makes of the file
      return PEM_read_bio_PrivateKey(bio, nil, copenssl_no_passphrase, nil)
    }
  }

  private static func wipe(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
  }

  private static func open(_ path: String) throws(TLSConfigurationError) -> OwnedDescriptor {
    do throws(SystemError) {
      // O_NONBLOCK: a FIFO under that name is to be refused, not waited for.
      let file = try File.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
      if try self.isRegular(file) { return file }
    } catch {
      throw TLSConfigurationError(subject: path, reason: error.reason)
    }
    throw TLSConfigurationError(subject: path, reason: "is not a regular file")
  }

  private static func isRegular(_ file: borrowing OwnedDescriptor) throws(SystemError) -> Bool {
    var status = stat()
    let fd = file.rawValue
    try check("fstat") { fstat(fd, &status) }
    return status.st_mode & S_IFMT == S_IFREG
  }

  /// Asked of the open file, so that nothing can change in between.
  private static func refuseOpenMode(
    _ file: borrowing OwnedDescriptor, _ path: String
  ) throws {
    var status = stat()
    let fd = file.rawValue
    try check("fstat(\(path))") { fstat(fd, &status) }
    let mode = status.st_mode & 0o7777
    guard mode & 0o077 != 0 else { return }
    throw TLSConfigurationError(
      subject: path,
      reason: "has mode 0\(String(mode, radix: 8)): others than its owner could use the key; "
        + "run chmod 600 \(path)")
  }

  private static func bytes(
    _ file: borrowing OwnedDescriptor, _ path: String
  ) throws(SystemError) -> [UInt8] {
    var content: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16 * 1024)
    defer { Self.wipe(&chunk) }
    content.reserveCapacity(chunk.count)  // growing would leave copies of a key behind
    let fd = file.rawValue
    while content.count < Self.maximumSize {
      let count = try check("read(\(path))") { Glibc.read(fd, &chunk, chunk.count) }
      if count == 0 { break }
      content.append(contentsOf: chunk[..<count])
    }
    return content
  }
}
