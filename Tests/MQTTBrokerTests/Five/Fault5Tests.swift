import LabCore
import MQTTBroker
import Testing
import WireProtocols

@Suite("Packet faults and transcripts on connections of MQTT 5.0")
struct Fault5Tests {
    private func bench(_ faults: PacketFault...) throws -> Bench {
        var bench = Bench { $0.faultSeed = 42 }
        try bench.connect5(1, "a")
        try bench.connect5(2, "b") { $0.topicAliasMaximum = 5 }
        try bench.feed(2, subscribe5(1, "#", .atMostOnce, identifier: 7))
        bench.give(.setFaults(faults))
        return bench
    }

    static let directions: [PacketFault.Direction] = [.toBroker, .toClient]

    @Test("a duplicated, delayed or reordered packet is still one of 5.0", arguments: directions)
    func passed(_ direction: PacketFault.Direction) throws {
        for (action, expected) in [(PacketFault.Action.duplicate, ["1", "1", "2"]), (.delay(1_000_000_000), ["2", "1"]), (.reorder, ["2", "1"])] {
            var bench = try bench(PacketFault(name: "f", types: [.publish], direction: direction, occurrence: .nth(1), action: action))
            try bench.feed(1, publish5("x", "1") { $0.contentType = "c" }, publish5("x", "2") { $0.contentType = "c" })
            bench.advance(to: 1)
            let got = publishes(try bench.take(2))
            #expect(got.map { String(decoding: $0.payload, as: UTF8.self) } == expected, "\(action)")
            #expect(got.allSatisfy { $0.properties.contentType == "c" && $0.properties.subscriptionIdentifiers == [7] })
            #expect(bench.closed.isEmpty)
        }
    }

    @Test("a lost packet that named an alias leaves a client with an alias that it does not know: that is the fault")
    func alias() throws {
        var bench = try bench(PacketFault(name: "f", types: [.publish], direction: .toClient, occurrence: .nth(1), action: .drop))
        try bench.feed(1, publish5("x", "1"), publish5("x", "2"))
        #expect(publishes(try bench.take(2)).map(\.topic.text) == [""])
    }

    @Test("AUTH can be hit, also before the CONNACK")
    func auth() throws {
        var bench = Bench(CountingAuthorizer())
        bench.give(.setFaults([PacketFault(name: "f", types: [.auth], action: .drop)]))
        #expect(try bench.connect5(1, "a") { $0.authenticationMethod = "COUNT" }.isEmpty)
        #expect(bench.noted("mqtt.fault") == 1)
    }

    @Test("a transcript has the packets of 5.0 with their topics and identifiers, both ways")
    func transcript() throws {
        var bench = Bench()
        bench.give(.setTranscript(.all))
        try bench.connect5(1, "a")
        try bench.feed(1, publish5("x/y", "v", .atLeastOnce, id: 9) { $0.topicAlias = 1 }, disconnect5(.disconnectWithWill))
        let packets: [PacketNote] = bench.notes.compactMap { if case .packet(let note) = $0 { note } else { nil } }
        #expect(packets.map(\.type) == [.connect, .connack, .publish, .puback, .disconnect])
        #expect(packets[2].topic == "x/y")
        #expect(packets[2].packetID == 9)
        #expect(packets[3].packetID == 9)
    }
}

/// Conversations with damage: whatever arrives, the broker stays itself and its other clients are served.
@Suite("Damaged conversations")
struct DamagedConversationTests {
    private static func conversation(_ version: MQTTProtocolVersion) throws -> [UInt8] {
        var connect = MQTTConnect(
            version: version, clientID: "damaged", isClean: false, keepAlive: 30, username: "u", password: [1, 2, 3],
            will: try will5("w", "gone", .atLeastOnce, retain: true, delay: version == .v5_0 ? 5 : nil))
        if version == .v5_0 {
            connect.properties.sessionExpiryInterval = 100
            connect.properties.receiveMaximum = 3
            connect.properties.topicAliasMaximum = 2
            connect.properties.maximumPacketSize = 500
        }
        let five = version == .v5_0
        let packets: [MQTTPacket] = [
            .connect(connect), try subscribe5(1, "a/#", .exactlyOnce, noLocal: false, asPublished: true, handling: .sendIfNew, identifier: five ? 3 : nil),
            try subscribe5(2, five ? "$share/g/+/b" : "+/b", .atLeastOnce),
            try publish5("a/b", "payload", .exactlyOnce, id: 5, retain: true) { if five { $0.topicAlias = 1; $0.messageExpiryInterval = 9 } },
            pubrel(5), try publish5("a/c", "more", .atLeastOnce, id: 6) { if five { $0.userProperties = [MQTTUserProperty("k", "v")] } },
            puback(1), pubrec(2), pubcomp(2), try unsubscribe(7, "a/#", "none"), .pingreq, disconnect5(.success, expiry: five ? 10 : nil),
        ]
        return try packets.flatMap { try $0.encoded(version) }
    }

    @Test("bits, cuts, repeats and swaps of a conversation never stop the broker", arguments: [MQTTProtocolVersion.v3_1_1, .v5_0])
    func damage(_ version: MQTTProtocolVersion) throws {
        let whole = try Self.conversation(version)
        for seed in UInt64(1)...300 {
            var chance = SeededGenerator(seed: seed, purpose: "damage of conversations")
            var bench = Bench { $0.receiveMaximum = 5; $0.checksPayloadFormat = seed % 2 == 0 }
            try bench.connect(9, "healthy")
            try bench.feed(9, subscribe(1, ("probe", .atMostOnce)))
            for connection in UInt64(1)...3 {
                var wire = whole
                for _ in 0..<chance.integer(below: 4) {
                    let index = Int(chance.integer(below: UInt64(wire.count)))
                    switch chance.integer(below: 4) {
                    case 0: wire[index] ^= 1 << UInt8(chance.integer(below: 8))
                    case 1: wire[index] = UInt8(chance.integer(below: 256))
                    case 2: wire.remove(at: index)
                    default: wire.insert(contentsOf: wire[index..<min(wire.count, index + 7)], at: index)
                    }
                }
                bench.open(connection)
                var start = 0
                while start < wire.count, bench.closed[connection] == nil {
                    let end = min(wire.count, start + 1 + Int(chance.integer(below: 40)))
                    bench.bytes(connection, [UInt8](wire[start..<end]))
                    start = end
                }
                if bench.closed[connection] == nil { bench.drop(connection) }
                bench.advance(to: Double(connection) * 3)
            }
            #expect(bench.broker.sessionCount <= 4, "seed \(seed)")
            bench.restart(from: bench.broker.snapshot(at: bench.now))
            bench.advance(to: 10_000)
            try bench.connect(20, "healthy")
            try bench.feed(20, subscribe(1, ("probe", .atMostOnce)))
            #expect(try bench.feed(20, publish("probe", "1")) == [publish("probe", "1")], "seed \(seed)")
        }
    }
}
