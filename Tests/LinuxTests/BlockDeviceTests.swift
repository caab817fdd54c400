import Linux
import Testing

@testable import Linux

@Suite struct BlockDeviceTests {
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
