import Glibc
import Linux
import Testing

@testable import Linux

/// On a made-up /sys, laid out like the kernel's.
@Suite struct BlockDeviceTests {
  private func disk(
    _ device: BlockDevice, _ files: [String: String], mountinfo: String = ""
  ) throws -> BlockDevice {
    let name = "linux-test-" + Random.bytes(6).map { String($0, radix: 16) }.joined()
    let root = "/tmp/\(name)"
    try File.makeFolders("\(root)/dev/block")
    defer {
      if let parent = try? File.openFolder("/tmp") { try? Folder.removeTree(name, in: parent) }
    }
    for (path, content) in files {
      let folder = "\(root)/" + path.split(separator: "/").dropLast().joined(separator: "/")
      try File.makeFolders(folder)
      let file = String(path.split(separator: "/").last ?? "")
      try File.replace(
        file, in: try File.openFolder(folder), with: Array(content.utf8), durable: false)
    }
    #expect(symlink("../../block/sda", "\(root)/dev/block/8:0") == 0)
    #expect(symlink("../../block/sda/sda1", "\(root)/dev/block/8:1") == 0)
    #expect(symlink("../../block/dm-0", "\(root)/dev/block/252:0") == 0)
    try File.replace(
      "mountinfo", in: try File.openFolder(root), with: Array(mountinfo.utf8), durable: false)
    return try BlockDevice.disk(
      of: device, path: "/some/path", sys: root, mountinfo: "\(root)/mountinfo")
  }

  @Test func diskIsItself() throws {
    let disk = try self.disk(BlockDevice(major: 8, minor: 0), ["block/sda/dev": "8:0\n"])
    #expect(disk == BlockDevice(major: 8, minor: 0))
  }

  @Test func partitionBecomesItsDisk() throws {
    let files = ["block/sda/dev": "8:0\n", "block/sda/sda1/partition": "1\n"]
    let disk = try self.disk(BlockDevice(major: 8, minor: 1), files)
    #expect(disk == BlockDevice(major: 8, minor: 0))
  }

  @Test func deviceMapperIsRefusedByName() {
    #expect {
      try self.disk(BlockDevice(major: 252, minor: 0), ["block/dm-0/dm/name": "x"])
    } throws: {
      ($0 as? BlockDeviceError)?.reason.contains("on the dm device 252:0") == true
    }
  }

  @Test func fileSystemWithoutADiskIsRefusedByName() {
    let line = "30 1 0:44 / /dev/shm rw - tmpfs tmpfs rw"
    #expect {
      try self.disk(BlockDevice(major: 0, minor: 44), [:], mountinfo: line)
    } throws: {
      ($0 as? BlockDeviceError)?.reason == "/some/path is on tmpfs, which has no disk of its own"
    }
  }

  @Test(arguments: ["8:0", "259:1048575"]) func numbersAreReadAndWritten(text: String) {
    #expect(BlockDevice(text)?.description == text)
  }

  @Test(arguments: ["", "8", "8:", ":0", "8:0:1", "a:b", "8:-1"])
  func nonsenseIsNoDevice(text: String) {
    #expect(BlockDevice(text) == nil)
  }

  @Test func mountPointsMayHoldSpaces() {
    let mount = MountInfo.parse("30 1 0:44 /a\\040b /mnt/x\\134y\\040z rw - ext4 /dev/sda rw\n")
    #expect(mount.first?.root == "/a b")
    #expect(mount.first?.mountPoint == "/mnt/x\\y z")
  }
}
