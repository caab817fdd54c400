import COpenSSL

/// A BIO: bytes on their way from or to OpenSSL. What a memory BIO held is zeroed when it is freed
/// (BUF_MEM_free uses OPENSSL_clear_free), so that keys pass through it and never through an array.
final class Memory {
  let pointer: OpaquePointer

  init() throws(PKIError) {
    OpenSSL.prepare()
    self.pointer = try require("allocate memory", BIO_new(BIO_s_mem()))
  }

  /// Takes over a BIO of any kind.
  init(owning pointer: OpaquePointer) {
    self.pointer = pointer
  }

  convenience init(copying bytes: [UInt8]) throws(PKIError) {
    try self.init()
    guard !bytes.isEmpty else { return }
    try require("allocate memory", BIO_write(self.pointer, bytes, CInt(bytes.count)))
  }

  deinit {
    BIO_free_all(self.pointer)
  }

  /// The bytes not read yet, valid during `body` only.
  func withBytes<Result>(
    _ body: (UnsafeRawBufferPointer) throws(PKIError) -> Result
  ) throws(PKIError) -> Result {
    var start: UnsafePointer<CChar>?
    let count = copenssl_bio_bytes(self.pointer, &start)
    return try body(UnsafeRawBufferPointer(start: start, count: count))
  }
}

/// Whether the last PEM_read_… failed because nothing more was there, and not in the middle of
/// something damaged. Empties the error queue.
func endOfPEM() -> Bool {
  defer { ERR_clear_error() }
  return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE
}
