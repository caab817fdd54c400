import JobAPI
import JobEngine
import SwiftProtobuf

/// From the engine's plan to the API's.
extension Worker_V1_PlanJobResponse {
  init(_ plan: JobPlan, cgroupVersion: String) {
    self.init()
    self.limits = plan.limits.map { Worker_V1_PlannedLimit($0) }
    if let refusal = plan.refusal {
      self.limits.append(
        .with {
          $0.name = "start"
          $0.unenforced = refusal
        })
    }
    self.startable = self.limits.allSatisfy(\.unenforced.isEmpty)
    self.cgroupVersion = cgroupVersion
    self.cgroupFolders = plan.folders
    if let isolation = plan.isolation { self.isolation = Worker_V1_Isolation(isolation) }
  }
}

extension Worker_V1_PlannedLimit {
  fileprivate init(_ limit: PlannedLimit) {
    self.init()
    self.name = limit.name
    self.file = limit.file
    self.folder = limit.folder
    self.value = limit.value
    self.applied = limit.applied
    self.devices = limit.devices
    self.note = limit.note
    self.unenforced = limit.unenforced ?? ""
  }
}
