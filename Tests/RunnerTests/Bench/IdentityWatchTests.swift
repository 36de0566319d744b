import LabCore
@testable import Runner
import Testing

@Suite("Another device than lab.yaml means is heard on its line (Docs/bench.md)")
struct IdentityWatchTests {
    private let place = SourceLocation(file: "lab.yaml", line: 1, column: 1)

    private func node(_ kind: String, _ facts: Fields = [:], identity: String? = nil) -> IdentityWatch? {
        var side = HardwareSide(location: place)
        side.health.identity = identity
        return IdentityWatch(of: NamedNode(name: "node_1", kind: kind, facts: facts, hardware: side), side)
    }

    /// A heartbeat (21) of DNY, as charging-protocols.md 4.1 lays it out: length 10, physical ID from its low byte, message 1, sum of all before.
    private func heartbeat(_ id: [UInt8]) -> [UInt8] {
        let frame: [UInt8] = [0x44, 0x4e, 0x59, 0x0a, 0x00] + id.reversed() + [0x01, 0x00, 0x21, 0x00]
        let sum = frame.reduce(0) { $0 + Int($1) }
        return frame + [UInt8(sum & 0xff), UInt8(sum >> 8)]
    }

    private let meant: [UInt8] = [0x04, 0xce, 0xaa, 0x40]
    private let other: [UInt8] = [0x04, 0xab, 0x37, 0x3b]

    @Test("the first frame of a board tells; what comes after it may be sent in anybody's name")
    func board() throws {
        var watch = try #require(node("pile", ["pile": "04CEAA40", "line": "serial"]))
        #expect(watch.heard(Array("89860463112070319417".utf8)) == nil)
        #expect(watch.heard(heartbeat(meant)) == nil)
        #expect(watch.heard(heartbeat(other)) == nil)
        // After the port was opened once more, it is the first frame again, though it comes in pieces.
        watch.opened()
        let frame = heartbeat(other)
        #expect(watch.heard(Array(frame.prefix(7))) == nil)
        let whole = watch.heard(Array(frame.dropFirst(7)))
        let found = try #require(whole)
        #expect(found.detail == "another device is plugged in here: it is 04ab373b, not 04CEAA40")
        #expect(found.key == "pile")
        // It is said once.
        #expect(watch.heard(heartbeat(other)) == nil)
    }

    @Test("a module tells in its answer to AT+CGSN, and other numbers of 15 digits are none of it")
    func module() throws {
        var watch = try #require(node("rg500q", identity: "860000000000017"))
        // An IMSI has as many digits.
        watch.sent(Array("AT+CIMI\r".utf8))
        #expect(watch.heard(Array("\r\n460001234567890\r\n\r\nOK\r\n".utf8)) == nil)
        watch.sent(Array("AT+CGSN\r".utf8))
        #expect(watch.heard(Array("\r\n8600000000".utf8)) == nil)
        let answer = watch.heard(Array("00025\r\n\r\nOK\r\n".utf8))
        let found = try #require(answer)
        #expect(found.detail == "another device is plugged in here: it is 860000000000025, not 860000000000017")
        #expect(found.key == "identity")
        watch.opened()
        watch.sent(Array("AT+CGSN\r".utf8))
        #expect(watch.heard(Array("AT+CGSN\r\r\n860000000000017\r\n\r\nOK\r\n".utf8)) == nil)
    }

    @Test("nothing is watched where nobody has said who it is, or the device does not say it")
    func unknown() {
        #expect(node("pile", ["line": "serial"]) == nil)
        #expect(node("pile", ["pile": "04ceaa40", "protocol": "ee66"]) == nil)
        #expect(node("pile", ["pile": "04ceaa40", "line": "bus"]) == nil)
        #expect(node("rg500q") == nil)
        #expect(node("badge", identity: "BDG-0001") == nil)
    }
}
