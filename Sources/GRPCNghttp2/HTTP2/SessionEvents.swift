/// What a `Session` tells its owner. Called from inside nghttp2: the owner may submit, reset,
/// resume and consume, but not receive, send or drop the session.
protocol SessionEvents: AnyObject {
  /// A whole list of fields. `tooLarge`: it was over the limit and is not complete.
  func received(headers: HeaderList, tooLarge: Bool, stream: Int32, endStream: Bool)
  func received(data: UnsafeRawBufferPointer, stream: Int32)
  /// The peer has ended its side of the stream.
  func receivedEnd(stream: Int32)
  func receivedSettings()
  func receivedGoAway(lastStream: Int32, error: UInt32)
  func receivedPingAnswer(_ payload: UInt64)
  /// Both sides have ended, or one has reset. Not called for streams open when the session ends.
  func closed(stream: Int32, error: UInt32)
  /// Headers could not be sent, for `error`: a request's, so that the peer has seen nothing of it, or
  /// an answer's or trailers.
  func refused(stream: Int32, error: SessionError)
  /// The peer broke the protocol on one frame.
  func protocolError(_ text: String)

  /// How much of the stream's bytes the next DATA frame takes.
  func nextData(stream: Int32, limit: Int) -> DataChunk
  /// Appends exactly the bytes that `nextData` promised; false when the stream is gone.
  func appendData(stream: Int32, count: Int, to buffer: OutputBuffer) -> Bool
}

/// An answer to `nextData`.
enum DataChunk: Hashable {
  /// Nothing now: `resume` tells when there is.
  case later
  case bytes(Int, end: DataEnd)
  /// The stream is gone.
  case failed
}

/// What comes after a DATA frame.
enum DataEnd: Hashable {
  case open
  /// END_STREAM on this frame.
  case endStream
  /// Trailers follow, which `nextData` has submitted.
  case trailers
}
