import LabCore
import Testing
import WireProtocols

@testable import Emulators

@Suite("DNY pile: parameters, cards, alarms, upgrades (charging-protocols.md 4.5, 4.7, 4.9)")
struct DNYPileCommandTests {
    // MARK: Parameters

    @Test("85 of the vendor is kept over a restart and read back by 92 (ap3000-021)")
    func limits() throws {
        var bench = try PileBench.online()
        bench.send(0x92, messageID: 1, [])
        bench.send(bytes: try #require(Hexadecimal.bytes("444e590d003b37ab04020085a08c204e3a04")))
        bench.run(for: .seconds(1))
        // 36,000 s, 2,000.0 W, 270.0 V, 100.0 V
        #expect(bench.frames(0x92).last?.frame.data == [0xa0, 0x8c, 0x20, 0x4e, 0x8c, 0x0a, 0xe8, 0x03])
        #expect(bench.frames(0x85).last?.frame.data == [0])
        bench.send(0x85, messageID: 3, [0x10, 0x0e, 0xd0, 0x07])  // 3,600 s, 200.0 W
        bench.send(0x85, messageID: 4, [0x10, 0x0e, 0x21, 0x4e])  // 0.1 W above what the device can
        bench.send(0x85, messageID: 5, [0x10])
        bench.run(for: .seconds(1))
        #expect(bench.frames(0x85).suffix(3).map(\.frame.data) == [[0], [1], [1]])
        bench.cutPower()
        bench.run(for: .seconds(1))
        bench.restorePower()
        bench.run(for: .seconds(5))
        bench.send(0x92, messageID: 6, [])
        bench.run(for: .seconds(1))
        #expect(bench.frames(0x92).last?.frame.data == [0x10, 0x0e, 0xd0, 0x07])
        bench.act("plug", ["watts": 250])
        bench.start()
        bench.run(for: .seconds(10))
        #expect(bench.frames(0x03).first?.frame.data[12] == 6)
    }

    @Test("83 sets the heartbeat's interval and the detection of unplugging; 88 forgets it again")
    func chargeParameters() throws {
        var bench = try PileBench.online()
        bench.send(0x90, messageID: 1, [])
        bench.run(for: .seconds(1))
        #expect(bench.frames(0x90).first?.frame.data == [3, 0, 10, 0, 20, 0x08, 0x07, 0x10, 0x0e, 0xb4, 0])
        bench.send(0x83, messageID: 2, [3, 0, 2, 0, 20, 0x08, 0x07, 0x10, 0x0e, 60, 0])
        bench.run(for: .seconds(400))
        #expect(bench.frames(0x83).map(\.frame.data) == [[0]])
        #expect(bench.notes("settings.changed").first?["command"] == 0x83)
        let beats = bench.frames(0x21)
        #expect(beats[beats.count - 1].at.nanoseconds - beats[beats.count - 2].at.nanoseconds == 60_000_000_000)
        bench.act("plug", [:])
        bench.start()
        bench.run(for: .seconds(4))
        bench.act("unplug", [:])
        bench.run(for: .seconds(3))
        #expect(bench.notes("charge.stopped").first?["reason"] == "unplugged", "after 2 s")
        bench.send(0x88, messageID: 3, [])
        bench.run(for: .seconds(20))
        bench.send(0x90, messageID: 4, [])
        bench.run(for: .seconds(1))
        #expect(bench.frames(0x90).last?.frame.data.suffix(2) == [0xb4, 0])
        #expect(bench.frames(0x03).count == 1, "the bill is not forgotten")
    }

    @Test("87 is answered and restarts the pile (ap3000-025, 026)")
    func reset() throws {
        var bench = try PileBench.charging()
        bench.send(bytes: try #require(Hexadecimal.bytes("444e5909003b37ab040100879d02")))
        bench.run(for: .milliseconds(100))
        #expect(bench.frames(0x87).map { Hexadecimal.text($0.bytes) } == ["444e590a003b37ab04010087009e02"])
        #expect(bench.reboots == [.zero, .seconds(1)])
        bench.run(for: .seconds(10))
        #expect(bench.notes("online").count == 2)
        #expect(bench.notes("charge.resumed").count == 1)
        #expect(bench.ask("port")["state"] == "charging")
    }

    // MARK: Cards

    @Test("02 carries UID, kind and port; the answer alone starts nothing (ap3000-011, 012)")
    func card() throws {
        var bench = try PileBench.online()
        bench.act("plug", ["port": 2])
        bench.act("swipe", ["port": 2, "card": .integer(0x7a8d_05dd)])
        bench.run(for: .seconds(1))
        // ap3000-011: 7a 8d 05 dd, kind 0 (here 1), port 1, balance 0.
        #expect(bench.frames(0x02).first?.frame.data == [0x7a, 0x8d, 0x05, 0xdd, 1, 1, 0, 0])
        bench.send(0x02, messageID: try #require(bench.frames(0x02).first?.frame.messageID), [0x7a, 0x8d, 0x05, 0xdd, 0, 0, 0, 0, 0, 0, 1])
        bench.run(for: .seconds(5))
        #expect(bench.notes("card.answered").first?["card"] == .text(String(0x7a8d_05dd)))
        #expect(bench.notes("card.answered").first?["port"] == 2)
        #expect(bench.notes("charge.started").isEmpty)
    }

    @Test("without a connection a card starts and stops by itself; order of date, card, device and port + 30 (4.13, F64)")
    func offlineCard() throws {
        var bench = try PileBench.online()
        bench.accepts = false
        bench.loseConnection()
        bench.act("plug", ["port": 1, "watts": 120])
        bench.act("swipe", ["port": 1, "card": .integer(0x7a8d_05dd)])
        bench.run(for: .seconds(600))
        bench.act("swipe", ["port": 1, "card": .integer(0x1111_1111)])
        bench.run(for: .seconds(600))
        bench.act("swipe", ["port": 1, "card": .integer(0x7a8d_05dd)])
        bench.accepts = true
        bench.run(for: .seconds(30))
        let data = try #require(bench.frames(0x03).first?.frame.data)
        #expect(word(data, 0) == 1_200 && data[7] == 0 && data[12] == 0x16)
        #expect(Array(data[8..<12]) == [0x7a, 0x8d, 0x05, 0xdd])
        // 2026-01-01 08:00:04 in Beijing, the card, the device's ID, port 0 + 30.
        #expect(Array(data[13..<18]) == [0x26, 0x01, 0x01, 0x08, 0x00])
        #expect(Array(data[19..<28]) == [0x7a, 0x8d, 0x05, 0xdd, 0x3b, 0x37, 0xab, 0x04, 0x30])
        #expect(bench.notes("truth").first?["energy"] == 400)  // 120 W for 1,200 s
    }

    // MARK: Alarms

    @Test("smoke stops all ports with 11, sends 42 and refuses starts with 0B (F38)")
    func smoke() throws {
        var bench = try PileBench.charging()
        bench.act("plug", ["port": 2])
        bench.start(port: 1, order: "ORDER00000000002", messageID: 2)
        bench.run(for: .seconds(5))
        bench.fault("smoke")
        #expect(bench.notes("charge.stopped").map { $0["reason"] } == ["smoke", "smoke"])
        bench.start(port: 1, order: "ORDER00000000003", messageID: 3)
        bench.run(for: .seconds(10))
        #expect(bench.frames(0x42).map(\.frame.data) == [[4, 0xff, 1]])
        #expect(bench.frames(0x03).map { $0.frame.data[12] } == [0x11, 0x11])
        #expect(bench.frames(0x82).last?.frame.data[0] == 0x0b)
        bench.clear("smoke")
        bench.start(port: 1, order: "ORDER00000000004", messageID: 4)
        bench.run(for: .seconds(4))
        #expect(bench.frames(0x42).last?.frame.data == [4, 0xff, 0])
        #expect(bench.frames(0x82).last?.frame.data[0] == 0)
    }

    @Test("other dangers end charges with their reasons", arguments: [("water", 0x10), ("over_current", 0x0c)])
    func dangers(_ fault: String, _ reason: Int) throws {
        var bench = try PileBench.charging()
        bench.fault(fault)
        bench.run(for: .seconds(10))
        #expect(bench.frames(0x03).first.map { Int($0.frame.data[12]) } == reason)
        #expect(bench.notes("alarm").first?["raised"] == true)
    }

    @Test("a hot port ends its own charge with 0B, hot surroundings end all with 0A (F37)")
    func heat() throws {
        var bench = try PileBench.charging()
        bench.act("plug", ["port": 2])
        bench.start(port: 1, order: "ORDER00000000002", messageID: 2)
        bench.run(for: .seconds(5))
        bench.fault("over_temperature", ["port": 2])
        bench.run(for: .seconds(10))
        #expect(bench.frames(0x03).map { $0.frame.data[12] } == [0x0b])
        #expect(bench.ask("port", ["port": 2])["temperature"] == 95)
        bench.fault("over_temperature")
        bench.run(for: .seconds(10))
        #expect(bench.frames(0x03).last?.frame.data[12] == 0x0a)
        #expect(bench.frames(0x42).map { $0.frame.data[0] } == [5, 5])
    }

    // MARK: Upgrades

    private func packet(_ index: UInt16, of total: UInt16, _ bytes: [UInt8]) -> [UInt8] {
        [UInt8(truncatingIfNeeded: total), UInt8(total >> 8), UInt8(truncatingIfNeeded: index), UInt8(index >> 8)] + bytes
    }

    private let image = (0..<500).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    private func parts() -> [[UInt8]] {
        [Array(image[0..<200]), Array(image[200..<400]), Array(image[400..<500]) + Array(repeating: 0, count: 100)]
    }

    /// With the type of a model of the table, and a check packet of that type.
    private func check(sum: UInt32, type: UInt8 = 0x27, firmware: UInt16 = 700) -> [UInt8] {
        let words: [UInt8] = (0..<4).map { UInt8(truncatingIfNeeded: sum >> (8 * $0)) }
        let mark: [UInt8] = [0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8]
        return mark + words + [type, UInt8(truncatingIfNeeded: firmware), UInt8(firmware >> 8)] + Array(repeating: 0, count: 185)
    }

    @Test("E0: packets in order, one doubled and one lost, the check packet, and the restart with the new firmware")
    func upgrade() throws {
        var bench = try PileBench.online()
        let parts = parts()
        bench.send(0xe0, messageID: 1, packet(1, of: 3, parts[0]))
        bench.send(0xe0, messageID: 1, packet(1, of: 3, parts[0]))
        bench.send(0xe0, messageID: 2, packet(3, of: 3, parts[2]))
        bench.send(0xe0, messageID: 3, packet(2, of: 3, parts[1]))
        bench.send(0xe0, messageID: 4, packet(3, of: 3, parts[2]))
        bench.send(0xe0, messageID: 5, packet(4, of: 3, check(sum: image.reduce(0) { $0 + UInt32($1) })))
        bench.run(for: .milliseconds(200))
        #expect(bench.frames(0xe0).map(\.frame.data) == [[0, 1, 0], [0, 1, 0], [1, 1, 0], [0, 2, 0], [0, 3, 0], [0, 4, 0]])
        bench.run(for: .seconds(10))
        #expect(bench.notes("upgrade.done").count == 1)
        #expect(bench.frames(0x20).last?.frame.data.prefix(2) == [0xbc, 0x02])  // V7.00
    }

    @Test("a wrong sum is 2, a wrong type 3, a foreign command 3; the old firmware stays")
    func wrongUpgrades() throws {
        var bench = try PileBench.online()
        for (index, part) in parts().enumerated() { bench.send(0xe0, messageID: UInt16(index), packet(UInt16(index + 1), of: 3, part)) }
        bench.send(0xe0, messageID: 9, packet(4, of: 3, check(sum: 1)))
        bench.run(for: .seconds(20))
        #expect(bench.frames(0xe0).last?.frame.data.first == 2)
        for (index, part) in parts().enumerated() {
            bench.send(0xe0, messageID: UInt16(20 + index), packet(UInt16(index + 1), of: 3, part))
        }
        bench.send(0xe0, messageID: 29, packet(4, of: 3, check(sum: image.reduce(0) { $0 + UInt32($1) }, type: 0x21)))
        bench.send(0xf8, messageID: 30, packet(1, of: 3, parts()[0]))
        bench.run(for: .seconds(20))
        #expect(bench.frames(0xe0).last?.frame.data.first == 3)
        #expect(bench.frames(0xf8).last?.frame.data == [3, 0, 0])
        #expect(bench.notes("upgrade.done").isEmpty && bench.reboots == [.zero])
    }

    @Test("a power cut in the middle of an upgrade forgets it: the next packet is bad, the first begins anew (scenario 20)")
    func upgradeCut() throws {
        var bench = try PileBench.online()
        bench.send(0xe0, messageID: 1, packet(1, of: 3, parts()[0]))
        bench.run(for: .seconds(1))
        bench.cutPower()
        bench.run(for: .seconds(1))
        bench.restorePower()
        bench.run(for: .seconds(5))
        bench.send(0xe0, messageID: 2, packet(2, of: 3, parts()[1]))
        for (index, part) in parts().enumerated() { bench.send(0xe0, messageID: UInt16(3 + index), packet(UInt16(index + 1), of: 3, part)) }
        bench.run(for: .seconds(15))
        #expect(bench.frames(0xe0).map { $0.frame.data[0] } == [0, 1, 0, 0, 0])
        #expect(bench.notes("upgrade.done").count == 1, "without a check packet the image counts as it is")
        #expect(bench.frames(0x20).last?.frame.data.prefix(2) == [0x81, 0x02])
    }
}
