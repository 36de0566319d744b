import LabCore
import MQTTBroker
import Testing
import WireProtocols

@Suite("MQTT 5.0 §3.8.3.1: subscription options")
struct SubscriptionOptionTests {
    @Test("no local: a client does not hear itself, but hears others [MQTT-3.8.3-3]")
    func noLocal() throws {
        var bench = Bench()
        try bench.connect5(1, "a")
        try bench.connect5(2, "b")
        for connection in UInt64(1)...2 { try bench.feed(connection, subscribe5(1, "x", .atLeastOnce, noLocal: true)) }
        #expect(try bench.feed(1, publish5("x", "from a", .atLeastOnce, id: 1)) == [puback(1)])
        #expect(try payloads(bench.take(2)) == ["from a"])
        #expect(try bench.feed(2, publish5("x", "from b")).isEmpty)
        #expect(try payloads(bench.take(1)) == ["from b"])
    }

    @Test("beside a filter without it, the client hears itself by the other filter, once and with its quality and identifier")
    func overlapping() throws {
        var bench = Bench()
        try bench.connect5(1, "a")
        try bench.feed(1, subscribe5(1, "x/#", .exactlyOnce, noLocal: true, identifier: 1), subscribe5(2, "x/+", .atMostOnce, identifier: 2))
        #expect(try bench.feed(1, publish5("x/y", "own", .atLeastOnce, id: 1)) == [publish5("x/y", "own") { $0.subscriptionIdentifiers = [2] }, puback(1)])
        try bench.connect5(2, "b")
        try bench.feed(2, publish5("x/y", "other", .atLeastOnce, id: 1))
        #expect(try bench.take(1) == [publish5("x/y", "other", .atLeastOnce, id: 1) { $0.subscriptionIdentifiers = [1, 2] }])
    }

    @Test("no local holds for retained messages, wills and over a reconnect")
    func noLocalElsewhere() throws {
        var bench = Bench()
        try bench.connect5(1, "a", expiry: 100, will: will5("x", "will"))
        try bench.feed(1, publish5("x", "kept", .atLeastOnce, id: 1, retain: true))
        #expect(try bench.feed(1, subscribe5(1, "x", .atLeastOnce, noLocal: true)) == [suback5(1, .grantedQoS1)])
        bench.drop(1)
        #expect(bench.noted("mqtt.will-published") == 1)
        #expect(try bench.connect5(2, "a", clean: false, expiry: 100).count == 1)
        #expect(try bench.feed(2, publish5("x", "own")).isEmpty)
    }

    @Test("retain as published keeps the flag as it came; without it live messages are unmarked [MQTT-3.3.1-12], [MQTT-3.3.1-13]", arguments: [true, false])
    func asPublished(_ option: Bool) throws {
        var bench = Bench()
        try bench.connect5(1, "a")
        try bench.feed(1, subscribe5(1, "x", .atLeastOnce, asPublished: option))
        let got = publishes(try bench.feed(1, publish5("x", "1", retain: true), publish5("x", "2"), publish5("x", "", .atLeastOnce, id: 1, retain: true)))
        #expect(got.map(\.retain) == [option, false, option])
        // What is sent because of a subscription is always marked.
        try bench.feed(1, publish5("x", "3", retain: true))
        #expect(publishes(try bench.feed(1, subscribe5(2, "x", asPublished: option))).map(\.retain) == [true])
    }

    @Test("a fan-out tells each subscriber in its own way")
    func mixed() throws {
        var bench = Bench()
        for connection in UInt64(1)...6 {
            try bench.connect5(connection, "c\(connection)")
            try bench.feed(connection, subscribe5(1, "x", connection < 4 ? .atMostOnce : .atLeastOnce, asPublished: connection % 3 == 0))
        }
        try bench.connect5(9, "p")
        try bench.feed(9, publish5("x", "v", .atLeastOnce, id: 1, retain: true))
        for connection in UInt64(1)...6 {
            let qos: MQTTQoS = connection < 4 ? .atMostOnce : .atLeastOnce
            let expected = try publish5("x", "v", qos, id: connection < 4 ? 0 : 1, retain: connection % 3 == 0)
            #expect(try bench.take(connection) == [expected])
        }
    }

    @Test("retain handling: 0 always, 1 only for a new subscription, 2 never [MQTT-3.3.1-9] to [MQTT-3.3.1-11]", arguments: [(MQTTRetainHandling.sendAtSubscribe, 1, 1), (.sendIfNew, 1, 0), (.doNotSend, 0, 0)])
    func handling(_ option: MQTTRetainHandling, _ first: Int, _ second: Int) throws {
        var bench = Bench()
        try bench.connect5(1, "a")
        try bench.feed(1, publish5("x", "kept", retain: true))
        #expect(publishes(try bench.feed(1, subscribe5(1, "x", handling: option))).count == first)
        #expect(publishes(try bench.feed(1, subscribe5(2, "x", handling: option))).count == second)
        try bench.feed(1, unsubscribe(3, "x"))
        #expect(publishes(try bench.feed(1, subscribe5(4, "x", handling: option))).count == first)
    }

    @Test("all options survive a restart of the broker")
    func restart() throws {
        var bench = Bench()
        try bench.connect5(1, "a", expiry: 100)
        try bench.feed(1, subscribe5(1, "x", .atLeastOnce, noLocal: true, asPublished: true, identifier: 9))
        bench.restart(from: bench.broker.snapshot(at: bench.now))
        try bench.connect5(2, "a", clean: false)
        #expect(try bench.feed(2, publish5("x", "own")).isEmpty)
        try bench.connect5(3, "b")
        try bench.feed(3, publish5("x", "v", .atLeastOnce, id: 1, retain: true))
        #expect(try bench.take(2) == [publish5("x", "v", .atLeastOnce, id: 1, retain: true) { $0.subscriptionIdentifiers = [9] }])
    }
}

@Suite("MQTT 5.0 §3.8.2.1.2: subscription identifiers")
struct SubscriptionIdentifierTests {
    @Test("a message has those of all filters that match, in the order of the subscriptions [MQTT-3.3.4-3], [MQTT-3.3.4-4]")
    func all() throws {
        var bench = Bench()
        try bench.connect5(1, "a")
        for (index, (filter, identifier)) in [("a/#", UInt32(30)), ("a/b", 10), ("+/b", 20), ("a/c", 40), ("#", nil)].enumerated() {
            try bench.feed(1, subscribe5(UInt16(index + 1), filter, .atLeastOnce, identifier: identifier))
        }
        #expect(try bench.feed(1, publish5("a/b", "v")) == [publish5("a/b", "v") { $0.subscriptionIdentifiers = [30, 10, 20] }])
        #expect(try bench.feed(1, publish5("c", "v")) == [publish5("c", "v")])
    }

    @Test("subscribing again replaces or removes it, and it goes with queued and retained messages")
    func replaced() throws {
        var bench = Bench()
        try bench.connect5(1, "a", expiry: 100)
        try bench.feed(1, publish5("x", "kept", retain: true))
        #expect(publishes(try bench.feed(1, subscribe5(1, "x", .atLeastOnce, identifier: 268_435_455))).map(\.properties.subscriptionIdentifiers) == [[268_435_455]])
        bench.drop(1)
        bench.give(.publish(InlinePublish(topic: try MQTTTopic("x"), payload: [], qos: .atLeastOnce)))
        #expect(publishes(try bench.connect5(2, "a", clean: false, expiry: 100)).map(\.properties.subscriptionIdentifiers) == [[268_435_455]])
        try bench.feed(2, subscribe5(2, "x", handling: .doNotSend))
        #expect(publishes(try bench.feed(2, publish5("x", ""))).map(\.properties.subscriptionIdentifiers) == [[]])
    }

    @Test("one SUBSCRIBE gives all its filters the same")
    func oneForAll() throws {
        var bench = Bench()
        try bench.connect5(1, "a")
        var packet = MQTTSubscribe(packetID: 1, subscriptions: try ["x", "+"].map { MQTTSubscription(filter: try MQTTTopicFilter($0), qos: .atMostOnce) })
        packet.properties.subscriptionIdentifier = 4
        try bench.feed(1, .subscribe(packet))
        #expect(publishes(try bench.feed(1, publish5("x", ""))).map(\.properties.subscriptionIdentifiers) == [[4, 4]])
    }
}

@Suite("MQTT 5.0 §3.9, §3.11: codes of SUBACK and UNSUBACK")
struct SubscriptionCode5Tests {
    @Test("a denied filter has the code that is set: 0x87, or another; 3.1.1 always gets 0x80", arguments: [MQTTReasonCode?.none, .unspecifiedError, .topicFilterInvalid])
    func denied(_ code: MQTTReasonCode?) throws {
        var bench = Bench(PatternAuthorizer()) { if let code { $0.deniedFilterCode = code } }
        try bench.connect5(1, "x")
        #expect(try bench.feed(1, subscribe5(1, "t/y/down/#")) == [suback5(1, code ?? .notAuthorized)])
        try bench.connect(2, "x2")
        #expect(try bench.feed(2, subscribe(1, ("t/y/down/#", .atMostOnce))) == [suback(1, 0x80)])
    }

    @Test("quota 0x97, malformed share 0x8F, and what CONNACK says is not there: 0x9E, 0xA1, 0xA2")
    func others() throws {
        var bench = Bench { $0.maximumSubscriptions = 1 }
        try bench.connect5(1, "x")
        #expect(try bench.feed(1, subscribe5(1, "a"), subscribe5(2, "b"), subscribe5(3, "a", .atLeastOnce)) == [suback5(1, .success), suback5(2, .quotaExceeded), suback5(3, .grantedQoS1)])
        var limited = Bench {
            $0.areSharedSubscriptionsAvailable = false
            $0.areWildcardSubscriptionsAvailable = false
            $0.areSubscriptionIdentifiersAvailable = false
        }
        try limited.connect5(1, "x")
        #expect(
            try limited.feed(1, subscribe5(1, "$share/g/a"), subscribe5(2, "a/+"), subscribe5(3, "a", identifier: 1), subscribe5(4, "a")) == [
                suback5(1, .sharedSubscriptionsNotSupported), suback5(2, .wildcardSubscriptionsNotSupported),
                suback5(3, .subscriptionIdentifiersNotSupported), suback5(4, .success),
            ])
    }

    @Test("UNSUBACK has a code for each filter [MQTT-3.11.3-1]")
    func unsubscribed() throws {
        var bench = Bench()
        try bench.connect5(1, "x")
        try bench.feed(1, subscribe5(1, "a"))
        #expect(try bench.feed(1, unsubscribe(2, "b", "a", "a")) == [.unsuback(MQTTUnsuback(packetID: 2, reasons: [.noSubscriptionExisted, .success, .noSubscriptionExisted]))])
    }
}

@Suite("MQTT 5.0 §4.8.2: shared subscriptions")
struct SharedSubscriptionTests {
    /// Members on connections 1, 2 …, all sharing "$share/g/x".
    private func bench(_ members: Int, _ qos: MQTTQoS = .atLeastOnce, expiry: UInt32 = 100, _ change: (inout BrokerConfiguration) -> Void = { _ in }) throws -> Bench {
        var bench = Bench(OpenAuthorizer(), change)
        for member in 1...members {
            try bench.connect5(UInt64(member), "m\(member)", expiry: expiry)
            try bench.feed(UInt64(member), subscribe5(1, "$share/g/x", qos))
        }
        try bench.connect5(99, "p")
        return bench
    }
    private func publish(_ payloads: ClosedRange<Int>, _ bench: inout Bench, _ qos: MQTTQoS = .atLeastOnce) throws {
        for payload in payloads {
            bench.give(.publish(InlinePublish(topic: try MQTTTopic("x"), payload: [UInt8]("\(payload)".utf8), qos: qos)))
        }
    }

    @Test("each message goes to one member, in turn, and every time the same", arguments: MQTTQoS.allOf)
    func turns(_ qos: MQTTQoS) throws {
        for _ in 0..<2 {
            var bench = try bench(3, qos)
            try publish(1...7, &bench, qos)
            #expect(try payloads(bench.take(1)) == ["1", "4", "7"])
            #expect(try payloads(bench.take(2)) == ["2", "5"])
            #expect(try payloads(bench.take(3)) == ["3", "6"])
        }
    }

    @Test("two shares of one filter and a plain subscription each get every message; a client can be in all of them")
    func groups() throws {
        var bench = Bench()
        try bench.connect5(1, "a")
        try bench.connect5(2, "b")
        try bench.feed(1, subscribe5(1, "$share/one/x", identifier: 1), subscribe5(2, "$share/two/x", identifier: 2), subscribe5(3, "x", identifier: 3))
        try bench.feed(2, subscribe5(1, "$share/one/+"))
        try bench.connect5(3, "p")
        try bench.feed(3, publish5("x", "v"))
        #expect(publishes(try bench.take(1)).map(\.properties.subscriptionIdentifiers) == [[3], [1], [2]])
        #expect(publishes(try bench.take(2)).count == 1, "another filter is another share")
    }

    @Test("the quality is that of the member; nobody gets retained messages at subscribe")
    func quality() throws {
        var bench = Bench()
        try bench.connect5(1, "a")
        try bench.feed(1, publish5("x", "kept", retain: true))
        #expect(try bench.feed(1, subscribe5(1, "$share/g/x", .atMostOnce)) == [suback5(1, .success)])
        #expect(try bench.feed(1, publish5("x", "v", .exactlyOnce, id: 1)) == [publish5("x", "v"), pubrec(1)])
    }

    @Test("a malformed share gets 0x8F, or ends the connection; it is no topic", arguments: ["$share/g", "$share//x", "$share/g/", "$share/+/x", "$share/a#/x"])
    func malformed(_ filter: String) throws {
        var bench = Bench()
        try bench.connect5(1, "a")
        var wire: [UInt8] = [0x82, UInt8(6 + filter.utf8.count), 0, 1, 0, 0, UInt8(filter.utf8.count)]
        wire += [UInt8](filter.utf8) + [0]
        bench.bytes(1, wire)
        let answer = try bench.take(1)
        #expect(answer == [suback5(1, .topicFilterInvalid)] || answer == [disconnect5(.malformedPacket)] || answer == [disconnect5(.topicFilterInvalid)])
    }

    @Test("the right that counts is that for the filter behind the share's name; so it is for what is heard (CVE-2021-34434)")
    func rights() throws {
        var bench = Bench(PatternAuthorizer())
        try bench.connect5(1, "x")
        #expect(
            try bench.feed(1, subscribe5(1, "$share/g/t/y/down/#"), subscribe5(2, "$share/g/t/x/down/#"), subscribe5(3, "$share/g/$SYS/#"), subscribe5(4, "$share/g/#")) == [
                suback5(1, .notAuthorized), suback5(2, .success), suback5(3, .notAuthorized), suback5(4, .notAuthorized),
            ])
        let authorizer = ChangingAuthorizer(receive: ["x"], publish: ["#"])
        var changing = Bench(authorizer)
        try changing.connect5(1, "a")
        try changing.feed(1, subscribe5(1, "$share/g/#", .atLeastOnce))
        #expect(try payloads(changing.feed(1, publish5("x", "1"), publish5("y", "2"))) == ["1"])
        authorizer.set(receive: ["y"], publish: ["#"])
        changing.give(.rightsChanged(clientID: nil))
        #expect(try payloads(changing.feed(1, publish5("x", "3"), publish5("y", "4"))) == ["4"])
    }

    @Test("UNSUBSCRIBE tells the shared from the plain form (mosquitto 2.0.19)")
    func unsubscribe() throws {
        var bench = Bench()
        try bench.connect5(1, "a")
        try bench.feed(1, subscribe5(1, "x"), subscribe5(2, "$share/g/x"))
        try bench.feed(1, MQTTBrokerTests.unsubscribe(3, "x"))
        #expect(try bench.feed(1, publish5("x", "")).count == 1)
        try bench.feed(1, subscribe5(4, "x"), MQTTBrokerTests.unsubscribe(5, "$share/g/x"))
        #expect(try bench.feed(1, publish5("x", "")).count == 1)
        try bench.feed(1, MQTTBrokerTests.unsubscribe(6, "x"))
        #expect(try bench.feed(1, publish5("x", "")).isEmpty)
    }

    @Test("members that are away or busy are passed over while another is free")
    func passedOver() throws {
        var bench = try bench(3) { $0.maximumInflight = 1 }
        bench.drop(1)
        try publish(1...4, &bench)
        #expect(try payloads(bench.take(2)) == ["1"])
        #expect(try payloads(bench.take(3)) == ["2"])
        // Nobody is free, so they wait with those who are there.
        #expect(bench.broker.backlog(clientID: "m1") == 0)
        #expect(try payloads(bench.feed(2, puback(1))) == ["3"])
        #expect(try payloads(bench.feed(3, puback(1))) == ["4"])
    }

    @Test("with all away a message waits for one of them; QoS 0 is for those who are there")
    func allAway() throws {
        var bench = try bench(2)
        bench.drop(1)
        bench.drop(2)
        try publish(1...2, &bench)
        try publish(3...3, &bench, .atMostOnce)
        #expect(try payloads(bench.connect5(11, "m1", clean: false)) == ["1"])
        #expect(try payloads(bench.connect5(12, "m2", clean: false)) == ["2"])
    }

    @Test("what waits for a member that leaves goes to the others: connection lost, session ended, UNSUBSCRIBE", arguments: 0..<3)
    func redistributed(_ way: Int) throws {
        var bench = try bench(2, expiry: way == 1 ? 0 : 100) { $0.maximumInflight = 1 }
        try publish(1...6, &bench)
        #expect(try payloads(bench.take(1)) == ["1"])
        #expect(try payloads(bench.take(2)) == ["2"])
        switch way {
        case 0, 1: bench.drop(1)
        default: try bench.feed(1, MQTTBrokerTests.unsubscribe(2, "$share/g/x"))
        }
        var got: [String] = []
        for id in UInt16(1)...5 { got += payloads(try bench.feed(2, puback(id))) }
        // "1" was sent to the first: it is given to another only when it can no longer be acknowledged.
        #expect(got == (way == 1 ? ["4", "6", "1", "3", "5"] : ["4", "6", "3", "5"]))
    }

    @Test("what is handed on is not lost to a full queue: it was acknowledged when it came")
    func handedOnToFull() throws {
        var bench = try bench(2) { $0.maximumInflight = 1; $0.maximumQueued = 2 }
        try publish(1...6, &bench)
        bench.drop(1)
        #expect(bench.broker.backlog(clientID: "m2") == 5)
        #expect(bench.noted("mqtt.dropped") == 0)
    }

    @Test("a QoS 2 message that was sent is never given to another member [MQTT-4.8.2-5]")
    func exactlyOnce() throws {
        var bench = try bench(2, .exactlyOnce, expiry: 0)
        try publish(1...2, &bench, .exactlyOnce)
        try bench.take(1)
        bench.drop(1)
        #expect(try payloads(bench.take(2)) == ["2"])
    }

    @Test("a member that refuses ends the matter [MQTT-4.8.2-6]")
    func refused() throws {
        var bench = try bench(2)
        try publish(1...1, &bench)
        try bench.take(1)
        #expect(try bench.feed(1, puback(1, .quotaExceeded)).isEmpty)
        bench.give(.disconnect(clientID: "m1", reason: "", endsSession: true))
        #expect(try bench.take(2).isEmpty)
    }

    @Test("a full share holds the publisher until any member has room; nothing that was acknowledged is lost")
    func full() throws {
        var bench = try bench(2) { $0.maximumInflight = 1; $0.maximumQueued = 1 }
        for id in UInt16(1)...6 { try bench.feed(99, publish5("x", "\(id)", .atLeastOnce, id: id)) }
        #expect(bench.sent[99] == nil)
        #expect(bench.broker.backlog(clientID: "m1") == 2)
        #expect(try payloads(bench.take(1) + bench.feed(1, puback(1))) == ["1", "3"])
        #expect(try bench.take(99) == [puback(5)])
        #expect(try payloads(bench.take(2) + bench.feed(2, puback(1))) == ["2", "4"])
        #expect(try bench.take(99) == [puback(6)])
    }

    @Test("the share survives a restart of the broker")
    func restart() throws {
        var bench = try bench(2)
        bench.restart(from: bench.broker.snapshot(at: bench.now))
        try bench.connect5(11, "m1", clean: false)
        try bench.connect5(12, "m2", clean: false)
        try publish(1...2, &bench)
        #expect(try payloads(bench.take(11)) == ["1"])
        #expect(try payloads(bench.take(12)) == ["2"])
    }
}
