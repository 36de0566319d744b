import FirmwareImages
import Testing

@Suite("Firmware versions")
struct FirmwareVersionTests {
    @Test("Three numbers, with an optional v and an optional build", arguments: [
        ("2.4.0", "2.4.0"), ("v1.1.0", "1.1.0"), ("2.4.0+7", "2.4.0+7"), ("0.0.0+0", "0.0.0"), ("255.255.65535+4294967295", "255.255.65535+4294967295"),
    ])
    func reads(_ text: String, _ shown: String) {
        #expect(FirmwareVersion(text)?.description == shown)
    }

    @Test("Everything else is no version", arguments: ["", "v", "2.4", "2.4.0.1", "2.4.x", "+1.0.0", "2.+4.0", "2.4.0+", "2.4.0+1+1", " 2.4.0", "4294967296.0.0", "２.4.0"])
    func refuses(_ text: String) {
        #expect(FirmwareVersion(text) == nil)
    }

    @Test("They are ordered by number, not by text")
    func order() throws {
        let texts = ["1.9.9", "1.10.0", "2.0.0", "2.0.0+1", "10.0.0"]
        let versions = try texts.map { try #require(FirmwareVersion($0)) }
        #expect(versions == versions.reversed().sorted())
    }
}
