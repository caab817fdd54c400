import Glibc

/// From a path to the devices on which the kernel can hold back what is read and written there.
///
/// DESIGN: blk-throttle acts where a bio is submitted. A partition's go to its disk, which is what the
/// kernel wants named. A device-mapper device (LVM, dm-crypt), a RAID or a bcache is named itself: what
/// it passes on comes from threads of the kernel's own at times, and is nobody's further down. A loop
/// device reads and writes its backing file in the name of who asked, so the disk below that file counts
/// as well. btrfs and overlay have no device of their own: theirs are found by name.
///
/// All it knows comes from a sysfs tree and a list of mounts, which tests describe.
package struct DiskResolver: Sendable {
  /// A device, and the way to it.
  package struct Disk: Hashable, Sendable {
    package let device: BlockDevice
    /// As `/var/lib/worker on ext4 > 8:1 sda1 > 8:0 sda`.
    package let chain: String
  }

  private let mounts: [MountInfo]
  private let sys: String
  private let realPath: @Sendable (String) -> String?

  package init(
    mounts: [MountInfo], sys: String = "/sys",
    realPath: @escaping @Sendable (String) -> String? = { try? File.realPath($0) }
  ) {
    self.mounts = mounts
    self.sys = sys
    self.realPath = realPath
  }

  /// More layers than anybody stacks; file systems on loops can be made to go round.
  private static let maxDepth = 8

  /// The devices below `path`; never empty.
  package func disks(under path: String) throws(BlockDeviceError) -> [Disk] {
    try self.disks(under: path, chain: [], depth: 0)
  }

  private func disks(
    under path: String, chain: [String], depth: Int
  ) throws(BlockDeviceError) -> [Disk] {
    guard depth < Self.maxDepth else {
      throw .unresolved("\(path) lies below more than \(Self.maxDepth) layers")
    }
    guard let real = self.realPath(path), let mount = MountInfo.showing(real, in: self.mounts)
    else { throw .unresolved("\(path) is not there") }
    let chain = chain + ["\(path) on \(mount.type)"]
    switch mount.type {
    case "overlay":
      return try self.disks(
        under: try self.upperFolder(mount, path), chain: chain, depth: depth + 1)
    case "btrfs":
      var found: [Disk] = []
      for device in try self.devicesOfBtrfs(mount, path) {
        found += try self.disks(of: device, path, chain, depth)
      }
      return found
    default:
      guard let device = BlockDevice(mount.device), device.major != 0 else {
        throw .unresolved("\(path) is on \(mount.type), which has no disk of its own")
      }
      return try self.disks(of: device, path, chain, depth)
    }
  }

  /// What the job writes goes there, see the kernel's overlayfs documentation.
  private func upperFolder(
    _ mount: MountInfo, _ path: String
  ) throws(BlockDeviceError) -> String {
    let option = mount.superOptions.first { $0.hasPrefix("upperdir=") }
    guard let upper = option.map({ String($0.dropFirst(9)) }) else {
      throw .unresolved("\(path) is on an overlay that cannot be written to")
    }
    guard self.realPath(upper) != nil else {
      throw .unresolved(
        "\(path) is on an overlay whose upper folder \(upper) is not seen from here, as in a "
          + "container; give it a volume")
    }
    return upper
  }

  /// Every device of the file system that has the mount's source among its own.
  private func devicesOfBtrfs(
    _ mount: MountInfo, _ path: String
  ) throws(BlockDeviceError) -> [BlockDevice] {
    let source = self.realPath(mount.source) ?? mount.source
    let name = String(source.split(separator: "/").last ?? "")
    for filesystem in self.names("\(self.sys)/fs/btrfs") {
      let folder = "\(self.sys)/fs/btrfs/\(filesystem)/devices"
      let names = self.names(folder).sorted()
      guard names.contains(name) else { continue }
      return names.compactMap { self.number("\(folder)/\($0)/dev") }
    }
    throw .unresolved("\(path) is on btrfs, and \(self.sys)/fs/btrfs does not know \(source)")
  }

  private func disks(
    of device: BlockDevice, _ path: String, _ chain: [String], _ depth: Int
  ) throws(BlockDeviceError) -> [Disk] {
    let entry = "\(self.sys)/dev/block/\(device)"
    guard access(entry, F_OK) == 0 else {
      throw .unresolved("\(path) is on device \(device), which is gone or not seen from here")
    }
    let chain = chain + ["\(device) \(self.name(entry))"]
    if access("\(entry)/partition", F_OK) == 0 {
      // The entry is a link to the partition's folder, which lies in its disk's.
      guard let disk = self.number("\(entry)/../dev") else {
        throw .unresolved("\(path) is on partition \(device), whose disk is not seen from here")
      }
      return try self.disks(of: disk, path, chain, depth)
    }
    let disk = Disk(device: device, chain: chain.joined(separator: " > "))
    guard access("\(entry)/loop", F_OK) == 0 else { return [disk] }
    let file = self.text("\(entry)/loop/backing_file")
    guard !file.isEmpty else {
      throw .unresolved("\(path) is on loop device \(device) without a file")
    }
    return [disk] + (try self.disks(under: file, chain: chain, depth: depth + 1))
  }

  /// As `sda1`, or `dm-0 (LVM root over sda2)`.
  private func name(_ entry: String) -> String {
    let real = (try? File.realPath(entry)) ?? entry
    let name = String(real.split(separator: "/").last ?? "")
    let lower = self.names("\(entry)/slaves").sorted().joined(separator: ", ")
    guard !lower.isEmpty || access("\(entry)/dm", F_OK) == 0 else { return name }
    let kind = self.text("\(entry)/dm/uuid").prefix { $0 != "-" }
    let words = [String(kind), self.text("\(entry)/dm/name"), lower.isEmpty ? "" : "over \(lower)"]
    return "\(name) (\(words.filter { !$0.isEmpty }.joined(separator: " ")))"
  }

  private func number(_ path: String) -> BlockDevice? { BlockDevice(self.text(path)) }

  /// The first line; empty where there is no such file.
  private func text(_ path: String) -> String {
    String(((try? File.readText(path)) ?? "").prefix { $0 != "\n" })
  }

  private func names(_ path: String) -> [String] {
    guard let folder = try? File.openFolder(path) else { return [] }
    return (try? Folder.names(in: folder)) ?? []
  }
}
