import LabCore
import Testing
import WireProtocols

@testable import Emulators

@Suite("DNY pile: settlements (charging-protocols.md 4.5, 4.15)")
struct DNYPileBillTests {
    private func seconds(_ frames: [PileBench.Sent]) -> [Double] { frames.map(\.seconds) }

    @Test("03 comes 4 s after the end, again after 26 s with identical bytes, then every 30 min with new message ID and time stamp")
    func resends() throws {
        var bench = try PileBench.charging(seconds: 60)
        bench.answersBills = false
        bench.run(for: .seconds(4_000))
        let frames = bench.frames(0x03)
        #expect(frames.count == 6)
        let ended = try #require(bench.notes("charge.stopped").first?.at)
        #expect(frames[0].at.nanoseconds - ended.nanoseconds == 4_000_000_000)
        let pauses = zip(frames, frames.dropFirst()).map { ($1.at.nanoseconds - $0.at.nanoseconds) / 1_000_000_000 }
        #expect(pauses == [26, 1_800, 26, 1_800, 26])
        #expect(frames[0].bytes == frames[1].bytes && frames[2].bytes == frames[3].bytes)
        #expect(frames[0].frame.messageID != frames[2].frame.messageID)
        #expect(frames[0].frame.data.prefix(31) == frames[2].frame.data.prefix(31), "all but the time stamp")
        #expect(long(frames[2].frame.data, 31) - long(frames[0].frame.data, 31) == 1_826)
        #expect(bench.ask("bills")["waiting"] == 1)

        bench.answersBills = true
        bench.run(for: .seconds(2_000))
        #expect(bench.frames(0x03).count == 7)
        #expect(bench.ask("bills")["waiting"] == 0)
        bench.run(for: .seconds(10_000))
        #expect(bench.frames(0x03).count == 7, "an acknowledged bill is never sent again")
    }

    @Test("an answer other than 0, or to another message ID, is no acknowledgement")
    func wrongAnswers() throws {
        var bench = try PileBench.charging(seconds: 60)
        bench.answersBills = false
        bench.run(for: .seconds(70))
        let id = try #require(bench.frames(0x03).first?.frame.messageID)
        bench.send(0x03, messageID: id, [1])
        bench.send(0x03, messageID: id, [])
        bench.send(0x03, messageID: id &+ 100, [0])
        bench.run(for: .seconds(1))
        #expect(bench.ask("bills")["waiting"] == 1)
        bench.send(0x03, messageID: id, [0])
        bench.run(for: .seconds(1))
        #expect(bench.ask("bills")["waiting"] == 0)
        bench.send(0x03, messageID: id, [0])
        bench.run(for: .seconds(1))
        #expect(bench.notes("bill.acknowledged").count == 1)
    }

    @Test("a late answer to the round before is taken")
    func lateAnswer() throws {
        var bench = try PileBench.charging(seconds: 60)
        bench.answersBills = false
        bench.run(for: .seconds(2_000))
        #expect(bench.frames(0x03).count == 4)
        bench.send(0x03, messageID: try #require(bench.frames(0x03).first?.frame.messageID), [0])
        bench.run(for: .seconds(1))
        #expect(bench.ask("bills")["waiting"] == 0)
    }

    @Test("bills survive restarts; the first goes 9 s after the registration, each next one minute after an answer")
    func stored() throws {
        var bench = try PileBench.online()
        bench.answersBills = false
        bench.act("plug", ["watts": 100])
        for number in 1...3 {
            bench.start(order: "ORDER0000000000\(number)", seconds: 60, messageID: UInt16(number))
            bench.run(for: .seconds(70))
        }
        #expect(bench.ask("bills")["waiting"] == 3)
        bench.cutPower()
        bench.run(for: .seconds(60))
        bench.answersBills = true
        bench.sent = []
        bench.restorePower()
        bench.run(for: .seconds(200))
        let frames = bench.frames(0x03)
        #expect(frames.map { String(decoding: $0.frame.data[13..<29], as: UTF8.self) } == (1...3).map { "ORDER0000000000\($0)" })
        let online = try #require(bench.notes("online").last?.at)
        #expect(frames[0].at.nanoseconds - online.nanoseconds == 9_000_000_000)
        #expect(zip(frames, frames.dropFirst()).map { ($1.at.nanoseconds - $0.at.nanoseconds) / 1_000_000 } == [60_050, 60_050])
        #expect(bench.ask("bills")["waiting"] == 0)
    }

    @Test("a bill that is due without a connection waits for the next registration")
    func offline() throws {
        var bench = try PileBench.charging(seconds: 60)
        bench.accepts = false
        bench.loseConnection()
        bench.run(for: .seconds(300))
        #expect(bench.frames(0x03).isEmpty && bench.ask("bills")["waiting"] == 1)
        bench.accepts = true
        bench.run(for: .seconds(20))
        #expect(bench.frames(0x03).count == 1 && bench.ask("bills")["waiting"] == 0)
    }

    @Test("bill.lose: the oldest bill is gone for ever (F11)")
    func lost() throws {
        var bench = try PileBench.charging(seconds: 60)
        bench.answersBills = false
        bench.run(for: .seconds(59))
        bench.fault("bill.lose")
        #expect(bench.notes("bill.lost").first?["order"] == "ORDER00000000001")
        bench.run(for: .seconds(4_000))
        #expect(bench.frames(0x03).isEmpty)
    }

    @Test("power lost and back with the plug in: the charge goes on, one bill, minutes without the outage (4.12, F25)")
    func resume() throws {
        var bench = try PileBench.charging(seconds: 1_800)
        let started = try #require(bench.notes("charge.started").first?.at)
        bench.run(until: started.advanced(by: .seconds(600)))
        bench.cutPower()
        bench.run(for: .seconds(3_600))
        bench.restorePower()
        bench.run(for: .seconds(1_190))
        #expect(bench.notes("charge.resumed").count == 1)
        #expect(bench.ask("port")["state"] == "charging")
        bench.run(for: .seconds(60))
        let bills = bench.frames(0x03)
        #expect(bills.count == 1)
        #expect(word(bills[0].frame.data, 0) == 1_800 && bills[0].frame.data[12] == 3)
        // 180 W for 1,800 s: 90 Wh.
        #expect(bench.notes("truth").map { $0["energy"] } == [900])
        #expect(word(bills[0].frame.data, 4) == 9)
        #expect(bench.notes("charge.started").count == 1)
    }

    @Test("power lost and the plug pulled meanwhile: settled at the return for the time before (scenario-language.md example 3)")
    func pulled() throws {
        var bench = try PileBench.charging()
        let started = try #require(bench.notes("charge.started").first?.at)
        bench.run(until: started.advanced(by: .seconds(1_200)))
        bench.cutPower()
        bench.run(for: .seconds(180))
        bench.act("unplug", ["port": 1])
        bench.run(for: .seconds(1_800))
        #expect(bench.frames(0x03).isEmpty)
        bench.restorePower()
        bench.run(for: .seconds(60))
        let sent = try #require(bench.notes("frame.sent").first { $0["command"] == 3 })
        #expect(sent["order"] == "ORDER00000000001" && sent["minutes"] == 20)
        #expect(bench.frames(0x03)[0].frame.data[12] == 5)
        #expect(bench.notes("truth").map { $0["energy"] } == [600])

        // The settlement once more by its bytes, and a forged one.
        let bytes = try #require(sent["bytes"])
        bench.act("frame.send", ["bytes": bytes])
        bench.run(for: .seconds(1))
        #expect(bench.frames(0x03).last?.bytes == bench.frames(0x03)[0].bytes)
        bench.act("frame.send", ["command": 3, "order": "ORDER00000000001", "message_id": 0x7777, "minutes": 600])
        let forged = try #require(bench.frames(0x03).last)
        #expect(forged.frame.messageID == 0x7777 && word(forged.frame.data, 0) == 36_000)
        #expect(bench.notes("frame.sent").last?["minutes"] == 600)
    }

    @Test("a pile that does not resume settles with power loss")
    func powerLoss() throws {
        var bench = try PileBench.charging(["pile": "04ab373b", "resumes": false])
        bench.run(for: .seconds(100))
        bench.cutPower()
        bench.run(for: .seconds(10))
        bench.restorePower()
        bench.run(for: .seconds(30))
        #expect(bench.notes("charge.stopped").first?["reason"] == "power_loss")
        #expect(bench.frames(0x03).first?.frame.data[12] == 0x1c)
    }

    @Test("the true energy is told at each half hour of the world while a charge runs")
    func metered() throws {
        var bench = try PileBench.charging(seconds: 5_000)
        bench.run(for: .seconds(5_100))
        let metered = bench.notes("charge.metered")
        #expect(metered.map { $0["at"] } == [.integer(PileBench.epoch + 1_800), .integer(PileBench.epoch + 3_600)])
        let started = Double(try #require(bench.notes("charge.started").first?.at.nanoseconds)) / 1e9
        // 180 W are 0.5 dWh a second.
        #expect(metered.map { $0["energy"]?.integer } == [Int64((1_800 - started) / 2), Int64((3_600 - started) / 2)])
    }
}

@Suite("Power cuts at every flash operation of a charge (charging-orders.md I8)")
struct PilePowerCutTests {
    static let tears: [VirtualFlash.Tear] = [.nothing, .oneByte, .half, .allButOneByte, .everything, .scattered(seed: 7)]

    /// Two charges after one another, each with its bill acknowledged; power goes once in the given operation and comes back.
    private func run(cutAt operation: UInt64?, _ tear: VirtualFlash.Tear) throws -> PileBench {
        var bench = try PileBench.online()
        bench.act("plug", ["watts": 180])
        if let operation, var pile = bench.pile as? ChargingPile {
            pile.unit.core.cutFlash(atOperation: operation, tear: tear)
            bench.pile = pile
        }
        for number in 1...2 {
            bench.start(order: "ORDER0000000000\(number)", seconds: 300, messageID: UInt16(number))
            bench.run(for: .seconds(400))
        }
        bench.run(for: .seconds(4_000))
        return bench
    }

    @Test("no bill is lost and none is doubled", arguments: tears.indices)
    func every(_ index: Int) throws {
        let operations = try run(cutAt: nil, .half).core?.memory.flash.operationCount ?? 0
        #expect(operations >= 8, "start, bill, end and acknowledgement, twice")
        for operation in 1...operations {
            let bench = try run(cutAt: operation, Self.tears[index])
            #expect(bench.notes("power.lost").map { $0["reason"] } == ["flash_cut"], "operation \(operation)")
            // What really ran, and what was acknowledged, by order.
            let truths = bench.notes("truth").map { $0["order"]?.text ?? "" }
            let billed = Set(bench.frames(0x03).map { String(decoding: $0.frame.data[13..<29], as: UTF8.self) })
            #expect(Set(truths).count == truths.count, "operation \(operation): a charge ended twice")
            #expect(Set(truths) == billed, "operation \(operation): charged \(truths), billed \(billed)")
            #expect(bench.ask("bills")["waiting"] == 0, "operation \(operation)")
            // A bill may come again after a cut acknowledgement, with the same content.
            for order in billed {
                let contents = Set(
                    bench.frames(0x03).filter { String(decoding: $0.frame.data[13..<29], as: UTF8.self) == order }.map {
                        Array($0.frame.data.prefix(31))
                    })
                #expect(contents.count == 1, "operation \(operation): \(order) has two bills")
            }
            #expect(bench.ask("port")["state"] == "plugged", "operation \(operation)")
            // The register, the truths and the bills agree: what flows is charged.
            let energy = bench.notes("truth").reduce(0) { $0 + ($1["energy"]?.integer ?? 0) }
            let register = bench.ask("port")["true_register"]?.integer ?? -1
            #expect(abs(register - energy) <= 2, "operation \(operation): register \(register), charges \(energy)")
        }
    }

    @Test("forty bills and more wait while nobody answers, and all come (F64); a full memory refuses starts with 7")
    func many() throws {
        var bench = try PileBench.online()
        bench.answersBills = false
        bench.act("plug", ["watts": 50])
        var started = 0
        for number in 1...80 {
            bench.start(order: "MANY000000000\(100 + number)", seconds: 10, messageID: UInt16(number))
            bench.run(for: .seconds(20))
            started = bench.notes("charge.started").count
            if started < number { break }
        }
        #expect(started >= 40)
        #expect(bench.frames(0x82).last?.frame.data[0] == 7)
        #expect(bench.ask("bills")["waiting"] == .integer(Int64(started)))
        bench.cutPower()
        bench.run(for: .seconds(5))
        bench.restorePower()
        bench.answersBills = true
        bench.sent = []
        bench.run(for: .seconds(Int64(started) * 61 + 60))
        #expect(Set(bench.frames(0x03).map { Array($0.frame.data[13..<29]) }).count == started)
        #expect(bench.ask("bills")["waiting"] == 0)
        bench.start(order: "MANY000000000999", seconds: 10, messageID: 999)
        bench.run(for: .seconds(4))
        #expect(bench.frames(0x82).last?.frame.data[0] == 0, "there is room again")
    }
}

@Suite("The queue of bills in flash")
struct BillQueueTests {
    private func bill(_ number: UInt32) -> ChargeBill {
        ChargeBill(
            number: number, port: Int(number % 2), order: PileOrder(text: "ORDER\(number)"), starter: .server, card: 0x1234_5678_9abc,
            end: .energy, seconds: 70_000,
            energy: -5, maximumPower: 1_800, secondMaximum: 1_700, started: 1_767_225_600, ended: 1_767_295_600, tag: 9)
    }

    @Test("gives back what was put in, over a mount, and goes round its ring many times")
    func ring() throws {
        var memory = PileMemory(ports: 2)
        for number in 1...500 as ClosedRange<UInt32> {
            try memory.keep(bill(number))
            if number % 3 == 0 { memory.mount() }
            #expect(memory.bills.pending.map(\.number).last == number)
            if memory.bills.pending.count > 5 { try memory.acknowledge(memory.bills.pending[0].serial) }
        }
        memory.mount()
        #expect(memory.bills.pending.map(\.number) == [496, 497, 498, 499, 500])
        var expected = bill(500)
        expected.serial = memory.bills.pending[4].serial
        #expect(memory.bills.pending[4] == expected)
        #expect(memory.bills.knows(PileOrder(text: "ORDER490"), in: memory.flash), "orders that are over are remembered")
        #expect(!memory.bills.knows(PileOrder(text: "ORDER1"), in: memory.flash))
        #expect(!memory.bills.knows(PileOrder(text: "ORDER501"), in: memory.flash))
    }

    @Test("one bill that nobody acknowledges does not stop the ring, and is not erased")
    func oldest() throws {
        var memory = PileMemory(ports: 2)
        try memory.keep(bill(1))
        for number in 2...300 as ClosedRange<UInt32> {
            try memory.keep(bill(number))
            try memory.acknowledge(memory.bills.pending[1].serial)
        }
        memory.mount()
        #expect(memory.bills.pending.map(\.number) == [1])
    }

    @Test("damaged sectors give no bills and no crash", arguments: 1...20 as ClosedRange<UInt64>)
    func damaged(_ seed: UInt64) throws {
        var memory = PileMemory(ports: 2)
        for number in 1...20 as ClosedRange<UInt32> { try memory.keep(bill(number)) }
        var generator = SeededGenerator(seed: seed, purpose: "damage")
        for _ in 0..<30 {
            let address = Int(generator.integer(below: UInt64(memory.flash.geometry.size)))
            try? memory.flash.program(at: address, [0])
        }
        memory.mount()
        #expect(memory.bills.pending.count <= 20, "seed \(seed)")
        #expect(memory.bills.pending.allSatisfy { $0.energy == -5 }, "seed \(seed)")
        try memory.keep(bill(21))
        #expect(memory.bills.pending.last?.number == 21)
    }
}
