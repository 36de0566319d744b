import LabCore
import Testing
import WireProtocols

@testable import Emulators

@Suite("Piles: bad input and wrong facts")
struct PileRobustnessTests {
    @Test("random bytes, random frames and random data of every command harm nothing", arguments: 1...12 as ClosedRange<UInt64>)
    func fuzz(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed, purpose: "fuzz of a pile")
        var bench = try PileBench.charging(seconds: 0)
        for round in 0..<400 {
            let count = Int(generator.integer(below: 60))
            let bytes = generator.bytes(count)
            switch generator.integer(below: 3) {
            case 0: bench.send(bytes: bytes)
            case 1: bench.send(UInt8(truncatingIfNeeded: generator.next()), messageID: UInt16(round), bytes)
            default: bench.send(bytes: [0x44, 0x4e, 0x59] + bytes)
            }
            bench.run(for: .milliseconds(Int64(generator.integer(below: 3_000))))
        }
        bench.run(for: .seconds(60))
        // Commands among the noise may have restarted the pile or stopped the charge; it must still serve.
        bench.start(port: 1, order: "AFTERWARDS", messageID: 0xfff0)
        bench.run(for: .seconds(10))
        #expect(bench.frames(0x82).contains { $0.frame.messageID == 0xfff0 }, "seed \(seed)")
        #expect(bench.ask("port")["true_register"]?.integer ?? -1 >= 0)
    }

    @Test("a frame that claims 64 KiB, or 4 GB of zeros, is dropped byte by byte; the next frame is taken")
    func lengths() throws {
        var bench = try PileBench.online()
        bench.send(bytes: [0x44, 0x4e, 0x59, 0xff, 0xff] + Array(repeating: 0, count: 70_000))
        bench.send(0x81, messageID: 1, [])
        let before = bench.sent.count
        bench.run(for: .seconds(1))
        #expect(bench.sent.count == before + 2)
    }

    @Test("frames in one segment and one frame in ten (scenario 5)")
    func segments() throws {
        var bench = try PileBench.online()
        let query = try DNYFrame(physicalID: 0x04ab_373b, messageID: 1, command: 0x81).encoded()
        let before = bench.sent.count
        bench.send(bytes: query + query + query)
        for byte in query { bench.send(bytes: [byte]) }
        bench.run(for: .seconds(1))
        #expect(bench.sent.count == before + 8)
    }

    @Test(
        "wrong facts are refused with the fact and what it may be",
        arguments: [
            (["ports": 0], "ports"), (["ports": 21], "ports"), (["pile": "4ceaa40"], "pile"), (["pile": "zz000000"], "pile"),
            (["rated_power": 0], "rated_power"), (["firmware": "new"], "firmware"), (["line": "bus", "slaves": 51], "slaves"),
            (["protocol": "ocpp"], "ocpp"),
        ] as [(Fields, String)])
    func facts(_ facts: Fields, _ word: String) {
        #expect { try PileFactory.make(facts, node: "pile", epoch: 0) } throws: { error in
            (error as? ActionFailure).map { $0.reason == "bad_fact" && $0.message.contains(word) } ?? false
        }
    }

    @Test("actions with wrong arguments, or without power, fail with a reason")
    func actions() throws {
        var bench = try PileBench()
        bench.checksFrames = false
        #expect(reason(bench.act("press_stop")) == "powered_off")
        bench.act("power_on")
        bench.run(for: .seconds(5))
        #expect(reason(bench.act("plug", ["port": 3])) == "no_such_port")
        #expect(reason(bench.act("plug", ["port": -1])) == "no_such_port")
        #expect(reason(bench.act("plug", ["watts": -1])) == "bad_argument")
        #expect(reason(bench.act("unplug")) == "not_plugged")
        #expect(reason(bench.act("press_stop")) == "not_charging")
        #expect(reason(bench.act("swipe", ["card": "not a card"])) == "bad_argument")
        #expect(reason(bench.act("frame.send")) == "bad_argument")
        #expect(reason(bench.act("frame.send", ["command": 999])) == "bad_argument")
        #expect(reason(bench.act("frame.send", ["command": 3, "message_id": 70_000])) == "bad_argument")
        #expect(reason(bench.act("frame.send", ["bytes": "xyz"])) == "bad_argument")
        #expect(reason(bench.act("frame.send", ["command": 3, "data": .bytes(Array(repeating: 0, count: 600))])) == "bad_argument")
        #expect(
            reason(bench.act("frame.send", ["command": 3, "minutes": .integer(.max), "energy": .integer(.min), "port": 60_000])) == nil)
        bench.act("power_off")
        #expect(reason(bench.act("swipe", ["card": 1])) == "powered_off")
    }

    private func reason(_ result: Result<Fields, ActionFailure>) -> String? {
        if case .failure(let failure) = result { failure.reason } else { nil }
    }

    @Test("members of a fleet have ids of their own, whatever the fact says")
    func fleet() throws {
        var ids: Set<String> = []
        for member in 1...2_000 {
            ids.insert(try #require(try PileFactory.make([:], node: "piles#\(member)", epoch: 0) as? ChargingPile).unit.core.setup.id)
            ids.insert(
                try #require(try PileFactory.make(["pile": "05ffff00"], node: "piles#\(member)", epoch: 0) as? ChargingPile).unit.core.setup
                    .id)
        }
        #expect(ids.count == 4_000)
        #expect(ids.contains("05ffff00") && ids.contains("05ffff01") && ids.contains("05000000"))
    }

    @Test("two piles with the same inputs do the same")
    func repeatable() throws {
        func life() throws -> [[UInt8]] {
            var bench = try PileBench.charging(seconds: 600)
            bench.cutPower()
            bench.run(for: .seconds(7))
            bench.restorePower()
            bench.run(for: .seconds(2_000))
            return bench.sent.map(\.bytes)
        }
        #expect(try life() == life())
    }

    @Test("without a connection, with a serial line, the pile sends no ICCID and no link")
    func serial() throws {
        var bench = try PileBench.online(["pile": "04ab373b", "line": "serial"])
        bench.run(for: .seconds(100))
        #expect(bench.unframed.isEmpty)
        #expect(bench.sent.map(\.frame.command).prefix(3) == [0x20, 0x21, 0x22])
        #expect(bench.notes("online").count == 1)
    }
}
