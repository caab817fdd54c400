/// What the engine tells a running keeper, through the FIFO `control`.
///
/// One message is one write(2) of at most PIPE_BUF bytes, which pipe(7) makes atomic, so that
/// messages of several writers never mix. Layout: length of the whole (2 bytes, little endian), kind
/// (1), signal (1), grace in nanoseconds (8), then the identity in UTF-8.
package enum ControlMessage: Hashable, Sendable {
  /// Signal the target's process group; kill everything `grace` nanoseconds later.
  case stop(signal: Int32, grace: UInt64, by: String)
  /// Signal the target's process group, in the name of an identity.
  case signal(Int32, by: String = "")
  /// Freeze every process of the job, until `resume` or until the job is ended.
  case pause
  case resume

  private static let headerSize = 12
  private static let maxIdentity = 256

  package func encoded() -> [UInt8] {
    switch self {
    case .stop(let signal, let grace, let by): Self.encode(1, signal, grace, by)
    case .signal(let signal, let by): Self.encode(2, signal, 0, by)
    case .pause: Self.encode(3, 0, 0, "")
    case .resume: Self.encode(4, 0, 0, "")
    }
  }

  /// Takes the first message off `buffer`; nil when there is no whole one. Unknown kinds are passed over.
  package static func take(from buffer: inout [UInt8]) -> ControlMessage? {
    while buffer.count >= Self.headerSize {
      let size = Int(buffer[0]) | Int(buffer[1]) << 8
      guard size >= Self.headerSize else {
        buffer.removeAll()  // not ours: nothing after it can be told apart
        return nil
      }
      guard buffer.count >= size else { return nil }
      let message = self.decode(buffer[..<size])
      buffer.removeFirst(size)
      if let message { return message }
    }
    return nil
  }

  private static func encode(_ kind: UInt8, _ signal: Int32, _ grace: UInt64, _ by: String)
    -> [UInt8]
  {
    let identity = by.utf8.prefix(Self.maxIdentity)
    let size = Self.headerSize + identity.count
    var bytes: [UInt8] = [UInt8(size & 0xff), UInt8(size >> 8), kind, UInt8(signal)]
    bytes += (0..<8).map { UInt8(truncatingIfNeeded: grace >> ($0 * 8)) }
    return bytes + identity
  }

  private static func decode(_ bytes: ArraySlice<UInt8>) -> ControlMessage? {
    let start = bytes.startIndex
    let signal = Int32(bytes[start + 3])
    let by = String(decoding: bytes[(start + Self.headerSize)...], as: UTF8.self)
    switch bytes[start + 2] {
    case 1:
      let grace = (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[start + 4 + $1]) << ($1 * 8) }
      return .stop(signal: signal, grace: grace, by: by)
    case 2: return .signal(signal, by: by)
    case 3: return .pause
    case 4: return .resume
    default: return nil
    }
  }
}
