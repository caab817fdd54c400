package import GRPCCore
package import JobAPI
package import JobEngine
import SwiftProtobuf

/// Limits from the API and back.
extension Limits {
  package init(_ message: Worker_V1_Limits) throws(RPCError) {
    self.init()
    self.cpu = message.hasCpu ? message.cpu : nil
    self.cpuWeight = message.hasCpuWeight ? message.cpuWeight : nil
    self.cpuset = message.cpuset.isEmpty ? nil : message.cpuset
    self.memory = message.hasMemory ? message.memory : nil
    self.memorySwap = message.hasMemorySwap ? message.memorySwap : nil
    self.memoryHigh = message.hasMemoryHigh ? message.memoryHigh : nil
    self.memoryOOMGroup = message.memoryOomGroup
    self.ioRead = message.hasIoRead ? message.ioRead : nil
    self.ioWrite = message.hasIoWrite ? message.ioWrite : nil
    self.ioReadOps = message.hasIoReadOps ? message.ioReadOps : nil
    self.ioWriteOps = message.hasIoWriteOps ? message.ioWriteOps : nil
    self.ioWeight = message.hasIoWeight ? message.ioWeight : nil
    self.pids = message.hasPids ? message.pids : nil
    self.bestEffort = message.bestEffort
    for (name, limit) in message.resources {
      guard let resource = Resource(rawValue: name) else {
        let known = Resource.allCases.map(\.rawValue).joined(separator: ", ")
        throw RPCError(
          code: .invalidArgument, message: "resource must be one of \(known), got '\(name)'")
      }
      self.resources[resource] = ResourceLimit(
        soft: limit.hasSoft ? limit.soft : nil, hard: limit.hasHard ? limit.hard : nil)
    }
  }
}

extension Worker_V1_Limits {
  package init(_ limits: Limits) {
    self.init()
    if let value = limits.cpu { self.cpu = value }
    if let value = limits.cpuWeight { self.cpuWeight = value }
    self.cpuset = limits.cpuset ?? ""
    if let value = limits.memory { self.memory = value }
    if let value = limits.memorySwap { self.memorySwap = value }
    if let value = limits.memoryHigh { self.memoryHigh = value }
    self.memoryOomGroup = limits.memoryOOMGroup
    if let value = limits.ioRead { self.ioRead = value }
    if let value = limits.ioWrite { self.ioWrite = value }
    if let value = limits.ioReadOps { self.ioReadOps = value }
    if let value = limits.ioWriteOps { self.ioWriteOps = value }
    if let value = limits.ioWeight { self.ioWeight = value }
    if let value = limits.pids { self.pids = value }
    self.bestEffort = limits.bestEffort
    for (resource, limit) in limits.resources {
      self.resources[resource.rawValue] = .with {
        if let soft = limit.soft { $0.soft = soft }
        if let hard = limit.hard { $0.hard = hard }
      }
    }
  }
}
