import LabCore
import MQTTBroker
import Testing
import WireProtocols

@Suite("MQTT 5.0 §3.1.2.11.2, §4.1: session expiry")
struct SessionExpiry5Tests {
    @Test("0 or absent: the session ends with its connection; else it lives that long; 0xFFFFFFFF for ever", arguments: [(UInt32?.none, 0.0), (0, 0), (5, 5), (UInt32.max, 1e7)])
    func expiry(_ seconds: UInt32?, _ life: Double) throws {
        var bench = Bench()
        try bench.connect5(1, "a", expiry: seconds)
        bench.drop(1)
        #expect(bench.broker.hasSession(clientID: "a") == (life > 0))
        guard life > 0 else { return }
        bench.advance(to: life - 0.1)
        #expect(bench.broker.hasSession(clientID: "a"))
        bench.advance(to: life)
        #expect(bench.broker.hasSession(clientID: "a") == (seconds == .max))
    }

    @Test("clean start begins anew and can leave a session behind [MQTT-3.1.2-4], [MQTT-3.1.2-5], [MQTT-3.1.2-6]")
    func cleanStart() throws {
        var bench = Bench()
        #expect(connack(in: try bench.connect5(1, "a", clean: true, expiry: 100))?.sessionPresent == false)
        bench.drop(1)
        #expect(connack(in: try bench.connect5(2, "a", clean: false, expiry: 100))?.sessionPresent == true)
        bench.drop(2)
        #expect(connack(in: try bench.connect5(3, "a", clean: true, expiry: 100))?.sessionPresent == false)
    }

    @Test("DISCONNECT changes it, down to 0 and up from more than 0 [MQTT-3.1.2-23]", arguments: [(UInt32(0), false), (50, true)])
    func disconnect(_ seconds: UInt32, _ isThere: Bool) throws {
        var bench = Bench()
        try bench.connect5(1, "a", expiry: 1)
        try bench.feed(1, disconnect5(.success, expiry: seconds))
        #expect(bench.closed[1] == .disconnected)
        bench.advance(to: 49)
        #expect(bench.broker.hasSession(clientID: "a") == isThere)
        bench.advance(to: 50)
        #expect(!bench.broker.hasSession(clientID: "a"))
    }

    @Test("a setting caps it, at CONNECT and at DISCONNECT, and CONNACK tells")
    func cap() throws {
        var bench = Bench { $0.sessionExpiry = .seconds(10) }
        #expect(connack(in: try bench.connect5(1, "a", expiry: .max))?.properties.sessionExpiryInterval == 10)
        try bench.feed(1, disconnect5(.success, expiry: 1_000))
        bench.advance(to: 9.9)
        #expect(bench.broker.hasSession(clientID: "a"))
        bench.advance(to: 10)
        #expect(!bench.broker.hasSession(clientID: "a"))
        #expect(connack(in: try bench.connect5(2, "a", expiry: 7))?.properties.sessionExpiryInterval == nil)
    }

    @Test("a client that comes back sets it anew, and the old deadline means nothing")
    func renewed() throws {
        var bench = Bench()
        try bench.connect5(1, "a", expiry: 10)
        bench.drop(1)
        bench.advance(to: 5)
        try bench.connect5(2, "a", clean: false, expiry: 100)
        bench.advance(to: 50)
        bench.drop(2)
        bench.advance(to: 149)
        #expect(bench.broker.hasSession(clientID: "a"))
        bench.advance(to: 150)
        #expect(!bench.broker.hasSession(clientID: "a"))
    }

    @Test("it goes on counting while the broker is down")
    func down() throws {
        for (until, isThere) in [(9.0, true), (10.0, false)] {
            var bench = Bench()
            try bench.connect5(1, "a", expiry: 10)
            let snapshot = bench.broker.snapshot(at: bench.now)
            bench.advance(to: until)
            bench.restart(from: snapshot)
            #expect(bench.broker.hasSession(clientID: "a") == isThere)
        }
    }
}

@Suite("MQTT 5.0 §3.1.3.2.2: the will and its delay")
struct WillDelay5Tests {
    private func watched(_ authorizer: any MQTTAuthorizer = OpenAuthorizer()) throws -> Bench {
        var bench = Bench(authorizer)
        try bench.connect5(9, "watcher")
        try bench.feed(9, subscribe5(1, "#", .exactlyOnce))
        return bench
    }

    @Test("the will comes after the delay or with the session's end, whichever is first", arguments: [(UInt32(10), UInt32(100), 10.0), (100, 10, 10), (10, 10, 10), (5, 0, 0), (0, 100, 0)])
    func delay(_ delay: UInt32, _ expiry: UInt32, _ due: Double) throws {
        var bench = try watched()
        try bench.connect5(1, "badge", expiry: expiry, will: will5("w", "gone", delay: delay))
        bench.drop(1)
        if due > 0 {
            bench.advance(to: due - 0.1)
            #expect(try bench.take(9).isEmpty)
        }
        bench.advance(to: due)
        #expect(try payloads(bench.take(9)) == ["gone"])
        bench.advance(to: 1_000)
        #expect(try bench.take(9).isEmpty, "only once")
    }

    @Test("a client that is back before it is over is not dead [MQTT-3.1.3-9]")
    func back() throws {
        var bench = try watched()
        try bench.connect5(1, "badge", expiry: 100, will: will5("w", "gone", delay: 10))
        bench.drop(1)
        bench.advance(to: 9)
        try bench.connect5(2, "badge", clean: false, expiry: 100)
        bench.advance(to: 50)
        #expect(try bench.take(9).isEmpty)
    }

    @Test("a clean start ends the session, so the will is sent at once")
    func cleanStart() throws {
        var bench = try watched()
        try bench.connect5(1, "badge", expiry: 100, will: will5("w", "gone", delay: 10))
        bench.drop(1)
        try bench.connect5(2, "badge", clean: true)
        #expect(try payloads(bench.take(9)) == ["gone"])
        bench.advance(to: 50)
        #expect(try bench.take(9).isEmpty)
    }

    @Test("takeover: without a delay the will is sent; with one and a session that goes on it is not", arguments: [(UInt32(0), false, ["gone"]), (10, false, []), (10, true, ["gone"])])
    func takeover(_ delay: UInt32, _ clean: Bool, _ expected: [String]) throws {
        var bench = try watched()
        try bench.connect5(1, "badge", expiry: 100, will: will5("w", "gone", delay: delay))
        try bench.connect5(2, "badge", clean: clean, expiry: 100)
        #expect(try bench.take(1) == [disconnect5(.sessionTakenOver)])
        bench.advance(to: 50)
        #expect(try payloads(bench.take(9)) == expected)
    }

    @Test("DISCONNECT 0x00 discards it, every other reason does not [MQTT-3.1.2-10], §3.14.4", arguments: [(MQTTReasonCode.success, [String]()), (.disconnectWithWill, ["gone"]), (.unspecifiedError, ["gone"])])
    func disconnect(_ reason: MQTTReasonCode, _ expected: [String]) throws {
        var bench = try watched()
        try bench.connect5(1, "badge", will: will5("w", "gone"))
        try bench.feed(1, disconnect5(reason))
        #expect(try payloads(bench.take(9)) == expected)
        #expect(bench.closed[1] == (reason == .success ? .disconnected : .disconnectedWith(reason)))
    }

    @Test("its properties go with it but the delay; its expiry counts from its publication")
    func properties() throws {
        var bench = try watched()
        let will = try will5("w", "gone", .atLeastOnce, delay: 10) {
            $0.payloadFormatIndicator = 1
            $0.messageExpiryInterval = 30
            $0.contentType = "text/plain"
            $0.responseTopic = "r"
            $0.correlationData = [7]
            $0.userProperties = [MQTTUserProperty("b", "1"), MQTTUserProperty("a", "2")]
        }
        try bench.connect5(1, "badge", expiry: 100, will: will)
        bench.drop(1)
        bench.advance(to: 10)
        var expected = will.properties
        expected.willDelayInterval = nil
        let got = publishes(try bench.take(9))
        #expect(got.map(\.properties) == [expected])
    }

    @Test("a delayed will asks for its right when it is due")
    func rights() throws {
        let authorizer = ChangingAuthorizer(receive: ["#"], publish: ["#"])
        var bench = try watched(authorizer)
        try bench.connect5(1, "badge", expiry: 100, will: will5("w", "gone", delay: 10))
        bench.drop(1)
        authorizer.set(receive: ["#"], publish: [])
        bench.advance(to: 20)
        #expect(try bench.take(9).isEmpty)
        #expect(bench.noted("mqtt.publish-refused") == 1)
    }

    @Test("a will that waits survives the broker and is published at its time, or at once if that has passed", arguments: [(5.0, 10.0), (20, 20)])
    func restart(_ back: Double, _ due: Double) throws {
        var bench = Bench()
        try bench.connect5(9, "watcher", expiry: 1_000)
        try bench.feed(9, subscribe5(1, "w", .atLeastOnce))
        try bench.connect5(1, "badge", expiry: 100, will: will5("w", "gone", .atLeastOnce, delay: 10))
        let snapshot = bench.broker.snapshot(at: bench.now)
        bench.advance(to: back)
        bench.restart(from: snapshot)
        try bench.connect5(2, "watcher", clean: false, expiry: 1_000)
        bench.advance(to: due - 0.1)
        bench.advance(to: due)
        #expect(bench.noted("mqtt.will-published") == 1)
        #expect(bench.broker.backlog(clientID: "watcher") == 1)
    }
}

@Suite("MQTT 5.0 §3.14: the server's DISCONNECT")
struct ServerDisconnect5Tests {
    @Test("tells why: taken over, silence, administration, end of credentials, going down")
    func reasons() throws {
        var authorizer = PatternAuthorizer()
        authorizer.validUntil = RunInstant(nanoseconds: 50_000_000_000)
        var bench = Bench(authorizer) { $0.unauthorizedPublish = .closeConnection }
        for connection in UInt64(1)...6 { try bench.connect5(connection, "c\(connection)", keepAlive: connection == 2 ? 10 : 0) }
        try bench.connect5(11, "c1")
        bench.advance(to: 15)
        bench.give(.disconnect(clientID: "c3", reason: "revoked", endsSession: false))
        try bench.connect(12, "c4")
        bench.advance(to: 49)
        #expect(try bench.feed(5, publish5("t/other/up/a", "no", .atLeastOnce, id: 1)) == [disconnect5(.notAuthorized)])
        #expect(try bench.take(1) == [disconnect5(.sessionTakenOver)])
        #expect(try bench.take(2) == [disconnect5(.keepAliveTimeout)])
        #expect(try bench.take(3) == [disconnect5(.administrativeAction)])
        #expect(try bench.take(4) == [disconnect5(.sessionTakenOver)], "by a client of 3.1.1")
        bench.advance(to: 50)
        #expect(try bench.take(6) == [disconnect5(.maximumConnectTime)])
        var down = Bench()
        try down.connect5(1, "a")
        try down.connect(2, "b")
        down.give(.stop)
        #expect(try down.take(1) == [disconnect5(.serverShuttingDown)])
        #expect(down.sent[2] == nil)
        #expect(down.closed == [1: .shuttingDown, 2: .shuttingDown])
    }

    @Test("a full queue with the policy to end the session: 0x97")
    func quota() throws {
        var bench = Bench { $0.overflow = .endSession; $0.maximumInflight = 1; $0.maximumQueued = 1 }
        try bench.connect5(1, "a")
        try bench.feed(1, subscribe5(1, "x", .atLeastOnce))
        for _ in 0..<3 { bench.give(.publish(InlinePublish(topic: try MQTTTopic("x"), payload: [], qos: .atLeastOnce))) }
        #expect(try bench.take(1).last == disconnect5(.quotaExceeded))
    }
}

@Suite("Both versions on one broker")
struct MixedVersionTests {
    @Test("messages pass both ways; 3.1.1 gets them without what it does not know")
    func messages() throws {
        var bench = Bench()
        try bench.connect(1, "old")
        try bench.connect5(2, "new")
        try bench.feed(1, subscribe(1, ("x", .exactlyOnce)))
        try bench.feed(2, subscribe5(1, "x", .exactlyOnce))
        let message = try publish5("x", "v", .atLeastOnce, id: 7) { $0.contentType = "c"; $0.userProperties = [MQTTUserProperty("a", "b")] }
        #expect(try bench.feed(2, message) == [publish5("x", "v", .atLeastOnce, id: 1) { $0.contentType = "c"; $0.userProperties = [MQTTUserProperty("a", "b")] }, puback(7)])
        #expect(try bench.take(1) == [publish("x", "v", .atLeastOnce, id: 1)])
        #expect(try bench.feed(1, publish("x", "w")) == [publish("x", "w")])
        #expect(try bench.take(2) == [publish5("x", "w")])
        try bench.feed(2, publish5("x", "z"))
        #expect(try bench.take(1) == [publish("x", "z")])
    }

    @Test("a fan-out to both versions and all qualities gives each its own form", arguments: MQTTQoS.allOf)
    func fanOut(_ qos: MQTTQoS) throws {
        var bench = Bench()
        for index in UInt64(0)..<12 {
            let wanted: MQTTQoS = [.atMostOnce, .atLeastOnce, .exactlyOnce][Int(index) % 3]
            if index < 6 {
                try bench.connect(index, "c\(index)")
                try bench.feed(index, subscribe(1, ("#", wanted)))
            } else {
                try bench.connect5(index, "c\(index)")
                try bench.feed(index, subscribe5(1, "#", wanted))
            }
        }
        try bench.connect5(20, "p")
        for payload in ["one", ""] {
            try bench.feed(20, publish5("a/b", payload, qos, id: qos == .atMostOnce ? 0 : 9) { $0.contentType = "c" })
            if qos == .exactlyOnce { try bench.feed(20, pubrel(9)) }
            for index in UInt64(0)..<12 {
                let given = min(qos, [.atMostOnce, .atLeastOnce, .exactlyOnce][Int(index) % 3])
                let id: UInt16 = given == .atMostOnce ? 0 : payload == "one" ? 1 : 2
                let expected = index < 6 ? try publish("a/b", payload, given, id: id) : try publish5("a/b", payload, given, id: id) { $0.contentType = "c" }
                #expect(try bench.take(index) == [expected])
            }
        }
    }

    @Test("a client of 3.1.1 takes over a session of 5.0 with its queue, and back")
    func takeover() throws {
        var bench = Bench { $0.maximumInflight = 1 }
        try bench.connect5(1, "a", expiry: 100)
        try bench.feed(1, subscribe5(1, "x", .atLeastOnce, identifier: 5))
        for payload in ["1", "2"] {
            bench.give(.publish(InlinePublish(topic: try MQTTTopic("x"), payload: [UInt8](payload.utf8), qos: .atLeastOnce)))
        }
        #expect(publishes(try bench.take(1)).map(\.properties.subscriptionIdentifiers) == [[5]])
        #expect(try bench.connect(2, "a", clean: false) == [connack(present: true), publish("x", "1", .atLeastOnce, id: 1, dup: true)])
        #expect(try bench.take(1) == [disconnect5(.sessionTakenOver)])
        let resumed = try bench.connect5(3, "a", clean: false, expiry: 100)
        #expect(connack(in: resumed)?.sessionPresent == true)
        #expect(publishes(resumed) == publishes([try publish5("x", "1", .atLeastOnce, id: 1, dup: true) { $0.subscriptionIdentifiers = [5] }]))
        #expect(bench.closed[2] == .takenOver)
        #expect(publishes(try bench.feed(3, puback(1))).map(\.payload) == [[0x32]])
    }

    @Test("a session that 3.1.1 keeps for ever ends with the connection of 5.0 that asks for no more")
    func lifetimes() throws {
        var bench = Bench()
        try bench.connect(1, "a", clean: false)
        try bench.connect5(2, "a", clean: false)
        bench.drop(2)
        #expect(!bench.broker.hasSession(clientID: "a"))
        try bench.connect5(3, "b", expiry: 5)
        try bench.connect(4, "b", clean: false)
        bench.drop(4)
        bench.advance(to: 1_000)
        #expect(bench.broker.hasSession(clientID: "b"))
    }

    @Test("two takeovers in one go leave one connection")
    func race() throws {
        var bench = Bench()
        for connection in UInt64(1)...3 { bench.open(connection) }
        for connection in UInt64(1)...3 { bench.bytes(connection, Bench.connect5Wire) }
        #expect(bench.closed == [1: .takenOver, 2: .takenOver])
        bench.drop(1)
        bench.drop(2)
        #expect(bench.broker.connectedClients == ["a"])
    }

    @Test("retained messages are not sent again to one that takes over")
    func retained() throws {
        var bench = Bench()
        try bench.connect5(1, "a", expiry: 100)
        try bench.feed(1, publish5("r", "kept", retain: true), subscribe5(1, "r"))
        #expect(try bench.connect5(2, "a", clean: false, expiry: 100).count == 1)
    }
}

extension MQTTQoS {
    static let allOf: [MQTTQoS] = [.atMostOnce, .atLeastOnce, .exactlyOnce]
}
