import LabCore
import Testing

@testable import ChargingOracles

private func report(_ log: RunLog, plan: Plan = RunLog.plan) throws -> OracleReport { try #require(OrderOracle().judge(plan: plan, events: log.events)) }

private func sentences(_ log: RunLog, plan: Plan = RunLog.plan) throws -> [String] { try report(log, plan: plan).violations.map(\.sentence) }

@Suite("Order oracle: a recorded run with planted errors")
struct RecordedOrderTests {
    private static func judged(_ change: (inout [RunEvent]) -> Void = { _ in }) throws -> OracleReport {
        var events = try RecordedOrder.events()
        change(&events)
        return try #require(OrderOracle().judge(plan: RecordedOrder.plan, events: events))
    }

    @Test("as it was recorded, nothing is wrong")
    func sound() throws { #expect(try Self.judged() == OracleReport(oracle: "charging", noun: "order", judged: 1)) }

    /// The event, the field, what is added to it, and words of the sentence that must come.
    static let plants: [(event: String, field: String, by: Int64, sentence: String)] = [
        ("order.settled", "cents", 1, "costs 41 fen; 600 dWh in 1200 s are 40 by its tariff (time 40)"),
        ("order.settled", "cents", -1, "costs 39 fen; 600 dWh in 1200 s are 40"),
        ("wallet.debited", "cents", 1, "settled at 40 fen; 41 are charged"),
        ("revenue.credited", "cents", -1, "costs the user 40 fen, and its lines earn 39 (I4)"),
        ("order.settled", "energy", 100, "settled with 700 dWh; the true register says 600"),
        ("truth", "energy", 100, "settled with 600 dWh; the true register says 700"),
        ("truth", "energy", -600, "settled with 600 dWh; the true register says 0"),
        ("order.settled", "seconds", 121, "settled with 1321 s; it really took 1200"),
        ("order.closed", "cents", 1, "closed with 41 fen; 40 are charged"),
    ]

    @Test("one field that is another finds it", arguments: plants.indices)
    func planted(_ index: Int) throws {
        let plant = Self.plants[index]
        let report = try Self.judged { events in
            for index in events.indices where events[index].name == plant.event {
                events[index].fields[plant.field] = .integer((events[index].fields[plant.field]?.integer ?? 0) + plant.by)
            }
        }
        #expect(report.violations.contains { $0.sentence.contains(plant.sentence) }, "\(report.violations)")
    }

    @Test("an event that is not there is found")
    func dropped() throws {
        for (name, words) in [
            ("revenue.credited", "its lines earn 0"), ("wallet.debited", "costs the user 0 fen"), ("order.settled", "was never settled"),
            ("truth", "not over"), ("order.created", "was never created"),
        ] {
            let report = try Self.judged { $0.removeAll { $0.name == name } }
            let all = report.violations.map(\.sentence) + report.gaps.map(\.reason)
            #expect(all.contains { $0.contains(words) }, "\(name): \(all)")
        }
    }

    @Test("a second settlement is found")
    func twice() throws {
        let report = try Self.judged { events in
            events += events.filter { ["order.settled", "wallet.debited", "revenue.credited"].contains($0.name) }
        }
        let sentences = report.violations.map(\.sentence)
        #expect(sentences.contains { $0.contains("settled a second time") })
        #expect(sentences.contains { $0.contains("costs the user 80 fen by now; at its settlement it was 40 (I15)") })
    }

    @Test("a line under another name is found")
    func line() throws {
        let report = try Self.judged { events in
            for index in events.indices where events[index].name == "revenue.credited" { events[index].fields["line"] = "service" }
        }
        #expect(report.violations.map(\.sentence) == [
            "The order 01KDVDNBFT9J3764 earns 40 fen by the line service; its tariff gives 0.",
            "The order 01KDVDNBFT9J3764 earns 0 fen by the line time; its tariff gives 40.",
        ])
    }
}

@Suite("Order oracle: energy, price and ledger")
struct OrderOracleTests {
    @Test("scenarios without piles, and those that say so, are not judged")
    func exempt() {
        #expect(OrderOracle().judge(plan: RunLog.plan("cloud"), events: []) == nil)
        #expect(OrderOracle().judge(plan: RunLog.plan("pile", "cloud", tags: ["oracle-exempt"]), events: []) == nil)
    }

    @Test("the wire's hundredth of a kWh may be cut off or rounded up, not more", arguments: [(9_901, true), (10_099, true), (10_100, false), (9_900, false)] as [(Int64, Bool)])
    func resolution(_ truth: Int64, _ isSound: Bool) throws {
        var log = RunLog()
        log.boot()
        log.tell(.init(energy: truth))
        #expect(try sentences(log).isEmpty == isSound)
    }

    @Test("time may differ by a minute and a hundredth; beyond, only a clock that was made to lie is an excuse", arguments: [(3_696, true), (3_697, false), (3_504, true), (3_503, false)] as [(Int64, Bool)])
    func time(_ seconds: Int64, _ isSound: Bool) throws {
        var log = RunLog()
        log.boot()
        log.tell(.init(settledDuration: seconds))
        #expect(try sentences(log).isEmpty == isSound)
        log.note("lab", "fault.started", ["fault": "pile.clock.jump"])
        #expect(try report(log).violations == [])
        #expect(try report(log).gaps.isEmpty == isSound)
    }

    @Test("a wire without order numbers: the charge is the order's that has the port")
    func business() throws {
        var log = RunLog()
        let story = RunLog.Story(pile: "82241218000382-1", wireOrder: "7")
        log.boot(story)
        log.tell(story)
        #expect(try report(log) == OracleReport(oracle: "charging", noun: "order", judged: 1))
    }

    @Test("each socket of a gateway is a pile of its own; the gateway counts its ports through", arguments: [(1, 2, 2, 1), (2, 2, 1, 2), (2, 3, 2, 1)] as [(Int64, Int64, Int64, Int64)])
    func sockets(_ portsOfSocket: Int64, _ port: Int64, _ socket: Int64, _ portThere: Int64) throws {
        var log = RunLog()
        var story = RunLog.Story(pile: "82241218000382-1", wireOrder: "7")
        log.boot(story)
        log.note("cloud", "pile.online", ["pile": .text(story.pile), "protocol": "bkv", "ports": .integer(portsOfSocket), "peer": "pile"])
        log.note("cloud", "pile.online", ["pile": "82241218000382-2", "protocol": "bkv", "ports": .integer(portsOfSocket), "peer": "pile"])
        story.pile = "82241218000382-\(socket)"
        story.port = portThere
        log.create(story)
        story.port = port
        log.start(story)
        log.wait(3_600)
        log.stop(story)
        log.settle(story)
        #expect(try report(log) == OracleReport(oracle: "charging", noun: "order", judged: 1))
    }

    @Test("a board behind a bridge has the id that the bridge logs in with, and the orders that the bridge keeps")
    func bridge() throws {
        let story = RunLog.Story(pile: "045339ab", wireOrder: "1")
        func log(peer: FieldValue, kept: Bool, energy: Int64 = 10_000) -> RunLog {
            var log = RunLog()
            var story = story
            story.energy = energy
            log.note("pile", "booted", ["pile": "pile", "waiting": 0])
            log.note("cloud", "pile.online", ["pile": .text(story.pile), "peer": peer])
            log.create(story)
            log.start(story)
            if kept { log.note("pile", "order.kept", ["port": 1, "order": .text(story.order)]) }
            log.wait(story.duration)
            log.stop(story)
            log.settle(story)
            log.acknowledge(story)
            return log
        }
        #expect(try report(log(peer: "pile", kept: false)) == OracleReport(oracle: "charging", noun: "order", judged: 1))
        #expect(try report(log(peer: "127.0.0.1:4711", kept: true)) == OracleReport(oracle: "charging", noun: "order", judged: 1))
        // Such a board tells no energy; its host sums up the power, and may miss a second of it.
        #expect(try sentences(log(peer: "pile", kept: true, energy: 10_199)) == [])
        #expect(try sentences(log(peer: "pile", kept: true, energy: 10_200)).count == 1)
        #expect(try sentences(log(peer: "pile", kept: false, energy: 10_100)).count == 1)
        #expect(try sentences(log(peer: "127.0.0.1:4711", kept: false)).count == 1)
    }

    @Test("true energy without an order must have its bill in quarantine (I8)")
    func owner() throws {
        var log = RunLog()
        let story = RunLog.Story()
        log.boot()
        log.note("pile", "charge.started", ["port": 1, "order": "X"])
        log.wait(3_600)
        var stranger = story
        stranger.wireOrder = "X"
        log.stop(stranger)
        #expect(try report(log).gaps == [.init(reason: "charge without an order, whose bill waits in its pile", count: 1)])
        log.acknowledge(stranger)
        #expect(try sentences(log) == ["10000 dWh flowed at port 1 of pile (X); no order and no quarantined bill has them (I8)."])
        log.note("cloud", "bill.quarantined", ["pile": .text(story.pile), "port": 1, "order": "X", "reason": "unknown_order", "energy": 10_000])
        #expect(try sentences(log) == [])
    }

    @Test("an order of a settled charge that no pile made is found; a pile that is not the lab's is counted")
    func invented() throws {
        var log = RunLog()
        let story = RunLog.Story()
        log.boot()
        log.create(story)
        log.settle(story, from: "starting")
        #expect(try sentences(log) == ["The order A1 is settled with 10000 dWh and 100 fen; no charge at a pile is its."])
        var foreign = RunLog()
        foreign.create(story)
        foreign.settle(story, from: "starting")
        #expect(try report(foreign).gaps == [.init(reason: "order at a pile that is not the lab's", count: 1)])
    }

    @Test("an offline charge is the order's that was made of its bill")
    func offline() throws {
        var log = RunLog()
        let story = RunLog.Story(wireOrder: "CARD-1")
        log.boot()
        log.note("pile", "charge.started", ["port": 1, "order": "CARD-1"])
        log.wait(3_600)
        log.stop(story)
        log.note(
            "cloud", "order.created",
            ["order": "A1", "user": "rider", "pile": .text(story.pile), "port": 1, "hold": 0, "offline": true, "card": "77", "tariff": RunLog.tariff])
        log.settle(story, from: "await_bill")
        log.acknowledge(story)
        #expect(try report(log) == OracleReport(oracle: "charging", noun: "order", judged: 1))
    }

    /// From 21:30 in Beijing (13:30 UTC, 48,600 s of the first day) for an hour: half an hour at 1.00, half at 0.
    @Test("bands are cut by the samples that the cloud had")
    func bands() throws {
        let tariff: FieldValue = [
            "bands": [["from": "00:00", "band": "flat"], ["from": "22:00", "band": "valley"]], "elec": ["flat": 100_000, "valley": 0],
        ]
        func log(cents: Int64, samples: Bool = true) -> RunLog {
            var log = RunLog()
            log.wait(48_600)
            log.boot()
            let story = RunLog.Story(tariff: tariff, lines: [("elec", cents)], cents: cents)
            log.create(story)
            log.start(story)
            log.wait(1_200)
            if samples { log.note("cloud", "order.sample", ["order": "A1", "energy": 4_000, "power": 0]) }
            log.wait(600)
            log.note("pile", "charge.metered", ["port": 1, "order": "A1", "energy": 5_500, "at": .integer(log.now)])
            log.wait(1_800)
            log.stop(story)
            log.settle(story)
            if !samples { log.note("lab", "events.omitted", ["count": 1]) }
            return log
        }
        // On the line from 4,000 at 21:50 to 10,000 at 22:30 there are 5,500 at 22:00.
        #expect(try sentences(log(cents: 55)) == [])
        #expect(try sentences(log(cents: 56)).count == 1)
        let bounded = try report(log(cents: 50, samples: false))
        #expect(bounded.violations == [])
        #expect(bounded.gaps.map(\.reason) == ["price that depends on samples which the log does not have, held against bounds only"])
        #expect(try sentences(log(cents: 160, samples: false)).count == 2, "more than the dearest band, and more than the truth")
    }

    @Test("an order that is not over, and one that cannot be read, are counted")
    func counted() throws {
        var log = RunLog()
        log.boot()
        log.create(.init())
        log.start(.init())
        #expect(try report(log).text == "0 orders compared; not judged: 1 × order that is not over")
        var unreadable = RunLog()
        unreadable.boot()
        unreadable.tell(.init(tariff: ["elec": ["flat": "a lot"]]))
        #expect(try report(unreadable).gaps.map(\.reason).contains("order whose tariff the oracle cannot read: the tariff's field 'flat' cannot be read"))
    }

    // MARK: Corrections

    private func estimated(_ cents: Int64, _ energy: Int64, truth: Int64) -> (RunLog, RunLog.Story) {
        var log = RunLog()
        let story = RunLog.Story(
            energy: truth, settled: energy, lines: [("elec", cents * 6 / 10), ("service", cents * 4 / 10)], cents: cents, isEstimated: true)
        log.boot()
        log.create(story)
        log.start(story)
        log.wait(3_600)
        log.stop(story)
        log.settle(story)
        return (log, story)
    }

    @Test("an estimate below the truth is the operator's loss; one above it must come down (F14, F15, I12)")
    func estimates() throws {
        #expect(try sentences(estimated(50, 5_000, truth: 10_000).0) == [])
        #expect(try sentences(estimated(200, 20_000, truth: 10_000).0) == ["The order A1 costs the user 200 fen; its true 10000 dWh in 3600 s are 101 at most (I12)."])
        var (log, story) = estimated(200, 20_000, truth: 10_000)
        log.debit(story, -100)
        log.credit(story, "elec", -60)
        log.credit(story, "service", -40)
        #expect(try sentences(log) == [])
        log.debit(story, -20)
        log.credit(story, "elec", -20)
        #expect(try sentences(log) == ["The order A1 was lowered to 80 fen by its late bill; 10000 dWh in 3600 s are 100."])
    }

    @Test("a late bill that is charged up is found (I15); one that the operator bears is not")
    func late() throws {
        var (log, story) = estimated(50, 5_000, truth: 10_000)
        var absorbed = log
        absorbed.credit(story, "elec", 30)
        absorbed.credit(story, "service", 20)
        absorbed.credit(story, "absorbed", -50)
        #expect(try sentences(absorbed) == [])
        log.debit(story, 50)
        log.credit(story, "elec", 30)
        log.credit(story, "service", 20)
        #expect(try sentences(log).contains("The order A1 costs the user 100 fen by now; at its settlement it was 50 (I15)."))
    }

    @Test("a refund takes off what it says and no more")
    func refunds() throws {
        var log = RunLog()
        let story = RunLog.Story()
        log.boot()
        log.tell()
        log.note("cloud", "refund.accepted", ["order": "A1", "key": "k", "refund": "rf-A1-k", "cents": 30])
        log.debit(story, -30)
        log.credit(story, "elec", -18)
        log.credit(story, "service", -12)
        #expect(try sentences(log) == [])
        log.debit(story, -1)
        log.credit(story, "elec", -1)
        #expect(try sentences(log) == ["The order A1 was settled at 100 fen and 30 went back; 69 are charged."])
    }

    // MARK: States

    @Test("a cancelled order costs nothing, and nothing may have flowed")
    func cancelled() throws {
        var log = RunLog()
        let story = RunLog.Story()
        log.boot()
        log.create(story)
        log.start(story)
        log.wait(7_200)
        log.stop(story)
        log.move(story, "charging", "cancelled")
        log.note("cloud", "order.cancelled", ["order": "A1"])
        #expect(try report(log).gaps.map(\.reason) == ["charge whose bill never came"])
        log.acknowledge(story)
        #expect(try sentences(log) == ["The order A1 is cancelled; 10000 dWh really flowed, and their bill is acknowledged (I8)."])
    }

    @Test("a start without an answer does not cancel what charges: before the give-up this is found")
    func cancelledEarly() throws {
        var log = RunLog()
        let story = RunLog.Story()
        log.boot()
        log.create(story)
        log.note("pile", "charge.started", ["port": 1, "order": "A1"])
        log.wait(60)
        log.move(story, "starting", "cancelled")
        log.note("cloud", "order.cancelled", ["order": "A1"])
        log.wait(3_540)
        log.stop(story)
        log.note("cloud", "bill.quarantined", ["pile": .text(story.pile), "port": 1, "order": "A1", "reason": "already_settled", "energy": 10_000])
        log.acknowledge(story)
        #expect(try sentences(log) == ["The order A1 was cancelled after 60 s, while it was charging or had charged 10000 dWh."])
    }

    @Test("two orders on one port, an order while another is owed, a way out of an end (I1, I2, I10)")
    func states() throws {
        var log = RunLog()
        log.create(.init(order: "A1"))
        log.create(.init(order: "A2", user: "other"))
        log.create(.init(order: "A3", user: "third", port: 2))
        log.settle(.init(order: "A3", user: "third", port: 2, owed: 100), from: "starting")
        log.create(.init(order: "A4", user: "third", port: 3))
        log.move(.init(order: "A1"), "starting", "cancelled")
        log.move(.init(order: "A1"), "cancelled", "charging")
        let found = try sentences(log)
        #expect(found.contains("The order A2 has the port 1 of 04620001, which the order A1 still has (I1)."))
        #expect(found.contains("The order A4 was made for third, who still owes the order A3 (I2)."))
        #expect(found.contains("The order A1 goes from cancelled, which is an end, to charging (I10)."))
    }
}

@Suite("Order oracle: payments and refunds")
struct PaymentOracleTests {
    private static let payment: Fields = ["channel": "wechat", "attempt": "P1", "transaction": "T1", "cents": 100]

    /// An order of 100 fen that the wallet cannot pay, paid by a service.
    private func paid(_ made: Int64 = 100) -> RunLog {
        var log = RunLog()
        let story = RunLog.Story(owed: 100)
        log.boot()
        log.tell(story)
        log.note("payments", "payment.made", Self.payment.merging(["cents": .integer(made)]))
        log.wait(1)
        log.note("cloud", "payment.booked", Self.payment.merging(["order": "A1", "open": 0]))
        log.move(story, "due", "closed")
        log.note("cloud", "order.closed", ["order": "A1", "cents": 100])
        return log
    }

    @Test("a payment that both know is sound; another amount, or one that nobody made, is not")
    func amounts() throws {
        #expect(try sentences(paid()) == [])
        #expect(try sentences(paid(99)) == ["The payment T1 is booked with 100 fen; 99 were paid."])
        var log = paid()
        log.note("cloud", "payment.returned", Self.payment.merging(["transaction": "T9", "order": "A1", "refund": "ret-P1"]))
        #expect(try sentences(log).contains("The payment T9 of 100 fen is returned; nobody made it."))
    }

    @Test("a notice that is booked twice is found (F46)")
    func twice() throws {
        var log = paid()
        log.note("cloud", "payment.booked", Self.payment.merging(["order": "A1"]))
        let found = try sentences(log)
        #expect(found.contains("The payment T1 is booked although it is booked already (I5, I9)."))
        #expect(found.contains("Payments of 200 fen are booked on the order A1, which owed 100 (I5)."))
    }

    @Test("an order is not closed while something is owed")
    func owed() throws {
        var log = RunLog()
        let story = RunLog.Story(owed: 100)
        log.boot()
        log.tell(story)
        log.move(story, "due", "closed")
        log.note("cloud", "order.closed", ["order": "A1", "cents": 100])
        #expect(try sentences(log) == ["The order A1 is closed while 100 fen are owed."])
    }

    @Test("a payment whose notice was lost is found out within 20 minutes after the last fault (F47)")
    func unheard() throws {
        var log = RunLog()
        log.note("payments", "payment.made", Self.payment)
        log.wait(1_200)
        log.note("payments", "statement.served", [:])
        #expect(try report(log).gaps == [.init(reason: "payment that the cloud has not heard of yet", count: 1)])
        log.wait(1)
        log.note("payments", "statement.served", [:])
        #expect(try sentences(log) == ["100 fen were paid (T1, attempt P1), and the cloud never heard of it (I5)."])
        var lost = log
        lost.note("lab", "fault.started", ["fault": "payments.notice.lose"])
        #expect(try sentences(lost).count == 1, "asking finds it all the same")
        log.note("lab", "fault.started", ["fault": "payments.down"])
        #expect(try sentences(log) == [])
    }

    @Test("a refund is what was booked, and done when the service says so (F52 to F54)")
    func refunds() throws {
        let story = RunLog.Story(owed: 100)
        func log(asked: Int64, state: FieldValue, isDone: Bool) -> RunLog {
            var log = paid()
            log.note("cloud", "refund.accepted", ["order": "A1", "key": "k", "refund": "R1", "cents": 40])
            log.debit(story, -40)
            log.credit(story, "elec", -24)
            log.credit(story, "service", -16)
            log.note("payments", "refund.accepted", ["channel": "wechat", "attempt": "P1", "refund": "R1", "cents": .integer(asked)])
            log.note("payments", "refund.finished", ["channel": "wechat", "attempt": "P1", "refund": "R1", "cents": .integer(asked), "state": state])
            if isDone { log.note("cloud", "refund.done", ["order": "A1", "refund": "R1", "cents": 40]) }
            return log
        }
        #expect(try sentences(log(asked: 40, state: "success", isDone: true)) == [])
        #expect(try sentences(log(asked: 41, state: "success", isDone: false)) == ["The refund R1 is booked with 40 fen; the payment service was asked for 41."])
        #expect(try sentences(log(asked: 40, state: "abnormal", isDone: true)) == ["The refund R1 counts as done with 40 fen; the payment service says 40 fen, abnormal."])
        #expect(try report(log(asked: 40, state: "success", isDone: false)).gaps.map(\.reason) == ["refund that is under way"])
    }

    @Test("a refund that the cloud has not booked, and more back than was paid, are found (I6)")
    func tooMuch() throws {
        var log = paid()
        log.note("payments", "refund.accepted", ["channel": "wechat", "attempt": "P1", "refund": "R7", "cents": 101])
        log.note("payments", "refund.finished", ["channel": "wechat", "attempt": "P1", "refund": "R7", "cents": 101, "state": "success"])
        #expect(try sentences(log) == [
            "101 fen went back of the payment T1, which was 100 (I6).",
            "The payment service was asked for the refund R7, which the cloud has not booked.",
        ])
    }
}
