import LabCore
import Testing
import WireProtocols

@testable import Emulators

@Suite("Pile: faults of meter, relay, clock and firmware")
struct PileFaultTests {
    private func energies(_ bench: PileBench) -> [Int] { bench.frames(0x06).map { word($0.frame.data, 4) } }

    @Test("register.reset: the chip begins at 0 and the order with it; the truth goes on (F32)")
    func reset() throws {
        var bench = try PileBench.charging(["pile": "04ab373b", "register": 1_234_567], watts: 720, seconds: 3_000)
        bench.run(for: .seconds(1_000))
        bench.fault("register.reset", ["port": 1])
        #expect(bench.ask("port")["register"] == 0)
        bench.run(for: .seconds(2_010))
        // 720 W are 2 dWh a second: 6,000 dWh in 3,000 s, of which the chip shows those after the reset.
        #expect(bench.notes("truth").first?["energy"] == 6_000)
        let shown = try #require(bench.notes("bill.queued").first?["energy"]?.integer)
        #expect((3_990...4_010).contains(shown))
        let truth = try #require(bench.notes("truth").first)
        #expect(truth["register_started"] == 1_234_567 && truth["register_ended"] == 1_240_567)
    }

    @Test("register.rollback and .spike act while they last and leave nothing behind (F31, F34)")
    func rollback() throws {
        var bench = try PileBench.charging(watts: 720, seconds: 3_000)
        bench.run(for: .seconds(900))
        bench.fault("register.rollback", ["port": 1, "by": 500])
        bench.run(for: .seconds(20))
        bench.clear("register.rollback", ["port": 1, "by": 500])
        bench.fault("register.spike", ["port": 1, "by": 100_000])
        bench.run(for: .seconds(300))
        bench.clear("register.spike", ["port": 1, "by": 100_000])
        bench.run(for: .seconds(1_800))
        // At 10, 310, 610, 910, 1,210 s and so on: 0.72 kWh an hour is 0.02 kWh in 100 s.
        #expect(energies(bench).prefix(5) == [0, 6, 12, 13, 1_024], "the fourth and the fifth are wrong")
        #expect(bench.notes("truth").first?["energy"] == 6_000)
        #expect(bench.notes("bill.queued").first?["energy"] == 6_000)
    }

    @Test("a spike beyond an energy limit ends the charge: the firmware believes its chip")
    func spike() throws {
        var bench = try PileBench.online()
        bench.act("plug", ["watts": 360])
        bench.start(seconds: 50, mode: 2)
        bench.run(for: .seconds(500))
        bench.fault("register.spike", ["by": 100_000])
        bench.run(for: .seconds(10))
        #expect(bench.notes("charge.stopped").first?["reason"] == "energy")
    }

    @Test("relay.stuck: a stop ends the order, the current flows on, the port says 9 (F36's sibling)")
    func stuck() throws {
        var bench = try PileBench.charging()
        bench.fault("relay.stuck", ["port": 1])
        bench.stop()
        bench.run(for: .seconds(10))
        #expect(bench.notes("charge.stopped").count == 1)
        #expect(bench.notes("alarm").first?["kind"] == "relay_stuck")
        let register = try #require(bench.ask("port")["true_register"]?.integer)
        bench.run(for: .seconds(1_000))
        #expect(bench.ask("port")["true_register"]?.integer == register + 500)
        bench.send(0x81, messageID: 1, [])
        bench.run(for: .seconds(1))
        #expect(bench.frames(0x21).last?.frame.data[3] == 9)
        bench.start(order: "ORDER00000000002", messageID: 2)
        bench.run(for: .seconds(4))
        #expect(bench.frames(0x82).last?.frame.data[0] == 9, "executed all the same (4.6)")
        bench.clear("relay.stuck", ["port": 1])
        bench.stop(order: "ORDER00000000002", messageID: 3)
        bench.run(for: .seconds(4))
        #expect(bench.ask("port")["state"] == "plugged")
    }

    @Test("start.refuse and start.slow (F07, scenario 14)")
    func starts() throws {
        var bench = try PileBench.online()
        bench.act("plug", [:])
        bench.fault("start.refuse", ["result": 0x0e])
        bench.start()
        bench.run(for: .seconds(4))
        #expect(bench.frames(0x82).last?.frame.data[0] == 0x0e)
        bench.clear("start.refuse")
        bench.fault("start.slow", ["by": .duration(10_000_000_000)])
        let begin = bench.now
        bench.start(order: "B", messageID: 2)
        bench.run(for: .seconds(20))
        #expect(bench.frames(0x82).last.map { $0.at.nanoseconds - begin.nanoseconds } == 12_750_000_000)
        #expect(bench.frames(0x82).last?.frame.data[0] == 0)
    }

    @Test("clock: drift, jumps and 1970 show in the time stamps; the time of a charge follows the drift only (F28, F29)")
    func clock() throws {
        var bench = try PileBench.charging(seconds: 1_000)
        bench.fault("clock.jump", ["by": .duration(420_000_000_000), "direction": "behind"])
        #expect((-421 ... -420).contains(bench.ask("clock")["offset"]?.integer ?? 0))
        bench.run(for: .seconds(1_010))
        let bill = try #require(bench.frames(0x03).first)
        #expect(word(bill.frame.data, 0) == 1_000)
        #expect(long(bill.frame.data, 31) - Int(PileBench.epoch) - Int(bill.seconds) <= -420)
        bench.fault("clock.unset")
        #expect(bench.ask("clock")["set"] == false)
        // 1,000 ppm fast: 1,000 of its seconds take 999 s.
        bench.fault("clock.drift", ["ppm": 1_000])
        bench.start(order: "B", seconds: 1_000, messageID: 2)
        bench.run(for: .seconds(1_010))
        #expect(bench.notes("truth").last.map { ($0["ended"]?.integer ?? 0) - ($0["started"]?.integer ?? 0) } == 999)
        bench.act("set_clock", ["time": .integer(1_700_000_000)])
        #expect(bench.ask("clock")["time"] == 1_700_000_000)
    }

    @Test("heartbeat.stop: 21 is missing, the rest goes on")
    func heartbeat() throws {
        var bench = try PileBench.charging()
        bench.fault("heartbeat.stop")
        let before = bench.frames(0x21).count
        bench.run(for: .seconds(1_000))
        #expect(bench.frames(0x21).count == before && bench.closings.isEmpty)
        #expect(bench.frames(0x06).count == 4)
        bench.clear("heartbeat.stop")
        bench.run(for: .seconds(200))
        #expect(bench.frames(0x21).count > before)
    }

    @Test("hang: silence while current flows; then the watchdog resets and the charge goes on")
    func hang() throws {
        var bench = try PileBench.charging(seconds: 3_600)
        bench.run(for: .seconds(100))
        bench.fault("hang")
        let before = bench.sent.count
        let register = try #require(bench.ask("port")["true_register"]?.integer)
        bench.send(0x81, messageID: 1, [])
        bench.run(for: .seconds(1_000))
        #expect(bench.sent.count == before)
        #expect(bench.ask("port")["true_register"]?.integer == register + 500)
        bench.clear("hang")
        bench.run(for: .seconds(10))
        #expect(bench.notes("reset").first?["cause"] == "watchdog")
        #expect(bench.notes("charge.resumed").count == 1 && bench.notes("online").count == 2)
    }

    @Test("frames are lost, doubled, damaged and held back by command and direction")
    func frames() throws {
        var bench = try PileBench.online()
        bench.act("plug", [:])
        bench.fault("frame.lose", ["command": 0x82, "times": 1])
        bench.start()
        bench.run(for: .seconds(4))
        #expect(bench.frames(0x82).isEmpty && bench.notes("charge.started").count == 1, "F04: the answer is lost, the pile charges")
        #expect(bench.notes("frame.disturbed").first?["fault"] == "lose")
        bench.start()
        bench.run(for: .seconds(4))
        #expect(bench.frames(0x82).count == 1, "the second is answered again")

        bench.fault("frame.lose", ["command": 0x82, "direction": "in", "times": 1])
        bench.stop()
        bench.run(for: .seconds(4))
        #expect(bench.ask("port")["state"] == "charging", "F09: the stop is lost")
        bench.fault("frame.duplicate", ["command": 0x03, "after": .duration(7_000_000_000), "times": 1])
        bench.stop(messageID: 0x201)
        bench.run(for: .seconds(20))
        let bills = bench.frames(0x03)
        #expect(bills.count == 2 && bills[0].bytes == bills[1].bytes)
        #expect(bills[1].at.nanoseconds - bills[0].at.nanoseconds == 7_000_000_000)

        bench.fault("frame.corrupt", ["command": 0x20, "times": 1])
        let unframed = bench.unframed.count
        let registrations = bench.frames(0x20).count
        bench.send(0x81, messageID: 1, [])
        bench.run(for: .seconds(1))
        #expect(bench.frames(0x20).count == registrations && bench.unframed.count > unframed)

        bench.fault("frame.delay", ["command": 0x82, "direction": "in", "by": .duration(30_000_000_000), "times": 1])
        bench.start(order: "LATE", messageID: 9)
        bench.run(for: .seconds(31))
        #expect(bench.notes("charge.started").count == 2)
        let disturbed = bench.notes("frame.disturbed").count
        #expect(disturbed == 5)
        bench.clear("frame.delay", ["command": 0x82, "direction": "in", "by": .duration(30_000_000_000), "times": 1])
        bench.run(for: .seconds(1_000))
        #expect(bench.notes("frame.disturbed").count == disturbed)
    }

    @Test("register.loses: after a cut the chip shows what it showed 10 s before (F26)")
    func loses() throws {
        var bench = try PileBench.charging(watts: 720, seconds: 3_000)
        bench.run(for: .seconds(500))
        bench.fault("register.loses", ["time": .duration(10_000_000_000)])
        bench.cutPower()
        bench.run(for: .seconds(60))
        bench.restorePower()
        bench.run(for: .seconds(3_000))
        #expect(bench.notes("truth").first?["energy"] == 6_000)
        #expect(bench.notes("bill.queued").first?["energy"] == 5_980)  // 10 s at 2 dWh a second
    }

    @Test("idle power is counted beside the orders (I16)")
    func idle() throws {
        var bench = try PileBench.charging(["pile": "04ab373b", "idle_power": 3.6], watts: 360, seconds: 1_000)
        bench.run(for: .seconds(2_000))
        let total = try #require(bench.ask("port")["true_register"]?.integer)
        let order = try #require(bench.notes("truth").first?["energy"]?.integer)
        #expect(order == 1_010)  // 363.6 W for 1,000 s
        // 3.6 W are 0.01 dWh a second, since the power came.
        let seconds = Double(bench.now.nanoseconds) / 1e9 - 1_000
        #expect(total == 1_010 + Int64(seconds / 100))
    }
}
