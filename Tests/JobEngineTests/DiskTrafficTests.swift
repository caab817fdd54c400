import Testing

@testable import JobEngine

@Suite struct DiskTrafficTests {
  private func written(_ stat: String) -> Int64 {
    var traffic = DiskTraffic(mapper: 253)
    traffic.take(stat: stat)
    return traffic.total(\.writeBytes)
  }

  @Test func eachDiskCounts() {
    var traffic = DiskTraffic(mapper: 253)
    traffic.take(
      stat: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=9 dios=9\n8:16 rbytes=10 wbytes=20\n")
    #expect(traffic.total(\.readBytes) == 11 && traffic.total(\.writeBytes) == 22)
    #expect(traffic.total(\.readOps) == 3 && traffic.total(\.writeOps) == 4)
  }

  @Test func whatAVolumePassesOnCountsOnce() {
    #expect(self.written("253:0 wbytes=50\n8:0 wbytes=50\n") == 50)
    #expect(self.written("253:1 wbytes=50\n253:0 wbytes=50\n8:0 wbytes=50\n") == 50)
    #expect(self.written("253:0 wbytes=50\n7:0 wbytes=50\n") == 50)
    #expect(self.written("253:0 wbytes=50\n") == 50)
  }

  @Test func aLoopCountsWhetherItsDiskDoesOrNot() {
    #expect(self.written("7:0 wbytes=50\n8:0 wbytes=10\n") == 50)
    #expect(self.written("7:0 wbytes=50\n8:0 wbytes=70\n") == 70)
  }

  @Test func v1CountsTheSame() {
    var traffic = DiskTraffic(mapper: 253)
    traffic.take(
      "253:0 Read 5\n253:0 Write 7\n253:0 Total 12\n8:0 Read 5\n8:0 Write 7\nTotal 24\n",
      \.readBytes, \.writeBytes)
    #expect(traffic.total(\.readBytes) == 5 && traffic.total(\.writeBytes) == 7)
  }

  @Test func theMapperIsFoundByName() {
    let devices = "Character devices:\n  1 mem\n\nBlock devices:\n  7 loop\n253 device-mapper\n"
    #expect(DiskTraffic.mapper(in: devices) == 253)
    #expect(DiskTraffic.mapper(in: "") == nil)
  }
}
