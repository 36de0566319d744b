import LabCore
import MQTTBroker
import Testing
import WireProtocols

@Suite("MQTT 3.1.1 §3.1.2.4: clean and persistent sessions, takeover")
struct SessionTests {
    @Test("a persistent session keeps subscriptions and QoS 1 and 2 messages [MQTT-3.1.2-4], [MQTT-3.1.2-5]")
    func persistent() throws {
        var bench = Bench()
        #expect(try bench.connect(1, "cloud", clean: false) == [connack()])
        try bench.feed(1, subscribe(1, ("a", .exactlyOnce)))
        try bench.feed(1, .disconnect())
        try bench.connect(2, "badge")
        try bench.feed(2, publish("a", "0"), publish("a", "1", .atLeastOnce, id: 1), publish("a", "2", .exactlyOnce, id: 2))
        // QoS 0 is for those who are there.
        #expect(
            try bench.connect(3, "cloud", clean: false) == [
                connack(present: true), publish("a", "1", .atLeastOnce, id: 1), publish("a", "2", .exactlyOnce, id: 2),
            ])
    }

    @Test("a clean session discards the old one and leaves nothing behind [MQTT-3.1.2-6]")
    func clean() throws {
        var bench = Bench()
        try bench.connect(1, "cloud", clean: false)
        try bench.feed(1, subscribe(1, ("a", .atLeastOnce)))
        bench.drop(1)
        bench.give(.publish(InlinePublish(topic: try MQTTTopic("a"), payload: [1], qos: .atLeastOnce)))
        #expect(bench.broker.backlog(clientID: "cloud") == 1)
        #expect(try bench.connect(2, "cloud", clean: true) == [connack(present: false)])
        bench.drop(2)
        #expect(!bench.broker.hasSession(clientID: "cloud"))
        #expect(try bench.connect(3, "cloud", clean: false) == [connack(present: false)])
    }

    @Test("a takeover ends the older connection [MQTT-3.1.4-2] and is noted")
    func takeover() throws {
        var bench = Bench()
        try bench.connect(1, "badge")
        #expect(try bench.connect(2, "badge") == [connack()])
        #expect(bench.closed[1] == .takenOver)
        #expect(bench.notes.contains(.takenOver(client: "badge", from: "peer-1", by: "peer-2")))
        // The older connection's late bytes are nobody's.
        bench.bytes(1, hexBytes("c000"))
        #expect(try bench.take(1).isEmpty)
        #expect(try bench.feed(2, .pingreq) == [.pingresp])
    }

    @Test("of a persistent session goes on: unacknowledged again with DUP, retained not again")
    func takeoverPersistent() throws {
        var bench = Bench()
        try bench.connect(8, "badge")
        try bench.feed(8, publish("a", "kept", retain: true))
        try bench.connect(1, "cloud", clean: false)
        #expect(try bench.feed(1, subscribe(1, ("a", .atLeastOnce))) == [suback(1, 1), publish("a", "kept", retain: true)])
        try bench.feed(8, publish("a", "live", .atLeastOnce, id: 1))
        #expect(try bench.take(1) == [publish("a", "live", .atLeastOnce, id: 1)])
        #expect(try bench.connect(2, "cloud", clean: false) == [connack(present: true), publish("a", "live", .atLeastOnce, id: 1, dup: true)])
    }

    @Test("three takeovers in one instant leave the last one")
    func race() throws {
        var bench = Bench()
        for connection in UInt64(1)...4 { bench.open(connection) }
        for connection in UInt64(1)...4 {
            try bench.feed(connection, .connect(MQTTConnect(clientID: "badge", isClean: false, keepAlive: 0)))
        }
        #expect(bench.closed.keys.sorted() == [1, 2, 3])
        #expect(bench.broker.connectedClients == ["badge"])
        #expect(try bench.feed(4, .pingreq) == [.pingresp])
    }

    @Test("another subject with the same identifier does not inherit the session")
    func otherSubject() throws {
        var bench = Bench(PatternAuthorizer())
        try bench.connect(1, "x", clean: false, username: "alice")
        try bench.feed(1, subscribe(1, ("shared/a", .atLeastOnce)))
        bench.drop(1)
        bench.give(.publish(InlinePublish(topic: try MQTTTopic("shared/a"), payload: [1], qos: .atLeastOnce)))
        #expect(try bench.connect(2, "x", clean: false, username: "bob") == [connack(present: false)])
    }

    @Test("a persistent session ends when its time is up, also at exactly the time")
    func expiry() throws {
        var bench = Bench { $0.sessionExpiry = .seconds(3_600) }
        try bench.connect(1, "a", clean: false)
        bench.advance(to: 10_000)
        bench.drop(1)
        bench.advance(to: 13_599)
        #expect(bench.broker.hasSession(clientID: "a"))
        #expect(try bench.connect(2, "a", clean: false) == [connack(present: true)])
        bench.drop(2)
        bench.advance(to: 13_600)
        #expect(bench.broker.hasSession(clientID: "a"), "the first deadline is void")
        bench.advance(to: 17_199)
        #expect(!bench.broker.hasSession(clientID: "a"))
        #expect(bench.noted("mqtt.session-expired") == 1)
    }

    @Test("an administrative end closes the connection, and the session if asked to")
    func administrative() throws {
        var bench = Bench()
        try bench.connect(1, "a", clean: false)
        bench.give(.disconnect(clientID: "a", reason: "maintenance", endsSession: false))
        #expect(bench.closed[1] == .administrative("maintenance"))
        #expect(bench.broker.hasSession(clientID: "a"))
        bench.give(.disconnect(clientID: "a", reason: "decommissioned", endsSession: true))
        #expect(!bench.broker.hasSession(clientID: "a"))
    }
}

@Suite("Restart of the broker")
struct RestartTests {
    private func running() throws -> Bench {
        var bench = Bench { $0.sessionExpiry = .seconds(100) }
        try bench.connect(1, "badge", clean: false, will: will("w", "broker died", .atLeastOnce))
        try bench.connect(2, "cloud", clean: false)
        try bench.feed(2, subscribe(1, ("#", .exactlyOnce)))
        try bench.feed(1, publish("a", "kept", .exactlyOnce, id: 5, retain: true), publish("a", "x", .atLeastOnce, id: 6))
        #expect(try payloads(bench.take(2)) == ["kept", "x"])
        return bench
    }

    @Test("with persistence: sessions, messages on their way and retained ones are there, owed wills are published (§3.1.2.5)")
    func persistent() throws {
        var bench = try running()
        let snapshot = bench.broker.snapshot(at: bench.now)
        bench.advance(to: 50)
        bench.restart(from: snapshot)
        #expect(
            try bench.connect(3, "cloud", clean: false) == [
                connack(present: true), publish("a", "kept", .exactlyOnce, id: 1, dup: true), publish("a", "x", .atLeastOnce, id: 2, dup: true),
                publish("w", "broker died", .atLeastOnce, id: 3),
            ])
        // The QoS 2 message that was not released is still known: it is not delivered twice.
        try bench.connect(4, "badge", clean: false)
        #expect(try bench.feed(4, publish("a", "kept", .exactlyOnce, id: 5, dup: true), pubrel(5)) == [pubrec(5), pubcomp(5)])
        #expect(try bench.take(3).isEmpty)
        #expect(bench.broker.retainedCount == 1)
    }

    @Test("expiry times go on counting while it is down")
    func expiry() throws {
        for (downUntil, isThere) in [(99.0, true), (100.0, false)] {
            var bench = try running()
            let snapshot = bench.broker.snapshot(at: bench.now)
            bench.advance(to: downUntil)
            bench.restart(from: snapshot)
            #expect(bench.broker.hasSession(clientID: "badge") == isThere)
        }
        var bench = try running()
        let snapshot = bench.broker.snapshot(at: bench.now)
        bench.advance(to: 60)
        bench.restart(from: snapshot)
        bench.advance(to: 100)
        #expect(!bench.broker.hasSession(clientID: "badge"))
    }

    @Test("without persistence everything is gone")
    func forgotten() throws {
        var bench = try running()
        bench.restart(from: nil)
        #expect(bench.broker.sessionCount == 0)
        #expect(bench.broker.retainedCount == 0)
        #expect(try bench.connect(3, "cloud", clean: false) == [connack(present: false)])
    }

    @Test("clean sessions do not survive, and their slots are used again without mixing anything up")
    func slots() throws {
        var bench = Bench()
        try bench.attachCloud(["a"])
        try bench.connect(1, "clean")
        try bench.connect(2, "kept", clean: false)
        try bench.feed(1, publish("a", "1", .atLeastOnce, id: 1))
        bench.restart(from: bench.broker.snapshot(at: bench.now))
        try bench.connect(3, "new")
        bench.give(.consumer(Bench.cloud, .ready))
        #expect(bench.deliveries.map(\.isRedelivered) == [false, true])
        bench.acknowledge(1)
        // The acknowledgement belongs to a session that is gone; the new client in its slot gets nothing.
        #expect(try bench.take(3).isEmpty)
        #expect(try bench.connect(4, "kept", clean: false) == [connack(present: true)])
    }
}
