/// The `cause` of an UNAVAILABLE whose connection could not be made, as against one that was lost: the
/// server has seen nothing of the call.
package struct ConnectFailure: Error, Hashable {
  /// Whether the server does not accept our certificate, which trying again does not change.
  package let isOfCertificate: Bool
}
