/// The limits by their names in the API, in the order in which they are shown.
enum LimitName: String, CaseIterable, Hashable, Sendable {
  case cpu, cpuWeight, cpuset
  case memory, memorySwap, memoryHigh
  case memoryOOMGroup = "memoryOomGroup"
  case ioRead, ioWrite, ioReadOps, ioWriteOps, ioWeight
  case pids
  case nofile, core, fsize, stack

  /// The rates of disks.
  static let rates: [LimitName] = [.ioRead, .ioWrite, .ioReadOps, .ioWriteOps]

  /// As the command line has it, `io-read`.
  var text: String {
    self.rawValue.reduce(into: "") { text, character in
      text += character.isUppercase ? "-\(character.lowercased())" : String(character)
    }
  }

  /// For those that setrlimit(2) carries out.
  var resource: Resource? { Resource(rawValue: self.rawValue) }
}

extension Limits {
  /// What was asked for, in order.
  var asked: [LimitName] { LimitName.allCases.filter(self.has) }

  func has(_ name: LimitName) -> Bool {
    switch name {
    case .cpu: self.cpu != nil
    case .cpuset: self.cpuset != nil
    case .memoryOOMGroup: self.memoryOOMGroup
    case .nofile, .core, .fsize, .stack: name.resource.map { self.resources[$0] != nil } ?? false
    default: Self.numbers[name].map { self[keyPath: $0] != nil } ?? false
    }
  }

  /// Takes back what cannot be had.
  mutating func remove(_ name: LimitName) {
    switch name {
    case .cpu: self.cpu = nil
    case .cpuset: self.cpuset = nil
    case .memoryOOMGroup: self.memoryOOMGroup = false
    case .nofile, .core, .fsize, .stack: if let key = name.resource { self.resources[key] = nil }
    default: if let path = Self.numbers[name] { self[keyPath: path] = nil }
    }
  }

  /// The whole-number limits.
  static let numbers: [LimitName: any WritableKeyPath<Limits, Int64?> & Sendable] = [
    .cpuWeight: \.cpuWeight, .memory: \.memory, .memorySwap: \.memorySwap,
    .memoryHigh: \.memoryHigh, .ioRead: \.ioRead, .ioWrite: \.ioWrite, .ioReadOps: \.ioReadOps,
    .ioWriteOps: \.ioWriteOps, .ioWeight: \.ioWeight, .pids: \.pids,
  ]
}
