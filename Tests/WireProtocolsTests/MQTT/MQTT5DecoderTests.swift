import LabCore
import Testing
import WireProtocols

/// A packet of 5.0 that is wrong, what is wrong, the reason code, the clause and the wrong byte.
struct MQTT5WrongPacket: Sendable, CustomTestStringConvertible {
    var name: String
    var wire: String
    var violation: MQTTViolation
    var reason: MQTTReasonCode
    var clause: String
    var offset: Int
    var role: MQTTRole
    var testDescription: String { name }

    init(
        _ name: String, _ wire: String, _ violation: MQTTViolation, _ reason: MQTTReasonCode, _ clause: String, at offset: Int,
        role: MQTTRole = .server
    ) {
        self.name = name
        self.wire = wire
        self.violation = violation
        self.reason = reason
        self.clause = clause
        self.offset = offset
        self.role = role
    }

    static let all: [MQTT5WrongPacket] = [
        MQTT5WrongPacket("type 0", "00 00", .reservedPacketType(0), .malformedPacket, "§2.1.2", at: 0),
        MQTT5WrongPacket("AUTH with flags", "f1 00", .reservedFlags(found: 1, expected: 0), .malformedPacket, "MQTT-3.15.1-1", at: 0),
        MQTT5WrongPacket("DISCONNECT with flags", "e2 00", .reservedFlags(found: 2, expected: 0), .malformedPacket, "MQTT-3.14.1-1", at: 0),
        MQTT5WrongPacket("PUBREL with flags 0000", "60 02 0001", .reservedFlags(found: 0, expected: 2), .malformedPacket, "MQTT-3.6.1-1", at: 0),
        MQTT5WrongPacket("SUBSCRIBE with flags 0000", "80 07 0001 00 0001 61 00", .reservedFlags(found: 0, expected: 2), .malformedPacket, "MQTT-3.8.1-1", at: 0),
        MQTT5WrongPacket("PINGREQ with flags", "c1 00", .reservedFlags(found: 1, expected: 0), .malformedPacket, "MQTT-2.1.3-1", at: 0),
        MQTT5WrongPacket("remaining length not minimal", "40 82 00 0001", .notMinimal(field: "remaining length"), .malformedPacket, "MQTT-1.5.5-1", at: 1),
        MQTT5WrongPacket("CONNECT with a remaining length that is not minimal", "10 8d 00 0004 4d515454 05 02 0000 00 0000", .notMinimal(field: "remaining length"), .malformedPacket, "MQTT-1.5.5-1", at: 1),
        MQTT5WrongPacket("remaining length of five bytes", "30 80 80 80 80", .remainingLengthTooLong, .malformedPacket, "§1.5.5", at: 4),
        MQTT5WrongPacket("PINGREQ with a body", "c0 01 00", .wrongLength(found: 1, expected: 0), .malformedPacket, "MQTT-4.13.1-1", at: 1),
        MQTT5WrongPacket("CONNACK from a client", "20 03 000000", .wrongDirection, .protocolError, "§2.1.2", at: 0),
        MQTT5WrongPacket("SUBSCRIBE from a server", "82 07 0001 00 0001 61 00", .wrongDirection, .protocolError, "§2.1.2", at: 0, role: .client),
        MQTT5WrongPacket("CONNECT with the reserved flag", "10 0e 0004 4d515454 05 03 003c 00 0001 78", .connectFlagsReserved, .malformedPacket, "MQTT-3.1.2-3", at: 9),
        MQTT5WrongPacket("CONNECT with will QoS and no will", "10 0e 0004 4d515454 05 0a 003c 00 0001 78", .willFlagsWithoutWill, .malformedPacket, "MQTT-3.1.2-11", at: 9),
        MQTT5WrongPacket("CONNECT with will QoS 3", "10 14 0004 4d515454 05 1e 003c 00 0001 78 00 0001 77 0000", .willQoS3, .malformedPacket, "MQTT-3.1.2-12", at: 9),
        MQTT5WrongPacket("CONNECT with a wildcard in its will topic", "10 14 0004 4d515454 05 06 003c 00 0001 78 00 0001 2b 0000", .topic(.wildcardInName(offset: 0)), .malformedPacket, "MQTT-4.7.0-1", at: 19),
        MQTT5WrongPacket("CONNECT with a byte too many", "10 0f 0004 4d515454 05 02 003c 00 0001 78 ff", .trailingBytes(1), .malformedPacket, "MQTT-4.13.1-1", at: 16),
        MQTT5WrongPacket("protocol name MQTX", "10 0e 0004 4d515458 05 02 003c 00 0001 78", .protocolName, .unsupportedProtocolVersion, "MQTT-3.1.2-1", at: 2),
        MQTT5WrongPacket("PUBLISH with QoS 3", "36 06 0001 61 0001 00", .publishQoS3, .malformedPacket, "MQTT-3.3.1-4", at: 0),
        MQTT5WrongPacket("PUBLISH with DUP and QoS 0", "38 04 0001 61 00", .duplicateFlagWithQoS0, .malformedPacket, "MQTT-3.3.1-2", at: 0),
        MQTT5WrongPacket("PUBLISH to a/+", "30 06 0003 612f2b 00", .topic(.wildcardInName(offset: 2)), .malformedPacket, "MQTT-4.7.0-1", at: 6),
        MQTT5WrongPacket("PUBLISH to nothing and without an alias", "30 03 0000 00", .topicNameMissing, .protocolError, "§3.3.2.1", at: 4),
        MQTT5WrongPacket("PUBLISH with a surrogate in its topic", "30 06 0003 eda080 00", .illFormedUTF8(field: "topic name"), .malformedPacket, "MQTT-1.5.4-1", at: 4),
        MQTT5WrongPacket("PUBLISH with U+0000 in its topic", "30 05 0002 6100 00", .nullCharacter(field: "topic name"), .malformedPacket, "MQTT-1.5.4-2", at: 5),
        MQTT5WrongPacket("PUBLISH with packet identifier 0", "32 06 0001 61 0000 00", .packetIdentifierZero, .protocolError, "MQTT-2.2.1-3", at: 5),
        MQTT5WrongPacket("PUBLISH from a client with a subscription identifier", "30 06 0001 61 02 0b 01", .propertyFromWrongSide(.subscriptionIdentifier, .packet(.publish)), .protocolError, "MQTT-3.3.4-6", at: 6),
        MQTT5WrongPacket("PUBACK with packet identifier 0", "40 03 0000 00", .packetIdentifierZero, .protocolError, "MQTT-2.2.1-3", at: 2),
        MQTT5WrongPacket("PUBACK with a reason of SUBACK", "40 03 0001 01", .reservedReturnCode(1), .protocolError, "MQTT-3.4.2-1", at: 4),
        MQTT5WrongPacket("PUBACK no matching subscribers from a client", "40 03 0001 10", .reasonFromWrongSide(.noMatchingSubscribers), .protocolError, "MQTT-3.4.2-1", at: 4),
        MQTT5WrongPacket("PUBACK with bytes behind its properties", "40 05 0001 00 00 ff", .trailingBytes(1), .malformedPacket, "MQTT-4.13.1-1", at: 6),
        MQTT5WrongPacket("PUBREC with a reason that does not exist", "50 03 0001 7f", .reservedReturnCode(0x7F), .protocolError, "MQTT-3.5.2-1", at: 4),
        MQTT5WrongPacket("SUBSCRIBE without a filter", "82 03 0001 00", .noTopicFilter, .protocolError, "MQTT-3.8.3-2", at: 5),
        MQTT5WrongPacket("SUBSCRIBE with packet identifier 0", "82 07 0000 00 0001 61 00", .packetIdentifierZero, .protocolError, "MQTT-2.2.1-3", at: 2),
        MQTT5WrongPacket("SUBSCRIBE with bit 6", "82 07 0001 00 0001 61 40", .subscriptionOptionsReserved(0x40), .malformedPacket, "MQTT-3.8.3-5", at: 8),
        MQTT5WrongPacket("SUBSCRIBE with bit 7", "82 07 0001 00 0001 61 81", .subscriptionOptionsReserved(0x81), .malformedPacket, "MQTT-3.8.3-5", at: 8),
        MQTT5WrongPacket("SUBSCRIBE with maximum QoS 3", "82 07 0001 00 0001 61 03", .subscriptionQoS3, .protocolError, "§3.8.3.1", at: 8),
        MQTT5WrongPacket("SUBSCRIBE with retain handling 3", "82 07 0001 00 0001 61 31", .retainHandling3, .protocolError, "§3.8.3.1", at: 8),
        MQTT5WrongPacket("SUBSCRIBE with no local on a shared subscription", "82 10 0001 00 000a 2473686172652f672f61 04", .noLocalOnSharedSubscription, .protocolError, "MQTT-3.8.3-4", at: 17),
        MQTT5WrongPacket("SUBSCRIBE to $share/g", "82 0e 0001 00 0008 2473686172652f67 00", .topic(.malformedShare(offset: 8)), .malformedPacket, "MQTT-4.8.2-2", at: 15),
        MQTT5WrongPacket("SUBSCRIBE to a/#/b", "82 0b 0001 00 0005 612f232f62 00", .topic(.misplacedMultiLevelWildcard(offset: 2)), .malformedPacket, "MQTT-4.7.1-1", at: 9),
        MQTT5WrongPacket("SUBSCRIBE to a+", "82 08 0001 00 0002 612b 00", .topic(.misplacedSingleLevelWildcard(offset: 1)), .malformedPacket, "MQTT-4.7.1-2", at: 8),
        MQTT5WrongPacket("SUBSCRIBE that ends before its options", "82 06 0001 00 0001 61", .truncated(field: "subscription options"), .malformedPacket, "MQTT-4.13.1-1", at: 8),
        MQTT5WrongPacket("UNSUBSCRIBE without a filter", "a2 03 0001 00", .noTopicFilter, .protocolError, "MQTT-3.10.3-2", at: 5),
        MQTT5WrongPacket("DISCONNECT session taken over from a client", "e0 01 8e", .reasonFromWrongSide(.sessionTakenOver), .protocolError, "MQTT-3.14.2-1", at: 2),
        MQTT5WrongPacket("DISCONNECT with will from a server", "e0 01 04", .reasonFromWrongSide(.disconnectWithWill), .protocolError, "MQTT-3.14.2-1", at: 2, role: .client),
        MQTT5WrongPacket("DISCONNECT with a session expiry interval from a server", "e0 07 00 05 11 00000001", .propertyFromWrongSide(.sessionExpiryInterval, .packet(.disconnect)), .protocolError, "MQTT-3.14.2-2", at: 4, role: .client),
        MQTT5WrongPacket("DISCONNECT with a server reference from a client", "e0 06 00 04 1c 0001 62", .propertyFromWrongSide(.serverReference, .packet(.disconnect)), .protocolError, "§3.14.2.2.5", at: 4),
        MQTT5WrongPacket("AUTH success from a client", "f0 02 00 00", .reasonFromWrongSide(.success), .protocolError, "MQTT-3.15.2-1", at: 2),
        MQTT5WrongPacket("AUTH that re-authenticates, from a server", "f0 06 19 04 15 0001 6d", .reasonFromWrongSide(.reauthenticate), .protocolError, "MQTT-3.15.2-1", at: 2, role: .client),
        MQTT5WrongPacket("AUTH that continues without a method", "f0 02 18 00", .authenticationMethodMissing, .protocolError, "§3.15.2.2.2", at: 3),
        MQTT5WrongPacket("CONNACK flags 2", "20 03 020000", .connackFlagsReserved(2), .malformedPacket, "MQTT-3.2.2-1", at: 2, role: .client),
        MQTT5WrongPacket("CONNACK that refuses with a session", "20 03 018700", .sessionPresentWithRefusal, .protocolError, "MQTT-3.2.2-6", at: 2, role: .client),
        MQTT5WrongPacket("CONNACK with a reason of 3.1.1", "20 03 000500", .reservedReturnCode(5), .protocolError, "MQTT-3.2.2-8", at: 3, role: .client),
        MQTT5WrongPacket("CONNACK without properties", "20 02 0000", .truncated(field: "property length"), .malformedPacket, "MQTT-4.13.1-1", at: 4, role: .client),
        MQTT5WrongPacket("SUBACK with code 3", "90 04 0001 00 03", .reservedReturnCode(3), .protocolError, "MQTT-3.9.3-2", at: 5, role: .client),
        MQTT5WrongPacket("UNSUBACK with code 1", "b0 04 0001 00 01", .reservedReturnCode(1), .protocolError, "MQTT-3.11.3-2", at: 5, role: .client),
    ]
}

@Suite("MQTT 5.0 §4.13: malformed packets and protocol errors")
struct MQTT5ViolationTests {
    @Test("are named with reason code, clause and byte", arguments: MQTT5WrongPacket.all)
    func violation(_ wrong: MQTT5WrongPacket) throws {
        let bytes = MQTTHex.bytes(wrong.wire)
        let expected = MQTTDecodingError(
            wrong.violation, packet: MQTTPacketType(rawValue: bytes[0] >> 4), offset: wrong.offset, streamOffset: 0, version: .v5_0)
        let isFirst = bytes[0] >> 4 == 1 || (bytes[0] >> 4 == 2 && wrong.role == .client)
        #expect(throws: expected) { try MQTTPacketDecoder.packets(bytes, role: wrong.role, version: .v5_0, awaitsFirstPacket: isFirst) }
        #expect(expected.reasonCode == wrong.reason)
        #expect(expected.clause == wrong.clause)
        #expect(expected.description.contains("[\(wrong.clause)]"))
    }

    @Test("the reason codes that a receiver finds later have their violation too")
    func later() {
        #expect(MQTTViolation.receiveMaximumExceeded(limit: 10).reasonCode == .receiveMaximumExceeded)
        #expect(MQTTViolation.topicAliasInvalid(11).reasonCode == .topicAliasInvalid)
        #expect(MQTTViolation.topicAliasUnknown(3).reasonCode == .protocolError)
        #expect(MQTTViolation.payloadFormat.reasonCode == .payloadFormatInvalid)
        #expect(MQTTViolation.packetTooLarge(bytes: 2, limit: 1).reasonCode == .packetTooLarge)
        #expect(MQTTViolation.protocolLevel(6).reasonCode == .unsupportedProtocolVersion)
    }

    @Test("a packet cut short is refused at every cut", arguments: MQTTVector.all5)
    func cuts(_ vector: MQTTVector) throws {
        guard case .connect = try vector.packet() else { return }
        let packet = try vector.packet()
        let whole = try packet.encoded(.v5_0)
        let header = whole.count > 129 ? 3 : 2
        let body = [UInt8](whole.dropFirst(header))
        for count in 0..<body.count {
            let wire = [0x10] + (count < 128 ? [UInt8(count)] : [UInt8(count & 127 | 128), UInt8(count >> 7)]) + body.prefix(count)
            #expect(throws: MQTTDecodingError.self, "\(count) bytes") {
                try MQTTPacketDecoder.packets(wire, role: .server, version: nil, awaitsFirstPacket: true)
            }
        }
    }

    @Test("a topic filter with $share needs a name and a filter [MQTT-4.8.2-1], [MQTT-4.8.2-2]")
    func sharedFilters() throws {
        let right: [(String, name: String, filter: String)] = [
            ("$share/consumer1/sport/tennis/+", "consumer1", "sport/tennis/+"), ("$share/consumer2/sport/tennis/+", "consumer2", "sport/tennis/+"),
            ("$share/consumer1//finance", "consumer1", "/finance"), ("$share/g/#", "g", "#"), ("$share/g/$SYS/x", "g", "$SYS/x"),
        ]
        for (text, name, filter) in right {
            let shared = try #require(try mqttFilter(text).shared())
            #expect(shared.name.text == name)
            #expect(shared.filter == (try mqttFilter(filter)))
        }
        for text in ["a/b", "$share", "$shared/g/a", "$SHARE/g/a", "a/$share/g/b", "/$share/g/b"] { #expect(try mqttFilter(text).shared() == nil) }
        let wrong: [(String, Int)] = [("$share/", 7), ("$share/g", 8), ("$share/g/", 9), ("$share//a", 7), ("$share/+/a", 7), ("$share/#", 8)]
        for (text, offset) in wrong { #expect(throws: MQTTTopicError.malformedShare(offset: offset)) { try mqttFilter(text).shared() } }
    }

    @Test("the empty name behind an alias matches no filter")
    func aliasedTopic() throws {
        for filter in ["#", "+", "+/#", "/"] { #expect(try !mqttFilter(filter).matches(.aliased)) }
        #expect(MQTTTopic.aliased.isAliased)
    }
}

@Suite("MQTT 5.0: the version of a connection")
struct MQTT5VersionTests {
    static let connect3 = "10 0d 0004 4d515454 04 02 003c 0001 78"
    static let connect5 = "10 0e 0004 4d515454 05 02 003c 00 0001 78"

    @Test("is what CONNECT says, and all that follows is read in it")
    func negotiated() throws {
        var five = MQTTPacketDecoder(role: .server, version: nil)
        #expect(five.version == nil)
        five.append(MQTTHex.bytes(Self.connect5 + "30 04 0001 61 00" + "e0 01 04" + "f0 06 19 04 15 0001 6d"))
        guard case .connect(let connect)? = try five.next() else { return #expect(Bool(false)) }
        #expect(connect.version == .v5_0 && five.version == .v5_0)
        #expect(try five.next() == .publish(MQTTPublish(topic: try mqttTopic("a"), payload: [])))
        #expect(try five.next() == .disconnect(MQTTDisconnect(reason: .disconnectWithWill)))
        #expect(try five.next()?.type == .auth)

        var three = MQTTPacketDecoder(role: .server, version: nil)
        three.append(MQTTHex.bytes(Self.connect3 + "30 04 0001 61 00" + "e0 01 04"))
        #expect(try three.next()?.type == .connect)
        #expect(three.version == .v3_1_1)
        #expect(try three.next() == .publish(MQTTPublish(topic: try mqttTopic("a"), payload: [0])))
        #expect(throws: MQTTDecodingError(.wrongLength(found: 1, expected: 0), packet: .disconnect, offset: 1, streamOffset: 21)) { try three.next() }
    }

    @Test("can be held to one: the other is refused at its level", arguments: [(MQTTProtocolVersion.v3_1_1, Self.connect5, 5), (.v5_0, Self.connect3, 4)] as [(MQTTProtocolVersion, String, UInt8)])
    func held(version: MQTTProtocolVersion, wire: String, level: UInt8) {
        #expect(throws: MQTTDecodingError(.protocolLevel(level), packet: .connect, offset: 8, streamOffset: 0, version: version)) {
            try MQTTPacketDecoder.packets(MQTTHex.bytes(wire), role: .server, version: version, awaitsFirstPacket: true)
        }
    }

    @Test("others are refused: 3, 6, and that of a bridge", arguments: [3, 6, 0x84] as [UInt8])
    func unknownLevels(level: UInt8) {
        var wire = MQTTHex.bytes(Self.connect5)
        wire[8] = level
        #expect(throws: MQTTDecodingError(.protocolLevel(level), packet: .connect, offset: 8, streamOffset: 0)) {
            try MQTTPacketDecoder.packets(wire, role: .server, version: nil, awaitsFirstPacket: true)
        }
    }

    @Test("AUTH may come before CONNACK, and nothing else [MQTT-3.2.0-1]")
    func authBeforeConnack() throws {
        let auth = "f0 06 18 04 15 0001 6d"
        let packets = try MQTTPacketDecoder.packets(
            MQTTHex.bytes(auth + auth + "20 03 000000" + "30 04 0001 61 00"), role: .client, version: .v5_0, awaitsFirstPacket: true)
        #expect(packets.map(\.type) == [.auth, .auth, .connack, .publish])
        for next in ["30 04 0001 61 00", "e0 01 8e", "d0 00"] {
            #expect(throws: MQTTDecodingError.self) {
                try MQTTPacketDecoder.packets(MQTTHex.bytes(auth + next), role: .client, version: .v5_0, awaitsFirstPacket: true)
            }
        }
        #expect(throws: MQTTDecodingError.self) {
            try MQTTPacketDecoder.packets(MQTTHex.bytes(auth), role: .client, version: .v3_1_1, awaitsFirstPacket: true)
        }
    }

    @Test("AUTH before CONNECT is no CONNECT; in 3.1.1 its number is reserved")
    func auth() {
        #expect(throws: MQTTDecodingError(.firstPacketNotConnect(.auth), packet: .auth, offset: 0, streamOffset: 0)) {
            try MQTTPacketDecoder.packets([0xF0, 0], role: .server, version: nil, awaitsFirstPacket: true)
        }
        #expect(throws: MQTTDecodingError(.reservedPacketType(15), packet: .auth, offset: 0, streamOffset: 15)) {
            try MQTTPacketDecoder.packets(MQTTHex.bytes(Self.connect3) + [0xF0, 0], role: .server, version: nil, awaitsFirstPacket: true)
        }
    }
}

@Suite("MQTT 5.0: packets from a byte stream, and noise")
struct MQTT5StreamTests {
    static let serverStream = MQTTVector.all5.filter { vector in
        guard vector.role == .server, let type = try? vector.packet().type else { return false }
        return type != .connect
    }

    private func stream(_ connect: MQTTVector) throws -> (bytes: [UInt8], packets: [MQTTPacket]) {
        var bytes = MQTTHex.bytes(connect.wire)
        var packets = [try connect.packet()]
        for vector in Self.serverStream {
            bytes += MQTTHex.bytes(vector.wire)
            packets.append(try vector.packet())
        }
        return (bytes, packets)
    }

    @Test("many packets in one segment, and one byte at a time, are the same packets", arguments: [1, 2, 3, 7, 64, 1_000_000])
    func segments(size: Int) throws {
        for connect in MQTTVector.all5 where (try connect.packet().type) == .connect {
            let (bytes, expected) = try stream(connect)
            var decoder = MQTTPacketDecoder(role: .server, version: nil)
            var packets: [MQTTPacket] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                decoder.append([UInt8](bytes[start..<min(start + size, bytes.count)]))
                while let packet = try decoder.next() { packets.append(packet) }
            }
            #expect(packets == expected)
            #expect(decoder.bufferedCount == 0)
        }
    }

    @Test("random bytes end in packets, an error or waiting; never in a crash", arguments: UInt64(1)...UInt64(20))
    func random(seed: UInt64) {
        var chance = SeededGenerator(seed: seed, purpose: "mqtt 5 decoder noise")
        for _ in 0..<300 {
            var decoder = MQTTPacketDecoder(
                role: chance.chance(0.5) ? .server : .client, version: chance.chance(0.7) ? .v5_0 : nil, maximumPacketSize: 4_096,
                awaitsFirstPacket: chance.chance(0.3))
            for _ in 0..<8 {
                decoder.append(chance.bytes(Int(chance.integer(below: 64))))
                do { while try decoder.next() != nil {} } catch { break }
            }
            #expect(decoder.bufferedCount <= 8 * 64, "seed \(seed)")
        }
    }

    @Test("packets with changed, lost and doubled bytes: what is still a packet is the same when written and read again", arguments: UInt64(1)...UInt64(30))
    func mutated(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "mqtt 5 decoder mutations")
        let wires = MQTTVector.all5.map { (MQTTHex.bytes($0.wire), $0.role) }
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
            let isFirst = bytes.first == 0x10
            guard let packets = try? MQTTPacketDecoder.packets(bytes, role: role, version: .v5_0, awaitsFirstPacket: isFirst) else { continue }
            for packet in packets {
                let again = try MQTTPacketDecoder.packets(
                    try packet.encoded(.v5_0), role: role, version: .v5_0, awaitsFirstPacket: packet.type == .connect)
                #expect(again == [packet], "seed \(seed)")
            }
        }
    }

    @Test("packets made at random are read as they were written", arguments: UInt64(1)...UInt64(30))
    func roundTrips(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "mqtt 5 round trips")
        var bytes: [UInt8] = []
        var packets: [MQTTPacket] = []
        for _ in 0..<100 {
            let packet = try RandomPackets.packet(&chance)
            try packet.encode(to: &bytes, .v5_0)
            packets.append(packet)
        }
        var decoder = MQTTPacketDecoder(role: .client, version: .v5_0, awaitsFirstPacket: false)
        var read: [MQTTPacket] = []
        while !bytes.isEmpty {
            let count = min(bytes.count, 1 + Int(chance.integer(below: 2_000)))
            decoder.append([UInt8](bytes.prefix(count)))
            bytes.removeFirst(count)
            while let packet = try decoder.next() { read.append(packet) }
        }
        #expect(read == packets, "seed \(seed)")
    }
}

/// Packets of a server, drawn.
private enum RandomPackets {
    static func text(_ chance: inout SeededGenerator) -> String {
        let alphabet = ["a", "/", "é", "e\u{301}", "\u{FEFF}", "𝄞", "0", " ", "$"]
        return (0..<chance.integer(below: 12)).map { _ in alphabet[Int(chance.integer(below: UInt64(alphabet.count)))] }.joined()
    }

    static func properties(_ chance: inout SeededGenerator, in place: MQTTPropertyPlace) -> MQTTProperties {
        var properties = MQTTProperties()
        func maybe() -> Bool { chance.chance(0.4) }
        switch place {
        case .packet(.publish):
            if maybe() { properties.payloadFormatIndicator = UInt8(chance.integer(below: 2)) }
            if maybe() { properties.messageExpiryInterval = UInt32(truncatingIfNeeded: chance.next()) }
            if maybe() { properties.contentType = text(&chance) }
            if maybe() { properties.responseTopic = "r" + text(&chance) }
            if maybe() { properties.correlationData = chance.bytes(Int(chance.integer(below: 20))) }
            if maybe() { properties.topicAlias = UInt16(1 + chance.integer(below: 65_535)) }
            if maybe() { properties.subscriptionIdentifiers = (0..<chance.integer(below: 4)).map { _ in UInt32(1 + chance.integer(below: 268_435_455)) } }
        case .packet(.connack):
            if maybe() { properties.sessionExpiryInterval = UInt32(truncatingIfNeeded: chance.next()) }
            if maybe() { properties.receiveMaximum = UInt16(1 + chance.integer(below: 65_535)) }
            if maybe() { properties.maximumQoS = chance.chance(0.5) ? .atMostOnce : .atLeastOnce }
            if maybe() { properties.retainAvailable = chance.chance(0.5) }
            if maybe() { properties.assignedClientIdentifier = text(&chance) }
            if maybe() { properties.serverKeepAlive = UInt16(truncatingIfNeeded: chance.next()) }
            if maybe() { properties.reasonString = text(&chance) }
        default: if maybe() { properties.reasonString = text(&chance) }
        }
        properties.userProperties = (0..<chance.integer(below: 4)).map { _ in MQTTUserProperty(text(&chance), text(&chance)) }
        return properties
    }

    static func packet(_ chance: inout SeededGenerator) throws -> MQTTPacket {
        let packetID = UInt16(1 + chance.integer(below: 65_535))
        switch chance.integer(below: 9) {
        case 0: return .connack(MQTTConnack(sessionPresent: chance.chance(0.5), reason: .success, properties: properties(&chance, in: .packet(.connack))))
        case 1, 2, 3:
            let properties = properties(&chance, in: .packet(.publish))
            let qos = MQTTQoS(rawValue: UInt8(chance.integer(below: 3))) ?? .atMostOnce
            let isAliased = properties.topicAlias != nil && chance.chance(0.5)
            return .publish(
                MQTTPublish(
                    topic: isAliased ? .aliased : try mqttTopic("t" + text(&chance)), payload: chance.bytes(Int(chance.integer(below: 300))), qos: qos,
                    retain: chance.chance(0.5), isDuplicate: qos != .atMostOnce && chance.chance(0.5), packetID: qos == .atMostOnce ? 0 : packetID,
                    properties: properties))
        case 4:
            return .pubrec(MQTTAcknowledgement(packetID: packetID, reason: chance.chance(0.5) ? .success : .notAuthorized, properties: properties(&chance, in: .packet(.pubrec))))
        case 5: return .pubcomp(MQTTAcknowledgement(packetID: packetID, reason: chance.chance(0.5) ? .success : .packetIdentifierNotFound))
        case 6: return .suback(MQTTSuback(packetID: packetID, reasons: [.success, .grantedQoS2, .quotaExceeded], properties: properties(&chance, in: .packet(.suback))))
        case 7: return .unsuback(MQTTUnsuback(packetID: packetID, reasons: [.noSubscriptionExisted], properties: properties(&chance, in: .packet(.unsuback))))
        default: return .disconnect(MQTTDisconnect(reason: .serverBusy, properties: properties(&chance, in: .packet(.disconnect))))
        }
    }
}
