import LabCore
import Testing
import WireProtocols

@Suite("MQTT client session: acknowledgement by hand")
struct MQTTClientHandTests {
    private func connected() throws -> ClientBench {
        var bench = ClientBench { $0.acknowledgesByHand = true }
        try bench.connect(clean: false)
        return bench
    }

    private func payloads(_ effects: [MQTTClientEffect]) -> [String] {
        effects.compactMap { if case .message(let message) = $0 { String(decoding: message.payload, as: UTF8.self) } else { nil } }
    }

    @Test("nothing is acknowledged before the owner says so; then PUBACK for QoS 1, PUBREC for QoS 2, nothing for QoS 0")
    func byHand() throws {
        var bench = try connected()
        let effects = try bench.feed(message("0", .atMostOnce), message("1", .atLeastOnce, id: 7), message("2", .exactlyOnce, id: 8))
        #expect(payloads(effects) == ["0", "1", "2"])
        #expect(bench.sent.isEmpty)
        #expect(bench.give(.acknowledge(7)) == [])
        #expect(try bench.take() == [ack(.puback, 7)])
        bench.give(.acknowledge(8))
        #expect(try bench.take() == [ack(.pubrec, 8)])
        try bench.feed(ack(.pubrel, 8))
        #expect(try bench.take() == [ack(.pubcomp, 8)])
    }

    @Test("acknowledgements go out in the order of the messages [MQTT-4.6.0-2], [MQTT-4.6.0-3]")
    func order() throws {
        var bench = try connected()
        try bench.feed(message("1", .atLeastOnce, id: 1), message("2", .exactlyOnce, id: 2), message("3", .atLeastOnce, id: 3), message("4", .atLeastOnce, id: 4))
        bench.give(.acknowledge(3))
        bench.give(.acknowledge(2))
        #expect(bench.sent.isEmpty)
        bench.give(.acknowledge(1))
        #expect(try bench.take() == [ack(.puback, 1), ack(.pubrec, 2), ack(.puback, 3)])
        bench.give(.acknowledge(4))
        #expect(try bench.take() == [ack(.puback, 4)])
    }

    @Test("unknown and repeated identifiers do no harm")
    func unknown() throws {
        var bench = try connected()
        bench.give(.acknowledge(9))
        try bench.feed(message("1", .atLeastOnce, id: 9))
        bench.give(.acknowledge(9))
        bench.give(.acknowledge(9))
        #expect(try bench.take() == [ack(.puback, 9)])
        var idle = ClientBench { $0.acknowledgesByHand = true }
        #expect(idle.give(.acknowledge(1)) == [] && idle.sent.isEmpty)
    }

    @Test("what is not acknowledged when the connection ends comes again, and the owner's word for the first copy is void")
    func cut() throws {
        var bench = try connected()
        try bench.feed(message("1", .atLeastOnce, id: 1), message("2", .exactlyOnce, id: 2))
        #expect(bench.give(.transportClosed("cut")) == [.disconnected(.transportClosed("cut"))])
        bench.give(.acknowledge(1))
        #expect(bench.sent.isEmpty)
        try bench.connect(clean: false, present: true)
        let again = try bench.feed(message("1", .atLeastOnce, id: 1, dup: true), message("2", .exactlyOnce, id: 2, dup: true))
        #expect(payloads(again) == ["1", "2"])
        bench.give(.acknowledge(1))
        bench.give(.acknowledge(2))
        #expect(try bench.take() == [ack(.puback, 1), ack(.pubrec, 2)])
        // From PUBREC on the message is not delivered again, as ever [MQTT-4.3.3-2].
        #expect(payloads(try bench.feed(message("2", .exactlyOnce, id: 2, dup: true))) == [])
        #expect(try bench.take() == [ack(.pubrec, 2)])
    }

    @Test("a second copy on the same connection is not told again; a new message under the identifier closes it [MQTT-2.3.1-4]")
    func copies() throws {
        var bench = try connected()
        try bench.feed(message("1", .atLeastOnce, id: 1), message("2", .exactlyOnce, id: 2))
        #expect(payloads(try bench.feed(message("1", .atLeastOnce, id: 1, dup: true), message("2", .exactlyOnce, id: 2, dup: true))) == [])
        #expect(bench.sent.isEmpty)
        bench.give(.acknowledge(1))
        #expect(try bench.take() == [ack(.puback, 1)])
        // After PUBACK the identifier is free: whatever comes under it is a new message [MQTT-4.3.2-2].
        #expect(payloads(try bench.feed(message("again", .atLeastOnce, id: 1, dup: true))) == ["again"])
        #expect(try bench.feed(message("other", .exactlyOnce, id: 2)).first == .closeTransport)
        guard case .disconnected(.violation(let error))? = bench.effects.last else { return #expect(Bool(false)) }
        #expect(error.violation == .packetIdentifierInUse(2))
        #expect(error.clause == "MQTT-2.3.1-4")
    }

    @Test("an order of acknowledgements drawn at random: each message acknowledged once, in the order of arrival", arguments: UInt64(1)...UInt64(20))
    func random(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "acknowledgement by hand")
        var bench = try connected()
        var waiting: [UInt16] = []
        for id in UInt16(1)...200 {
            try bench.feed(message("x", .atLeastOnce, id: id))
            waiting.append(id)
            while !waiting.isEmpty, chance.chance(0.6) { bench.give(.acknowledge(waiting.remove(at: Int(chance.integer(below: UInt64(waiting.count)))))) }
        }
        for id in waiting.reversed() { bench.give(.acknowledge(id)) }
        #expect(try bench.take() == (UInt16(1)...200).map { ack(.puback, $0) }, "seed \(seed)")
    }
}
