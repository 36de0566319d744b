import LabCore
import Testing
import WireProtocols

@Suite("MQTT client session: the connection")
struct MQTTClientConnectionTests {
    @Test("CONNECT goes out when the transport is there, as mosquitto_pub sends it; CONNACK makes it connected")
    func connects() throws {
        var bench = ClientBench()
        #expect(bench.give(.command(.connect(MQTTConnection(clientID: "badge-1", isClean: true, keepAlive: 60)))) == [.openTransport])
        #expect(bench.give(.transportOpened) == [])
        #expect(MQTTHex.text(bench.sent) == MQTTHex.text(MQTTHex.bytes("101300044d5154540402003c000762616467652d31")))
        #expect(bench.timers == [.connack: RunInstant(nanoseconds: 30_000_000_000)])
        #expect(bench.give(.received(MQTTHex.bytes("20 02 00 00"))) == [.connected(sessionPresent: false)])
        #expect(bench.timers == [.ping: RunInstant(nanoseconds: 60_000_000_000)])
    }

    @Test("with user, password and will the bytes are those of mosquitto_pub")
    func will() {
        var bench = ClientBench()
        let will = MQTTConnection.Will(topic: "w/1", payload: [UInt8]("gone".utf8), quality: 1, retain: true)
        bench.give(
            .command(
                .connect(
                    MQTTConnection(
                        clientID: "badge-1", username: "badge-1", password: [UInt8]("secret".utf8), isClean: true, keepAlive: 10, will: will))))
        bench.give(.transportOpened)
        #expect(bench.sent == MQTTHex.bytes("102f00044d51545404ee000a000762616467652d310003772f310004676f6e65000762616467652d310006736563726574"))
    }

    @Test("a refusal is told with its code; the next attempt may succeed")
    func refused() throws {
        var bench = ClientBench()
        bench.give(.command(.connect(MQTTConnection(clientID: "x", isClean: false, keepAlive: 0))))
        bench.give(.transportOpened)
        #expect(try bench.feed(.connack(MQTTConnack(sessionPresent: false, code: .notAuthorized))) == [.refused(.notAuthorized), .closeTransport])
        #expect(bench.timers.isEmpty)
        #expect(bench.give(.command(.connect(MQTTConnection(clientID: "x", isClean: false, keepAlive: 0)))) == [.openTransport])
    }

    @Test("no CONNACK in time, no transport, a cut: each ends it with its reason")
    func ends() throws {
        var bench = ClientBench()
        bench.give(.command(.connect(MQTTConnection(clientID: "x", isClean: true, keepAlive: 0))))
        #expect(bench.give(.transportClosed("unreachable")) == [.disconnected(.transportClosed("unreachable"))])
        bench.give(.command(.connect(MQTTConnection(clientID: "x", isClean: true, keepAlive: 0))))
        bench.give(.transportOpened)
        #expect(bench.fire(.connack) == [.closeTransport, .disconnected(.connackTimeout)])
        bench = ClientBench()
        try bench.connect(keepAlive: 10)
        #expect(bench.give(.transportClosed("cut")) == [.disconnected(.transportClosed("cut"))])
        #expect(bench.timers.isEmpty)
        #expect(bench.give(.transportClosed("again")) == [])
    }

    @Test("DISCONNECT is the last packet [MQTT-3.14.4-2]")
    func disconnects() throws {
        var bench = ClientBench()
        try bench.connect(keepAlive: 10)
        #expect(bench.give(.command(.disconnect)) == [.closeTransport, .disconnected(.requested)])
        #expect(try bench.take() == [.disconnect()])
        #expect(bench.timers.isEmpty)
        #expect(bench.give(.received(MQTTHex.bytes("d000"))) == [])
    }

    @Test("what cannot be done is told and changes nothing")
    func failures() throws {
        var bench = ClientBench()
        #expect(bench.give(.command(.subscribe(filter: "a", quality: 0))) == [.failed(.notConnected, nil)])
        let badWill = MQTTConnection.Will(topic: "#", payload: [], quality: 0, retain: false)
        #expect(bench.give(.command(.connect(MQTTConnection(clientID: "x", isClean: true, keepAlive: 0, will: badWill)))) == [.failed(.topic(.wildcardInName(offset: 0)), nil)])
        #expect(bench.give(.command(.connect(MQTTConnection(clientID: "x", password: [1], isClean: true, keepAlive: 0)))) == [.failed(.encoding(.passwordWithoutUserName), nil)])
        try bench.connect()
        #expect(bench.give(.command(.connect(MQTTConnection(clientID: "x", isClean: true, keepAlive: 0)))) == [.failed(.alreadyConnected, nil)])
        let publish = MQTTCommand.publish(topic: "a/+", payload: [], quality: 1, retain: false, token: Token(rawValue: 3))
        #expect(bench.give(.command(publish)) == [.failed(.topic(.wildcardInName(offset: 2)), Token(rawValue: 3))])
        #expect(bench.publish("x", 3) == [.failed(.invalidQoS(3), Token(rawValue: 0))])
        #expect(try bench.take().isEmpty)
    }

    @Test("a violation of the server closes the connection", arguments: ["30 05 0003 612f2b", "c0 00", "20 02 0000", "90 03 0009 00", "b0 02 0009", "ff"])
    func violation(_ wire: String) throws {
        var bench = ClientBench()
        try bench.connect()
        let effects = bench.give(.received(MQTTHex.bytes(wire)))
        #expect(effects.first == .closeTransport)
        guard case .disconnected(.violation)? = effects.last else { return #expect(Bool(false), "\(effects)") }
    }
}

@Suite("MQTT client session: keep alive [MQTT-3.1.2-23]")
struct MQTTClientKeepAliveTests {
    @Test("PINGREQ after silence, PINGRESP in time goes on, else it ends")
    func ping() throws {
        var bench = ClientBench { $0.pingTimeout = .seconds(5) }
        try bench.connect(keepAlive: 10)
        #expect(bench.fire(.ping) == [])
        #expect(try bench.take() == [.pingreq])
        #expect(bench.timers[.pingResponse] == RunInstant(nanoseconds: 15_000_000_000))
        try bench.feed(.pingresp)
        #expect(bench.timers[.pingResponse] == nil)
        _ = bench.fire(.ping)
        #expect(bench.fire(.pingResponse) == [.closeTransport, .disconnected(.pingTimeout)])
        #expect(bench.timers.isEmpty)
    }

    @Test("traffic both ways puts it off without touching the timer; what is only sent does not hide a dead server")
    func traffic() throws {
        var bench = ClientBench()
        try bench.connect(keepAlive: 10)
        bench.advance(7)
        _ = bench.publish("x", 1)
        try bench.feed(ack(.puback, 1))
        #expect(bench.timers[.ping] == RunInstant(nanoseconds: 10_000_000_000))
        _ = try bench.take()
        _ = bench.fire(.ping)
        #expect(try bench.take() == [])
        #expect(bench.timers[.ping] == RunInstant(nanoseconds: 17_000_000_000))
        bench.advance(6)
        _ = bench.publish("x", 0)
        _ = try bench.take()
        _ = bench.fire(.ping)
        #expect(try bench.take() == [.pingreq])
    }

    @Test("0 switches it off")
    func off() throws {
        var bench = ClientBench()
        try bench.connect(keepAlive: 0)
        #expect(bench.timers.isEmpty)
    }
}

@Suite("MQTT client session: messages (MQTT 3.1.1 §4.3 to §4.6)")
struct MQTTClientMessageTests {
    @Test("QoS 0 goes out, or is dropped without a connection")
    func qos0() throws {
        var bench = ClientBench()
        #expect(bench.publish("x", 0, 4) == [.dropped(Token(rawValue: 4), .notConnected)])
        try bench.connect()
        #expect(bench.publish("x", 0) == [])
        #expect(try bench.take() == [message("x", .atMostOnce)])
    }

    @Test("QoS 1 and 2 end with their acknowledgements")
    func qos12() throws {
        var bench = ClientBench()
        try bench.connect()
        _ = bench.publish("1", 1, 11)
        _ = bench.publish("2", 2, 22)
        #expect(try bench.take() == [message("1", .atLeastOnce, id: 1), message("2", .exactlyOnce, id: 2)])
        #expect(try bench.feed(ack(.puback, 1)) == [.acknowledged(Token(rawValue: 11))])
        #expect(try bench.feed(ack(.pubrec, 2)) == [])
        #expect(try bench.take() == [ack(.pubrel, 2)])
        #expect(try bench.feed(ack(.pubcomp, 2)) == [.acknowledged(Token(rawValue: 22))])
        #expect(bench.session.unfinishedCount == 0)
    }

    @Test("a persistent session sends again with DUP, in order, PUBREL where PUBREC was seen; then what waited [MQTT-4.4.0-1]")
    func resend() throws {
        var bench = ClientBench { $0.inflightLimit = 3 }
        try bench.connect(clean: false)
        for (payload, quality) in [("1", UInt8(1)), ("2", 2), ("3", 2), ("4", 1)] { _ = bench.publish(payload, quality) }
        try bench.feed(ack(.pubrec, 2))
        _ = try bench.take()
        bench.give(.transportClosed("cut"))
        _ = bench.publish("5", 1)
        try bench.connect(clean: false, present: true)
        #expect(try bench.take() == [message("1", .atLeastOnce, id: 1, dup: true), ack(.pubrel, 2), message("3", .exactlyOnce, id: 3, dup: true)])
        try bench.feed(ack(.puback, 1), ack(.pubcomp, 2))
        #expect(try bench.take() == [message("4", .atLeastOnce, id: 4), message("5", .atLeastOnce, id: 5)])
    }

    @Test("a clean session forgets [MQTT-3.1.2-6]: QoS 1 is published anew, QoS 2 is given up, both told")
    func clean() throws {
        var bench = ClientBench()
        try bench.connect()
        _ = bench.publish("1", 1, 11)
        _ = bench.publish("2", 2, 22)
        #expect(bench.give(.transportClosed("cut")) == [.dropped(Token(rawValue: 22), .sessionEnded), .disconnected(.transportClosed("cut"))])
        _ = try bench.take()
        try bench.connect()
        #expect(try bench.take() == [message("1", .atLeastOnce, id: 3)])
    }

    @Test("messages wait up to the limit while there is no connection")
    func queue() throws {
        var bench = ClientBench { $0.queueLimit = 2 }
        #expect(bench.publish("1", 1, 1) == [])
        #expect(bench.publish("2", 1, 2) == [])
        #expect(bench.publish("3", 1, 3) == [.dropped(Token(rawValue: 3), .queueFull)])
        try bench.connect()
        #expect(try bench.take() == [message("1", .atLeastOnce, id: 1), message("2", .atLeastOnce, id: 2)])
    }

    @Test("from the server: 0 and 1 are told each time, 2 once until PUBREL")
    func incoming() throws {
        var bench = ClientBench()
        try bench.connect(clean: false)
        func told(_ effects: [MQTTClientEffect]) -> Int { effects.count { if case .message = $0 { true } else { false } } }
        #expect(told(try bench.feed(message("0", .atMostOnce), message("1", .atLeastOnce, id: 5), message("1", .atLeastOnce, id: 5, dup: true))) == 3)
        #expect(try bench.take() == [ack(.puback, 5), ack(.puback, 5)])
        #expect(told(try bench.feed(message("2", .exactlyOnce, id: 6), message("2", .exactlyOnce, id: 6, dup: true))) == 1)
        bench.give(.transportClosed("cut"))
        _ = try bench.take()
        try bench.connect(clean: false, present: true)
        #expect(told(try bench.feed(message("2", .exactlyOnce, id: 6, dup: true))) == 0)
        try bench.feed(ack(.pubrel, 6), ack(.pubrel, 6))
        #expect(try bench.take() == [ack(.pubrec, 6), ack(.pubcomp, 6), ack(.pubcomp, 6)])
        #expect(told(try bench.feed(message("new", .exactlyOnce, id: 6))) == 1)
    }

    @Test("a server that lost the session begins its identifiers anew: an old one must not hide a new message")
    func lostSession() throws {
        var bench = ClientBench()
        try bench.connect(clean: false)
        try bench.feed(message("old", .exactlyOnce, id: 6))
        bench.give(.transportClosed("cut"))
        bench.sent = []
        try bench.connect(clean: false, present: false)
        #expect(try bench.feed(message("new", .exactlyOnce, id: 6)).count == 1)
    }

    @Test("the wrong acknowledgement for a message closes the connection, an unknown one does not")
    func wrongAcknowledgement() throws {
        var bench = ClientBench()
        try bench.connect()
        _ = bench.publish("2", 2)
        #expect(try bench.feed(ack(.puback, 9), ack(.pubcomp, 9), ack(.pubrec, 9)) == [])
        #expect(try bench.take() == [message("2", .exactlyOnce, id: 1), ack(.pubrel, 9)])
        #expect(try bench.feed(ack(.puback, 1)).first == .closeTransport)
    }
}

@Suite("MQTT client session: subscriptions")
struct MQTTClientSubscriptionTests {
    @Test("are told with their codes; asked for before CONNACK they wait for it")
    func subscribes() throws {
        var bench = ClientBench()
        bench.give(.command(.connect(MQTTConnection(clientID: "badge-1", isClean: true, keepAlive: 0))))
        let subscriptions = [MQTTSubscription(filter: try mqttFilter("a/#"), qos: .exactlyOnce), MQTTSubscription(filter: try mqttFilter("b"), qos: .atMostOnce)]
        #expect(bench.give(.subscribe(subscriptions, Token(rawValue: 7))) == [])
        bench.give(.transportOpened)
        bench.sent = []
        try bench.feed(.connack(MQTTConnack(sessionPresent: false, code: .accepted)))
        #expect(try bench.take() == [.subscribe(MQTTSubscribe(packetID: 1, subscriptions: subscriptions))])
        #expect(try bench.feed(.suback(MQTTSuback(packetID: 1, codes: [2, 0x80]))) == [.subscribed(subscriptions, codes: [2, 0x80], Token(rawValue: 7))])
        var notices: [MQTTNotice] = []
        bench.effects.last?.appendNotices(to: &notices)
        #expect(notices == [.subscribed(filter: "a/#", code: 2), .subscribed(filter: "b", code: 0x80)])
        bench.give(.command(.unsubscribe(filter: "b")))
        #expect(try bench.take() == [.unsubscribe(MQTTUnsubscribe(packetID: 2, filters: [try mqttFilter("b")]))])
        #expect(try bench.feed(.unsuback(MQTTUnsuback(packetID: 2))) == [.unsubscribed([try mqttFilter("b")], nil)])
    }

    @Test("without their answer they fail when the connection ends")
    func cut() throws {
        var bench = ClientBench()
        try bench.connect()
        bench.give(.subscribe([MQTTSubscription(filter: try mqttFilter("a"), qos: .atMostOnce)], Token(rawValue: 7)))
        #expect(bench.give(.transportClosed("cut")) == [.failed(.notConnected, Token(rawValue: 7)), .disconnected(.transportClosed("cut"))])
    }

    @Test("an answer with another number of codes is a violation [MQTT-3.8.4-5]")
    func wrongCount() throws {
        var bench = ClientBench()
        try bench.connect()
        bench.give(.command(.subscribe(filter: "a", quality: 1)))
        #expect(try bench.feed(.suback(MQTTSuback(packetID: 1, codes: [1, 1]))).first == .closeTransport)
    }
}

@Suite("MQTT client session against noise")
struct MQTTClientFuzzTests {
    @Test("random bytes and broken packets: no crash, and every cancelled timer ran", arguments: UInt64(1)...UInt64(20))
    func noise(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "client noise")
        let packets = MQTTVector.specification.map { MQTTHex.bytes($0.wire) }
        var bench = ClientBench { $0.queueLimit = 20; $0.maximumPacketSize = 1_000 }
        for _ in 0..<3_000 {
            switch chance.integer(below: 8) {
            case 0: bench.give(.command(.connect(MQTTConnection(clientID: "x", isClean: chance.chance(0.5), keepAlive: 10))))
            case 1: bench.give(.transportOpened)
            case 2: bench.give(.received([0x20, 2, chance.chance(0.5) ? 1 : 0, 0]))
            case 3: _ = bench.publish("x", UInt8(chance.integer(below: 3)))
            case 4: bench.give(.command(.subscribe(filter: "a", quality: 1)))
            case 5:
                if let timer = MQTTClientTimer.allCases.first(where: { bench.timers[$0] != nil }), chance.chance(0.3) { _ = bench.fire(timer) }
            case 6 where chance.chance(0.2): bench.give(.transportClosed("cut"))
            default:
                var bytes = packets[Int(chance.integer(below: UInt64(packets.count)))]
                if chance.chance(0.2) { bytes[Int(chance.integer(below: UInt64(bytes.count)))] ^= 1 << UInt8(chance.integer(below: 8)) }
                bench.give(.received([UInt8](bytes.prefix(Int(chance.integer(below: UInt64(bytes.count + 1)))))))
            }
            bench.sent = []
            bench.effects = []
            #expect(bench.session.unfinishedCount <= 60, "seed \(seed)")
        }
    }

    @Test("thousands fit: a session at rest takes at most 320 bytes of its own")
    func size() {
        #expect(MemoryLayout<MQTTClientSession>.stride <= 320)
    }
}
