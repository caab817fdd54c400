/// Gives bytes back to a stream that has its number only once the request is sent.
final class StreamCredit {
  weak var connection: ClientConnection?
  var stream: Int32 = 0

  init(_ connection: ClientConnection) { self.connection = connection }

  func give(_ count: Int) { self.connection?.consumed(stream: self.stream, count) }
}
