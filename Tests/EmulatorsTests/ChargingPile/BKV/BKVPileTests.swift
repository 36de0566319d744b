import LabCore
import Testing
import WireProtocols

@testable import Emulators

/// A BKV gateway with a platform that answers by a few switches.
private struct BKVBench {
    static let gateway = "82241218000382"
    var line: LineBench

    /// - Parameter silent: commands (`0000`, `0015/02`, `1000/1017`) that the platform does not answer.
    init(_ facts: Fields = [:], silent: Set<String> = []) throws {
        line = try LineBench((["pile": .text(Self.gateway + "-1"), "protocol": "bkv"] as Fields).merging(facts))
        line.answers = { bytes in Self.answers(bytes, silent) }
        line.act("power_on")
    }

    private static func answers(_ bytes: [UInt8], _ silent: Set<String>) -> [[UInt8]] {
        guard let frame = try? BKVFrame(bytes), let message = try? frame.content().message, !silent.contains(name(bytes)) else { return [] }
        let answer: BKVMessage? =
            switch message {
            case .heartbeat: .clock(BKVClock(BKVTime(unixSeconds: LineBench.epoch)))
            case .chargeEnd(let end): .endAcknowledged(socket: end.socket)
            case .powerEnd(let end): .endAcknowledged(socket: end.end.socket)
            case .cardEnd(let end): .endAcknowledged(socket: end.end.socket)
            case .record(let record) where record.command == 0x1017 || record.command == 0x1004:
                .record(BKVRecord(acknowledging: record.command, gateway: frame.gateway))
            default: nil
            }
        return [answer.flatMap { try? BKVFrame($0, isFromDevice: false, gateway: frame.gateway, sequence: frame.sequence).encoded() }].compactMap { $0 }
    }

    /// `0015/02`, as the vectors call it.
    static func name(_ bytes: [UInt8]) -> String { BKVReport.explain(bytes).command }

    mutating func say(_ message: BKVMessage, sequence: UInt32) throws {
        line.say(try BKVFrame(message, isFromDevice: false, gateway: Self.gateway, sequence: sequence).encoded())
    }

    /// What went out under that name, with its second.
    func sent(_ name: String) -> [(at: Double, frame: BKVFrame, message: BKVMessage)] {
        line.sent.compactMap { entry in
            guard Self.name(entry.bytes) == name, let frame = try? BKVFrame(entry.bytes), let message = try? frame.content().message else { return nil }
            return (LineBench.seconds(entry.at), frame, message)
        }
    }

    func statuses() -> [(at: Double, socket: BKVSocketStatus)] {
        sent("1000/1017").compactMap { entry in
            guard case .record(let record) = entry.message, let socket = try? record.sockets().first else { return nil }
            return (entry.at, socket)
        }
    }

    /// Online, with 180 W at port A and one minute running since the given second.
    static func charging(_ facts: Fields = [:], silent: Set<String> = [], minutes: UInt16 = 1) throws -> BKVBench {
        var bench = try BKVBench(facts, silent: silent)
        bench.line.run(for: .seconds(5))
        bench.line.act("plug", ["port": 1, "watts": 180])
        try bench.say(.start(BKVStart(socket: 1, port: 0, minutes: minutes)), sequence: 0x77)
        bench.line.run(for: .seconds(2))
        return bench
    }
}

private func near(_ value: Double, _ expected: Double, _ tolerance: Double = 0.002) -> Bool { abs(value - expected) <= tolerance }

@Suite("An emulated BKV gateway (charging-protocols.md 2.14, 2.15, 2.18)")
struct BKVPileTests {
    @Test("connects, says who it is after 2.0 s and 1013 0.4 s later, then every 60 s; the answer to the heartbeat is the login")
    func login() throws {
        var bench = try BKVBench()
        bench.line.run(for: .seconds(125))
        let connected = LineBench.seconds(try #require(bench.line.openings.first)) + 0.02
        let beats = bench.sent("0000")
        #expect(beats.map { ($0.at - connected).rounded() } == [2, 62, 122])
        #expect(near(beats[0].at - connected, 2.0))
        #expect(beats.allSatisfy { $0.frame.sequence == 0 && $0.frame.direction == 1 && $0.frame.data.count == 29 })
        #expect(bench.sent("1000/1013").map { near($0.at - connected, 2.4) } == [true])
        #expect(bench.line.notes("online").map { $0["pile"] } == [.text("82241218000382-1")])
        #expect(bench.line.ask("clock")["set"] == .bool(true))
    }

    @Test("a heartbeat that nobody answers ends the connection, which comes back 4 s later")
    func silence() throws {
        var bench = try BKVBench(silent: ["0000"])
        bench.line.run(for: .seconds(70))
        let close = LineBench.seconds(try #require(bench.line.closings.first))
        let connected = LineBench.seconds(bench.line.openings[0]) + 0.02
        #expect(near(close - connected, 62))
        #expect(near(LineBench.seconds(bench.line.openings[1]) - close, 4))
        #expect(bench.line.notes("online").isEmpty)
    }

    @Test("the list is answered after 3.43 s, under the number of the command")
    func list() throws {
        var bench = try BKVBench()
        bench.line.run(for: .seconds(5))
        let at = LineBench.seconds(bench.line.now)
        try bench.say(.replaceList(BKVSocketList(sockets: [BKVSocketEntry(socket: 1, address: "854121800889")])), sequence: 0x6921_c2b8)
        bench.line.run(for: .seconds(5))
        let answers = bench.sent("0005/08")
        #expect(answers.count == 1 && near(answers[0].at - at, 3.43) && answers[0].frame.sequence == 0x6921_c2b8)
        #expect(answers[0].message == .networkResult(sub: 8, BKVResult(isDone: true)))
    }

    @Test("a socket that is not in the list starts nothing")
    func unlisted() throws {
        var bench = try BKVBench()
        bench.line.run(for: .seconds(5))
        bench.line.act("plug", ["port": 1])
        try bench.say(.replaceList(BKVSocketList(sockets: [BKVSocketEntry(socket: 9, address: "854121800889")])), sequence: 5)
        bench.line.run(for: .seconds(5))
        try bench.say(.start(BKVStart(socket: 1, port: 0, minutes: 10)), sequence: 6)
        bench.line.run(for: .seconds(3))
        #expect(bench.sent("0015/07").map(\.message) == [.startAnswer(BKVStartAnswer(isDone: false, socket: 1, port: 0, business: 0))])
    }

    @Test("07 is answered after 1.05 s with the next business number; 1017 says 90 half a second later")
    func start() throws {
        var bench = try BKVBench()
        bench.line.run(for: .seconds(5))
        bench.line.act("plug", ["port": 1, "watts": 180])
        let at = LineBench.seconds(bench.line.now)
        try bench.say(.start(BKVStart(socket: 1, port: 0, minutes: 1)), sequence: 0x6921_c2bc)
        bench.line.run(for: .seconds(3))
        let answer = try #require(bench.sent("0015/07").first)
        #expect(near(answer.at - at, 1.05) && answer.frame.sequence == 0x6921_c2bc)
        #expect(answer.message == .startAnswer(BKVStartAnswer(isDone: true, socket: 1, port: 0, business: 1)))
        let status = try #require(bench.statuses().last)
        #expect(near(status.at - answer.at, 0.5))
        let port = status.socket.ports[0]
        #expect(port.status == .charging && port.business == 1 && port.power == 1_800 && port.voltage == 2_200)
        #expect(status.socket.ports[1].status == .idle)
    }

    @Test("the same 07 again gets the same answer; another one for a port that runs fails")
    func repeated() throws {
        var bench = try BKVBench.charging()
        try bench.say(.start(BKVStart(socket: 1, port: 0, minutes: 1)), sequence: 0x77)
        try bench.say(.start(BKVStart(socket: 1, port: 0, minutes: 1)), sequence: 0x78)
        bench.line.run(for: .seconds(2))
        let results = bench.sent("0015/07").map(\.message)
        let done = BKVMessage.startAnswer(BKVStartAnswer(isDone: true, socket: 1, port: 0, business: 1))
        #expect(results == [done, done, .startAnswer(BKVStartAnswer(isDone: false, socket: 1, port: 0, business: 0))])
    }

    @Test("a minute later 02 says B0 with the business number; acknowledged, it does not come again, and 1017 says 80 a second later")
    func end() throws {
        var bench = try BKVBench.charging()
        bench.line.run(for: .seconds(120))
        let ends = bench.sent("0015/02")
        #expect(ends.count == 1)
        guard case .chargeEnd(let end)? = ends.first?.message else {
            Issue.record("no end")
            return
        }
        #expect(end.status == .timeUp && end.business == 1 && end.minutes == 1 && end.socket == 1 && end.port == 0)
        // 180 W for a minute are 3 Wh: nothing in units of 10 Wh.
        #expect(end.energy == 0)
        #expect(bench.line.notes("bill.acknowledged").count == 1)
        let truth = try #require(bench.line.notes("truth").first)
        #expect(truth["energy"] == .integer(30))
        let last = try #require(bench.statuses().last)
        #expect(near(last.at - (ends[0].at - 0.1), 1.08) && last.socket.ports[0].status == .idle)
    }

    @Test("an end that nobody acknowledges comes three times, 10.5 s and 10.9 s apart; 17 s later the connection is closed, 4 s later it is back with the same end")
    func replay() throws {
        var bench = try BKVBench.charging(silent: ["0015/02"])
        bench.line.run(for: .seconds(140))
        let ends = bench.sent("0015/02")
        #expect(ends.count >= 4)
        #expect(near(ends[1].at - ends[0].at, 10.5) && near(ends[2].at - ends[1].at, 10.9))
        let close = LineBench.seconds(try #require(bench.line.closings.first))
        #expect(near(close - ends[2].at, 17))
        let reopened = LineBench.seconds(bench.line.openings[1])
        #expect(near(reopened - close, 4))
        // Captured: heartbeat 2.0 s, 1013 0.4 s and the end 0.14 s later (S3).
        #expect(near(ends[3].at - (reopened + 0.02), 2.54))
        #expect(Set(ends.map { "\($0.message)" }.map { $0.contains("business: 1") }) == [true])
    }

    @Test("acknowledgements 0C and 02 for its socket count; another socket's and the middleware's 0F do not")
    func acknowledgements() throws {
        for (message, counts) in [
            (BKVMessage.acknowledgement(sub: 0x0c, BKVAcknowledgement(socket: 1)), true),
            (.acknowledgement(sub: 0x02, BKVAcknowledgement(socket: 1)), true),
            (.acknowledgement(sub: 0x0c, BKVAcknowledgement(socket: 2)), false), (.middlewareAcknowledgement(BKVResult(isDone: true)), false),
        ] as [(BKVMessage, Bool)] {
            var bench = try BKVBench.charging(silent: ["0015/02"])
            bench.line.run(for: .seconds(62))
            try bench.say(message, sequence: 0)
            bench.line.run(for: .seconds(1))
            #expect(bench.line.notes("bill.acknowledged").count == (counts ? 1 : 0), "\(message)")
        }
    }

    @Test("an end and the business numbers survive a power cut")
    func powerCut() throws {
        var bench = try BKVBench.charging(silent: ["0015/02"])
        bench.line.run(for: .seconds(62))
        bench.line.cutPower()
        bench.line.handle(.poweredOn)
        bench.line.run(for: .seconds(10))
        #expect(bench.sent("0015/02").count == 2)
        try bench.say(.acknowledgement(sub: 0x0c, BKVAcknowledgement(socket: 1)), sequence: 0)
        try bench.say(.start(BKVStart(socket: 1, port: 0, minutes: 1)), sequence: 0x99)
        bench.line.run(for: .seconds(3))
        #expect(bench.sent("0015/07").last?.message == .startAnswer(BKVStartAnswer(isDone: true, socket: 1, port: 0, business: 2)))
    }

    @Test("a stop is 07 with 0: answered with the running business number, followed by A0")
    func stop() throws {
        var bench = try BKVBench.charging(minutes: 60)
        try bench.say(.start(BKVStart(stop: 1, port: 0)), sequence: 0x80)
        bench.line.run(for: .seconds(3))
        #expect(bench.sent("0015/07").last?.message == .startAnswer(BKVStartAnswer(isDone: true, socket: 1, port: 0, business: 1)))
        guard case .chargeEnd(let end)? = bench.sent("0015/02").last?.message else {
            Issue.record("no end")
            return
        }
        #expect(end.status == .full && end.business == 1)
    }

    @Test("an unplugged charge ends as 98")
    func unplugged() throws {
        var bench = try BKVBench.charging(minutes: 60)
        bench.line.act("unplug", ["port": 1])
        bench.line.run(for: .seconds(15))
        guard case .chargeEnd(let end)? = bench.sent("0015/02").last?.message else {
            Issue.record("no end")
            return
        }
        #expect(end.status == .noLoad)
    }

    @Test("an end by energy: 250 Wh at 1.5 kW take ten minutes and are 0.25 kWh")
    func energy() throws {
        var bench = try BKVBench()
        bench.line.run(for: .seconds(5))
        bench.line.act("plug", ["port": 2, "watts": 1_500])
        try bench.say(.start(BKVStart(socket: 1, port: 1, energy: 250)), sequence: 4)
        bench.line.run(for: .seconds(605))
        guard case .chargeEnd(let end)? = bench.sent("0015/02").last?.message else {
            Issue.record("no end")
            return
        }
        #expect(end.port == 1 && end.energy == 25 && end.minutes == 10, "\(end)")
    }

    @Test("two sockets are ports 1 to 4; socket 2 port A is port 3")
    func sockets() throws {
        var bench = try BKVBench(["ports": 4])
        bench.line.run(for: .seconds(5))
        bench.line.act("plug", ["port": 3, "watts": 100])
        try bench.say(.start(BKVStart(socket: 2, port: 0, minutes: 5)), sequence: 4)
        bench.line.run(for: .seconds(3))
        #expect(bench.line.notes("charge.started").map { $0["port"] } == [.integer(3)])
        #expect(bench.statuses().last?.socket.socket == 2)
    }

    @Test("a query is answered by 1017, by 1C or not at all, as the knob says", arguments: ["1017", "1c", "none"])
    func query(_ knob: String) throws {
        var bench = try BKVBench(["query_answer": .text(knob)])
        bench.line.run(for: .seconds(5))
        let before = bench.statuses().count
        try bench.say(.query(BKVSocketNumber(1)), sequence: 0x55)
        bench.line.run(for: .seconds(2))
        #expect(bench.statuses().count - before == (knob == "1017" ? 1 : 0))
        #expect(bench.sent("0015/1c").map(\.frame.sequence) == (knob == "1c" ? [0x55] : []))
    }

    @Test("a start by power runs the minutes that the money buys in the load's tier, and ends with 18")
    func power() throws {
        var bench = try BKVBench()
        bench.line.run(for: .seconds(5))
        bench.line.act("plug", ["port": 1, "watts": 150])
        var start = BKVPowerStart()
        start.amount = 100
        start.tiers = [BKVPowerTier(power: 1_000, price: 25, minutes: 90), BKVPowerTier(power: 2_000, price: 50, minutes: 60)]
        try bench.say(.powerStart(outer: 0x0005, start), sequence: 4)
        bench.line.run(for: .seconds(2 * 3_600 + 5))
        // 1.00 yuan at 0.50 for 60 min: 120 min.
        guard case .powerEnd(let end)? = bench.sent("0015/18").last?.message else {
            Issue.record("no end: \(bench.sent("0015/17"))")
            return
        }
        #expect(end.end.minutes == 120 && end.amount == 100 && end.settlePower == 1_500 && end.tiers.map(\.minutes) == [0, 120])
    }

    @Test("a start by fee buys energy, and ends with 1004 and its fees")
    func fee() throws {
        var bench = try BKVBench()
        bench.line.run(for: .seconds(5))
        bench.line.act("plug", ["port": 1, "watts": 1_000])
        let start = BKVFeeStart(socket: 1, port: 0, prepaid: 100, tiers: [BKVFeeTier(endHour: 23, endMinute: 59, electricity: 60, service: 40)])
        try bench.say(.record(start.record(gateway: BKVBench.gateway, sequence: 9)), sequence: 9)
        bench.line.run(for: .seconds(3_605))
        #expect(bench.sent("1000/1007").first?.frame.sequence == 9)
        guard case .record(let record)? = bench.sent("1000/1004").last?.message, let end = try? BKVFeeEnd(record) else {
            Issue.record("no end")
            return
        }
        #expect(end.end.energy == 100 && end.electricityFee == 60 && end.serviceFee == 40)
        #expect(bench.line.notes("bill.acknowledged").count == 1)
    }

    @Test("a card asks, is answered, and ends with 0C and its number")
    func card() throws {
        var bench = try BKVBench()
        bench.line.run(for: .seconds(5))
        bench.line.act("plug", ["port": 1, "watts": 100])
        bench.line.act("swipe", ["port": 1, "card": 1_384_327_424])
        guard case .cardSwipe(let swipe)? = bench.sent("0015/0b").last?.message else {
            Issue.record("no swipe")
            return
        }
        #expect(swipe.card == "000000298352" && swipe.business == 1)
        var order = BKVCardOrder()
        order.business = swipe.business
        order.minutes = 10
        try bench.say(.cardOrder(order), sequence: 0x31)
        bench.line.run(for: .seconds(605))
        #expect(bench.sent("0015/0f").map(\.frame.sequence) == [0x31])
        guard case .cardEnd(let end)? = bench.sent("0015/0c").last?.message else {
            Issue.record("no end")
            return
        }
        #expect(end.card == "000000298352" && end.end.business == 1 && end.end.minutes == 10)
    }

    @Test("1011 is answered with 1011 and holds after a power cut; 1012 tells it")
    func parameters() throws {
        var bench = try BKVBench()
        bench.line.run(for: .seconds(5))
        let set = BKVRecord(command: 0x1011, sequence: 3, gateway: BKVBench.gateway, pairs: [BKVPair(.socket, number: 1), BKVPair(.maximumMinutes, number: 90)])
        try bench.say(.record(set), sequence: 3)
        bench.line.run(for: .seconds(1))
        #expect(bench.sent("1000/1011").map(\.frame.sequence) == [3])
        bench.line.cutPower()
        bench.line.handle(.poweredOn)
        bench.line.run(for: .seconds(5))
        try bench.say(.record(BKVRecord(command: 0x1012, sequence: 4, gateway: BKVBench.gateway, pairs: [BKVPair(.socket, number: 1)])), sequence: 4)
        bench.line.run(for: .seconds(1))
        guard case .record(let answer)? = bench.sent("1000/1012").last?.message else {
            Issue.record("no answer")
            return
        }
        #expect(answer.number(.maximumMinutes) == 90 && answer.isAcknowledged == true)
    }

    @Test("over-current ends the charge with the current's bit, and 1010 tells of the port")
    func exception() throws {
        var bench = try BKVBench.charging(minutes: 60)
        bench.line.handle(.fault("over_current", ["port": 1], isActive: true))
        bench.line.run(for: .seconds(1))
        guard case .chargeEnd(let end)? = bench.sent("0015/02").last?.message, case .record(let alarm)? = bench.sent("1000/1010").last?.message else {
            Issue.record("no end or no exception")
            return
        }
        #expect(end.status.endCause == .overCurrent)
        #expect(alarm.number(BKVKey(0x4c)) == 1 && alarm.number(BKVKey(0x4d)) == 0)
        #expect(BKVStatus(rawValue: UInt8(alarm.number(BKVKey(0x57)) ?? 0)).hasFault)
    }

    @Test("frames of other gateways, of devices, with wrong sums, and garbage change nothing")
    func strangers() throws {
        var bench = try BKVBench.charging(minutes: 60)
        let stop = BKVMessage.start(BKVStart(stop: 1, port: 0))
        bench.line.say(try BKVFrame(stop, isFromDevice: false, gateway: "82241218000383", sequence: 1).encoded())
        bench.line.say(try BKVFrame(stop, isFromDevice: true, gateway: BKVBench.gateway, sequence: 1).encoded())
        var wrong = try BKVFrame(stop, isFromDevice: false, gateway: BKVBench.gateway, sequence: 1).encoded()
        wrong[wrong.count - 3] ^= 1
        bench.line.say(wrong + [0x00, 0xff])
        try bench.say(.query(BKVSocketNumber(1)), sequence: 2)
        bench.line.run(for: .seconds(3))
        #expect(bench.line.notes("frame.refused").map { $0["reason"]?.text ?? "" }.prefix(3) == ["gateway", "direction", "checksum"])
        #expect(bench.line.ask("port", ["port": 1])["state"] == .text("charging"))
    }

    @Test("a forged settlement is what the scenario says, and what frame.sent tells")
    func forged() throws {
        var bench = try BKVBench()
        bench.line.run(for: .seconds(5))
        bench.line.act("frame.send", ["command": 0x1502, "business": 777, "minutes": 30, "energy": 12_300, "port": 2])
        guard case .chargeEnd(let end)? = bench.sent("0015/02").last?.message else {
            Issue.record("nothing forged")
            return
        }
        #expect(end.business == 777 && end.minutes == 30 && end.energy == 123 && end.port == 1)
        let told = try #require(bench.line.notes("frame.sent").last)
        #expect(told["business"] == .integer(777) && told["port"] == .integer(2) && told["energy"] == .integer(12_300))
    }

    @Test("an id that is none is a bad fact")
    func badFacts() {
        #expect(throws: ActionFailure.self) { try LineBench(["protocol": "bkv", "pile": "8224"]) }
        #expect(throws: ActionFailure.self) { try LineBench(["protocol": "gn", "line": "bus"]) }
        #expect(throws: ActionFailure.self) { try LineBench(["protocol": "ee66"]) }
    }
}
