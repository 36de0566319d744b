import LabCore
import MQTTBroker
import Testing
import WireProtocols

@Suite("MQTT 3.1.1 §3.8, §3.10: subscriptions")
struct SubscriptionTests {
    @Test("each filter gets its code in order [MQTT-3.9.3-1], and 0x80 what is beyond the rights")
    func codes() throws {
        var bench = Bench(PatternAuthorizer())
        try bench.connect(1, "x")
        let answer = try bench.feed(
            1, subscribe(10, ("shared/a", .exactlyOnce), ("t/other/down/#", .atLeastOnce), ("t/x/down/#", .atMostOnce), ("#", .atMostOnce), ("t/+/down/a", .atMostOnce)))
        #expect(answer == [suback(10, 2, 0x80, 0, 0x80, 0x80)])
    }

    @Test("overlapping ones give one message with the highest quality [MQTT-3.3.5-1]")
    func overlapping() throws {
        var bench = Bench()
        try bench.connect(1, "x")
        try bench.feed(1, subscribe(1, ("a/#", .atMostOnce), ("a/+", .exactlyOnce), ("+/b", .atLeastOnce), ("a/b", .atMostOnce)))
        bench.give(.publish(InlinePublish(topic: try MQTTTopic("a/b"), payload: [0x78], qos: .exactlyOnce)))
        #expect(try bench.take(1) == [publish("a/b", "x", .exactlyOnce, id: 1)])
    }

    @Test("the same filter again replaces the quality and gets retained messages again [MQTT-3.8.4-3]")
    func replaced() throws {
        var bench = Bench()
        try bench.connect(1, "x")
        try bench.feed(1, publish("a", "kept", .atLeastOnce, id: 1, retain: true))
        #expect(try bench.feed(1, subscribe(1, ("a", .atMostOnce))) == [suback(1, 0), publish("a", "kept", retain: true)])
        #expect(try bench.feed(1, subscribe(2, ("a", .atLeastOnce))) == [suback(2, 1), publish("a", "kept", .atLeastOnce, id: 1, retain: true)])
        try bench.feed(1, puback(1))
        bench.give(.publish(InlinePublish(topic: try MQTTTopic("a"), payload: [0x78], qos: .atLeastOnce)))
        #expect(try bench.take(1) == [publish("a", "x", .atLeastOnce, id: 2)])
    }

    @Test("UNSUBSCRIBE is always answered [MQTT-3.10.4-5], compares bytes [MQTT-3.10.4-1] and ends only what it names")
    func unsubscribed() throws {
        var bench = Bench()
        try bench.connect(1, "x")
        try bench.feed(1, subscribe(1, ("a/+", .atMostOnce), ("a/b", .atMostOnce)))
        #expect(try bench.feed(1, unsubscribe(2, "A/b", "a/#", "a/b/")) == [unsuback(2)])
        #expect(try bench.feed(1, publish("a/b", "1")) == [publish("a/b", "1")])
        #expect(try bench.feed(1, unsubscribe(3, "a/b")) == [unsuback(3)])
        #expect(try bench.feed(1, publish("a/b", "2")) == [publish("a/b", "2")])
        #expect(try bench.feed(1, unsubscribe(4, "a/+")) == [unsuback(4)])
        #expect(try bench.feed(1, publish("a/b", "3")).isEmpty)
    }

    @Test("what is on its way when UNSUBSCRIBE comes is completed [MQTT-3.10.4-3]")
    func completes() throws {
        var bench = Bench()
        try bench.connect(1, "x", clean: false)
        try bench.feed(1, subscribe(1, ("a", .exactlyOnce)))
        bench.give(.publish(InlinePublish(topic: try MQTTTopic("a"), payload: [0x78], qos: .exactlyOnce)))
        #expect(try bench.feed(1, unsubscribe(2, "a")) == [publish("a", "x", .exactlyOnce, id: 1), unsuback(2)])
        #expect(try bench.feed(1, pubrec(1)) == [pubrel(1)])
    }

    @Test("filters and topics are bytes: é composed and decomposed are different")
    func exact() throws {
        var bench = Bench()
        try bench.connect(1, "x")
        try bench.feed(1, subscribe(1, ("caf\u{E9}", .atMostOnce)))
        #expect(try bench.feed(1, publish("cafe\u{301}", "no")).isEmpty)
        #expect(try payloads(bench.feed(1, publish("caf\u{E9}", "yes"))) == ["yes"])
    }

    @Test("more than the limit, or deeper than the limit, gets 0x80")
    func limits() throws {
        var bench = Bench { $0.maximumSubscriptions = 2; $0.maximumTopicLevels = 4 }
        try bench.connect(1, "x")
        #expect(try bench.feed(1, subscribe(1, ("a/b/c/d", .atMostOnce), ("a/b/c/d/e", .atMostOnce), ("b", .atMostOnce), ("c", .atMostOnce))) == [suback(1, 0, 0x80, 0, 0x80)])
        #expect(try bench.feed(1, subscribe(2, ("b", .atLeastOnce))) == [suback(2, 1)], "replacing is not one more")
    }

    @Test("$share is not known to 3.1.1 and goes around nothing", arguments: ["$share/g/t/other/down/#", "$share/g/shared/a", "$CONTROL/x"])
    func reserved(_ filter: String) throws {
        var bench = Bench(PatternAuthorizer())
        try bench.connect(1, "admin")
        #expect(try bench.feed(1, subscribe(1, (filter, .atMostOnce))) == [suback(1, 0x80)])
    }

    @Test("subscribers are served in the order of their sessions, every time the same")
    func order() throws {
        var first: [UInt64] = []
        for _ in 0..<3 {
            var broker = Broker(authorizer: OpenAuthorizer())
            var effects: [BrokerEffect] = []
            for number in UInt64(1)...50 {
                broker.handle(.opened(ConnectionID(rawValue: number), peer: ""), at: .start, &effects)
                var wire = try MQTTPacket.connect(MQTTConnect(clientID: "c\(number)", isClean: true, keepAlive: 0)).encoded()
                wire += try subscribe(1, (number % 2 == 0 ? "a/#" : "+/b", .atMostOnce)).encoded()
                broker.handle(.received(ConnectionID(rawValue: number), wire), at: .start, &effects)
            }
            effects = []
            broker.handle(.publish(InlinePublish(topic: try MQTTTopic("a/b"), payload: [])), at: .start, &effects)
            let order: [UInt64] = effects.compactMap { if case .send(let id, _) = $0 { id.rawValue } else { nil } }
            #expect(order == Array(1...50))
            if first.isEmpty { first = order }
            #expect(order == first)
        }
    }
}

@Suite("MQTT 3.1.1 §3.3.1.3: retained messages")
struct RetainedTests {
    @Test("a new subscription gets the last one, marked [MQTT-3.3.1-6], [MQTT-3.3.1-8]; those who listened get it unmarked [MQTT-3.3.1-9]")
    func retained() throws {
        var bench = Bench()
        try bench.connect(1, "x")
        try bench.feed(1, subscribe(1, ("a", .atMostOnce)))
        #expect(try bench.feed(1, publish("a", "1", retain: true), publish("a", "2", retain: true)) == [publish("a", "1"), publish("a", "2")])
        try bench.connect(2, "y")
        #expect(try bench.feed(2, subscribe(1, ("+", .atMostOnce))) == [suback(1, 0), publish("a", "2", retain: true)])
    }

    @Test("an empty payload deletes, and is still delivered [MQTT-3.3.1-10], [MQTT-3.3.1-11]")
    func deletes() throws {
        var bench = Bench()
        try bench.connect(1, "x")
        try bench.feed(1, subscribe(1, ("a", .atMostOnce)), publish("a", "1", retain: true))
        // Captured from mosquitto_pub -r -n -t a.
        bench.bytes(1, hexBytes("3103 0001 61"))
        #expect(try bench.take(1).isEmpty == false)
        #expect(bench.broker.retainedCount == 0)
        #expect(try bench.feed(1, subscribe(2, ("a", .atMostOnce))) == [suback(2, 0)])
    }

    @Test("a message that is not retained neither replaces nor removes [MQTT-3.3.1-12]")
    func untouched() throws {
        var bench = Bench()
        try bench.connect(1, "x")
        try bench.feed(1, publish("a", "1", retain: true), publish("a", "2"), publish("a", ""))
        #expect(try bench.feed(1, subscribe(2, ("a", .atMostOnce))) == [suback(2, 0), publish("a", "1", retain: true)])
    }

    @Test("retained first, then live, for each topic, also when the queue is full of retained ones")
    func order() throws {
        var bench = Bench { $0.maximumInflight = 2; $0.maximumQueued = 5 }
        try bench.connect(1, "x")
        for number in UInt16(1)...20 { try bench.feed(1, publish("r/\(number)", "old", .atLeastOnce, id: number, retain: true)) }
        try bench.connect(2, "y")
        var got = try bench.feed(2, subscribe(1, ("#", .atLeastOnce)))
        // Its queue is full, so the publisher waits: nothing is lost, nothing overtakes.
        #expect(try bench.feed(1, publish("r/20", "new", .atLeastOnce, id: 21)).isEmpty)
        while case .publish(let last)? = got.last, got.count < 30 {
            let more = try bench.feed(2, puback(last.packetID &- 1), puback(last.packetID))
            if more.isEmpty { break }
            got += more
        }
        #expect(payloads(got).prefix(20).allSatisfy { $0 == "old" })
        #expect(payloads(got).last == "new")
        #expect(payloads(got).count == 21)
        #expect(try bench.take(1) == [puback(21)])
    }

    @Test("`#` on 100,000 retained messages is answered in one go, in order of publication, without `$SYS`")
    func many() throws {
        var bench = Bench()
        for number in 0..<100_000 {
            var effects: [BrokerEffect] = []
            bench.broker.handle(
                .publish(InlinePublish(topic: try MQTTTopic("r/\(number % 317)/\(number)"), payload: [UInt8(number & 255)], retain: true)), at: .start, &effects)
        }
        try bench.connect(1, "x")
        let answer = try bench.feed(1, subscribe(1, ("#", .atMostOnce)))
        #expect(answer.count == 100_001)
        #expect(answer[1] == .publish(MQTTPublish(topic: try MQTTTopic("r/0/0"), payload: [0], retain: true)))
        #expect(answer[100_000] == .publish(MQTTPublish(topic: try MQTTTopic("r/144/99999"), payload: [159], retain: true)))
        #expect(bench.sends[1] == 2)
    }

    @Test("are bounded in number and depth; the message itself is still delivered")
    func bounded() throws {
        var bench = Bench { $0.maximumRetained = 2; $0.maximumTopicLevels = 3 }
        try bench.connect(1, "x")
        try bench.feed(1, subscribe(1, ("#", .atMostOnce)))
        let sent = try bench.feed(
            1, publish("1", "", retain: true), publish("1", "a", retain: true), publish("1/2/3/4", "deep", retain: true), publish("2", "b", retain: true),
            publish("3", "c", retain: true), publish("2", "d", retain: true))
        #expect(payloads(sent) == ["", "a", "deep", "b", "c", "d"])
        #expect(bench.broker.retainedCount == 2)
        #expect(bench.notes.filter { $0.name == "mqtt.dropped" }.count == 2)
        #expect(try payloads(bench.feed(1, subscribe(2, ("#", .atMostOnce)))) == ["a", "d"])
    }
}

@Suite("$SYS")
struct SystemTopicTests {
    @Test("is for admins only, whatever the rights say")
    func admins() throws {
        var bench = Bench(PatternAuthorizer(patterns: [TopicRightPattern(.both, "#"), TopicRightPattern(.both, "$SYS/#")]))
        try bench.connect(1, "badge")
        #expect(try bench.feed(1, subscribe(1, ("$SYS/#", .atMostOnce))) == [suback(1, 0x80)])
        try bench.connect(2, "admin")
        let answer = try bench.feed(2, subscribe(1, ("$SYS/broker/clients/+", .atMostOnce)))
        #expect(answer == [
            suback(1, 0), try publish("$SYS/broker/clients/connected", "2", retain: true),
            try publish("$SYS/broker/clients/disconnected", "0", retain: true), try publish("$SYS/broker/clients/total", "2", retain: true),
        ])
    }

    @Test("is published again in intervals by the given clock while somebody listens, and costs nothing after")
    func intervals() throws {
        var bench = Bench { $0.systemInterval = .seconds(60) }
        try bench.connect(1, "admin")
        try bench.feed(1, subscribe(1, ("$SYS/broker/uptime", .atMostOnce)))
        bench.advance(to: 125)
        #expect(try bench.take(1) == [publish("$SYS/broker/uptime", "60"), publish("$SYS/broker/uptime", "120")])
        try bench.feed(1, unsubscribe(2, "$SYS/broker/uptime"))
        bench.advance(to: 1_000)
        #expect(try bench.take(1).isEmpty)
        #expect(bench.wake == nil)
    }

    @Test("and all that begins with `$` is not for clients to publish")
    func publishing() throws {
        var bench = Bench(PatternAuthorizer(patterns: [TopicRightPattern(.both, "$SYS/#")]))
        try bench.connect(1, "admin")
        try bench.feed(1, subscribe(1, ("$SYS/broker/uptime", .atMostOnce)))
        #expect(try bench.feed(1, publish("$SYS/broker/uptime", "999", .atLeastOnce, id: 1, retain: true)) == [puback(1)])
        #expect(bench.noted("mqtt.publish-refused") == 1)
    }
}
