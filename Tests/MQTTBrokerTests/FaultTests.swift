import LabCore
import MQTTBroker
import Testing
import WireProtocols

@Suite("Packet faults")
struct FaultTests {
    private func bench(_ faults: PacketFault...) throws -> Bench {
        var bench = Bench { $0.faultSeed = 42 }
        try bench.connect(1, "a")
        try bench.connect(2, "b")
        try bench.feed(2, subscribe(1, ("#", .atMostOnce)))
        bench.give(.setFaults(faults))
        return bench
    }
    private func three(_ bench: inout Bench) throws -> [String] {
        try bench.feed(1, publish("x", "1"), publish("x", "2"), publish("x", "3"))
        return try payloads(bench.take(2))
    }

    static let directions: [PacketFault.Direction] = [.toBroker, .toClient]

    @Test("drop the second PUBLISH, in each direction", arguments: directions)
    func drop(_ direction: PacketFault.Direction) throws {
        var bench = try bench(PacketFault(name: "f", types: [.publish], direction: direction, occurrence: .nth(2), action: .drop))
        #expect(try three(&bench) == ["1", "3"])
        #expect(bench.notes.contains(.faultApplied(fault: "f", client: direction == .toBroker ? "a" : "b", direction, .publish)))
    }

    @Test("duplicate", arguments: directions)
    func duplicate(_ direction: PacketFault.Direction) throws {
        var bench = try bench(PacketFault(name: "f", types: [.publish], direction: direction, occurrence: .first(1), action: .duplicate))
        #expect(try three(&bench) == ["1", "1", "2", "3"])
    }

    @Test("reorder with the next", arguments: directions)
    func reorder(_ direction: PacketFault.Direction) throws {
        var bench = try bench(PacketFault(name: "f", types: [.publish], direction: direction, occurrence: .nth(1), action: .reorder))
        #expect(try three(&bench) == ["2", "1", "3"])
        // Faults that end let go of nothing new, but what is held back still comes behind the next.
        var last = try self.bench(PacketFault(name: "f", types: [.publish], direction: direction, occurrence: .nth(3), action: .reorder))
        #expect(try three(&last) == ["1", "2"])
        last.give(.setFaults([]))
        try last.feed(1, publish("x", "4"))
        #expect(try payloads(last.take(2)) == ["4", "3"])
    }

    @Test("delay: later packets overtake, and it comes at its time", arguments: directions)
    func delay(_ direction: PacketFault.Direction) throws {
        var bench = try bench(PacketFault(name: "f", types: [.publish], direction: direction, occurrence: .nth(1), action: .delay(250_000_000)))
        #expect(try three(&bench) == ["2", "3"])
        bench.advance(to: 0.249)
        #expect(try bench.take(2).isEmpty)
        bench.advance(to: 0.25)
        #expect(try payloads(bench.take(2)) == ["1"])
    }

    @Test("cut after n bytes: the rest and what follows never arrives", arguments: directions)
    func cut(_ direction: PacketFault.Direction) throws {
        var bench = try bench(PacketFault(name: "f", types: [.publish], direction: direction, occurrence: .nth(2), action: .cut(afterBytes: 3)))
        try bench.feed(1, publish("x", "1"), publish("x", "2"), publish("x", "3"))
        // PUBLISH x "1" is 30 04 00 01 78 31.
        #expect(bench.sent[2] == hexBytes("3004 0001 78 31") + (direction == .toClient ? hexBytes("30 04 00") : []))
        #expect(bench.closed[direction == .toBroker ? 1 : 2] == .fault("f"))
    }

    @Test("corrupt a byte: on the way out as asked for, on the way in as the broker judges it")
    func corrupt() throws {
        var out = try bench(PacketFault(name: "f", types: [.publish], direction: .toClient, occurrence: .nth(1), action: .corrupt(offset: 5, mask: 0x01)))
        #expect(try three(&out) == ["0", "2", "3"])
        // The retain flag: still a PUBLISH.
        var flag = try bench(PacketFault(name: "f", types: [.publish], direction: .toBroker, occurrence: .nth(1), action: .corrupt(offset: 0, mask: 0x01)))
        #expect(try three(&flag) == ["1", "2", "3"])
        #expect(flag.broker.retainedCount == 1)
        // The remaining length: the packet is not a packet any more.
        var length = try bench(PacketFault(name: "f", types: [.publish], direction: .toBroker, occurrence: .nth(1), action: .corrupt(offset: 1, mask: 0x40)))
        #expect(try three(&length) == [])
        #expect(length.closed[1] != nil)
        #expect(length.noted("mqtt.malformed") == 1)
    }

    @Test("hit only what they name: client, topic, type, direction")
    func match() throws {
        var other = try bench(PacketFault(name: "f", client: "c", action: .drop))
        #expect(try three(&other) == ["1", "2", "3"])
        var topic = try bench(PacketFault(name: "f", topic: try MQTTTopicFilter("y/#"), action: .drop))
        #expect(try three(&topic) == ["1", "2", "3"])
        var acks = try bench(PacketFault(name: "f", client: "a", types: [.puback], direction: .toClient, action: .drop))
        #expect(try acks.feed(1, publish("x", "1", .atLeastOnce, id: 1)).isEmpty)
        #expect(try payloads(acks.take(2)) == ["1"])
        var connect = Bench()
        connect.give(.setFaults([PacketFault(name: "f", types: [.connect], action: .drop)]))
        #expect(try connect.connect(1, "x").isEmpty)
    }

    @Test("rates come from the seed: the same every time, near their value, and another seed gives others")
    func rates() throws {
        func survivors(seed: UInt64) throws -> [String] {
            var bench = Bench { $0.faultSeed = seed }
            try bench.connect(1, "a")
            try bench.feed(1, subscribe(1, ("#", .atMostOnce)))
            bench.give(.setFaults([PacketFault(name: "f", types: [.publish], direction: .toBroker, occurrence: .rate(0.2), action: .drop)]))
            for number in 0..<1_000 { bench.bytes(1, try publish("x", "\(number)").encoded()) }
            return try payloads(bench.take(1))
        }
        let first = try survivors(seed: 1)
        #expect(first == (try survivors(seed: 1)))
        #expect(first != (try survivors(seed: 2)))
        #expect((750...850).contains(first.count))
    }

    @Test("a lost PUBACK to the broker is healed by the reconnect, with DUP")
    func healed() throws {
        var bench = Bench()
        try bench.connect(1, "c", clean: false)
        try bench.feed(1, subscribe(1, ("x", .atLeastOnce)))
        bench.give(.setFaults([PacketFault(name: "f", types: [.puback], direction: .toBroker, occurrence: .nth(1), action: .drop)]))
        bench.give(.publish(InlinePublish(topic: try MQTTTopic("x"), payload: [0x31], qos: .atLeastOnce)))
        try bench.feed(1, puback(1))
        #expect(bench.broker.backlog(clientID: "c") == 1)
        bench.drop(1)
        #expect(try bench.connect(2, "c", clean: false) == [connack(present: true), publish("x", "1", .atLeastOnce, id: 1, dup: true)])
        try bench.feed(2, puback(1))
        #expect(bench.broker.backlog(clientID: "c") == 0)
    }
}

@Suite("Transcripts and notes")
struct TranscriptTests {
    @Test("without a transcript no packet is noted; with one, all of the clients it names, both ways")
    func scope() throws {
        var bench = Bench()
        bench.give(.setTranscript(.clients(["a"])))
        try bench.connect(1, "a")
        try bench.connect(2, "b")
        try bench.feed(1, publish("x", "1", .atLeastOnce, id: 5))
        try bench.feed(2, publish("x", "1", .atLeastOnce, id: 5))
        let packets: [PacketNote] = bench.notes.compactMap { if case .packet(let note) = $0 { note } else { nil } }
        // CONNECT came before the client had a name.
        #expect(packets.map(\.type) == [.connack, .publish, .puback])
        #expect(packets.map(\.direction) == [.toClient, .toBroker, .toClient])
        #expect(packets[1].fields == ["client": "a", "direction": "to broker", "packet": "PUBLISH", "bytes": 8, "id": 5, "topic": "x", "qos": 1, "retain": false, "dup": false])
        bench.notes = []
        bench.give(.setTranscript(.off))
        try bench.feed(1, .pingreq)
        #expect(bench.notes.isEmpty)
        bench.give(.setTranscript(.all))
        bench.open(3)
        try bench.feed(3, .connect(MQTTConnect(clientID: "c", isClean: true, keepAlive: 0)))
        #expect(bench.noted("mqtt.packet") == 2)
    }

    @Test("a malformed packet is noted with its clause and byte")
    func malformed() throws {
        var bench = Bench()
        try bench.connect(1, "a")
        bench.bytes(1, hexBytes("30 05 0003 612f2b"))
        guard let note = bench.notes.first(where: { $0.name == "mqtt.malformed" }) else { return #expect(Bool(false)) }
        #expect(note.fields == ["client": "a", "peer": "peer-1", "packet": "PUBLISH", "clause": "MQTT-3.3.2-2", "offset": 6, "reason": .text("Wildcard at byte 2 of a topic name: only filters may have one [MQTT-3.3.2-2].")])
    }
}
