import Glibc
import Linux
import Testing

/// On a made-up host: a /sys laid out like the kernel's, and its mounts.
@Suite struct DiskResolverTests {
  /// sda with two partitions, LVM and dm-crypt on sda2, a loop device, and a disk sdb.
  private static let files = [
    "block/sda/dev": "8:0\n", "block/sda/sda1/dev": "8:1\n", "block/sda/sda1/partition": "1\n",
    "block/sda/sda2/dev": "8:2\n", "block/sda/sda2/partition": "2\n", "block/sdb/dev": "8:16\n",
    "block/dm-0/dev": "253:0\n", "block/dm-0/dm/name": "vg-root\n", "block/dm-0/dm/uuid": "LVM-x\n",
    "block/dm-0/slaves/sda2/dev": "8:2\n", "block/dm-1/dev": "253:1\n",
    "block/dm-1/dm/name": "secret\n", "block/dm-1/dm/uuid": "CRYPT-LUKS2-y\n",
    "block/dm-1/slaves/dm-0/dev": "253:0\n", "block/loop0/dev": "7:0\n",
    "block/loop0/loop/backing_file": "/images/a.img\n",
    "block/loop1/loop/backing_file": "/round/b.img\n", "fs/btrfs/u-1/devices/sdb/dev": "8:16\n",
    "fs/btrfs/u-1/devices/sda1/dev": "8:1\n", "fs/btrfs/features/x": "",
  ]
  private static let links = [
    "8:0": "sda", "8:1": "sda/sda1", "8:2": "sda/sda2", "8:16": "sdb", "253:0": "dm-0",
    "253:1": "dm-1", "7:0": "loop0", "7:1": "loop1",
  ]
  private static let mounts = """
    20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
    21 20 253:0 / /lvm rw - xfs /dev/mapper/vg-root rw
    22 20 253:1 / /crypt rw - ext4 /dev/mapper/secret rw
    23 20 7:0 / /loop rw - ext4 /dev/loop0 rw
    24 20 0:40 /sub /pool rw - btrfs /dev/sdb rw,subvol=/sub
    25 20 0:41 / /over rw - overlay overlay rw,lowerdir=/l,upperdir=/lvm/up,workdir=/lvm/w
    26 20 0:42 / /hidden-over rw - overlay overlay rw,lowerdir=/l,upperdir=/not/here
    27 20 0:43 / /ram rw - tmpfs tmpfs rw
    28 20 0:44 / /net rw - nfs4 server:/x rw
    29 20 8:99 / /gone rw - ext4 /dev/sdz rw
    30 20 7:1 / /round rw - ext4 /dev/loop1 rw
    31 20 8:16 / /data rw - ext4 /dev/sdb rw
    32 31 8:2 / /data rw - ext4 /dev/sda2 rw
    """

  private func resolve(_ path: String) throws -> [DiskResolver.Disk] {
    let name = "linux-test-" + Random.bytes(6).map { String($0, radix: 16) }.joined()
    let root = "/tmp/\(name)"
    try File.makeFolders("\(root)/dev/block")
    defer {
      if let parent = try? File.openFolder("/tmp") { try? Folder.removeTree(name, in: parent) }
    }
    for (path, content) in Self.files {
      let parts = path.split(separator: "/")
      let folder = "\(root)/" + parts.dropLast().joined(separator: "/")
      try File.makeFolders(folder)
      try File.replace(
        String(parts.last ?? ""), in: try File.openFolder(folder), with: Array(content.utf8),
        durable: false)
    }
    for (number, target) in Self.links {
      #expect(symlink("../../block/\(target)", "\(root)/dev/block/\(number)") == 0)
    }
    let resolver = DiskResolver(mounts: MountInfo.parse(Self.mounts), sys: root) { path in
      path.hasPrefix("/not/") ? nil : path
    }
    return try resolver.disks(under: path)
  }

  @Test(
    arguments: [
      ("/", ["8:0"], "/ on ext4 > 8:1 sda1 > 8:0 sda"),
      ("/var/lib", ["8:0"], "/var/lib on ext4 > 8:1 sda1 > 8:0 sda"),
      ("/lvm/x", ["253:0"], "/lvm/x on xfs > 253:0 dm-0 (LVM vg-root over sda2)"),
      ("/crypt", ["253:1"], "/crypt on ext4 > 253:1 dm-1 (CRYPT secret over dm-0)"),
      ("/loop", ["7:0", "8:0"], "/loop on ext4 > 7:0 loop0"),
      ("/pool", ["8:0", "8:16"], "/pool on btrfs > 8:1 sda1 > 8:0 sda"),
      (
        "/over", ["253:0"], "/over on overlay > /lvm/up on xfs > 253:0 dm-0 (LVM vg-root over sda2)"
      ),
      ("/data", ["8:0"], "/data on ext4 > 8:2 sda2 > 8:0 sda"),
      ("/database", ["8:0"], "/database on ext4 > 8:1 sda1 > 8:0 sda"),
    ] as [(String, [String], String)])
  func pathLeadsToWhereALimitWorks(path: String, devices: [String], chain: String) throws {
    let disks = try self.resolve(path)
    #expect(disks.map(\.device.description) == devices)
    #expect(disks.first?.chain == chain)
  }

  @Test func theDiskBelowALoopsFileCountsToo() throws {
    #expect(
      try self.resolve("/loop").last?.chain
        == "/loop on ext4 > 7:0 loop0 > /images/a.img on ext4 > 8:1 sda1 > 8:0 sda")
  }

  @Test(
    arguments: [
      ("/ram", "/ram is on tmpfs, which has no disk of its own"),
      ("/net/x", "/net/x is on nfs4, which has no disk of its own"),
      ("/gone", "/gone is on device 8:99, which is gone or not seen from here"),
      ("/hidden-over", "upper folder /not/here is not seen from here"),
      ("/round", "lies below more than 8 layers"), ("/not/there", "/not/there is not there"),
    ])
  func whatHasNoDiskIsRefusedWithTheReason(path: String, reason: String) {
    #expect { try self.resolve(path) } throws: {
      ($0 as? BlockDeviceError)?.reason.contains(reason) == true
    }
  }
}
