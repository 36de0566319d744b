import LabCore
import Testing
import WireProtocols

@testable import Emulators

@Suite("DNY pile: charges (charging-protocols.md 4.5, 4.6, 4.12, 4.15)")
struct DNYPileChargeTests {
    @Test("82 is answered after 2.7 s with the same message ID, order and port")
    func start() throws {
        var bench = try PileBench.online()
        bench.act("plug", ["port": 2, "watts": 100])
        let begin = bench.now
        bench.start(port: 1, order: "1234567812345678", messageID: 2)
        bench.run(for: .seconds(4))
        let answer = try #require(bench.frames(0x82).first)
        #expect(answer.at.nanoseconds - begin.nanoseconds == 2_750_000_000)
        // ap3000-018 is such an answer, with the order as sixteen raw bytes.
        #expect(answer.frame.messageID == 2)
        #expect(answer.frame.data == [0] + Array("1234567812345678".utf8) + [1, 0, 0])
        let started = try #require(bench.notes("charge.started").first)
        #expect(started["port"] == 2 && started["order"] == "1234567812345678")
        #expect(started.at < answer.at)
    }

    @Test("the vendor's example frames 82 and its answer, byte for byte (ap3000-017, ap3000-018)")
    func example() throws {
        var bench = try PileBench.online()
        bench.act("plug", ["port": 2, "watts": 100])
        bench.send(
            bytes: try #require(Hexadecimal.bytes("444e5926003b37ab040200820064010000010100001234567812345678123456781234567880708813f808"))
        )
        bench.run(for: .seconds(4))
        #expect(
            bench.frames(0x82).first.map { Hexadecimal.text($0.bytes) }
                == "444e591d003b37ab040200820012345678123456781234567812345678010000fe06")
        // Until full, at most 28,800 s, at most 500.0 W.
        bench.run(for: .seconds(28_802))
        #expect(bench.notes("charge.stopped").first?["seconds"] == 28_800)
        #expect(bench.frames(0x03).first?.frame.data[12] == 0x02)
    }

    @Test("a captured session: start of 60 s with order ORDER_2025061900, 06, 03 (ap3000-044, 045; S11 of 2025-07-01)")
    func captured() throws {
        var bench = try PileBench.online(["pile": "04a26cf3"])
        bench.act("plug", ["port": 2, "watts": 0.5])
        let begin = bench.now
        bench.send(
            bytes: try #require(
                Hexadecimal.bytes("444e592e00f36ca20405008200e803000001013c004f524445525f32303235303631393030000000000000000002000000a408"))
        )
        bench.run(for: .seconds(80))
        let reports = bench.frames(0x06)
        #expect(reports.map(\.frame.data.count) == [45, 45])
        #expect(reports.map { $0.frame.data[1] } == [1, 0], "charging, then 0 at the end")
        let started = try #require(bench.notes("charge.started").first?.at)
        #expect(reports[0].at.nanoseconds - started.nanoseconds == 10_000_000_000)
        #expect(reports[1].at.nanoseconds - started.nanoseconds == 60_000_000_000)
        let bill = try #require(bench.frames(0x03).first)
        #expect(bill.at.nanoseconds - started.nanoseconds == 64_000_000_000)
        #expect(begin < started)
        // 60 s, 0.5 W = 5, no energy, port 1, started by the server, no card, reason 03.
        #expect(Array(bill.frame.data.prefix(13)) == [60, 0, 5, 0, 0, 0, 1, 1, 0, 0, 0, 0, 3])
        #expect(Array(bill.frame.data[13..<29]) == Array("ORDER_2025061900".utf8))
        #expect(bill.frame.data.count == 35)
        #expect(abs(long(bill.frame.data, 31) - Int(PileBench.epoch + bill.at.nanoseconds / 1_000_000_000)) <= 1)
        #expect(bench.notes("bill.acknowledged").count == 1)
    }

    @Test("06 comes at 10 s and every 5 min with the readings of the port")
    func reports() throws {
        var bench = try PileBench.charging(watts: 240)
        bench.run(for: .seconds(700))
        let reports = bench.frames(0x06)
        #expect(reports.count == 3)
        let data = reports[2].frame.data
        // 610 s at 240 W: 40.67 Wh, in 0.01 kWh: 4. Average, maximum and minimum 240.0 W; 220.0 V, 1,090 mA.
        #expect(data[0] == 0 && word(data, 2) == 610 && word(data, 4) == 4)
        #expect([7, 9, 11, 13].map { word(data, $0) } == [2_400, 2_400, 2_400, 2_400])
        #expect(word(data, 33) == 2_400 && word(data, 35) == 2_200 && word(data, 37) == 1_090)
        // 300 s at 240 W are 0.02 kWh: 96 parts of 1/4800.
        #expect(word(data, 31) == 96)
        #expect(bench.notes("frame.sent").last { $0["command"] == 6 }?["seconds"] == 610)
    }

    @Test("the limits end a charge: time 03, energy 04, longest time 02")
    func limits() throws {
        var time = try PileBench.charging(seconds: 600)
        time.run(for: .seconds(620))
        #expect(time.frames(0x03).first?.frame.data[12] == 3)
        #expect(time.notes("truth").first?["energy"] == 300)  // 180 W for 600 s are 30 Wh

        var energy = try PileBench.online()
        energy.act("plug", ["watts": 180])
        energy.start(seconds: 10, mode: 2)
        energy.run(for: .seconds(3_000))
        // 0.10 kWh at 180 W: 2,000 s exactly.
        #expect(energy.frames(0x03).first?.frame.data[12] == 4)
        #expect(energy.notes("truth").first?["energy"] == 1_000)
        #expect(energy.notes("charge.stopped").first?["seconds"] == 2_000)
        #expect(energy.frames(0x03).first.map { word($0.frame.data, 4) } == 10)

        var longest = try PileBench.online()
        longest.act("plug", ["watts": 180])
        longest.start(seconds: 0, maximum: 900)
        longest.run(for: .seconds(1_000))
        #expect(longest.frames(0x03).first?.frame.data[12] == 2)
    }

    @Test("until full: at a fifth of the highest power for 30 min the float begins, after an hour more it ends with 01")
    func full() throws {
        var bench = try PileBench.online()
        bench.act("plug", ["watts": 100, "capacity": 100, "taper": 0])
        bench.start(seconds: 0)
        bench.run(for: .seconds(3_600 + 1_700))
        #expect(bench.ask("port")["state"] == "charging")
        bench.run(for: .seconds(200))
        #expect(bench.ask("port")["state"] == "float")
        bench.run(for: .seconds(3_600))
        #expect(bench.frames(0x03).first?.frame.data[12] == 1)
        #expect(bench.notes("charge.stopped").first?["seconds"] == .integer(3_600 + 1_800 + 3_600))
        #expect(bench.notes("charge.stopped").first?["reason"] == "full")
    }

    @Test("a time above 0 switches the end at full off, unless the frame asks for it")
    func fullWithTime() throws {
        var bench = try PileBench.online()
        bench.act("plug", ["watts": 100, "capacity": 10, "taper": 0])
        bench.start(seconds: 20_000)
        bench.run(for: .seconds(20_020))
        #expect(bench.frames(0x03).first?.frame.data[12] == 3)
    }

    @Test("a pulled plug ends the charge after 10 s with 05 (F39)")
    func unplugged() throws {
        var bench = try PileBench.charging()
        bench.run(for: .seconds(600))
        bench.act("unplug", ["port": 1])
        bench.run(for: .seconds(9))
        #expect(bench.ask("port")["state"] == "charging")
        bench.run(for: .seconds(6))
        #expect(bench.frames(0x03).first?.frame.data[12] == 5)
        #expect(bench.ask("port")["state"] == "idle")
    }

    @Test("too much power ends it with 06")
    func overload() throws {
        var bench = try PileBench.online()
        bench.act("plug", ["watts": 300])
        bench.start(overload: 2_000)
        bench.run(for: .seconds(10))
        #expect(bench.frames(0x03).first?.frame.data[12] == 6)
        #expect(bench.notes("truth").first?["energy"] == 0)
    }

    @Test("the seconds of 03 and 06 wrap at 65,536 (F30); the truth does not")
    func wrap() throws {
        var bench = try PileBench.online()
        bench.act("plug", ["watts": 10])
        bench.start(seconds: 65_535)
        bench.run(for: .seconds(100))
        // Longer than the field can say: 8A asks for less than it may, so the charge is stopped by hand later.
        bench.send(0x8a, messageID: 5, [2, 0, 0xff, 0xff])
        bench.run(for: .seconds(66_000))
        // Energy 65,535 x 0.01 kWh is never reached; the longest time of 10 h ends it.
        #expect(bench.frames(0x03).first?.frame.data[12] == 2)
        var long = try PileBench.online()
        long.send(0x85, messageID: 1, [0xff, 0xff, 0x20, 0x4e])
        long.act("plug", ["watts": 10])
        long.run(for: .seconds(1))
        long.start(seconds: 0)
        long.run(for: .seconds(65_600))
        #expect(long.notes("charge.stopped").first?["seconds"] == 65_535)
        #expect(long.frames(0x03).first.map { word($0.frame.data, 0) } == 65_535)
        #expect(DNYPile.settlement(Self.bill(seconds: 65_536), time: 0).prefix(2) == [0, 0])
        #expect(DNYPile.settlement(Self.bill(seconds: 65_600), time: 0).prefix(2) == [64, 0])
    }

    static func bill(seconds: Int64) -> ChargeBill {
        ChargeBill(
            number: 1, port: 0, order: PileOrder(text: "A"), starter: .server, card: 0, end: .time, seconds: seconds, energy: 0,
            maximumPower: 0,
            secondMaximum: 0, started: 0, ended: 0, tag: 0)
    }

    // MARK: Refusals

    @Test("results: nothing plugged 1, no such port 4, several wait 5 with their bits, running 2, memory and faults")
    func refusals() throws {
        var bench = try PileBench.online(["pile": "04ab373b", "ports": 3])
        bench.start(port: 0, order: "A", messageID: 1)
        bench.start(port: 9, order: "B", messageID: 2)
        bench.start(port: 0xff, order: "C", messageID: 3)
        bench.run(for: .seconds(4))
        #expect(bench.frames(0x82).map { $0.frame.data[0] } == [1, 4, 1])
        bench.act("plug", ["port": 1])
        bench.act("plug", ["port": 3])
        bench.start(port: 0xff, order: "D", messageID: 4)
        bench.run(for: .seconds(4))
        let several = try #require(bench.frames(0x82).last?.frame.data)
        #expect(several[0] == 5 && word(several, 18) == 0b101)
        bench.start(port: 0, order: "E", messageID: 5)
        bench.run(for: .seconds(4))
        bench.start(port: 0, order: "F", messageID: 6)
        bench.start(port: 0xff, order: "G", messageID: 7)
        bench.run(for: .seconds(4))
        #expect(bench.frames(0x82).suffix(2).map { $0.frame.data[0] } == [2, 0], "port 1 runs; of FF only port 3 waits")
        #expect(bench.frames(0x82).last?.frame.data[17] == 2)
        #expect(
            bench.notes("charge.refused").map { $0["reason"] } == ["not_plugged", "no_such_port", "not_plugged", "several_waiting", "busy"])
        #expect(bench.notes("charge.started").count == 2)
    }

    @Test("the same 82 again is answered again and starts nothing twice (F23)")
    func duplicate() throws {
        var bench = try PileBench.charging()
        #expect(bench.frames(0x82).count == 1)
        bench.start()
        bench.run(for: .seconds(4))
        #expect(bench.frames(0x82).count == 2)
        #expect(bench.frames(0x82)[0].bytes == bench.frames(0x82)[1].bytes)
        // Twice within the 2.7 s.
        bench.act("plug", ["port": 2])
        bench.start(port: 1, order: "ORDER00000000002", messageID: 0x101)
        bench.start(port: 1, order: "ORDER00000000002", messageID: 0x101)
        bench.run(for: .seconds(4))
        #expect(bench.frames(0x82).suffix(2).map { $0.frame.data[0] } == [0, 0])
        #expect(bench.notes("charge.started").count == 2)
    }

    @Test("a start of an order that is over is refused, also after the bill was acknowledged and power was away (F06)")
    func replayed() throws {
        var bench = try PileBench.charging(seconds: 60)
        bench.run(for: .seconds(120))
        #expect(bench.notes("bill.acknowledged").count == 1)
        bench.start(messageID: 0x300)
        bench.run(for: .seconds(4))
        #expect(bench.frames(0x82).last?.frame.data[0] == 2)
        bench.cutPower()
        bench.run(for: .seconds(10))
        bench.restorePower()
        bench.run(for: .seconds(10))
        bench.start(messageID: 0x301)
        bench.run(for: .seconds(4))
        #expect(bench.frames(0x82).last?.frame.data[0] == 2)
        #expect(bench.notes("charge.started").count == 1)
        #expect(bench.notes("charge.refused").allSatisfy { $0["reason"] == "finished" })
        bench.start(order: "ORDER00000000003", messageID: 0x302)
        bench.run(for: .seconds(4))
        #expect(bench.notes("charge.started").count == 2, "another order starts")
    }

    @Test("a stop must name the running order (F40); with the knob any order stops")
    func stop() throws {
        var bench = try PileBench.charging()
        bench.stop(order: "ORDER00000000009")
        bench.run(for: .seconds(3))
        #expect(bench.frames(0x82).last?.frame.data[0] == 2)
        #expect(bench.ask("port")["state"] == "charging")
        bench.stop(messageID: 0x201)
        bench.run(for: .seconds(10))
        #expect(bench.frames(0x82).last?.frame.data[0] == 0)
        #expect(bench.frames(0x03).first?.frame.data[12] == 7)

        var loose = try PileBench.charging(["pile": "04ab373b", "stop_needs_order": false])
        loose.stop(order: "whatever")
        loose.run(for: .seconds(3))
        #expect(loose.notes("charge.stopped").first?["reason"] == "remote")
    }

    @Test("8A: below what has run cuts off with result 2 and reason 03 (scenario 15); above it goes on; else 1 and 3")
    func change() throws {
        var bench = try PileBench.charging()
        bench.run(for: .seconds(600))
        bench.send(0x8a, messageID: 1, [0, 0, 0x84, 0x03])  // 900 s
        bench.send(0x8a, messageID: 2, [0, 1, 0x84, 0x03])
        bench.send(0x8a, messageID: 3, [3, 0, 0, 0])
        bench.run(for: .seconds(1))
        #expect(bench.frames(0x8a).map(\.frame.data) == [[0], [1], [3]])
        bench.run(for: .seconds(290))
        #expect(bench.ask("port")["state"] == "charging")
        bench.send(0x8a, messageID: 4, [0, 0, 100, 0])
        bench.run(for: .seconds(1))
        #expect(bench.frames(0x8a).last?.frame.data == [2])
        bench.run(for: .seconds(10))
        #expect(bench.frames(0x03).first?.frame.data[12] == 3)
    }

    @Test("an answer to the answer of 82 is answered every time after 5 s: same message ID, result 2, no order (scenario 13)")
    func confused() throws {
        var bench = try PileBench.charging()
        bench.send(0x82, messageID: 0x100, [0])
        bench.run(for: .seconds(6))
        let answers = bench.frames(0x82)
        #expect(answers.count == 2)
        #expect(answers[1].frame.messageID == 0x100 && answers[1].frame.data == [2] + Array(repeating: 0, count: 19))
        bench.run(for: .seconds(60))
        #expect(bench.frames(0x82).count == 2, "nobody answered, so it ends")
    }

    @Test("06, or 04 of an old model, can come before the answer (scenario 4, F08); 04 is repeated until it is answered")
    func early() throws {
        var bench = try PileBench.charging(["pile": "04ab373b", "early_heartbeat": true])
        let commands = bench.sent.map(\.frame.command)
        #expect(try #require(commands.firstIndex(of: 0x06)) < #require(commands.firstIndex(of: 0x82)))
        var old = try PileBench.charging(["pile": "04ab373b", "order_confirm": true])
        old.run(for: .seconds(400))
        #expect(old.frames(0x04).count == 3)
        #expect(old.frames(0x04)[0].at < old.frames(0x82)[0].at)
        #expect(old.frames(0x06).isEmpty, "a model sends 04 or 06, never both")
        old.send(0x04, messageID: old.frames(0x04)[2].frame.messageID, [0, 0])
        old.run(for: .seconds(400))
        #expect(old.frames(0x04).count == 3)
        bench.run(for: .seconds(1))
    }

    @Test("a start without a plug is carried out when one comes in time (F05)")
    func late() throws {
        var bench = try PileBench.online(["pile": "04ab373b", "late_start": .duration(60_000_000_000)])
        bench.start()
        bench.run(for: .seconds(55))
        #expect(bench.frames(0x82).map { $0.frame.data[0] } == [1])
        bench.act("plug", [:])
        bench.run(for: .seconds(1))
        #expect(bench.frames(0x82).map { $0.frame.data[0] } == [1, 0])
        #expect(bench.notes("charge.started").count == 1)
    }
}
