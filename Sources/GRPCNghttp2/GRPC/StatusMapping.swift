import GRPCCore

/// What HTTP's and HTTP/2's own failures mean as gRPC codes, see gRPC's "HTTP to gRPC Status Code
/// Mapping" and "Errors" in "gRPC over HTTP2".
enum StatusMapping {
  static func code(httpStatus: Int) -> RPCError.Code {
    switch httpStatus {
    case 400: .internalError
    case 401: .unauthenticated
    case 403: .permissionDenied
    case 404: .unimplemented
    case 429, 502, 503, 504: .unavailable
    default: .unknown
    }
  }

  /// Of RST_STREAM.
  static func code(http2Error: UInt32) -> RPCError.Code {
    switch http2Error {
    case 0x7: .unavailable  // REFUSED_STREAM
    case 0x8: .cancelled  // CANCEL
    case 0xb: .resourceExhausted  // ENHANCE_YOUR_CALM
    case 0xc: .permissionDenied  // INADEQUATE_SECURITY
    case 0x5: .unknown  // STREAM_CLOSED
    default: .internalError
    }
  }
}
