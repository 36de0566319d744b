import LabCore
import MQTTBroker
import Testing
import WireProtocols

@Suite("MQTT 3.1.1 §4.3: QoS from the client")
struct IncomingQoSTests {
    private func bench() throws -> Bench {
        var bench = Bench()
        try bench.connect(9, "watcher")
        try bench.feed(9, subscribe(1, ("#", .atMostOnce)))
        try bench.connect(1, "badge", clean: false)
        return bench
    }

    @Test("0: delivered, not answered; 1: PUBACK [MQTT-4.3.2-2]; 2: PUBREC, PUBREL, PUBCOMP [MQTT-4.3.3-2]")
    func levels() throws {
        var bench = try bench()
        #expect(try bench.feed(1, publish("a", "0")).isEmpty)
        #expect(try bench.feed(1, publish("a", "1", .atLeastOnce, id: 7)) == [puback(7)])
        #expect(try bench.feed(1, publish("a", "2", .exactlyOnce, id: 8)) == [pubrec(8)])
        #expect(try bench.feed(1, pubrel(8)) == [pubcomp(8)])
        #expect(try payloads(bench.take(9)) == ["0", "1", "2"])
    }

    @Test("2: the same identifier before PUBREL is not a second message, after PUBCOMP it is (rmqtt 456, 458)")
    func duplicate() throws {
        var bench = try bench()
        for dup in [false, true, true, false] {
            #expect(try bench.feed(1, publish("a", "once", .exactlyOnce, id: 8, dup: dup)) == [pubrec(8)])
        }
        #expect(try bench.feed(1, pubrel(8)) == [pubcomp(8)])
        #expect(try bench.feed(1, publish("a", "again", .exactlyOnce, id: 8)) == [pubrec(8)])
        #expect(try payloads(bench.take(9)) == ["once", "again"])
    }

    @Test("2: what arrived is known after a reconnect too (monster-mq 180)")
    func reconnect() throws {
        var bench = try bench()
        try bench.feed(1, publish("a", "once", .exactlyOnce, id: 8))
        bench.drop(1)
        try bench.connect(2, "badge", clean: false)
        #expect(try bench.feed(2, publish("a", "once", .exactlyOnce, id: 8, dup: true)) == [pubrec(8)])
        #expect(try bench.feed(2, pubrel(8)) == [pubcomp(8)])
        #expect(try payloads(bench.take(9)) == ["once"])
    }

    @Test("2: and is forgotten with a clean session [MQTT-3.1.2-6]")
    func cleanReconnect() throws {
        var bench = try bench()
        try bench.feed(1, publish("a", "one", .exactlyOnce, id: 8))
        try bench.connect(2, "badge", clean: true)
        try bench.feed(2, publish("a", "two", .exactlyOnce, id: 8))
        #expect(try payloads(bench.take(9)) == ["one", "two"])
    }

    @Test("PUBREL for an unknown identifier is answered all the same")
    func unknownRelease() throws {
        var bench = try bench()
        #expect(try bench.feed(1, pubrel(77)) == [pubcomp(77)])
    }

    @Test("1: DUP does not make it another message, the broker cannot know (§4.3.2)")
    func duplicateQoS1() throws {
        var bench = try bench()
        try bench.feed(1, publish("a", "x", .atLeastOnce, id: 1), publish("a", "x", .atLeastOnce, id: 1, dup: true))
        #expect(try payloads(bench.take(9)) == ["x", "x"])
    }

    @Test("2: a client that never releases is made to wait, with bounded memory, and goes on when it releases")
    func neverReleases() throws {
        var bench = Bench { $0.maximumUnreleased = 3 }
        try bench.connect(1, "badge")
        for id in UInt16(1)...5 { try bench.feed(1, publish("a", "\(id)", .exactlyOnce, id: id)) }
        #expect(try bench.feed(1, .pingreq) == [.pingresp])
        #expect(try bench.feed(1, pubrel(1)) == [pubcomp(1), pubrec(4)])
        #expect(try bench.feed(1, pubrel(2)) == [pubcomp(2), pubrec(5)])
    }
}

@Suite("MQTT 3.1.1 §4.3, §4.4: QoS to the client")
struct OutgoingQoSTests {
    private func bench(_ qos: MQTTQoS, _ change: (inout BrokerConfiguration) -> Void = { _ in }) throws -> Bench {
        var bench = Bench(OpenAuthorizer(), change)
        try bench.connect(1, "cloud", clean: false)
        try bench.feed(1, subscribe(1, ("a", qos)))
        return bench
    }

    private func inline(_ bench: inout Bench, _ payload: String, _ qos: MQTTQoS = .exactlyOnce) throws {
        bench.give(.publish(InlinePublish(topic: try MQTTTopic("a"), payload: [UInt8](payload.utf8), qos: qos)))
    }

    static let downgrades: [(MQTTQoS, MQTTQoS, MQTTQoS)] = [
        (.atMostOnce, .exactlyOnce, .atMostOnce), (.exactlyOnce, .atMostOnce, .atMostOnce), (.atLeastOnce, .exactlyOnce, .atLeastOnce),
        (.exactlyOnce, .atLeastOnce, .atLeastOnce), (.exactlyOnce, .exactlyOnce, .exactlyOnce),
    ]

    @Test("is the lower of message and subscription [MQTT-3.8.4-6]", arguments: downgrades)
    func downgrade(subscribed: MQTTQoS, published: MQTTQoS, sent: MQTTQoS) throws {
        var bench = try bench(subscribed)
        try inline(&bench, "x", published)
        #expect(try bench.take(1) == [publish("a", "x", sent, id: sent == .atMostOnce ? 0 : 1)])
    }

    @Test("1: unacknowledged is sent again after a reconnect with DUP and its identifier, in order [MQTT-4.4.0-1], [MQTT-4.6.0-1]")
    func resend() throws {
        var bench = try bench(.atLeastOnce)
        for payload in ["1", "2", "3"] { try inline(&bench, payload) }
        try bench.take(1)
        try bench.feed(1, puback(2))
        bench.drop(1)
        #expect(
            try bench.connect(2, "cloud", clean: false) == [
                connack(present: true), publish("a", "1", .atLeastOnce, id: 1, dup: true), publish("a", "3", .atLeastOnce, id: 3, dup: true),
            ])
        try bench.feed(2, puback(1), puback(3))
        #expect(bench.broker.backlog(clientID: "cloud") == 0)
    }

    @Test("2: after PUBREC it is PUBREL that is sent again, not the message (amqtt 401)")
    func resendRelease() throws {
        var bench = try bench(.exactlyOnce)
        try inline(&bench, "1")
        try inline(&bench, "2")
        #expect(try bench.take(1) == [publish("a", "1", .exactlyOnce, id: 1), publish("a", "2", .exactlyOnce, id: 2)])
        #expect(try bench.feed(1, pubrec(1)) == [pubrel(1)])
        bench.drop(1)
        #expect(
            try bench.connect(2, "cloud", clean: false) == [connack(present: true), pubrel(1), publish("a", "2", .exactlyOnce, id: 2, dup: true)])
        #expect(try bench.feed(2, pubcomp(1), pubrec(2)) == [pubrel(2)])
        try bench.feed(2, pubcomp(2))
        #expect(bench.broker.backlog(clientID: "cloud") == 0)
    }

    @Test("identifiers are used again only when they are free [MQTT-2.3.1-4]")
    func identifiers() throws {
        var bench = try bench(.exactlyOnce) { $0.maximumInflight = 3 }
        try inline(&bench, "stays")
        try bench.take(1)
        // Around once: 65,535 identifiers, of which 1 is taken all the time.
        for round in 0..<65_534 {
            try inline(&bench, "x", .atLeastOnce)
            guard case .publish(let message)? = try bench.take(1).first else { return #expect(Bool(false)) }
            #expect(message.packetID == UInt16(round + 2))
            try bench.feed(1, puback(message.packetID))
        }
        try inline(&bench, "wrapped", .atLeastOnce)
        #expect(try bench.take(1) == [publish("a", "wrapped", .atLeastOnce, id: 2)])
    }

    @Test("a window of messages is on its way; the rest waits in order, and nothing new overtakes it [MQTT-4.6.0-6]")
    func window() throws {
        var bench = try bench(.atLeastOnce) { $0.maximumInflight = 2 }
        for payload in ["1", "2", "3"] { try inline(&bench, payload) }
        try inline(&bench, "zero", .atMostOnce)
        #expect(try payloads(bench.take(1)) == ["1", "2"])
        #expect(try payloads(bench.feed(1, puback(1))) == ["3", "zero"])
    }

    @Test("on resume a new publish does not overtake the backlog (mqtt-lib 151, iotedge 3145)")
    func resumeOrder() throws {
        var bench = try bench(.atLeastOnce) { $0.maximumInflight = 2 }
        bench.drop(1)
        for payload in ["1", "2", "3", "4"] { try inline(&bench, payload) }
        #expect(try payloads(bench.connect(2, "cloud", clean: false)) == ["1", "2"])
        try inline(&bench, "5")
        try inline(&bench, "6", .atMostOnce)
        #expect(try payloads(bench.feed(2, puback(1), puback(2))) == ["3", "4"])
        #expect(try payloads(bench.feed(2, puback(3), puback(4))) == ["5", "6"])
    }

    @Test("an acknowledgement of the wrong kind closes the connection, an unknown one does not", arguments: [puback(1), pubcomp(1)])
    func wrongKind(_ wrong: MQTTPacket) throws {
        var bench = try bench(.exactlyOnce)
        try inline(&bench, "x")
        try bench.take(1)
        #expect(try bench.feed(1, puback(99), pubcomp(99), pubrec(99)) == [pubrel(99)])
        #expect(bench.closed.isEmpty)
        try bench.feed(1, wrong)
        #expect(bench.closed[1] != nil)
    }

    @Test("while the transport is congested messages wait; QoS 0 beyond the queue is dropped and noted once")
    func congested() throws {
        var bench = try bench(.atLeastOnce) { $0.maximumQueued = 3 }
        bench.give(.congested(ConnectionID(rawValue: 1), true))
        for payload in ["1", "2", "3", "4", "5"] { try inline(&bench, payload, .atMostOnce) }
        #expect(try bench.take(1).isEmpty)
        #expect(bench.noted("mqtt.dropped") == 1)
        #expect(bench.broker.counters.publishesDropped == 2)
        bench.give(.congested(ConnectionID(rawValue: 1), false))
        #expect(try payloads(bench.take(1)) == ["1", "2", "3"])
    }
}
