import LabCore
import MQTTBroker
import Testing
import WireProtocols

@Suite("MQTT 5.0 §3.4 to §3.7: reason codes of acknowledgements")
struct Acknowledgement5Tests {
    @Test("0x10 where nobody listens, 0x00 where somebody does; 3.1.1 hears nothing of it")
    func nobody() throws {
        var bench = Bench()
        try bench.connect5(1, "a")
        #expect(try bench.feed(1, publish5("x", "", .atLeastOnce, id: 1), publish5("x", "", .exactlyOnce, id: 2)) == [puback(1, .noMatchingSubscribers), pubrec(2, .noMatchingSubscribers)])
        try bench.attachCloud(["x"], durable: false)
        #expect(try bench.feed(1, publish5("x", "", .atLeastOnce, id: 1)) == [puback(1)])
        try bench.connect(2, "old")
        #expect(try bench.feed(2, publish("y", "", .atLeastOnce, id: 1)) == [puback(1)])
    }

    @Test("0x87 for a publish beyond the rights; its identifier is free at once [MQTT-4.3.3-3]")
    func rights() throws {
        var bench = Bench(PatternAuthorizer())
        try bench.attachCloud(["#"])
        try bench.connect5(1, "x")
        #expect(try bench.feed(1, publish5("t/y/up/a", "no", .atLeastOnce, id: 1), publish5("t/y/up/a", "no", .exactlyOnce, id: 2)) == [puback(1, .notAuthorized), pubrec(2, .notAuthorized)])
        #expect(try bench.feed(1, publish5("t/x/up/a", "yes", .exactlyOnce, id: 2)).isEmpty)
        #expect(bench.delivered == ["yes"])
    }

    @Test("0x92 for an identifier that is not known, in PUBCOMP and in PUBREL")
    func unknown() throws {
        var bench = Bench()
        try bench.connect5(1, "a")
        #expect(try bench.feed(1, pubrel(9)) == [pubcomp(9, .packetIdentifierNotFound)])
        #expect(try bench.feed(1, pubrec(9)) == [pubrel(9, .packetIdentifierNotFound)])
        #expect(try bench.feed(1, puback(9), pubcomp(9)).isEmpty)
    }

    @Test("a PUBREC of 0x80 or more ends the exchange: no PUBREL, and the next message has room", arguments: [MQTTReasonCode.unspecifiedError, .quotaExceeded])
    func refused(_ reason: MQTTReasonCode) throws {
        var bench = Bench { $0.maximumInflight = 1 }
        try bench.connect5(1, "a", expiry: 100)
        try bench.feed(1, subscribe5(1, "x", .exactlyOnce))
        for payload: UInt8 in [0x31, 0x32] { bench.give(.publish(InlinePublish(topic: try MQTTTopic("x"), payload: [payload], qos: .exactlyOnce))) }
        #expect(try payloads(bench.take(1)) == ["1"])
        #expect(try bench.feed(1, pubrec(1, reason)) == [publish5("x", "2", .exactlyOnce, id: 2)])
        bench.drop(1)
        #expect(try payloads(bench.connect5(2, "a", clean: false)) == ["2"])
    }

    @Test("a payload that is not the text that it says it is: 0x99, where that is checked (§3.3.2.3.2)", arguments: [true, false])
    func payloadFormat(_ checks: Bool) throws {
        var bench = Bench { $0.checksPayloadFormat = checks }
        try bench.attachCloud(["#"], durable: false)
        try bench.connect5(1, "a")
        func broken(_ qos: MQTTQoS, _ id: UInt16) throws -> MQTTPacket {
            var message = MQTTPublish(topic: try MQTTTopic("x"), payload: [0xC3, 0x28], qos: qos, packetID: id)
            message.properties.payloadFormatIndicator = 1
            return .publish(message)
        }
        #expect(try bench.feed(1, broken(.atLeastOnce, 1)) == [puback(1, checks ? .payloadFormatInvalid : .success)])
        #expect(try bench.feed(1, broken(.exactlyOnce, 2)) == [pubrec(2, checks ? .payloadFormatInvalid : .success)])
        #expect(try bench.feed(1, publish5("x", "text", .atLeastOnce, id: 3) { $0.payloadFormatIndicator = 1 }) == [puback(3)])
        #expect(try bench.feed(1, broken(.atMostOnce, 0)) == (checks ? [disconnect5(.payloadFormatInvalid)] : []))
        #expect(bench.deliveries.count == (checks ? 1 : 4))
    }

    @Test("quality and RETAIN beyond what CONNACK allows end the connection: 0x9B, 0x9A")
    func beyond() throws {
        var bench = Bench { $0.maximumQoS = .atLeastOnce; $0.isRetainAvailable = false }
        try bench.connect5(1, "a")
        #expect(try bench.feed(1, publish5("x", "", .exactlyOnce, id: 1)) == [disconnect5(.qosNotSupported)])
        try bench.connect5(2, "a")
        #expect(try bench.feed(2, publish5("x", "", retain: true)) == [disconnect5(.retainNotSupported)])
        try bench.connect5(3, "a")
        #expect(try bench.feed(3, subscribe5(1, "x", .exactlyOnce)) == [suback5(1, .grantedQoS1)])
    }
}

@Suite("MQTT 5.0 §4.9: flow control by the receive maximum")
struct ReceiveMaximumTests {
    @Test("the client may have that many messages unacknowledged; one more is 0x93", arguments: [MQTTQoS.atLeastOnce, .exactlyOnce])
    func inbound(_ qos: MQTTQoS) throws {
        var bench = Bench { $0.receiveMaximum = 2 }
        try bench.attachCloud(["#"])
        try bench.connect5(1, "a")
        // The cloud has not made them safe, so no acknowledgement goes out.
        #expect(try bench.feed(1, publish5("x", "1", qos, id: 1), publish5("x", "2", qos, id: 2)).isEmpty)
        #expect(try bench.feed(1, publish5("x", "3", qos, id: 3)) == [disconnect5(.receiveMaximumExceeded)])
    }

    @Test("QoS 1 is over with PUBACK, QoS 2 with PUBCOMP, not with PUBREC")
    func over() throws {
        var bench = Bench { $0.receiveMaximum = 1 }
        try bench.attachCloud(["#"], durable: false)
        try bench.connect5(1, "a")
        for id in UInt16(1)...5 { #expect(try bench.feed(1, publish5("x", "", .atLeastOnce, id: id)) == [puback(id)]) }
        for id in UInt16(1)...5 {
            #expect(try bench.feed(1, publish5("x", "", .exactlyOnce, id: id)) == [pubrec(id)])
            #expect(try bench.feed(1, pubrel(id)) == [pubcomp(id)])
        }
        #expect(try bench.feed(1, publish5("x", "", .exactlyOnce, id: 6)) == [pubrec(6)])
        #expect(try bench.feed(1, publish5("x", "", .atLeastOnce, id: 7)) == [disconnect5(.receiveMaximumExceeded)])
    }

    @Test("QoS 0 does not count, nor does 3.1.1")
    func uncounted() throws {
        var bench = Bench { $0.receiveMaximum = 1 }
        try bench.attachCloud(["#"])
        try bench.connect5(1, "a")
        try bench.feed(1, publish5("x", "", .atLeastOnce, id: 1))
        for _ in 0..<5 { try bench.feed(1, publish5("x", "")) }
        try bench.connect(2, "b")
        for id in UInt16(1)...5 { try bench.feed(2, publish("x", "", .atLeastOnce, id: id)) }
        #expect(bench.closed.isEmpty)
    }

    @Test("the client's maximum bounds what is sent to it; the broker's own limit too", arguments: [(UInt16(3), 20, 3), (100, 20, 20)])
    func outbound(_ asked: UInt16, _ limit: Int, _ expected: Int) throws {
        var bench = Bench { $0.maximumInflight = limit }
        try bench.connect5(1, "a") { $0.receiveMaximum = asked }
        try bench.feed(1, subscribe5(1, "x", .exactlyOnce))
        for _ in 0..<50 { bench.give(.publish(InlinePublish(topic: try MQTTTopic("x"), payload: [], qos: .atLeastOnce))) }
        #expect(try bench.take(1).count == expected)
        #expect(try bench.feed(1, puback(1)).count == 1)
    }

    @Test("after a reconnect that of the NEW connection counts, also for what is sent again (mosquitto 2.0.10)")
    func newConnection() throws {
        var bench = Bench()
        try bench.connect5(1, "a", expiry: 100)
        try bench.feed(1, subscribe5(1, "x", .exactlyOnce))
        for number: UInt8 in 0x31...0x36 {
            bench.give(.publish(InlinePublish(topic: try MQTTTopic("x"), payload: [number], qos: number == 0x32 ? .exactlyOnce : .atLeastOnce)))
        }
        #expect(try bench.take(1).count == 6)
        try bench.feed(1, pubrec(2))
        bench.drop(1)
        let resumed = try bench.connect5(2, "a", clean: false, expiry: 100) { $0.receiveMaximum = 2 }
        #expect(resumed.dropFirst() == [pubrel(2), try publish5("x", "1", .atLeastOnce, id: 1, dup: true)])
        // A new message does not overtake those that are not sent again yet.
        bench.give(.publish(InlinePublish(topic: try MQTTTopic("x"), payload: [0x37], qos: .atLeastOnce)))
        bench.give(.publish(InlinePublish(topic: try MQTTTopic("x"), payload: [0x38], qos: .atMostOnce)))
        #expect(try bench.take(2).isEmpty)
        #expect(try bench.feed(2, puback(1)) == [publish5("x", "3", .atLeastOnce, id: 3, dup: true)])
        #expect(try bench.feed(2, pubcomp(2)) == [publish5("x", "4", .atLeastOnce, id: 4, dup: true)])
        #expect(try payloads(bench.feed(2, puback(3), puback(4))) == ["5", "6"])
        #expect(try payloads(bench.feed(2, puback(5))) == ["7", "8"])
        bench.drop(2)
        #expect(try payloads(bench.connect5(3, "a", clean: false)) == ["6", "7"])
    }
}

@Suite("MQTT 5.0 §3.1.2.11.4: maximum packet size")
struct MaximumPacketSizeTests {
    @Test("what is too large for a client is not sent to it, and is over as if it were acknowledged [MQTT-3.1.2-24], [MQTT-3.1.2-25]", arguments: MQTTQoS.allOf)
    func outbound(_ qos: MQTTQoS) throws {
        var bench = Bench()
        try bench.connect5(1, "small", expiry: 100) { $0.maximumPacketSize = 30 }
        try bench.connect5(2, "other")
        for connection in UInt64(1)...2 { try bench.feed(connection, subscribe5(1, "x", qos)) }
        try bench.connect5(3, "p")
        let id: UInt16 = qos == .atMostOnce ? 0 : 1
        // 1 type, 1 length, 3 topic, 1 property length, and 2 identifier.
        let room = 30 - 6 - (qos == .atMostOnce ? 0 : 2)
        try bench.feed(3, publish5("x", String(repeating: "a", count: room), qos, id: id))
        if qos == .exactlyOnce { try bench.feed(3, pubrel(1)) }
        try bench.feed(3, publish5("x", String(repeating: "b", count: room + 1), qos, id: id))
        #expect(payloads(try bench.take(1)).map(\.count) == [room])
        #expect(payloads(try bench.take(2)).map(\.count) == [room, room + 1])
        #expect(bench.broker.backlog(clientID: "small") == (qos == .atMostOnce ? 0 : 1))
        #expect(bench.notes.filter { $0.name == "mqtt.dropped" } == [.dropped(client: "small", topic: "x", .tooLarge, count: 1)])
        #expect(bench.closed.isEmpty)
    }

    @Test("properties count")
    func properties() throws {
        var bench = Bench()
        try bench.connect5(1, "small") { $0.maximumPacketSize = 30 }
        try bench.feed(1, subscribe5(1, "x", .atLeastOnce, identifier: 1))
        try bench.feed(1, publish5("x", "0123456789") { $0.contentType = "0123456789" }, publish5("x", "0123456789"))
        #expect(publishes(try bench.take(1)).isEmpty)
        #expect(bench.closed.isEmpty)
    }

    @Test("that of a smaller new connection holds for what waited and for what is sent again")
    func resumed() throws {
        var bench = Bench()
        try bench.connect5(1, "a", expiry: 100)
        try bench.feed(1, subscribe5(1, "x", .exactlyOnce))
        try bench.connect5(2, "p")
        try bench.feed(2, publish5("x", String(repeating: "a", count: 100), .atLeastOnce, id: 1), publish5("x", "b", .atLeastOnce, id: 2))
        bench.drop(1)
        try bench.feed(2, publish5("x", String(repeating: "c", count: 100), .atLeastOnce, id: 3), publish5("x", "d", .atLeastOnce, id: 4))
        #expect(try payloads(bench.connect5(3, "a", clean: false, expiry: 100) { $0.maximumPacketSize = 50 }) == ["b", "d"])
        #expect(bench.broker.backlog(clientID: "a") == 2)
    }

    @Test("answers that are too large are not sent either")
    func answers() throws {
        var bench = Bench()
        try bench.connect5(1, "a") { $0.maximumPacketSize = 20 }
        var filters: [MQTTSubscription] = []
        for index in 0..<20 { filters.append(MQTTSubscription(filter: try MQTTTopicFilter("f\(index)"), qos: .atMostOnce)) }
        #expect(try bench.feed(1, .subscribe(MQTTSubscribe(packetID: 1, subscriptions: filters))).isEmpty)
        #expect(try bench.feed(1, publish5("f3", "v")) == [publish5("f3", "v")])
    }

    @Test("a will over the broker's limit: the CONNECT is not taken, nothing is stored")
    func will() throws {
        var bench = Bench { $0.maximumPacketSize = 1_000 }
        #expect(try bench.connect5(1, "badge", will: will5("w", String(repeating: "x", count: 2_000))).isEmpty)
        #expect(bench.closed[1] != nil)
    }
}

@Suite("MQTT 5.0 §3.3.2.3.4: topic aliases")
struct TopicAliasTests {
    @Test("a client names a topic by the alias that it gave it, and can give it another topic")
    func inbound() throws {
        var bench = Bench()
        try bench.attachCloud(["#"], durable: false)
        try bench.connect5(1, "a")
        try bench.feed(
            1, publish5("x/y", "1") { $0.topicAlias = 10 }, publish5("", "2") { $0.topicAlias = 10 },
            publish5("z", "3", .atLeastOnce, id: 1) { $0.topicAlias = 10 }, publish5("", "4", .exactlyOnce, id: 2) { $0.topicAlias = 10 })
        #expect(bench.deliveries.map(\.topic.text) == ["x/y", "x/y", "z", "z"])
    }

    @Test("it is for this connection only, and never sent on [MQTT-3.3.2-7], [MQTT-3.3.2-8]")
    func own() throws {
        var bench = Bench()
        try bench.connect5(1, "a", expiry: 100)
        try bench.feed(1, subscribe5(1, "#"))
        #expect(try bench.feed(1, publish5("x", "1") { $0.topicAlias = 1 }) == [publish5("x", "1")])
        bench.drop(1)
        try bench.connect5(2, "a", clean: false)
        #expect(try bench.feed(2, publish5("", "2") { $0.topicAlias = 1 }) == [disconnect5(.protocolError)])
    }

    @Test("a will, a retained and a held message have their topic's name")
    func kept() throws {
        var bench = Bench { $0.maximumInflight = 1; $0.maximumQueued = 1 }
        try bench.connect5(1, "slow")
        try bench.feed(1, subscribe5(1, "#", .atLeastOnce))
        try bench.connect5(2, "p")
        try bench.feed(2, publish5("x", "1", .atLeastOnce, id: 1, retain: true) { $0.topicAlias = 1 })
        for id in UInt16(2)...4 { try bench.feed(2, publish5("", "\(id)", .atLeastOnce, id: id, retain: true) { $0.topicAlias = 1 }) }
        var topics: [String] = []
        for id in UInt16(1)...4 { topics += publishes(try bench.take(1) + bench.feed(1, puback(id))).map(\.topic.text) }
        #expect(topics == ["x", "x", "x", "x"])
        try bench.connect5(3, "late")
        #expect(try payloads(bench.feed(3, subscribe5(1, "x"))) == ["4"])
    }

    @Test("the broker gives aliases to the first topics, as many as the client allows")
    func outbound() throws {
        var bench = Bench()
        try bench.connect5(1, "a") { $0.topicAliasMaximum = 2 }
        try bench.feed(1, subscribe5(1, "#", .atLeastOnce))
        var got: [MQTTPublish] = []
        for topic in ["x", "y", "z", "x", "y", "z"] {
            bench.give(.publish(InlinePublish(topic: try MQTTTopic(topic), payload: [], qos: .atLeastOnce)))
            got += publishes(try bench.take(1))
        }
        #expect(got.map(\.topic.text) == ["x", "y", "z", "", "", "z"])
        #expect(got.map(\.properties.topicAlias) == [1, 2, nil, 1, 2, nil])
    }

    @Test("on a new connection they begin anew, also for what is sent again")
    func again() throws {
        var bench = Bench()
        try bench.connect5(1, "a", expiry: 100) { $0.topicAliasMaximum = 5 }
        try bench.feed(1, subscribe5(1, "#", .atLeastOnce))
        for _ in 0..<2 { bench.give(.publish(InlinePublish(topic: try MQTTTopic("x"), payload: [], qos: .atLeastOnce))) }
        bench.drop(1)
        let got = publishes(try bench.connect5(2, "a", clean: false, expiry: 100) { $0.topicAliasMaximum = 5 })
        #expect(got.map(\.topic.text) == ["x", ""])
        bench.drop(2)
        #expect(publishes(try bench.connect5(3, "a", clean: false)).map(\.topic.text) == ["x", "x"])
    }

    @Test("a packet that is dropped for its size gives no alias")
    func dropped() throws {
        var bench = Bench()
        try bench.connect5(1, "a") { $0.topicAliasMaximum = 5; $0.maximumPacketSize = 20 }
        try bench.feed(1, subscribe5(1, "#"))
        try bench.connect5(2, "p")
        // Without an alias the second has 20 bytes; naming one would make it larger than the client takes.
        try bench.feed(2, publish5("x", String(repeating: "a", count: 15)), publish5("x", String(repeating: "b", count: 14)), publish5("x", "c"), publish5("x", "d"))
        let got = publishes(try bench.take(1))
        #expect(got.map(\.properties.topicAlias) == [nil, 1, 1])
        #expect(got.map(\.topic.text) == ["x", "x", ""])
    }
}

@Suite("MQTT 5.0 §3.3.2.3: properties of messages")
struct MessageProperty5Tests {
    @Test("all that belong to the message are passed on unchanged and in order, live, retained and from the queue [MQTT-3.3.2-4] to [MQTT-3.3.2-20]")
    func passed() throws {
        var bench = Bench()
        let change: (inout MQTTProperties) -> Void = {
            $0.payloadFormatIndicator = 1
            $0.contentType = "text/plain"
            $0.responseTopic = "answers/a"
            $0.correlationData = [0, 1, 255]
            $0.userProperties = [MQTTUserProperty("b", "1"), MQTTUserProperty("a", "2"), MQTTUserProperty("b", "0")]
        }
        try bench.connect5(1, "a", expiry: 100)
        try bench.feed(1, subscribe5(1, "x", .atLeastOnce))
        try bench.connect5(2, "p")
        try bench.feed(2, publish5("x", "v", .atLeastOnce, id: 1, retain: true, change))
        #expect(try bench.take(1) == [publish5("x", "v", .atLeastOnce, id: 1, change)])
        bench.drop(1)
        try bench.feed(2, publish5("x", "w", .atLeastOnce, id: 2, change))
        #expect(
            try bench.connect5(3, "a", clean: false).dropFirst() == [
                publish5("x", "v", .atLeastOnce, id: 1, dup: true, change), publish5("x", "w", .atLeastOnce, id: 2, change),
            ])
        try bench.connect5(4, "late")
        #expect(try bench.feed(4, subscribe5(1, "x")) == [suback5(1, .success), publish5("x", "v", retain: true, change)])
    }

    @Test("request and response: the answer finds its way by response topic and correlation data (§4.10)")
    func request() throws {
        var bench = Bench { $0.responseTopicPrefix = "answers/" }
        let connack = connack(in: try bench.connect5(1, "asker") { $0.requestResponseInformation = true })
        let topic = try #require(connack?.properties.responseInformation)
        try bench.feed(1, subscribe5(1, topic, .atLeastOnce))
        try bench.connect5(2, "responder")
        try bench.feed(2, subscribe5(1, "questions", .atLeastOnce))
        try bench.feed(1, publish5("questions", "?") { $0.responseTopic = topic; $0.correlationData = [42] })
        let asked = try #require(publishes(try bench.take(2)).first)
        try bench.feed(2, publish5(try #require(asked.properties.responseTopic), "!") { $0.correlationData = asked.properties.correlationData })
        #expect(try bench.take(1) == [publish5("answers/asker", "!") { $0.correlationData = [42] }])
    }

    @Test("the expiry interval is less by the time that the message waited [MQTT-3.3.2-6]; afterwards it is not sent [MQTT-3.3.2-5]", arguments: [(0.0, UInt32?(10)), (2.5, 8), (9.9, 1), (10, nil)])
    func expiry(_ waited: Double, _ left: UInt32?) throws {
        var bench = Bench()
        try bench.connect5(1, "a", expiry: 100)
        try bench.feed(1, subscribe5(1, "x", .atLeastOnce))
        bench.drop(1)
        try bench.connect5(2, "p")
        try bench.feed(2, publish5("x", "v", .atLeastOnce, id: 1, retain: true) { $0.messageExpiryInterval = 10 })
        bench.advance(to: waited)
        let queued = publishes(try bench.connect5(3, "a", clean: false, expiry: 100))
        #expect(queued.map(\.properties.messageExpiryInterval) == (left.map { [$0] } ?? []))
        try bench.connect5(4, "late")
        let kept = publishes(try bench.feed(4, subscribe5(1, "x")))
        #expect(kept.map(\.properties.messageExpiryInterval) == (left.map { [$0] } ?? []))
        #expect(bench.broker.retainedCount == (left == nil ? 0 : 1))
    }

    @Test("time goes on while the broker is down", arguments: [(4.0, UInt32?(6)), (11, nil)])
    func down(_ until: Double, _ left: UInt32?) throws {
        var bench = Bench()
        try bench.connect5(1, "a", expiry: 100)
        try bench.feed(1, subscribe5(1, "x", .atLeastOnce))
        bench.drop(1)
        try bench.connect5(2, "p")
        try bench.feed(2, publish5("x", "v", .atLeastOnce, id: 1, retain: true) { $0.messageExpiryInterval = 10 })
        let snapshot = bench.broker.snapshot(at: bench.now)
        bench.advance(to: until)
        bench.restart(from: snapshot)
        #expect(publishes(try bench.connect5(3, "a", clean: false)).map(\.properties.messageExpiryInterval) == (left.map { [$0] } ?? []))
        try bench.connect5(4, "late")
        #expect(publishes(try bench.feed(4, subscribe5(1, "x"))).count == (left == nil ? 0 : 1))
    }

    @Test("what was sent once is sent again until it is acknowledged, with nothing left of its time")
    func resent() throws {
        var bench = Bench()
        try bench.connect5(1, "a", expiry: 100)
        try bench.feed(1, subscribe5(1, "x", .atLeastOnce))
        try bench.feed(1, publish5("x", "v", .atLeastOnce, id: 1) { $0.messageExpiryInterval = 5 })
        bench.drop(1)
        bench.advance(to: 50)
        let again = publishes(try bench.connect5(2, "a", clean: false))
        #expect(again.map(\.properties.messageExpiryInterval) == [0])
        #expect(again.map(\.isDuplicate) == [true])
    }

    @Test("an expired message makes room in a full queue: no publisher waits for it")
    func room() throws {
        var bench = Bench { $0.maximumQueued = 3 }
        try bench.connect5(1, "a", expiry: 1_000)
        try bench.feed(1, subscribe5(1, "x", .atLeastOnce))
        bench.drop(1)
        try bench.connect5(2, "p")
        for id in UInt16(1)...3 { try bench.feed(2, publish5("x", "\(id)", .atLeastOnce, id: id) { if id < 3 { $0.messageExpiryInterval = 5 } }) }
        #expect(try bench.feed(2, publish5("x", "4", .atLeastOnce, id: 4)).isEmpty, "it waits")
        bench.advance(to: 6)
        #expect(try bench.feed(2, publish5("x", "5", .atLeastOnce, id: 5)).isEmpty, "behind the one that waits")
        #expect(try payloads(bench.connect5(3, "a", clean: false, expiry: 1_000)) == ["3", "4", "5"])
        #expect(try bench.take(2) == [puback(4), puback(5)])
        bench.drop(3)
        // A publisher that comes when the time is over does not wait.
        try bench.feed(2, publish5("x", "6", .atLeastOnce, id: 6) { $0.messageExpiryInterval = 5 })
        bench.advance(to: 12)
        #expect(try bench.feed(2, publish5("x", "7", .atLeastOnce, id: 7)) == [puback(7)])
    }
}
