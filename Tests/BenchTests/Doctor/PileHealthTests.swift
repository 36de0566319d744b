import Bench
import LabCore
import Testing
import WireProtocols

@Suite("The doctor and a charging pile (charging-protocols.md 2.4, 4.4, 4.5, 4.8, 5.1)", .serialized, .timeLimit(.minutes(2)))
struct PileHealthTests {
    private let practice: Practice
    init() throws { practice = try Practice() }

    private func bytes(_ digits: String) throws -> [UInt8] { try #require(Hexadecimal.bytes(digits)) }

    private func examine(_ facts: Fields, _ health: HealthExpectation = HealthExpectation(), hear: @escaping @Sendable ([UInt8]) -> [UInt8]) throws -> HealthReport {
        let terminal = try ScriptedTerminal(practice.port, hear: hear)
        defer { terminal.end() }
        return practice.doctor().examine(practice.patient("pile", facts: facts, health: health))
    }

    @Test("a DNY board that is asked by its physical ID tells who it is")
    func dny() throws {
        // A registration (20) of device 04ceaa40: firmware 640, 2 ports; length 9 + 8, sum by hand in the test below.
        var frame: [UInt8] = [0x44, 0x4e, 0x59, 0x11, 0x00, 0x40, 0xaa, 0xce, 0x04, 0x01, 0x00, 0x20, 0x80, 0x02, 0x02, 0x1e, 0x21, 0x19, 0x00, 0x00]
        let sum = frame.reduce(0) { $0 + Int($1) }
        frame += [UInt8(sum & 0xff), UInt8(sum >> 8)]
        let registration = frame
        let hear: @Sendable ([UInt8]) -> [UInt8] = { asked in
            // 81 to that ID, as the specification lays it out.
            asked.starts(with: [0x44, 0x4e, 0x59, 0x09, 0x00, 0x40, 0xaa, 0xce, 0x04]) && asked.count == 14 && asked[11] == 0x81 ? registration : []
        }
        let report = try examine([:], HealthExpectation(firmware: "6.40", identity: "04ceaa40"), hear: hear)
        #expect(report.verdict == .ok)
        #expect(report.identity == "04ceaa40")
        #expect(report.firmware == "6.40")
        #expect(try examine([:], HealthExpectation(firmware: "6.41", identity: "04ceaa40"), hear: hear).verdict(.firmware) == .sick)
    }

    @Test("another physical ID is another device; a board that says nothing is silent")
    func dnyWrong() throws {
        // The heartbeat answer of the specification's example, from device 04ab373b (ap3000-016 has the ID), asked for another one.
        var frame: [UInt8] = [0x44, 0x4e, 0x59, 0x0a, 0x00, 0x3b, 0x37, 0xab, 0x04, 0x01, 0x00, 0x21, 0x00]
        let sum = frame.reduce(0) { $0 + Int($1) }
        frame += [UInt8(sum & 0xff), UInt8(sum >> 8)]
        let heartbeat = frame
        let report = try examine([:], HealthExpectation(identity: "04ceaa40")) { _ in heartbeat }
        #expect(report.finding(.identity)?.detail == "another device is plugged in here: it is 04ab373b, not 04ceaa40")
        // The id that the scenarios go by counts as well.
        let written = try examine(["pile": "04ceaa40"]) { _ in heartbeat }
        #expect(written.finding(.identity)?.detail == "another device is plugged in here: it is 04ab373b, not 04ceaa40")
        #expect(written.finding(.identity)?.remedy == "plug the right one in, or correct `pile` of node_1 in lab.yaml")
        #expect(try examine(["pile": "04ab373b"]) { _ in heartbeat }.verdict == .ok)
        let silent = try examine(["pile": "04ceaa40"]) { _ in [] }
        #expect(silent.finding(.answers)?.detail == "it said nothing within its heartbeat")
        #expect(silent.finding(.answers)?.remedy.contains("the id (04ceaa40)") == true)
    }

    @Test("a BKV gateway that is asked for a socket, by a frame of a capture (bkv-048)")
    func bkv() throws {
        let report = try bytes(
            "fcfe0091100000000000018224121800038204010110170a010200000000000000000901038224121800038265019403014a0104013effff0301071d0301961e28015b030108000301099004010a000904019508f704010b000404010c002a04010d000004010e000028015b030108010301098004010a000004019508f704010b000104010c000104010d000004010e00005dfcee")
        let found = try examine(["protocol": "bkv"], HealthExpectation(identity: "82241218000382")) { asked in asked.starts(with: [0xfc, 0xff]) ? report : [] }
        #expect(found.verdict == .ok)
        #expect(found.identity == "82241218000382")
        // Behind the gateway each socket is a pile.
        #expect(try examine(["protocol": "bkv", "pile": "82241218000382-1"]) { _ in report }.verdict == .ok)
        #expect(try examine(["protocol": "bkv", "pile": "82241218000383-1"]) { _ in report }.verdict(.identity) == .sick)
    }

    @Test("an EE/66 board answers the poll for the states of its ports")
    func ee66() throws {
        let report = try examine(["protocol": "ee66"]) { asked in
            guard let frame = try? EE66Frame(asked), !frame.isAnswer else { return [] }
            // 66, 8 + 2 bytes, the command, the session, two ports, XOR of all but the first.
            let body: [UInt8] = [0x0a, frame.command] + [UInt8](repeating: 0x30, count: 6) + [0x01, 0x01]
            return [0x66] + body + [body.reduce(0, ^)]
        }
        #expect(report.verdict(.answers) == .ok)
        #expect(try examine(["protocol": "ee66"]) { _ in [] }.finding(.answers)?.detail == "no answer to its polls")
    }

    @Test("one slave that answers its poll shows that a bus is well")
    func bus() throws {
        let report = try examine(["line": "bus", "slaves": 3]) { asked in
            // Slave 2 echoes its poll, as idle slaves do.
            asked.count == 15 && asked[11] == 0x00 && asked[12] == 2 ? asked : []
        }
        #expect(report.verdict(.answers) == .ok)
        #expect(try examine(["line": "bus", "slaves": 2]) { _ in [] }.verdict == .sick)
    }

    @Test("a card's number, as modems in front of boards of all protocols tell it, shows no board; what follows it is judged (4.1)")
    func modemOnly() throws {
        let card = Array("898604D9162350331656".utf8)
        let alone = try examine(["pile": "04ceaa40"]) { _ in card }
        #expect(alone.verdict == .sick)
        #expect(alone.finding(.answers)?.detail == "the modem in front of it speaks, and of the board no frame came")
        // The frame of a BKV gateway (bkv-051).
        let other = try bytes("fcff0016001500000000008224121800038200020c010190fcee")
        let strange = try examine(["pile": "04ceaa40"]) { _ in card + other }
        #expect(strange.verdict == .sick)
        #expect(strange.finding(.answers)?.detail.contains("what comes is no DNY (46 bytes: 38393836303444") == true)
    }

    @Test("bytes that are no frame point to the rate or the protocol")
    func garbage() throws {
        let report = try examine([:], HealthExpectation(identity: "04ceaa40")) { _ in [0x80, 0xe6, 0x00, 0xf8, 0x98, 0x66] }
        #expect(report.finding(.answers)?.detail.contains("what comes is no DNY (6 bytes: 80e600f89866…): the rate of 115200 8N1 or the protocol is wrong") == true)
    }

    @Test("of a badge's console it is asked that it opens; a badge without a port is reached over the network")
    func badge() throws {
        let terminal = try ScriptedTerminal(practice.port) { _ in [] }
        #expect(practice.doctor().examine(practice.patient("badge", purpose: .console)).findings.map(\.check) == [.console])
        terminal.end()
        #expect(practice.doctor().examine(practice.patient("badge", purpose: .console)).verdict == .sick)
        let remote = Patient(name: "badge_7", kind: "badge", hardware: HardwareSide(client: "BDG-0007", location: nowhere))
        #expect(practice.doctor().examine(remote).verdict == .ok)
    }
}
