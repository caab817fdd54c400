package import GRPCCore
import JobAPI

/// The methods of the API. A new one does not compile until `changesSomething` knows it.
package enum Method: String, CaseIterable, Hashable, Sendable {
  case startJob = "StartJob"
  case planJob = "PlanJob"
  case stopJob = "StopJob"
  case signalJob = "SignalJob"
  case pauseJob = "PauseJob"
  case resumeJob = "ResumeJob"
  case updateJob = "UpdateJob"
  case getJob = "GetJob"
  case listJobs = "ListJobs"
  case streamOutput = "StreamOutput"
  case waitJob = "WaitJob"
  case removeJob = "RemoveJob"
  case getServerInfo = "GetServerInfo"
  case whoAmI = "WhoAmI"
  case checkAccess = "CheckAccess"

  /// Nil for a method of another service, or one that nobody has decided about.
  package init?(_ descriptor: MethodDescriptor) {
    guard descriptor.service == Worker_V1_JobService.descriptor else { return nil }
    self.init(rawValue: descriptor.method)
  }

  /// What the built-in role `viewer` may not do.
  var changesSomething: Bool {
    switch self {
    case .startJob, .planJob, .stopJob, .signalJob, .removeJob: true
    case .pauseJob, .resumeJob, .updateJob: true
    case .getJob, .listJobs, .streamOutput, .waitJob, .getServerInfo: false
    case .whoAmI, .checkAccess: false
    }
  }

  /// Whether it is decided without looking at a job or a spec.
  var isOfNoJob: Bool {
    switch self {
    case .listJobs, .getServerInfo, .whoAmI: true
    case .checkAccess: false  // not everybody may ask for others
    case .startJob, .stopJob, .signalJob, .removeJob, .getJob, .streamOutput, .waitJob: false
    case .planJob, .pauseJob, .resumeJob, .updateJob: false
    }
  }

  /// Bytes of the largest request that makes sense, as the transport reads and decodes it before anybody
  /// else looks.
  private var requestSize: Int {
    switch self {
    // The texts of a spec, see `checkSize`, and as much again for what is around them.
    case .startJob, .planJob: 2 << 20
    // As many labels as a job may have take 20 KiB.
    case .stopJob, .signalJob, .pauseJob, .resumeJob, .updateJob, .removeJob: 32 << 10
    case .getJob, .listJobs, .streamOutput, .waitJob, .getServerInfo: 32 << 10
    case .whoAmI, .checkAccess: 32 << 10
    }
  }

  /// By path, for the transport.
  static var requestSizes: [String: Int] {
    var sizes: [String: Int] = [:]
    for method in Self.allCases {
      let descriptor = MethodDescriptor(
        service: Worker_V1_JobService.descriptor, method: method.rawValue)
      sizes["/\(descriptor.fullyQualifiedMethod)"] = method.requestSize
    }
    return sizes
  }

  /// Allowed to whom this other method is, where a policy does not name it.
  var follows: Method? { self == .planJob ? .startJob : nil }

  /// Tells of nothing but the caller's own rights, so that whoever has any may know them.
  var isAboutOneself: Bool { self == .whoAmI || self == .checkAccess }
}
