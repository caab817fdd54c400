import Linux

/// What a job read and wrote, from the kernel's files with lines for each device.
///
/// The kernel counts at each layer: what a device-mapper device (LVM) is given is counted again at the device
/// below, unless it gets there in nobody's name, as what dm-crypt writes. So of devices that lie on each other
/// the top or the bottom tells, whichever has more; of a RAID, which writes several times, the top. What a
/// loop device is given may be counted at the disk of its file or not, and that disk cannot be told here:
/// the larger number tells.
struct DiskTraffic: Hashable {
  struct Counts: Hashable {
    var readBytes: Int64 = 0
    var writeBytes: Int64 = 0
    var readOps: Int64 = 0
    var writeOps: Int64 = 0
  }

  private var counts: [BlockDevice: Counts] = [:]

  /// Of cgroup2's io.stat; a line is `MAJ:MIN rbytes=N wbytes=N rios=N …`.
  mutating func take(stat: String) {
    for line in stat.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard let device = words.first.flatMap({ BlockDevice($0) }) else { continue }
      for word in words {
        for (key, path) in Self.keys where word.hasPrefix(key) {
          self.counts[device, default: Counts()][keyPath: path] +=
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
      guard words.count == 3, let count = Int64(words[2]), let device = BlockDevice(words[0]) else {
        continue
      }
      if words[1] == "Read" { self.counts[device, default: Counts()][keyPath: read] += count }
      if words[1] == "Write" { self.counts[device, default: Counts()][keyPath: write] += count }
    }
  }

  /// What was moved, once.
  func total(on stack: some DiskStack = HostDisks()) -> Counts {
    let piles = DiskPile.piles(of: Array(self.counts.keys), on: stack)
    var total = Counts()
    for path in [\Counts.readBytes, \.writeBytes, \.readOps, \.writeOps] {
      func sum(_ devices: some Sequence<BlockDevice>) -> Int64 {
        devices.reduce(0) { $0 + (self.counts[$1]?[keyPath: path] ?? 0) }
      }
      func moved(_ pile: DiskPile) -> Int64 {
        pile.isRedundant ? sum(pile.top) : max(sum(pile.top), sum(pile.bottom))
      }
      let loops = piles.filter(\.hasLoop).reduce(0) { $0 + moved($1) }
      let others = piles.filter { !$0.hasLoop }.reduce(0) { $0 + moved($1) }
      total[keyPath: path] = max(loops, others)
    }
    return total
  }
}

/// Which devices lie on which.
protocol DiskStack {
  /// Those below, whole disks for partitions; none for a disk.
  func below(_ device: BlockDevice) -> [BlockDevice]
  /// Whether it may write several times what it is given once.
  func isRedundant(_ device: BlockDevice) -> Bool
}

/// Devices that lie on each other.
struct DiskPile: Hashable {
  /// On which none of the others lies, and those that lie on none of the others.
  var top: Set<BlockDevice> = []
  var bottom: Set<BlockDevice> = []
  var hasLoop = false
  var isRedundant = false

  /// LOOP_MAJOR.
  private static let loop: UInt32 = 7

  static func piles(of devices: [BlockDevice], on stack: some DiskStack) -> [DiskPile] {
    var below: [BlockDevice: Set<BlockDevice>] = [:]
    // With one device there is nothing to look up, which is most hosts.
    for device in devices {
      below[device] = devices.count > 1 ? self.all(below: device, stack) : []
    }
    var piles: [DiskPile] = []
    var left = Set(devices)
    while let first = left.popFirst() {
      var members: Set = [first]
      var foot = below[first] ?? []
      // Whoever lies on a device that somebody of the pile lies on, or is, belongs to it.
      while let next = left.first(where: { device in
        let own = below[device] ?? []
        return foot.contains(device) || !own.isDisjoint(with: foot)
          || !own.isDisjoint(with: members)
      }) {
        left.remove(next)
        members.insert(next)
        foot.formUnion(below[next] ?? [])
      }
      piles.append(DiskPile(members, foot, below, stack))
    }
    return piles
  }

  private init(
    _ members: Set<BlockDevice>, _ foot: Set<BlockDevice>,
    _ below: [BlockDevice: Set<BlockDevice>], _ stack: some DiskStack
  ) {
    self.top = members.subtracting(foot)
    self.bottom = members.filter { below[$0]?.isEmpty ?? true }
    let all = members.union(foot)
    self.hasLoop = all.contains { $0.major == Self.loop }
    self.isRedundant = all.contains { stack.isRedundant($0) }
  }

  private static func all(below device: BlockDevice, _ stack: some DiskStack) -> Set<BlockDevice> {
    var found: Set<BlockDevice> = []
    var next = stack.below(device)
    while let device = next.popLast() {
      if found.insert(device).inserted { next += stack.below(device) }
    }
    return found
  }
}

/// As sysfs has them, see the kernel's Documentation/ABI/testing/sysfs-block.
struct HostDisks: DiskStack {
  var sys = "/sys"

  func below(_ device: BlockDevice) -> [BlockDevice] {
    let folder = "\(self.sys)/dev/block/\(device)/slaves"
    guard let open = try? File.openFolder(folder), let names = try? Folder.names(in: open) else {
      return []
    }
    return names.compactMap { name in
      let entry = "\(folder)/\(name)"
      // A partition's folder lies in its disk's.
      let number = File.exists(path: "\(entry)/partition") ? "\(entry)/../dev" : "\(entry)/dev"
      return (try? File.readText(number)).flatMap { BlockDevice($0.prefix { !$0.isWhitespace }) }
    }
  }

  func isRedundant(_ device: BlockDevice) -> Bool {
    File.exists(path: "\(self.sys)/dev/block/\(device)/md")
  }
}
