import Testing

@testable import Bench

@Suite("Keys of leases: the thing, not the node")
struct LeaseKeyTests {
    @Test("a USB device and its interface are in each other's way, its neighbours are not")
    func containment() {
        let device = LeaseKey("usb 2-1")
        #expect(device.conflicts(with: LeaseKey("usb 2-1:1.2")))
        #expect(LeaseKey("usb 2-1:1.2").conflicts(with: device))
        #expect(device.conflicts(with: device))
        #expect(!device.conflicts(with: LeaseKey("usb 2-10")))
        #expect(!LeaseKey("usb 2-1:1.2").conflicts(with: LeaseKey("usb 2-1:1.3")))
        #expect(!LeaseKey("tcp rack:40").conflicts(with: LeaseKey("tcp rack:4001")))
    }

    @Test("a hub, whose power they share, is in the way of the devices behind it")
    func hub() {
        #expect(LeaseKey("usb 1-1").conflicts(with: LeaseKey("usb 1-1.4")))
        #expect(LeaseKey("usb 1-1.4.2:1.0").conflicts(with: LeaseKey("usb 1-1")))
        #expect(!LeaseKey("usb 1-1.4").conflicts(with: LeaseKey("usb 1-1.3")))
    }

    @Test("each text becomes one safe name of a file, and comes back from it", arguments: [
        "usb 2-1:1.2", "port /dev/ttyS0", "../../etc/passwd", "tcp host:4001", "labgrid Zähler%20.", "", "a\u{7}b",
    ])
    func names(_ text: String) throws {
        let key = LeaseKey(text)
        let allowed = key.fileName.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.%".contains($0)) }
        #expect(allowed && key.fileName.hasPrefix("key.") && key.fileName.utf8.count <= 255)
        #expect(LeaseKey(fileName: key.fileName) == key)
    }

    @Test("long texts stay apart though their names are cut")
    func long() {
        let start = String(repeating: "x", count: 5_000)
        let (one, other) = (LeaseKey(start + "1"), LeaseKey(start + "2"))
        #expect(one != other && one.fileName != other.fileName)
        #expect(one.fileName.utf8.count <= 255 && one.text.utf8.count <= LeaseKey.maximumBytes)
    }

    @Test("keys are taken once, in one order for everybody")
    func sorted() {
        #expect(LeaseKey.sorted([LeaseKey("b"), LeaseKey("a"), LeaseKey("b")]).map(\.text) == ["a", "b"])
    }
}
