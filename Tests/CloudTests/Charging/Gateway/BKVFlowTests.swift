import LabCore
import Testing
import WireProtocols

@testable import Cloud

@Suite("Pile gateway, BKV order flow (charging-protocols.md 2.15)")
struct BKVFlowTests {
    @Test("the captured session, frame by frame: list, time, status, start, end, acknowledgement")
    func session() throws {
        // 22:03:36 Beijing time when the first heartbeat comes; the first command has the captured number.
        let world = try GatewayWorld(epoch: 1_763_820_214) { $0.firstNumber = 0x6921_c2b8 }
        world.enter(Captured.socket, address: Captured.socketAddress)
        let connection = try world.connect()
        world.advance(.seconds(2))
        try world.receive(Captured.bkv039, on: connection)
        #expect(world.sent(on: connection) == [Captured.bkv040, Captured.bkv041])
        #expect(
            world.events().contains(
                .described(pile: Captured.socket, PileFacts(wire: .bkv, ports: 2, firmware: "200.1.17", iccid: "898608551024D1988196"))))

        // Nothing concerns a socket before the gateway has its list.
        for _ in 0..<3 { try world.gateway.send(.query, to: Captured.socket) }
        try world.gateway.send(
            .start(order: "BKVORDER00000009", port: 1, limitEnergy: nil, limitSeconds: 60, limitPower: nil), to: Captured.socket)
        world.advance(.milliseconds(3_430))
        #expect(world.sent(on: connection).isEmpty)
        try world.receive(Captured.bkv042, on: connection)
        world.advance(.seconds(2))
        let commands = try world.sentBKV(on: connection)
        #expect(commands.map(\.sequence) == [0x6921_c2b9, 0x6921_c2ba, 0x6921_c2bb, 0x6921_c2bc])
        #expect(commands.map { $0.inner?.sub } == [0x1d, 0x1d, 0x1d, 0x07])
        // As bkv-044, but for the energy field, which a start by time ignores: socket 1, port A, on, by time, 1 minute.
        #expect(commands.last?.data.dropLast(2) == [0x00, 0x08, 0x07, 0x01, 0x00, 0x01, 0x01, 0x00, 0x01])

        try world.receive(Captured.bkv046, on: connection)
        #expect(world.sent(on: connection) == [Captured.bkv049])
        #expect(world.events().allSatisfy { if case .sample = $0 { false } else { true } })
        try world.receive(Captured.bkv045, on: connection)
        #expect(world.events() == [.startAnswered(pile: Captured.socket, port: 1, order: "BKVORDER00000009", .started)])
        #expect(world.notes("commit.after").map { $0["what"]?.text } == ["pile.business"])

        try world.receive(Captured.bkv048, on: connection)
        #expect(world.sent(on: connection) == [Captured.bkv049])
        let told = world.events()
        guard case .sample(let sample)? = told.first else {
            Issue.record("\(told)")
            return
        }
        #expect(
            sample.order == "BKVORDER00000009" && sample.port == 1 && sample.power == 4 && sample.energy == 0 && sample.state == .charging)
        #expect(told.last == .ports(pile: Captured.socket, [.charging, .idle]))

        world.advance(.seconds(59))
        try world.receive(Captured.bkv050, on: connection)
        #expect(world.sent(on: connection) == [Captured.bkv051])
        let bill = try #require(world.bills.first)
        #expect(bill.order == "BKVORDER00000009" && bill.port == 1 && bill.seconds == 60 && bill.reason == .time)
        try world.receive(Captured.bkv052, on: connection)
        #expect(world.events().last == .ports(pile: Captured.socket, [.idle, .idle]))
    }

    @Test("an end report that finds nobody to book it is not acknowledged; after the reconnect it is, once, and settles once (row 1, S3)")
    func replay() throws {
        let world = try GatewayWorld()
        var connection = try world.gatewayIn()
        try world.gateway.send(
            .start(order: "BKVORDER00000015", port: 1, limitEnergy: nil, limitSeconds: 60, limitPower: nil), to: Captured.socket)
        let start = try #require(try world.sentBKV(on: connection).first)
        try world.receive(
            try Made.bkv(.startAnswer(BKVStartAnswer(isDone: true, socket: 1, port: 0, business: 15)), sequence: start.sequence),
            on: connection)
        world.advance(.seconds(60))
        world.keep(.answers(.failed))
        for gap in [10.57, 10.8, 17.05] {
            try world.receive(Captured.bkv057, on: connection)
            world.advance(.seconds(gap))
        }
        #expect(world.sent(on: connection).isEmpty)
        #expect(world.notes("frame.refused").map { $0["reason"]?.text } == ["not_stored", "not_stored", "not_stored"])
        try world.gateway.closed(connection)
        world.keep(.books)
        world.advance(.seconds(4))
        connection = try world.gatewayIn("10.0.0.2:4010")
        try world.receive(Captured.bkv054, on: connection)
        try world.receive(Captured.bkv057, on: connection)
        #expect(world.sent(on: connection) == [Captured.bkv051])
        // The power is read again at each sending (2.15); it is the same bill all the same.
        try world.receive(try Made.end(business: 15, energy: 0, minutes: 1, power: 77), on: connection)
        #expect(world.sent(on: connection) == [Captured.bkv051])
        #expect(world.notes("frame.acknowledged").map { $0["duplicate"]?.bool } == [false, true])
        #expect(world.bills.allSatisfy { $0.order == "BKVORDER00000015" })
    }

    @Test("an end report whose business number nobody knows is handed over without an order, and acknowledged (row 3)")
    func unknownBusiness() throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        try world.receive(Captured.bkv050, on: connection)
        #expect(world.bills.map(\.order) == [nil])
        #expect(world.sent(on: connection) == [Captured.bkv051])
        #expect(world.notes("frame.refused").map { $0["reason"]?.text } == ["unknown_order"])
        #expect(world.notes("frame.refused").map { $0["is_acknowledged"]?.bool } == [true])
    }

    /// Starts an order and answers with that number.
    private func run(_ world: GatewayWorld, _ connection: UInt64, _ order: String, business: UInt16) throws {
        world.advance(.seconds(1))
        _ = world.sent(on: connection)
        try world.gateway.send(.start(order: order, port: 1, limitEnergy: nil, limitSeconds: 600, limitPower: nil), to: Captured.socket)
        let start = try #require(try world.sentBKV(on: connection).last)
        try world.receive(
            try Made.bkv(.startAnswer(BKVStartAnswer(isDone: true, socket: 1, port: 0, business: business)), sequence: start.sequence),
            on: connection)
    }

    @Test("a business number that is used again after 65,535 or a reset means the order that could have run so long (row 11)")
    func businessAgain() throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        try run(world, connection, "OLD0000000000000", business: 1)
        world.advance(.seconds(120 * 60))
        try world.receive(Captured.bkv039, on: connection)
        let later = try world.gatewayIn("10.0.0.2:4020")
        try run(world, later, "NEW0000000000000", business: 1)
        world.advance(.seconds(60))
        // 110 minutes: the new one runs for one minute only.
        try world.receive(try Made.end(business: 1, energy: 30, minutes: 110), on: later)
        #expect(world.bills.last?.order == "OLD0000000000000")
        // One minute, and the old one has its bill: the new one's.
        try world.receive(try Made.end(business: 1, energy: 2, minutes: 1), on: later)
        #expect(world.bills.last?.order == "NEW0000000000000")
        // The old bill again: still the old one's.
        try world.receive(try Made.end(business: 1, energy: 30, minutes: 110), on: later)
        #expect(world.bills.last?.order == "OLD0000000000000")
    }

    @Test("the table survives the cloud: a bill after a restart finds its order, and its reports do")
    func restart() throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        try run(world, connection, "BEFORE0000000000", business: 7)
        try world.restart()
        let later = try world.gatewayIn("10.0.0.2:4030")
        try world.receive(try Made.status(.charging, business: 7, minutes: 1, energy: 5), on: later)
        let samples = world.events().compactMap { if case .sample(let sample) = $0 { sample } else { nil } }
        #expect(samples.map(\.order) == ["BEFORE0000000000"])
        #expect(samples.map(\.energy) == [500])
        world.advance(.seconds(60))
        try world.receive(try Made.end(business: 7), on: later)
        #expect(world.bills.last?.order == "BEFORE0000000000")
    }

    @Test("a start counts only when its number is durable: a full disk delays it")
    func durableFirst() throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        world.disk.setFull(true)
        try run(world, connection, "FULL000000000000", business: 3)
        #expect(world.events().isEmpty)
        world.disk.setFull(false)
        world.advance(.seconds(1))
        #expect(world.events() == [.startAnswered(pile: Captured.socket, port: 1, order: "FULL000000000000", .started)])
    }

    @Test("07 answered after 3.4 s, after 16 s, never: repeated with the same number, no double start (row 18)", arguments: [3.4, 16.0])
    func slowAnswer(_ seconds: Double) throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        try world.gateway.send(
            .start(order: "SLOW000000000000", port: 1, limitEnergy: nil, limitSeconds: 60, limitPower: nil), to: Captured.socket)
        let start = try #require(try world.sentBKV(on: connection).first)
        world.advance(.seconds(seconds))
        // After 15 s the gateway looks at the socket before it would start again.
        #expect(try world.sentBKV(on: connection).map { $0.inner?.sub } == (seconds > 15 ? [0x1d] : []))
        try world.receive(
            try Made.bkv(.startAnswer(BKVStartAnswer(isDone: true, socket: 1, port: 0, business: 4)), sequence: start.sequence),
            on: connection)
        world.advance(.seconds(60))
        #expect(try world.sentBKV(on: connection).isEmpty)
        #expect(world.events() == [.startAnswered(pile: Captured.socket, port: 1, order: "SLOW000000000000", .started)])
    }

    @Test("a start that is never answered: look, repeat with the same number, look, give up (row 18)")
    func noAnswer() throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        try world.gateway.send(
            .start(order: "NONE000000000000", port: 1, limitEnergy: nil, limitSeconds: 60, limitPower: nil), to: Captured.socket)
        world.advance(.seconds(41))
        let frames = try world.sentBKV(on: connection)
        #expect(frames.map { $0.inner?.sub } == [0x07, 0x1d, 0x07, 0x1d])
        #expect(frames[0] == frames[2])
        #expect(world.events() == [.unanswered(pile: Captured.socket, port: 1, order: "NONE000000000000", command: "start")])
    }

    @Test("a status 90 with a number that nobody knows, after a start without an answer, is that start (2.18)")
    func seenCharging() throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        try world.gateway.send(
            .start(order: "SEEN000000000000", port: 1, limitEnergy: nil, limitSeconds: 60, limitPower: nil), to: Captured.socket)
        world.advance(.seconds(2))
        try world.receive(try Made.status(.charging, business: 21), on: connection)
        world.advance(.seconds(30))
        #expect(try world.sentBKV(on: connection).map { $0.inner?.sub ?? 0 }.filter { $0 == 0x07 }.count == 1)
        #expect(world.events().contains(.startAnswered(pile: Captured.socket, port: 1, order: "SEEN000000000000", .started)))
        try world.receive(try Made.end(business: 21), on: connection)
        #expect(world.bills.last?.order == "SEEN000000000000")
    }

    @Test("an idle status while it looks: it did not start, and is sent again at once")
    func seenIdle() throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        try world.gateway.send(
            .start(order: "IDLE000000000000", port: 1, limitEnergy: nil, limitSeconds: 60, limitPower: nil), to: Captured.socket)
        world.advance(.seconds(15.5))
        _ = world.sent(on: connection)
        try world.receive(try Made.status(.idle, business: 0), on: connection)
        #expect(try world.sentBKV(on: connection).map { $0.inner?.sub } == [nil, 0x07])
    }

    @Test("a stop is 07 with the switch off; what ends a stopped charge is the platform")
    func stop() throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        try run(world, connection, "STOP000000000000", business: 5)
        world.advance(.seconds(60))
        _ = world.sent(on: connection)
        try world.gateway.send(.stop(order: "STOP000000000000", port: 1), to: Captured.socket)
        let stop = try #require(try world.sentBKV(on: connection).first)
        #expect(stop.data.prefix(6) == [0x00, 0x08, 0x07, 0x01, 0x00, 0x00])
        _ = world.events()
        try world.receive(
            try Made.bkv(.startAnswer(BKVStartAnswer(isDone: true, socket: 1, port: 0, business: 5)), sequence: stop.sequence),
            on: connection)
        #expect(world.events() == [.stopAnswered(pile: Captured.socket, port: 1, order: "STOP000000000000", .stopped)])
        try world.receive(try Made.end(business: 5, status: .full), on: connection)
        #expect(world.bills.last?.reason == .remote)
    }

    @Test("a charge that began and ended while the cloud was down has its order: the start was written down before it went out")
    func begunAndEnded() throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        try world.gateway.send(
            .start(order: "DOWN000000000000", port: 1, limitEnergy: nil, limitSeconds: 600, limitPower: nil), to: Captured.socket)
        #expect(world.sent(on: connection).count == 1)
        try world.restart()
        world.advance(.seconds(900))
        let later = try world.gatewayIn("10.0.0.2:4050")
        try world.receive(try Made.end(business: 44, energy: 50, minutes: 10), on: later)
        try world.receive(try Made.end(business: 44, energy: 50, minutes: 10), on: later)
        #expect(world.bills.map(\.order) == ["DOWN000000000000", "DOWN000000000000"])
        #expect(world.notes("frame.acknowledged").map { $0["duplicate"]?.bool } == [false, true])
        #expect(world.events().contains(.startAnswered(pile: Captured.socket, port: 1, order: "DOWN000000000000", .started)))
        // The next number that nobody knows is nobody's.
        try world.receive(try Made.end(business: 45, energy: 50, minutes: 10), on: later)
        #expect(world.bills.last?.order == nil)
    }

    @Test("a start that was refused, or one that cannot have run so long, takes no number")
    func notAdopted() throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        try world.gateway.send(
            .start(order: "REFUSED000000000", port: 1, limitEnergy: nil, limitSeconds: 600, limitPower: nil), to: Captured.socket)
        let start = try #require(try world.sentBKV(on: connection).first)
        try world.receive(
            try Made.bkv(.startAnswer(BKVStartAnswer(isDone: false, socket: 1, port: 0, business: 0)), sequence: start.sequence),
            on: connection)
        try world.restart()
        world.advance(.seconds(1))
        let later = try world.gatewayIn("10.0.0.2:4051")
        try world.receive(try Made.end(business: 44, minutes: 0), on: later)
        world.advance(.seconds(1))
        try world.gateway.send(
            .start(order: "SHORT00000000000", port: 1, limitEnergy: nil, limitSeconds: 600, limitPower: nil), to: Captured.socket)
        try world.receive(try Made.end(business: 45, minutes: 10), on: later)
        #expect(world.bills.map(\.order) == [nil, nil])
    }

    @Test("a stop that fails: never ran if its start was refused, else over, and its bill may be on its way")
    func failedStop() throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        let failed = BKVStartAnswer(isDone: false, socket: 1, port: 0, business: 0)
        for isRefused in [true, false] {
            let order = isRefused ? "REFUSED000000000" : "UNKNOWN000000000"
            world.advance(.seconds(1))
            try world.gateway.send(.start(order: order, port: 1, limitEnergy: nil, limitSeconds: 60, limitPower: nil), to: Captured.socket)
            let start = try #require(try world.sentBKV(on: connection).first)
            if isRefused { try world.receive(try Made.bkv(.startAnswer(failed), sequence: start.sequence), on: connection) }
            world.advance(.seconds(1))
            try world.gateway.send(.stop(order: order, port: 1), to: Captured.socket)
            let stop = try #require(try world.sentBKV(on: connection).first)
            _ = world.events()
            try world.receive(try Made.bkv(.startAnswer(failed), sequence: stop.sequence), on: connection)
            #expect(world.events() == [.stopAnswered(pile: Captured.socket, port: 1, order: order, isRefused ? .unknown : .over)])
        }
    }

    @Test("a cloud that fell before it heard the answer to the start learns the number from the answer to the stop")
    func learnsFromStop() throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        try world.gateway.send(
            .start(order: "LOST000000000000", port: 1, limitEnergy: nil, limitSeconds: 6_000, limitPower: nil), to: Captured.socket)
        _ = world.sent(on: connection)
        try world.restart()
        world.advance(.seconds(1_800))
        let later = try world.gatewayIn("10.0.0.2:4040")
        try world.gateway.send(.stop(order: "LOST000000000000", port: 1), to: Captured.socket)
        let stop = try #require(try world.sentBKV(on: later).first)
        try world.receive(
            try Made.bkv(.startAnswer(BKVStartAnswer(isDone: true, socket: 1, port: 0, business: 31)), sequence: stop.sequence), on: later)
        #expect(world.events() == [.stopAnswered(pile: Captured.socket, port: 1, order: "LOST000000000000", .stopped)])
        try world.receive(try Made.end(business: 31, energy: 50, minutes: 30), on: later)
        #expect(world.bills.last?.order == "LOST000000000000")
    }

    @Test(
        "status bytes become causes (row 10)",
        arguments: [
            (UInt8(0x98), StopReason.unplugged), (0xa0, .full), (0xb0, .time), (0x92, .overCurrent), (0x94, .overTemperature),
            (0x80, .unknown),
        ])
    func causes(_ byte: UInt8, _ reason: StopReason) throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        try world.receive(try Made.end(business: 2, status: BKVStatus(rawValue: byte)), on: connection)
        #expect(world.bills.map(\.reason) == [reason])
    }

    @Test(
        "energy goes out in Wh, minutes between 1 and 900; of two limits the one that is reached first",
        arguments: [
            (Int64?.some(5_000), Int64?.none, false, UInt16(900), UInt16(500)), (nil, 3_601, true, 61, 0), (nil, 90_000, true, 900, 0),
            (nil, .max, true, 900, 0), (nil, -5, true, 1, 0), (.max, nil, false, 900, 65_535), (nil, nil, true, 900, 0),
            (40_000, 3_600, true, 60, 4_000), (1_000, 3_600, false, 60, 100), (3, nil, false, 900, 1),
        ])
    func limits(_ energy: Int64?, _ seconds: Int64?, _ isByTime: Bool, _ minutes: UInt16, _ wattHours: UInt16) {
        let limit = BKVLimit(energy: energy, seconds: seconds, ratedPower: 20_000)
        #expect(limit.isByTime == isByTime && limit.minutes == minutes && limit.wattHours == wattHours)
    }

    @Test("a card is answered by the start that follows, with its own business number; refused, the port stays off")
    func cards() throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        var swipe = BKVCardSwipe()
        (swipe.business, swipe.card) = (26, "000000000002")
        try world.receive(try Made.bkv(.cardSwipe(swipe)), on: connection)
        let card = try #require(BKVCard.printed("000000000002"))
        #expect(world.events() == [.card(pile: Captured.socket, port: 1, card: card)])
        try world.gateway.send(.answerCard(card: card, port: 1, isAccepted: true, balance: 500), to: Captured.socket)
        #expect(world.sent(on: connection).isEmpty)
        try world.gateway.send(
            .start(order: "CARD000000000000", port: 1, limitEnergy: nil, limitSeconds: 3_600, limitPower: nil), to: Captured.socket)
        let order = try #require(try world.sentBKV(on: connection).first)
        #expect(order.inner?.sub == 0x0b && order.sequence != 0)
        #expect(order.data[3..<8] == [0x01, 0x00, 0x00, 0x1a, 0x01])
        try world.receive(try Made.bkv(.cardOrderTaken(BKVPortResult(socket: 1, port: 0)), sequence: order.sequence), on: connection)
        #expect(world.events() == [.startAnswered(pile: Captured.socket, port: 1, order: "CARD000000000000", .started)])
        try world.receive(try Made.end(business: 26), on: connection)
        #expect(world.bills.last?.order == "CARD000000000000")

        world.advance(.seconds(1))
        _ = world.sent(on: connection)
        try world.receive(try Made.bkv(.cardSwipe(swipe)), on: connection)
        try world.gateway.send(.answerCard(card: card, port: 1, isAccepted: false, balance: 0), to: Captured.socket)
        #expect(try world.sentBKV(on: connection).map { $0.data[7] } == [0x00])
    }

    @Test("the second platform's inner lengths, a power start's outer 0005, unknown keys and commands are taken as they are (rows 7 to 9)")
    func forms() throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        // 02 with an inner length that counts the sub-command.
        var bytes = try Made.end(business: 2)
        bytes[19] = 0x12
        bytes[bytes.count - 3] = bytes[2..<bytes.count - 3].reduce(0, &+)
        try world.receive(bytes, on: connection)
        #expect(world.bills.count == 1)
        _ = world.sent(on: connection)
        // A 1017 with a key of 200 bytes, whose length takes two bytes, and one that no table has.
        var record = BKVRecord(status: [], gateway: Captured.gateway)
        var socket = BKVSocketStatus()
        socket.ports = [BKVPortStatus()]
        record.pairs =
            [BKVPair(.number(0xee), Array(repeating: 1, count: 200))] + BKVRecord(status: [socket], gateway: Captured.gateway).pairs
        try world.receive(try Made.bkv(.record(record)), on: connection)
        #expect(world.sent(on: connection) == [Captured.bkv049])
        try world.receive(Captured.bkv054, on: connection)
        #expect(world.sent(on: connection).isEmpty)
        #expect(world.notes("frame.refused").map { $0["reason"]?.text } == ["unknown_order"])
    }

    @Test(
        "heads and tails inside data do not cut a frame: business number FCEE and FCFE (row 6)",
        arguments: [UInt16(0xfcee), 0xfcfe, 0xfcff])
    func marksInData(_ business: UInt16) throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        try run(world, connection, "MARK000000000000", business: business)
        world.advance(.seconds(60))
        try world.receive(try Made.end(business: business), on: connection)
        #expect(world.bills.map(\.order) == ["MARK000000000000"])
        #expect(try world.gateway.counters.garbage == 0)
    }

    @Test("parameters go out as 1011 with the keys that change, its number in the pairs; a restart is not possible")
    func services() throws {
        let world = try GatewayWorld()
        let connection = try world.gatewayIn()
        try world.gateway.send(.setParameters(["overload_power": 8_000, "maximum_minutes": 600]), to: Captured.socket)
        let frame = try #require(try world.sentBKV(on: connection).first)
        let record = try BKVRecord(frame.data[...])
        #expect(record.command == 0x1011 && record.sequence == UInt64(frame.sequence))
        #expect(record.number(.powerLimit) == 8_000 && record.number(.maximumMinutes) == 600 && record.number(.socket) == 1)
        var answer = BKVRecord(command: 0x1011, gateway: Captured.gateway)
        answer.pairs = [BKVPair(.socket, number: 1), BKVPair(.acknowledgement, number: 1)]
        try world.receive(try Made.bkv(.record(answer), sequence: frame.sequence), on: connection)
        #expect(world.events() == [.serviced(pile: Captured.socket, .setParameters, .done)])
        try world.gateway.send(.setParameters(["colour": 3]), to: Captured.socket)
        try world.gateway.send(.restart, to: Captured.socket)
        #expect(
            world.events() == [
                .serviced(pile: Captured.socket, .setParameters, .refused("unknown_parameter colour")),
                .serviced(pile: Captured.socket, .restart, .refused("not_supported")),
            ])
    }

    @Test("an upgrade is triggered by 0007 and has no answer: done when the gateway comes back with the version, else given up (row 21)")
    func upgrade() throws {
        let world = try GatewayWorld { $0.upgradeServer = PileGatewaySettings.UpgradeServer(address: [101, 37, 145, 162], port: 21) }
        let connection = try world.gatewayIn()
        try world.gateway.send(.upgrade(image: [1], version: "GV.8r12.OTA"), to: Captured.socket)
        let frame = try #require(try world.sentBKV(on: connection).first)
        // The data of bkv-038.
        #expect(Hexadecimal.text(frame.data) == "01652591a2001547562e387231322e4f54410000")
        for _ in 0..<16 {
            world.advance(.seconds(60))
            try world.receive(Captured.bkv039, on: connection)
        }
        #expect(world.events() == [.serviced(pile: Captured.socket, .upgrade, .unanswered)])
    }
}
