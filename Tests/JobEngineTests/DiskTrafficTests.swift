import Glibc
import Linux
import Testing

@testable import JobEngine

@Suite struct DiskTrafficTests {
  /// What lies on what, by device number.
  private struct Stack: DiskStack {
    var lower: [String: [String]] = [:]
    var redundant: Set<String> = []

    func below(_ device: BlockDevice) -> [BlockDevice] {
      (self.lower["\(device)"] ?? []).compactMap { BlockDevice($0) }
    }

    func isRedundant(_ device: BlockDevice) -> Bool { self.redundant.contains("\(device)") }
  }

  private func written(_ stat: String, _ stack: Stack = Stack()) -> Int64 {
    var traffic = DiskTraffic()
    traffic.take(stat: stat)
    return traffic.total(on: stack).writeBytes
  }

  @Test func eachDiskCounts() {
    var traffic = DiskTraffic()
    traffic.take(
      stat: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=9 dios=9\n8:16 rbytes=10 wbytes=20\n")
    let total = traffic.total(on: Stack())
    #expect(total.readBytes == 11 && total.writeBytes == 22)
    #expect(total.readOps == 3 && total.writeOps == 4)
  }

  @Test func whatAVolumePassesOnCountsOnce() {
    let volume = Stack(lower: ["253:0": ["8:0"], "253:1": ["253:0"]])
    #expect(self.written("253:0 wbytes=50\n8:0 wbytes=50\n", volume) == 50)
    #expect(self.written("253:1 wbytes=50\n253:0 wbytes=50\n8:0 wbytes=50\n", volume) == 50)
    #expect(self.written("253:0 wbytes=50\n", volume) == 50)
  }

  @Test func volumesOfOneDiskAddUpBesideWhatGoesThereDirectly() {
    let two = Stack(lower: ["253:0": ["8:0"], "253:1": ["8:0"]])
    #expect(self.written("253:0 wbytes=50\n253:1 wbytes=30\n8:0 wbytes=80\n", two) == 80)
    #expect(self.written("253:0 wbytes=50\n253:1 wbytes=30\n8:0 wbytes=90\n", two) == 90)
    // Neither has the disk's line: it was removed, or passes on in nobody's name.
    #expect(self.written("253:0 wbytes=50\n253:1 wbytes=30\n", two) == 80)
  }

  @Test func anEncryptedVolumeCountsThoughItsDiskDoesNot() {
    let encrypted = Stack(lower: ["253:0": ["8:0"], "253:1": ["253:0"]])
    #expect(self.written("253:0 wbytes=50\n8:0 wbytes=0\n", encrypted) == 50)
    #expect(self.written("253:1 wbytes=50\n253:0 wbytes=50\n", encrypted) == 50)
    // Beside a disk that has nothing to do with it.
    #expect(self.written("253:0 wbytes=50\n8:16 wbytes=1\n", encrypted) == 51)
  }

  @Test func aRAIDCountsWhatItWasGiven() {
    let raid = Stack(lower: ["9:0": ["8:0", "8:16"]], redundant: ["9:0"])
    #expect(self.written("9:0 wbytes=50\n8:0 wbytes=50\n8:16 wbytes=50\n", raid) == 50)
    let volume = Stack(
      lower: ["253:0": ["9:0"], "9:0": ["8:0", "8:16"]], redundant: ["9:0"])
    #expect(
      self.written(
        "253:0 wbytes=50\n9:0 wbytes=50\n8:0 wbytes=50\n8:16 wbytes=50\n", volume) == 50)
  }

  @Test func aLoopCountsWhetherItsDiskDoesOrNot() {
    #expect(self.written("7:0 wbytes=50\n8:0 wbytes=10\n") == 50)
    #expect(self.written("7:0 wbytes=50\n8:0 wbytes=70\n") == 70)
    let volume = Stack(lower: ["253:0": ["7:0"]])
    #expect(self.written("253:0 wbytes=50\n7:0 wbytes=50\n", volume) == 50)
    #expect(self.written("253:0 wbytes=50\n7:0 wbytes=50\n8:0 wbytes=50\n", volume) == 50)
  }

  @Test func v1CountsTheSame() {
    var traffic = DiskTraffic()
    traffic.take(
      "253:0 Read 5\n253:0 Write 7\n253:0 Total 12\n8:0 Read 5\n8:0 Write 7\nTotal 24\n",
      \.readBytes, \.writeBytes)
    let total = traffic.total(on: Stack(lower: ["253:0": ["8:0"]]))
    #expect(total.readBytes == 5 && total.writeBytes == 7)
  }

  /// A tree as sysfs has it: a volume on a partition.
  @Test func whatIsBelowIsReadFromSysfs() throws {
    let folder = try TemporaryFolder()
    let disk = "\(folder.path)/devices/sda"
    try File.makeFolders("\(disk)/sda3")
    try File.makeFolders("\(folder.path)/dev/block/253:0/slaves")
    let files = [
      ("\(disk)", "dev", "8:0\n"), ("\(disk)/sda3", "dev", "8:3\n"),
      ("\(disk)/sda3", "partition", "3\n"),
    ]
    for (path, name, text) in files {
      try File.replace(
        name, in: try File.openFolder(path), with: Array(text.utf8), durable: false)
    }
    symlink("\(disk)/sda3", "\(folder.path)/dev/block/253:0/slaves/sda3")
    let disks = HostDisks(sys: folder.path)
    #expect(disks.below(try #require(BlockDevice("253:0"))).map(\.description) == ["8:0"])
    #expect(disks.below(try #require(BlockDevice("8:0"))).isEmpty)
  }
}
