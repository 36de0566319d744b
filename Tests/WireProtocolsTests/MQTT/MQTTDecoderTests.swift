import LabCore
import Testing
import WireProtocols

@Suite("MQTT packets from a byte stream")
struct MQTTDecoderTests {
    /// CONNECT, SUBSCRIBE, PUBLISH with QoS 0 and 2, PUBREL, PINGREQ, DISCONNECT, as captured from Mosquitto's clients.
    static let stream = MQTTHex.bytes(
        """
        101300044d5154540402003c000762616467652d31 820800010003612f2302 30 05 0001 61 78 79
        340a0003612f62000174776f 62020001 c000 e000
        """)
    static let types: [MQTTPacketType] = [.connect, .subscribe, .publish, .publish, .pubrel, .pingreq, .disconnect]

    @Test("arrive byte by byte")
    func byteByByte() throws {
        var decoder = MQTTPacketDecoder(role: .server)
        var packets: [MQTTPacket] = []
        for byte in Self.stream {
            decoder.append([byte])
            while let packet = try decoder.next() { packets.append(packet) }
        }
        #expect(packets.map(\.type) == Self.types)
        #expect(packets == (try MQTTPacketDecoder.packets(Self.stream, role: .server, awaitsFirstPacket: true)))
        #expect(decoder.bufferedCount == 0)
    }

    @Test("arrive in two pieces, whatever the cut")
    func everyCut() throws {
        let whole = try MQTTPacketDecoder.packets(Self.stream, role: .server, awaitsFirstPacket: true)
        for cut in 0...Self.stream.count {
            var decoder = MQTTPacketDecoder(role: .server)
            var packets: [MQTTPacket] = []
            for piece in [Self.stream[..<cut], Self.stream[cut...]] {
                decoder.append([UInt8](piece))
                while let packet = try decoder.next() { packets.append(packet) }
            }
            #expect(packets == whole, "cut at \(cut)")
        }
    }

    @Test("pieces can be added without taking packets in between")
    func takenLate() throws {
        var decoder = MQTTPacketDecoder(role: .server)
        for start in stride(from: 0, to: Self.stream.count, by: 5) {
            decoder.append([UInt8](Self.stream[start..<min(start + 5, Self.stream.count)]))
        }
        var types: [MQTTPacketType] = []
        while let packet = try decoder.next() { types.append(packet.type) }
        #expect(types == Self.types)
    }

    @Test("an error's offset counts from the connection's first byte, also after many pieces")
    func streamOffset() throws {
        var decoder = MQTTPacketDecoder(role: .server)
        for byte in Self.stream.dropLast(2) + MQTTHex.bytes("c0 00 c0 00 c1 00") {
            decoder.append([byte])
            do { while try decoder.next() != nil {} } catch {
                #expect(error == MQTTDecodingError(.reservedFlags(found: 1, expected: 0), packet: .pingreq, offset: 0, streamOffset: Self.stream.count + 2))
            }
            decoder.releaseTakenBytes()
        }
        #expect(throws: MQTTDecodingError.self) { try decoder.next() }
    }
}

@Suite("Bad streams are refused early and cost nothing (CVE-2023-0809)")
struct MQTTEarlyRefusalTests {
    @Test("a first packet that is not CONNECT, at its first byte", arguments: MQTTPacketType.allCases.filter { $0 != .connect })
    func notConnect(_ type: MQTTPacketType) throws {
        var decoder = MQTTPacketDecoder(role: .server)
        let flags: UInt8 = [.pubrel, .subscribe, .unsubscribe].contains(type) ? 2 : 0
        decoder.append([type.rawValue << 4 | flags])
        #expect(throws: MQTTDecodingError(.firstPacketNotConnect(type), packet: type, offset: 0, streamOffset: 0)) { try decoder.next() }
    }

    @Test("a packet over the limit, when its length is there and before its bytes are")
    func tooLarge() throws {
        var decoder = MQTTPacketDecoder(role: .server, maximumPacketSize: 1_000)
        decoder.append(MQTTHex.bytes("10 ff ff ff 7f"))
        let expected = MQTTDecodingError(.packetTooLarge(bytes: 268_435_460, limit: 1_000), packet: .connect, offset: 1, streamOffset: 0)
        #expect(throws: expected) { try decoder.next() }
        // From here on nothing is kept.
        decoder.append([UInt8](repeating: 0, count: 100_000))
        #expect(decoder.bufferedCount == 5)
        #expect(throws: expected) { try decoder.next() }
    }

    @Test("exactly the limit is accepted, one byte more is not")
    func limit() throws {
        let publish = try MQTTPacket.publish(MQTTPublish(topic: try mqttTopic("a"), payload: [UInt8](repeating: 1, count: 95))).encoded()
        #expect(publish.count == 100)
        for (limit, isAccepted) in [(100, true), (99, false)] {
            var decoder = MQTTPacketDecoder(role: .server, maximumPacketSize: limit, awaitsFirstPacket: false)
            decoder.append(publish)
            #expect((try? decoder.next() != nil) ?? false == isAccepted)
        }
    }

    @Test("a claimed length of 256 MB keeps only the bytes that came")
    func claimedLength() throws {
        var decoder = MQTTPacketDecoder(role: .server)
        decoder.append(MQTTHex.bytes("10 ff ff ff 7f 00 04"))
        #expect(try decoder.next() == nil)
        #expect(decoder.bytes.capacity < 1_000)
    }
}

/// A wrong packet, what is wrong, the clause and the wrong byte.
struct MQTTWrongPacket: Sendable, CustomTestStringConvertible {
    var name: String
    var wire: String
    var violation: MQTTViolation
    var clause: String
    var offset: Int
    var role: MQTTRole
    var isFirst: Bool
    var testDescription: String { name }

    init(
        _ name: String, _ wire: String, _ violation: MQTTViolation, _ clause: String, at offset: Int, role: MQTTRole = .server,
        isFirst: Bool = false
    ) {
        self.name = name
        self.wire = wire
        self.violation = violation
        self.clause = clause
        self.offset = offset
        self.role = role
        self.isFirst = isFirst
    }

    static let connect: [MQTTWrongPacket] = [
        MQTTWrongPacket("protocol name MQIsdp (MQTT 3.1, mosquitto_pub -V 31)", "10 11 0006 4d5149736470 03 02 003c 0003 6f6c64", .protocolName, "MQTT-3.1.2-1", at: 2, isFirst: true),
        MQTTWrongPacket("protocol level 5 (mosquitto_pub -V 5)", "10 13 0004 4d515454 05 02 003c 03 210014 0003 6e6577", .protocolLevel(5), "MQTT-3.1.2-2", at: 8, isFirst: true),
        MQTTWrongPacket("reserved connect flag", "10 0d 0004 4d515454 04 03 003c 0001 78", .connectFlagsReserved, "MQTT-3.1.2-3", at: 9, isFirst: true),
        MQTTWrongPacket("will QoS without a will", "10 0d 0004 4d515454 04 0a 003c 0001 78", .willFlagsWithoutWill, "MQTT-3.1.2-11", at: 9, isFirst: true),
        MQTTWrongPacket("will retain without a will", "10 0d 0004 4d515454 04 22 003c 0001 78", .willFlagsWithoutWill, "MQTT-3.1.2-11", at: 9, isFirst: true),
        MQTTWrongPacket("will QoS 3", "10 12 0004 4d515454 04 1e 003c 0001 78 0001 77 0000", .willQoS3, "MQTT-3.1.2-14", at: 9, isFirst: true),
        MQTTWrongPacket("password without a user name", "10 10 0004 4d515454 04 42 003c 0001 78 0001 70", .passwordWithoutUserName, "MQTT-3.1.2-22", at: 9, isFirst: true),
        MQTTWrongPacket("client identifier with an overlong slash (C0 AF)", "10 0e 0004 4d515454 04 02 003c 0002 c0af", .illFormedUTF8(field: "client identifier"), "MQTT-1.5.3-1", at: 14, isFirst: true),
        MQTTWrongPacket("client identifier with U+0000", "10 0f 0004 4d515454 04 02 003c 0003 61 00 62", .nullCharacter(field: "client identifier"), "MQTT-1.5.3-2", at: 15, isFirst: true),
        MQTTWrongPacket("will topic with a wildcard", "10 12 0004 4d515454 04 06 003c 0001 78 0001 2b 0000", .topic(.wildcardInName(offset: 0)), "MQTT-3.3.2-2", at: 17, isFirst: true),
        MQTTWrongPacket("empty will topic", "10 11 0004 4d515454 04 06 003c 0001 78 0000 0000", .topic(.empty), "MQTT-4.7.3-1", at: 17, isFirst: true),
        MQTTWrongPacket("user name beyond the packet", "10 10 0004 4d515454 04 82 003c 0001 78 0002 75", .truncated(field: "user name"), "MQTT-4.8.0-1", at: 15, isFirst: true),
        MQTTWrongPacket("a byte too many", "10 0e 0004 4d515454 04 02 003c 0001 78 ff", .trailingBytes(1), "MQTT-4.8.0-1", at: 15, isFirst: true),
        MQTTWrongPacket("nothing at all", "10 00", .truncated(field: "protocol name"), "MQTT-4.8.0-1", at: 2, isFirst: true),
        MQTTWrongPacket("a second CONNECT", "10 0d 0004 4d515454 04 02 003c 0001 78", .repeatedConnect, "MQTT-3.1.0-2", at: 0),
    ]

    static let others: [MQTTWrongPacket] = [
        MQTTWrongPacket("type 0", "00 00", .reservedPacketType(0), "§2.2.1", at: 0),
        MQTTWrongPacket("type 15", "f0 00", .reservedPacketType(15), "§2.2.1", at: 0),
        MQTTWrongPacket("CONNACK from a client", "20 02 0000", .wrongDirection, "§2.2.1", at: 0),
        MQTTWrongPacket("PINGREQ from a server", "c0 00", .wrongDirection, "§2.2.1", at: 0, role: .client),
        MQTTWrongPacket("PINGREQ with flags", "c8 00", .reservedFlags(found: 8, expected: 0), "MQTT-2.2.2-2", at: 0),
        MQTTWrongPacket("PUBREL with flags 0000", "60 02 0001", .reservedFlags(found: 0, expected: 2), "MQTT-3.6.1-1", at: 0),
        MQTTWrongPacket("SUBSCRIBE with flags 0000", "80 06 0001 0001 61 00", .reservedFlags(found: 0, expected: 2), "MQTT-3.8.1-1", at: 0),
        MQTTWrongPacket("UNSUBSCRIBE with flags 0000", "a0 05 0001 0001 61", .reservedFlags(found: 0, expected: 2), "MQTT-3.10.1-1", at: 0),
        MQTTWrongPacket("DISCONNECT with flags", "e1 00", .reservedFlags(found: 1, expected: 0), "MQTT-3.14.1-1", at: 0),
        MQTTWrongPacket("PUBLISH with QoS 3", "36 05 0001 61 0001", .publishQoS3, "MQTT-3.3.1-4", at: 0),
        MQTTWrongPacket("PUBLISH with DUP and QoS 0", "38 03 0001 61", .duplicateFlagWithQoS0, "MQTT-3.3.1-2", at: 0),
        MQTTWrongPacket("PUBLISH to a/+", "30 05 0003 612f2b", .topic(.wildcardInName(offset: 2)), "MQTT-3.3.2-2", at: 6),
        MQTTWrongPacket("PUBLISH to #", "30 03 0001 23", .topic(.wildcardInName(offset: 0)), "MQTT-3.3.2-2", at: 4),
        MQTTWrongPacket("PUBLISH to nothing", "30 02 0000", .topic(.empty), "MQTT-4.7.3-1", at: 4),
        MQTTWrongPacket("PUBLISH with a surrogate in its topic (ED A0 80)", "30 06 0004 61 eda080", .illFormedUTF8(field: "topic name"), "MQTT-1.5.3-1", at: 5),
        MQTTWrongPacket("PUBLISH with U+0000 in its topic", "30 04 0002 6100", .nullCharacter(field: "topic name"), "MQTT-1.5.3-2", at: 5),
        MQTTWrongPacket("PUBLISH with packet identifier 0", "32 05 0001 61 0000", .packetIdentifierZero, "MQTT-2.3.1-1", at: 5),
        MQTTWrongPacket("PUBLISH with QoS 1 and no identifier", "32 03 0001 61", .truncated(field: "packet identifier"), "MQTT-4.8.0-1", at: 5),
        MQTTWrongPacket("PUBLISH whose topic goes beyond it", "30 03 0002 61", .truncated(field: "topic name"), "MQTT-4.8.0-1", at: 2),
        MQTTWrongPacket("PUBACK with packet identifier 0", "40 02 0000", .packetIdentifierZero, "MQTT-2.3.1-1", at: 2),
        MQTTWrongPacket("PUBACK of 3 bytes", "40 03 000100", .wrongLength(found: 3, expected: 2), "MQTT-4.8.0-1", at: 1),
        MQTTWrongPacket("PINGREQ with a body", "c0 01 00", .wrongLength(found: 1, expected: 0), "MQTT-4.8.0-1", at: 1),
        MQTTWrongPacket("SUBSCRIBE with packet identifier 0", "82 06 0000 0001 61 00", .packetIdentifierZero, "MQTT-2.3.1-1", at: 2),
        MQTTWrongPacket("SUBSCRIBE without a filter", "82 02 0001", .noTopicFilter, "MQTT-3.8.3-3", at: 4),
        MQTTWrongPacket("SUBSCRIBE with QoS 3", "82 06 0001 0001 61 03", .reservedQoSBits(3), "MQTT-3.8.3-4", at: 7),
        MQTTWrongPacket("SUBSCRIBE with reserved bits", "82 06 0001 0001 61 04", .reservedQoSBits(4), "MQTT-3.8.3-4", at: 7),
        MQTTWrongPacket("SUBSCRIBE to a/#/b", "82 0a 0001 0005 612f232f62 00", .topic(.misplacedMultiLevelWildcard(offset: 2)), "MQTT-4.7.1-2", at: 8),
        MQTTWrongPacket("SUBSCRIBE to a+", "82 07 0001 0002 612b 00", .topic(.misplacedSingleLevelWildcard(offset: 1)), "MQTT-4.7.1-3", at: 7),
        MQTTWrongPacket("SUBSCRIBE to an empty filter", "82 05 0001 0000 00", .topic(.empty), "MQTT-4.7.3-1", at: 6),
        MQTTWrongPacket("SUBSCRIBE that ends before its QoS", "82 05 0001 0001 61", .truncated(field: "requested QoS"), "MQTT-4.8.0-1", at: 7),
        MQTTWrongPacket("UNSUBSCRIBE without a filter", "a2 02 0001", .noTopicFilter, "MQTT-3.10.3-2", at: 4),
        MQTTWrongPacket("CONNACK code 6", "20 02 0006", .reservedReturnCode(6), "§3.2.2.3", at: 3, role: .client, isFirst: true),
        MQTTWrongPacket("CONNACK flags 2", "20 02 0200", .connackFlagsReserved(2), "§3.2.2.1", at: 2, role: .client, isFirst: true),
        MQTTWrongPacket("CONNACK that refuses with a session", "20 02 0105", .sessionPresentWithRefusal, "MQTT-3.2.2-4", at: 2, role: .client, isFirst: true),
        MQTTWrongPacket("PUBLISH before CONNACK", "30 03 0001 61", .firstPacketNotConnack(.publish), "MQTT-3.2.0-1", at: 0, role: .client, isFirst: true),
        MQTTWrongPacket("SUBACK code 3", "90 03 0001 03", .reservedReturnCode(3), "MQTT-3.9.3-2", at: 4, role: .client),
    ]
}

@Suite("MQTT 3.1.1: what closes the connection [MQTT-4.8.0-1]")
struct MQTTViolationTests {
    @Test("is named with clause and byte", arguments: MQTTWrongPacket.connect + MQTTWrongPacket.others)
    func violation(_ wrong: MQTTWrongPacket) throws {
        let expected = MQTTDecodingError(
            wrong.violation, packet: MQTTPacketType(rawValue: MQTTHex.bytes(wrong.wire)[0] >> 4), offset: wrong.offset, streamOffset: 0)
        #expect(throws: expected) {
            try MQTTPacketDecoder.packets(MQTTHex.bytes(wrong.wire), role: wrong.role, awaitsFirstPacket: wrong.isFirst)
        }
        #expect(expected.clause == wrong.clause)
        #expect(expected.description.contains("[\(wrong.clause)]"))
    }

    @Test("U+FEFF and U+0001 are kept: only U+0000 must close [MQTT-1.5.3-3]")
    func allowedCharacters() throws {
        let packets = try MQTTPacketDecoder.packets(MQTTHex.bytes("30 06 0004 efbbbf 01"), role: .server)
        #expect(packets == [.publish(MQTTPublish(topic: try mqttTopic("\u{FEFF}\u{1}"), payload: []))])
    }

    @Test("PUBACK, PUBREC, PUBREL and PUBCOMP go both ways", arguments: [MQTTRole.server, .client])
    func bothWays(_ role: MQTTRole) throws {
        #expect(try MQTTPacketDecoder.packets(MQTTHex.bytes("40020001 50020001 62020001 70020001"), role: role).count == 4)
    }
}

@Suite("Decoder against noise")
struct MQTTDecoderFuzzTests {
    @Test("random bytes end in packets, an error or waiting; never in a crash", arguments: UInt64(1)...UInt64(20))
    func random(seed: UInt64) {
        var chance = SeededGenerator(seed: seed, purpose: "mqtt decoder noise")
        for _ in 0..<200 {
            let role: MQTTRole = chance.chance(0.5) ? .server : .client
            var decoder = MQTTPacketDecoder(role: role, maximumPacketSize: 4_096, awaitsFirstPacket: chance.chance(0.5))
            for _ in 0..<8 {
                decoder.append(chance.bytes(Int(chance.integer(below: 64))))
                do { while try decoder.next() != nil {} } catch { break }
            }
            #expect(decoder.bufferedCount <= 8 * 64, "seed \(seed)")
        }
    }

    @Test("captured packets with changed, lost and doubled bytes", arguments: UInt64(1)...UInt64(20))
    func mutated(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "mqtt decoder mutations")
        let wires = (MQTTVector.specification + MQTTVector.captured).map { (MQTTHex.bytes($0.wire), $0.role) }
        for _ in 0..<500 {
            var (bytes, role) = wires[Int(chance.integer(below: UInt64(wires.count)))]
            for _ in 0...chance.integer(below: 3) where !bytes.isEmpty {
                let index = Int(chance.integer(below: UInt64(bytes.count)))
                switch chance.integer(below: 3) {
                case 0: bytes[index] ^= UInt8(1 << chance.integer(below: 8))
                case 1: bytes.remove(at: index)
                default: bytes.insert(bytes[index], at: index)
                }
            }
            // What is still a packet means the same when it is written and read again.
            guard let packets = try? MQTTPacketDecoder.packets(bytes, role: role, awaitsFirstPacket: false) else { continue }
            for packet in packets {
                #expect(try MQTTPacketDecoder.packets(try packet.encoded(), role: role, awaitsFirstPacket: false) == [packet], "seed \(seed)")
            }
        }
    }
}
