import LabCore
import MQTTBroker
import Testing
import WireProtocols

@Suite("Consumers in the same process")
struct ConsumerTests {
    private func bench(_ change: (inout BrokerConfiguration) -> Void = { _ in }) throws -> Bench {
        var bench = Bench(OpenAuthorizer(), change)
        try bench.attachCloud(["luna/device/+/heartbeat", "luna/device/+/logs"])
        return bench
    }
    private func beat(_ payload: String, _ qos: MQTTQoS = .atMostOnce, id: UInt16 = 0, dup: Bool = false) throws -> MQTTPacket {
        try publish("luna/device/b/heartbeat", payload, qos, id: id, dup: dup)
    }

    @Test("QoS 0 comes with no number and waits for nobody")
    func fireAndForget() throws {
        var bench = try bench()
        try bench.connect(1, "b")
        try bench.feed(1, beat("0"), publish("luna/device/b/other", "no"))
        #expect(bench.delivered == ["0"])
        #expect(bench.deliveries[0].id == nil)
        #expect(bench.deliveries[0].publisher == "b")
        #expect(bench.deliveries[0].topic.text == "luna/device/b/heartbeat")
    }

    @Test("PUBACK and PUBREC come after the consumer's acknowledgement, not before")
    func withheld() throws {
        var bench = try bench()
        try bench.connect(1, "b")
        #expect(try bench.feed(1, beat("1", .atLeastOnce, id: 7), beat("2", .exactlyOnce, id: 8)).isEmpty)
        #expect(bench.deliveries.map(\.id) == [DeliveryID(rawValue: 1), DeliveryID(rawValue: 2)])
        bench.acknowledge(1)
        #expect(try bench.take(1) == [puback(7)])
        bench.acknowledge(2)
        #expect(try bench.take(1) == [pubrec(8)])
    }

    @Test("acknowledgements stay in the order of the publishes, also for those that no consumer takes [MQTT-4.6.0-2]")
    func order() throws {
        var bench = try bench()
        try bench.connect(1, "b")
        try bench.feed(1, beat("1", .atLeastOnce, id: 1), beat("2", .atLeastOnce, id: 2), publish("other", "3", .atLeastOnce, id: 3), beat("4", .exactlyOnce, id: 4))
        bench.acknowledge(2, 3)
        #expect(try bench.take(1).isEmpty)
        bench.acknowledge(1)
        #expect(try bench.take(1) == [puback(1), puback(2), puback(3), pubrec(4)])
        #expect(bench.sends[1] == 2, "CONNACK, and all acknowledgements as one")
    }

    @Test("unknown, repeated and early numbers do no harm")
    func strangeNumbers() throws {
        var bench = try bench()
        try bench.connect(1, "b")
        bench.acknowledge(0, 1, 99)
        try bench.feed(1, beat("1", .atLeastOnce, id: 1))
        bench.acknowledge(2, 1, 1, 0)
        bench.acknowledge(1)
        #expect(try bench.take(1) == [puback(1)])
    }

    @Test("what a crashed consumer did not acknowledge is delivered again, in order and marked; nothing was acknowledged to the publisher")
    func crash() throws {
        var bench = try bench()
        try bench.connect(1, "b")
        try bench.feed(1, beat("1", .atLeastOnce, id: 1), beat("2", .atLeastOnce, id: 2), beat("3", .atLeastOnce, id: 3))
        bench.acknowledge(2)
        bench.give(.consumer(Bench.cloud, .gone))
        try bench.feed(1, beat("4", .atLeastOnce, id: 4), beat("lost", .atMostOnce))
        #expect(bench.delivered == ["1", "2", "3"])
        bench.deliveries = []
        bench.give(.consumer(Bench.cloud, .ready))
        #expect(bench.delivered == ["1", "3", "4"])
        #expect(bench.deliveries.map(\.isRedelivered) == [true, true, false])
        #expect(bench.deliveries.map { $0.id?.rawValue } == [1, 3, 4])
        bench.acknowledge(1, 3, 4)
        #expect(try bench.take(1) == [puback(1), puback(2), puback(3), puback(4)])
        #expect(bench.notes.contains { if case .dropped(_, _, .consumerAway, _) = $0 { true } else { false } })
    }

    @Test("a commit that was on its way when the consumer crashed still counts")
    func lateAcknowledgement() throws {
        var bench = try bench()
        try bench.connect(1, "b")
        try bench.feed(1, beat("1", .atLeastOnce, id: 1))
        bench.give(.consumer(Bench.cloud, .gone))
        bench.acknowledge(1)
        #expect(try bench.take(1) == [puback(1)])
        bench.give(.consumer(Bench.cloud, .ready))
        #expect(bench.deliveries.count == 1)
    }

    @Test("its window bounds what it has in hand")
    func window() throws {
        var bench = Bench()
        try bench.attachCloud(["a"], window: 2)
        try bench.connect(1, "b")
        for id in UInt16(1)...5 { try bench.feed(1, publish("a", "\(id)", .atLeastOnce, id: id)) }
        #expect(bench.delivered == ["1", "2"])
        bench.acknowledge(1, 2)
        #expect(bench.delivered == ["1", "2", "3", "4"])
    }

    @Test("a publisher that reconnects and sends QoS 2 again is not delivered twice, and gets its PUBREC when the consumer is done")
    func reconnectWhileWaiting() throws {
        var bench = try bench()
        try bench.connect(1, "b", clean: false)
        try bench.feed(1, beat("2", .exactlyOnce, id: 8))
        bench.drop(1)
        try bench.connect(2, "b", clean: false)
        #expect(try bench.feed(2, beat("2", .exactlyOnce, id: 8, dup: true)).isEmpty)
        #expect(bench.deliveries.count == 1)
        bench.acknowledge(1)
        #expect(try bench.take(2) == [pubrec(8)])
        #expect(try bench.feed(2, pubrel(8)) == [pubcomp(8)])
    }

    @Test("and when the consumer was done before it came back, at once")
    func reconnectAfter() throws {
        var bench = try bench()
        try bench.connect(1, "b", clean: false)
        try bench.feed(1, beat("2", .exactlyOnce, id: 8))
        bench.drop(1)
        bench.acknowledge(1)
        try bench.connect(2, "b", clean: false)
        #expect(try bench.feed(2, beat("2", .exactlyOnce, id: 8, dup: true)) == [pubrec(8)])
        #expect(bench.deliveries.count == 1)
    }

    @Test("an identifier that was released early and used again is not credited with the old message")
    func reusedIdentifier() throws {
        var bench = try bench()
        try bench.connect(1, "b", clean: false)
        try bench.feed(1, beat("old", .exactlyOnce, id: 8))
        #expect(try bench.feed(1, pubrel(8)) == [pubcomp(8)])
        #expect(try bench.feed(1, beat("new", .exactlyOnce, id: 8)).isEmpty)
        bench.acknowledge(1)
        #expect(try bench.take(1).isEmpty)
        bench.acknowledge(2)
        #expect(try bench.take(1) == [pubrec(8)])
    }

    @Test("one message for overlapping filters, with the highest quality")
    func overlapping() throws {
        var bench = Bench()
        bench.give(
            .consumer(
                Bench.cloud,
                .attach(
                    ConsumerOptions(subscriptions: [
                        MQTTSubscription(filter: try MQTTTopicFilter("a/#"), qos: .atMostOnce),
                        MQTTSubscription(filter: try MQTTTopicFilter("a/+"), qos: .atLeastOnce),
                    ]))))
        bench.give(.consumer(Bench.cloud, .ready))
        try bench.connect(1, "b")
        try bench.feed(1, publish("a/b", "x", .exactlyOnce, id: 1), publish("a/b/c", "y", .exactlyOnce, id: 2))
        #expect(bench.deliveries.map(\.qos) == [.atLeastOnce, .atMostOnce])
        #expect(bench.deliveries.map { $0.id?.rawValue } == [1, nil])
    }

    @Test("one that is not durable holds nobody up; one that leaves for good releases those who wait")
    func notDurable() throws {
        var bench = Bench()
        try bench.attachCloud(["a"], durable: false)
        try bench.connect(1, "b")
        #expect(try bench.feed(1, publish("a", "1", .atLeastOnce, id: 1)) == [puback(1)])
        try bench.attachCloud(["a"])
        #expect(try bench.feed(1, publish("a", "2", .atLeastOnce, id: 2)).isEmpty)
        bench.give(.consumer(Bench.cloud, .detach))
        #expect(try bench.take(1) == [puback(2)])
    }

    @Test("two consumers: the publisher waits for both")
    func two() throws {
        var bench = Bench()
        try bench.attachCloud(["a"])
        let other = ConsumerID(rawValue: 2)
        bench.give(.consumer(other, .attach(ConsumerOptions(subscriptions: [MQTTSubscription(filter: try MQTTTopicFilter("#"), qos: .exactlyOnce)]))))
        bench.give(.consumer(other, .ready))
        try bench.connect(1, "b")
        try bench.feed(1, publish("a", "1", .atLeastOnce, id: 1))
        bench.acknowledge(1)
        #expect(try bench.take(1).isEmpty)
        bench.give(.consumer(other, .acknowledge([DeliveryID(rawValue: 1)])))
        #expect(try bench.take(1) == [puback(1)])
    }
}

@Suite("Overload: publishers wait, nothing acknowledged is lost")
struct OverloadTests {
    @Test("a full consumer holds publishers; each goes on in turn, in order, and every message arrives once")
    func consumerFull() throws {
        var bench = Bench()
        try bench.attachCloud(["a"], queueLimit: 2)
        try bench.connect(1, "b")
        try bench.connect(2, "c")
        for id in UInt16(1)...4 { try bench.feed(1, publish("a", "b\(id)", .atLeastOnce, id: id)) }
        for id in UInt16(1)...2 { try bench.feed(2, publish("a", "c\(id)", .atLeastOnce, id: id)) }
        #expect(bench.delivered == ["b1", "b2"])
        #expect(try bench.feed(2, .pingreq) == [.pingresp], "the connection is still served")
        var next: UInt64 = 1
        while next <= UInt64(bench.deliveries.count) {
            bench.acknowledge(next)
            next += 1
        }
        #expect(bench.delivered.sorted() == ["b1", "b2", "b3", "b4", "c1", "c2"])
        #expect(bench.delivered.filter { $0.hasPrefix("b") } == ["b1", "b2", "b3", "b4"])
        #expect(try bench.take(1) == [puback(1), puback(2), puback(3), puback(4)])
        #expect(try bench.take(2) == [puback(1), puback(2)])
    }

    @Test("a full subscriber holds the publisher until it acknowledges")
    func subscriberFull() throws {
        var bench = Bench { $0.maximumInflight = 1; $0.maximumQueued = 1 }
        try bench.connect(1, "slow")
        try bench.feed(1, subscribe(1, ("a", .atLeastOnce)))
        try bench.connect(2, "fast")
        let answer = try bench.feed(2, publish("a", "1", .atLeastOnce, id: 1), publish("a", "2", .atLeastOnce, id: 2), publish("a", "3", .atLeastOnce, id: 3), .pingreq)
        #expect(answer == [puback(1), puback(2), .pingresp])
        #expect(try payloads(bench.take(1)) == ["1"])
        #expect(try payloads(bench.feed(1, puback(1))) == ["2"])
        #expect(try bench.take(2) == [puback(3)])
        #expect(try payloads(bench.feed(1, puback(2))) == ["3"])
    }

    @Test("clients that publish to themselves and to each other do not wait for ever")
    func noDeadlock() throws {
        var bench = Bench { $0.maximumInflight = 1; $0.maximumQueued = 1 }
        try bench.connect(1, "x")
        try bench.connect(2, "y")
        try bench.feed(1, subscribe(1, ("a", .atLeastOnce)))
        try bench.feed(2, subscribe(1, ("a", .atLeastOnce)))
        var acknowledged: [UInt64: Int] = [1: 0, 2: 0]
        for id in UInt16(1)...10 {
            for connection in UInt64(1)...2 { bench.bytes(connection, try publish("a", "\(connection)-\(id)", .atLeastOnce, id: id).encoded()) }
        }
        for _ in 0..<100 {
            for connection in UInt64(1)...2 {
                for packet in try bench.take(connection) {
                    switch packet {
                    case .publish(let message): bench.bytes(connection, try puback(message.packetID).encoded())
                    case .puback: acknowledged[connection, default: 0] += 1
                    default: break
                    }
                }
            }
        }
        #expect(acknowledged == [1: 10, 2: 10])
    }

    @Test("a client that goes on sending against a full window is not read, then cut; its held messages were never acknowledged")
    func paused() throws {
        var bench = Bench { $0.maximumHeld = 3; $0.maximumBufferedInput = 1_000 }
        try bench.attachCloud(["a"], queueLimit: 1)
        try bench.connect(1, "b", keepAlive: 10)
        for id in UInt16(1)...5 { try bench.feed(1, publish("a", "\(id)", .atLeastOnce, id: id)) }
        #expect(bench.paused == [1])
        bench.advance(to: 100)
        #expect(bench.closed[1] == nil, "silence of a connection that is not read is not the client's")
        for delivery in UInt64(1)...5 { bench.acknowledge(delivery) }
        #expect(bench.paused == [])
        #expect(try bench.take(1) == (1...5).map { puback($0) })
        for id in UInt16(1)...5 { try bench.feed(1, publish("a", "\(id)", .atLeastOnce, id: id)) }
        bench.bytes(1, [UInt8](repeating: 0xC0, count: 1_001))
        #expect(bench.closed[1] == .inputOverflow)
        #expect(bench.notes.contains { if case .dropped("b", _, .publisherLeft, _) = $0 { true } else { false } })
    }

    @Test("the other policies: drop the newest, drop the oldest, end the subscriber's session", arguments: [OverflowPolicy.dropNewest, .dropOldest, .endSession])
    func policies(_ policy: OverflowPolicy) throws {
        var bench = Bench { $0.maximumInflight = 1; $0.maximumQueued = 2; $0.overflow = policy }
        try bench.connect(1, "slow", clean: false)
        try bench.feed(1, subscribe(1, ("a", .atLeastOnce)))
        try bench.connect(2, "fast")
        for id in UInt16(1)...5 { #expect(try bench.feed(2, publish("a", "\(id)", .atLeastOnce, id: id)) == [puback(id)]) }
        guard policy != .endSession else {
            #expect(bench.closed[1] == .queueOverflow)
            #expect(!bench.broker.hasSession(clientID: "slow"))
            return
        }
        #expect(bench.noted("mqtt.dropped") == 1, "the first stands for those that follow")
        #expect(bench.broker.counters.publishesDropped == 2)
        var got = try bench.take(1)
        for id in UInt16(1)...3 { got += try bench.feed(1, puback(id)) }
        #expect(payloads(got) == (policy == .dropNewest ? ["1", "2", "3"] : ["1", "4", "5"]))
    }

    @Test("what the process itself publishes cannot wait: it is dropped and noted, and a will has room of its own")
    func inline() throws {
        var bench = Bench { $0.maximumInflight = 1; $0.maximumQueued = 1 }
        try bench.connect(1, "slow")
        try bench.feed(1, subscribe(1, ("a", .atLeastOnce)))
        try bench.connect(2, "x", will: will("a", "will", .atLeastOnce))
        for _ in 0..<3 { bench.give(.publish(InlinePublish(topic: try MQTTTopic("a"), payload: [0x78], qos: .atLeastOnce))) }
        bench.drop(2)
        #expect(bench.noted("mqtt.dropped") == 1)
        #expect(try payloads(bench.take(1)) == ["x"])
        #expect(try payloads(bench.feed(1, puback(1))) == ["x"])
        #expect(try payloads(bench.feed(1, puback(2))) == ["will"])
    }

    @Test("a publisher that waits for a subscriber goes on when that one unsubscribes, leaves or is ended", arguments: 0..<4)
    func subscriberLeaves(_ way: Int) throws {
        var bench = Bench { $0.maximumInflight = 1; $0.maximumQueued = 1 }
        try bench.connect(1, "slow", clean: way == 1)
        try bench.feed(1, subscribe(1, ("a", .atLeastOnce)))
        try bench.connect(2, "fast")
        for id in UInt16(1)...3 { try bench.feed(2, publish("a", "\(id)", .atLeastOnce, id: id)) }
        switch way {
        case 0: try bench.feed(1, unsubscribe(2, "a"))
        case 1: bench.drop(1)
        case 2: bench.give(.disconnect(clientID: "slow", reason: "x", endsSession: true))
        default: try bench.connect(3, "slow", clean: true)
        }
        #expect(try bench.take(2) == [puback(3)])
    }

    @Test("fan-out 1 to 10,000 is one send to each, in order")
    func fanOut() throws {
        var broker = Broker(authorizer: OpenAuthorizer())
        var effects: [BrokerEffect] = []
        for number in UInt64(0)..<10_000 {
            broker.handle(.opened(ConnectionID(rawValue: number), peer: ""), at: .start, &effects)
            var wire = try MQTTPacket.connect(MQTTConnect(clientID: "c\(number)", isClean: true, keepAlive: 0)).encoded()
            wire += try subscribe(1, ("all", .atMostOnce)).encoded()
            broker.handle(.received(ConnectionID(rawValue: number), wire), at: .start, &effects)
            effects.removeAll()
        }
        broker.handle(.received(ConnectionID(rawValue: 0), try publish("all", "hi").encoded()), at: .start, &effects)
        let expected = try publish("all", "hi").encoded()
        #expect(effects.count == 10_000)
        for (index, effect) in effects.enumerated() {
            // The publisher's own connection is the first session.
            if effect != .send(ConnectionID(rawValue: UInt64(index)), expected) {
                #expect(Bool(false), "effect \(index) is \(effect)")
                break
            }
        }
    }
}
