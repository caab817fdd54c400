import Linux

/// What a job read and wrote, from the kernel's files with lines for each device.
///
/// The kernel counts at each layer. What a device-mapper device (LVM, dm-crypt) is given is counted again
/// at the device below, so that the lower one tells alone. What a loop device is given may be counted at the
/// disk of its file, or reach it later in nobody's name, so that the larger number tells.
struct DiskTraffic: Hashable {
  struct Counts: Hashable {
    var readBytes: Int64 = 0
    var writeBytes: Int64 = 0
    var readOps: Int64 = 0
    var writeOps: Int64 = 0
  }

  private enum Layer: Hashable { case mapped, loop, disk }

  private var counts: [Layer: Counts] = [:]
  private let mapper: Int?

  /// `mapper`: the major number of device-mapper devices, which every boot may give anew.
  init(mapper: Int? = Self.mapper) {
    self.mapper = mapper
  }

  /// Of cgroup2's io.stat; a line is `MAJ:MIN rbytes=N wbytes=N rios=N …`.
  mutating func take(stat: String) {
    for line in stat.split(separator: "\n") {
      guard let layer = self.layer(line) else { continue }
      for word in line.split(separator: " ") {
        for (key, path) in Self.keys where word.hasPrefix(key) {
          self.counts[layer, default: Counts()][keyPath: path] +=
            Int64(word.dropFirst(key.count)) ?? 0
        }
      }
    }
  }

  private static var keys: [(String, WritableKeyPath<Counts, Int64>)] {
    [
      ("rbytes=", \.readBytes), ("wbytes=", \.writeBytes), ("rios=", \.readOps),
      ("wios=", \.writeOps),
    ]
  }

  /// Of a v1 file; a line is `MAJ:MIN Read N`.
  mutating func take(
    _ text: String?, _ read: WritableKeyPath<Counts, Int64>, _ write: WritableKeyPath<Counts, Int64>
  ) {
    for line in (text ?? "").split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count == 3, let count = Int64(words[2]), let layer = self.layer(line) else {
        continue
      }
      if words[1] == "Read" { self.counts[layer, default: Counts()][keyPath: read] += count }
      if words[1] == "Write" { self.counts[layer, default: Counts()][keyPath: write] += count }
    }
  }

  /// What was moved, once.
  func total(_ path: KeyPath<Counts, Int64>) -> Int64 {
    func of(_ layer: Layer) -> Int64 { self.counts[layer]?[keyPath: path] ?? 0 }
    let below = max(of(.loop), of(.disk))
    return below > 0 ? below : of(.mapped)
  }

  private func layer(_ line: Substring) -> Layer? {
    guard let major = line.split(separator: ":").first.flatMap({ Int($0) }) else { return nil }
    if major == self.mapper { return .mapped }
    return major == Self.loop ? .loop : .disk
  }

  /// LOOP_MAJOR.
  private static let loop = 7

  private static let mapper = Self.mapper(in: (try? File.readText("/proc/devices")) ?? "")

  /// A line is `253 device-mapper`, see proc_devices(5).
  static func mapper(in devices: String) -> Int? {
    for line in devices.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2, words[1] == "device-mapper" { return Int(words[0]) }
    }
    return nil
  }
}
