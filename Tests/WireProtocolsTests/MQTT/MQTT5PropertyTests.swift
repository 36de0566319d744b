import Testing
import WireProtocols

/// A place for properties, and packets around them by hand.
private enum Place: Int, CaseIterable {
    case connect = 1, connack, publish, puback, pubrec, pubrel, pubcomp, subscribe, suback, unsubscribe, unsuback
    case disconnect = 14, auth, will

    /// From a server where the property or the packet is only a server's to send.
    func role(_ id: UInt8) -> MQTTRole {
        switch self {
        case .connack, .suback, .unsuback, .auth: .client
        case .publish: id == 0x0B ? .client : .server
        case .disconnect: id == 0x1C ? .client : .server
        default: .server
        }
    }

    func wire(_ properties: [UInt8]) -> [UInt8] {
        let head: [UInt8] = [0, 4, 0x4D, 0x51, 0x54, 0x54, 5]
        let length: [UInt8] = properties.count < 128 ? [UInt8(properties.count)] : [UInt8(properties.count & 127 | 128), UInt8(properties.count >> 7)]
        let sized = length + properties
        let body: [UInt8] =
            switch self {
            case .connect: head + [2, 0, 60] + sized + [0, 1, 0x78]
            case .will: head + [6, 0, 60, 0, 0, 1, 0x78] + sized + [0, 1, 0x77, 0, 0]
            case .connack: [0, 0] + sized
            case .publish: [0, 1, 0x61] + sized
            case .puback, .pubrec, .pubrel, .pubcomp: [0, 1, 0] + sized
            case .subscribe: [0, 1] + sized + [0, 1, 0x61, 0]
            case .suback, .unsuback: [0, 1] + sized + [0]
            case .unsubscribe: [0, 1] + sized + [0, 1, 0x61]
            case .disconnect, .auth: [0] + sized
            }
        let type = UInt8(self == .will ? 1 : rawValue)
        let flags: UInt8 = [6, 8, 10].contains(type) ? 2 : 0
        return [type << 4 | flags] + (body.count < 128 ? [UInt8(body.count)] : [UInt8(body.count & 127 | 128), UInt8(body.count >> 7)]) + body
    }

    func decode(_ properties: [UInt8], _ id: UInt8) throws -> MQTTPacket? {
        let isFirst = [.connect, .will, .connack].contains(self)
        return try MQTTPacketDecoder.packets(wire(properties), role: role(id), version: .v5_0, awaitsFirstPacket: isFirst).first
    }
}

private func violation(_ body: () throws -> Void) -> MQTTDecodingError? {
    do { try body() } catch { return error as? MQTTDecodingError }
    return nil
}

@Suite("MQTT 5.0 §2.2.2: properties")
struct MQTT5PropertyTests {
    /// Table 2-4: identifier, one value by hand, the packets that may have it (W for the will).
    private static let table: [(id: UInt8, value: String, places: [Place])] = [
        (0x01, "01", [.publish, .will]), (0x02, "0000003c", [.publish, .will]), (0x03, "0001 74", [.publish, .will]),
        (0x08, "0001 72", [.publish, .will]), (0x09, "0002 00ff", [.publish, .will]), (0x0B, "8001", [.publish, .subscribe]),
        (0x11, "ffffffff", [.connect, .connack, .disconnect]), (0x12, "0001 69", [.connack]), (0x13, "001e", [.connack]),
        (0x15, "0001 6d", [.connect, .connack, .auth]), (0x16, "0001 00", [.connect, .connack, .auth]), (0x17, "00", [.connect]),
        (0x18, "00000005", [.will]), (0x19, "01", [.connect]), (0x1A, "0001 72", [.connack]), (0x1C, "0001 73", [.connack, .disconnect]),
        (0x1F, "0001 72", [.connack, .puback, .pubrec, .pubrel, .pubcomp, .suback, .unsuback, .disconnect, .auth]),
        (0x21, "0014", [.connect, .connack]), (0x22, "000a", [.connect, .connack]), (0x23, "0001", [.publish]), (0x24, "01", [.connack]),
        (0x25, "00", [.connack]), (0x26, "0001 61 0001 62", Place.allCases), (0x27, "00010000", [.connect, .connack]), (0x28, "01", [.connack]),
        (0x29, "01", [.connack]), (0x2A, "00", [.connack]),
    ]

    private static func bytes(_ id: UInt8, _ value: String) -> [UInt8] {
        // Data needs its method (§3.1.2.11.10).
        (id == 0x16 ? [0x15, 0, 1, 0x6D] : []) + [id] + MQTTHex.bytes(value)
    }

    @Test("each is read where table 2-4 has it, and malformed anywhere else")
    func places() throws {
        #expect(MQTTPropertyID.allCases.map(\.rawValue) == Self.table.map(\.id))
        for row in Self.table {
            let id = try #require(MQTTPropertyID(rawValue: row.id))
            for place in Place.allCases {
                let error = violation { _ = try place.decode(Self.bytes(row.id, row.value), row.id) }
                if row.places.contains(place) {
                    #expect(error == nil, "\(id) in \(place)")
                } else {
                    #expect(error?.reasonCode == .malformedPacket, "\(id) in \(place)")
                    #expect(error?.clause == "§2.2.2.2")
                }
            }
        }
    }

    @Test("each may be there once, but user properties, and subscription identifiers in PUBLISH")
    func repeated() throws {
        for row in Self.table {
            let id = try #require(MQTTPropertyID(rawValue: row.id))
            for place in row.places {
                let once = Self.bytes(row.id, row.value)
                let error = violation { _ = try place.decode(once + [row.id] + MQTTHex.bytes(row.value), row.id) }
                if row.id == 0x26 || (row.id == 0x0B && place == .publish) {
                    #expect(error == nil)
                } else {
                    #expect(error?.violation == .repeatedProperty(id), "\(id) in \(place)")
                    #expect(error?.reasonCode == .protocolError)
                    #expect(error?.clause.hasPrefix("§3.") == true, "\(id) in \(place)")
                }
            }
        }
    }

    @Test("one that is cut short is malformed, at every cut of every value")
    func truncated() throws {
        for row in Self.table {
            let whole = Self.bytes(row.id, row.value)
            for count in 1..<whole.count where !(row.id == 0x16 && count == 4) {
                let error = violation { _ = try row.places[0].decode([UInt8](whole.prefix(count)), row.id) }
                #expect(error?.reasonCode == .malformedPacket, "\(row.id), \(count) bytes")
            }
        }
    }

    /// Values that §3 forbids, with the reason code and section for them.
    private static let values: [(Place, String, MQTTReasonCode, String)] = [
        (.connect, "21 0000", .protocolError, "§3.1.2.11.3"), (.connect, "27 00000000", .protocolError, "§3.1.2.11.4"),
        (.connect, "19 02", .protocolError, "§3.1.2.11.6"), (.connect, "17 02", .protocolError, "§3.1.2.11.7"),
        (.connect, "16 0001 00", .protocolError, "§3.1.2.11.10"), (.connack, "21 0000", .protocolError, "§3.2.2.3.3"),
        (.connack, "24 02", .protocolError, "§3.2.2.3.4"), (.connack, "25 02", .protocolError, "§3.2.2.3.5"),
        (.connack, "27 00000000", .protocolError, "§3.2.2.3.6"), (.connack, "28 02", .protocolError, "§3.2.2.3.11"),
        (.connack, "29 ff", .protocolError, "§3.2.2.3.12"), (.connack, "2a 02", .protocolError, "§3.2.2.3.13"),
        (.publish, "01 02", .protocolError, "§3.3.2.3.2"), (.will, "01 02", .protocolError, "§3.1.3.2.3"),
        (.publish, "23 0000", .topicAliasInvalid, "MQTT-3.3.2-8"), (.subscribe, "0b 00", .protocolError, "§3.8.2.1.2"),
        (.publish, "08 0003 612f2b", .protocolError, "MQTT-3.3.2-14"), (.will, "08 0001 23", .protocolError, "MQTT-3.3.2-14"),
        (.publish, "08 0000", .protocolError, "MQTT-4.7.3-1"),
    ]

    @Test("values out of range have their own reason")
    func ranges() {
        for (place, properties, reason, clause) in Self.values {
            let error = violation { _ = try place.decode(MQTTHex.bytes(properties), 0) }
            #expect(error?.reasonCode == reason, "\(place) \(properties)")
            #expect(error?.clause == clause, "\(place) \(properties)")
        }
    }

    @Test("texts must be well-formed and without U+0000 [MQTT-1.5.4-1], [MQTT-1.5.4-2], [MQTT-1.5.7-1]")
    func texts() {
        let wrong: [(Place, String, String)] = [
            (.publish, "03 0002 c0af", "MQTT-1.5.4-1"), (.publish, "03 0003 eda080", "MQTT-1.5.4-1"), (.publish, "03 0001 00", "MQTT-1.5.4-2"),
            (.publish, "26 0001 ff 0001 61", "MQTT-1.5.4-1"), (.publish, "26 0001 61 0001 ff", "MQTT-1.5.4-1"),
            (.publish, "26 0001 00 0001 61", "MQTT-1.5.4-2"), (.puback, "1f 0001 80", "MQTT-1.5.4-1"), (.connect, "15 0001 00", "MQTT-1.5.4-2"),
        ]
        for (place, properties, clause) in wrong {
            let error = violation { _ = try place.decode(MQTTHex.bytes(properties), 0) }
            #expect(error?.reasonCode == .malformedPacket, "\(properties)")
            #expect(error?.clause == clause, "\(properties)")
        }
        // Binary data is no text.
        #expect(violation { _ = try Place.publish.decode(MQTTHex.bytes("09 0002 00ff"), 0) } == nil)
    }

    @Test("identifiers that table 2-4 does not have are malformed, also with more than one byte")
    func unknown() {
        let known = Set(Self.table.map(\.id))
        for id in UInt8(0)..<128 where !known.contains(id) {
            #expect(violation { _ = try Place.publish.decode([id, 0], 0) }?.violation == .unknownProperty(UInt32(id)))
        }
        #expect(violation { _ = try Place.publish.decode(MQTTHex.bytes("8102 00"), 0) }?.violation == .unknownProperty(257))
        #expect(violation { _ = try Place.publish.decode(MQTTHex.bytes("8100 01"), 0) }?.violation == .notMinimal(field: "property identifier"))
    }

    @Test("a length that does not fit is malformed", arguments: [
        ("30 05 0001 61 03 01", "property length longer than the packet"), ("30 03 0001 61", "no property length"),
        ("30 05 0001 61 01 01", "a property beyond the property length"), ("30 05 0001 61 8000", "property length not minimal [MQTT-1.5.5-1]"),
        ("30 08 0001 61 ffffffff 7f", "property length of five bytes"), ("30 07 0001 61 ffffff7f", "property length of 256 MB"),
        ("10 0b 0004 4d515454 05 02 003c 00", "CONNECT that ends after its properties"), ("e0 02 00 01", "DISCONNECT with a length and nothing"),
        ("82 03 0001 05", "SUBSCRIBE with a length and nothing"), ("f0 01 18", "AUTH with a reason alone"),
    ])
    func lengths(wire: String, name: String) {
        let bytes = MQTTHex.bytes(wire)
        let error = violation { _ = try MQTTPacketDecoder.packets(bytes, role: .server, version: .v5_0, awaitsFirstPacket: bytes[0] == 0x10) }
        #expect(error?.reasonCode == .malformedPacket, "\(name)")
    }

    @Test("user properties keep their order and their repetitions [MQTT-3.3.2-18]")
    func userProperties() throws {
        let names = ["b", "a", "b", "", "a"]
        var properties = mqttProperties { $0.userProperties = names.enumerated().map { MQTTUserProperty($1, "\($0)") } }
        properties.contentType = "x"
        let wire = try MQTTPacket.publish(MQTTPublish(topic: try mqttTopic("a"), payload: [], properties: properties)).encoded(.v5_0)
        guard case .publish(let publish) = try MQTTPacketDecoder.packets(wire, role: .server, version: .v5_0).first else { return #expect(Bool(false)) }
        #expect(publish.properties.userProperties.map(\.name) == names)
        #expect(publish.properties.userProperties.map(\.value) == ["0", "1", "2", "3", "4"])
        // No normalization: names differ where their bytes do.
        #expect(MQTTUserProperty("caf\u{E9}", "") != MQTTUserProperty("cafe\u{301}", ""))
    }

    @Test("a hundred thousand user properties cost no more than their bytes")
    func manyUserProperties() throws {
        let count = 100_000
        let properties = [[UInt8]](repeating: [0x26, 0, 0, 0, 0], count: count).flatMap { $0 }
        // 500,000 is a0 c2 1e, and 6 bytes more are a6 c2 1e.
        let wire: [UInt8] = [0x30, 0xA6, 0xC2, 0x1E, 0, 1, 0x61, 0xA0, 0xC2, 0x1E] + properties
        let packets = try MQTTPacketDecoder.packets(wire, role: .server, version: .v5_0)
        guard case .publish(let publish)? = packets.first else { return #expect(Bool(false)) }
        #expect(publish.properties.userProperties.count == count)
    }

    @Test("so do as many subscription identifiers behind a property that is kept behind them")
    func manySubscriptionIdentifiers() throws {
        let identifiers = [[UInt8]](repeating: [0x0B, 1], count: 100_000).flatMap { $0 }
        // 200,003 is c3 9a 0c, and 6 bytes more are c9 9a 0c.
        let wire: [UInt8] = [0x30, 0xC9, 0x9A, 0x0C, 0, 1, 0x61, 0xC3, 0x9A, 0x0C, 0x23, 0, 1] + identifiers
        guard case .publish(let publish)? = try MQTTPacketDecoder.packets(wire, role: .client, version: .v5_0).first else { return #expect(Bool(false)) }
        #expect(publish.properties.subscriptionIdentifiers.count == 100_000)
        #expect(publish.properties.topicAlias == 1)
    }

    @Test("what is set is read, nil takes it away, and none at all is empty")
    func accessors() {
        var properties = MQTTProperties()
        #expect(properties.isEmpty && properties.encodedSize == 1)
        properties.messageExpiryInterval = 5
        properties.contentType = "a"
        properties.messageExpiryInterval = 6
        #expect(properties.messageExpiryInterval == 6)
        #expect(properties.encodedSize == 1 + 5 + 4)
        #expect(properties.contains(.contentType) && !properties.contains(.topicAlias))
        properties.messageExpiryInterval = nil
        properties.contentType = nil
        #expect(properties == MQTTProperties())
        properties.subscriptionIdentifiers = [3, 1, 2]
        #expect(properties.subscriptionIdentifiers == [3, 1, 2])
        #expect(properties.subscriptionIdentifier == 3)
    }

    @Test("a receiver gets all of a publish but its alias and its subscription identifiers [MQTT-3.3.2-15] …")
    func forwarded() {
        let properties = mqttProperties {
            $0.topicAlias = 3
            $0.subscriptionIdentifiers = [1, 2]
            $0.payloadFormatIndicator = 1
            $0.messageExpiryInterval = 9
            $0.contentType = "t"
            $0.responseTopic = "r"
            $0.correlationData = [1]
            $0.userProperties = [MQTTUserProperty("a", "b")]
        }
        var expected = properties
        expected.topicAlias = nil
        expected.subscriptionIdentifiers = []
        #expect(properties.forwarded == expected)
        #expect(expected.responseTopic == "r" && expected.userProperties.count == 1)
    }

    @Test("what cannot be written is refused with the property and leaves the output as it was")
    func encoding() throws {
        let topic = try mqttTopic("a")
        func publish(_ set: (inout MQTTProperties) -> Void) -> MQTTPacket {
            .publish(MQTTPublish(topic: topic, payload: [], properties: mqttProperties(set)))
        }
        let long = String(repeating: "x", count: 65_536)
        let cases: [(MQTTPacket, MQTTEncodingError)] = [
            (publish { $0.serverKeepAlive = 1 }, .misplacedProperty(.serverKeepAlive, .packet(.publish))),
            (publish { $0.topicAlias = 0 }, .propertyValue(.topicAlias, 0)),
            (publish { $0.subscriptionIdentifier = 268_435_456 }, .propertyValue(.subscriptionIdentifier, 268_435_456)),
            (publish { $0.contentType = long }, .fieldTooLong(field: "content type", bytes: 65_536)),
            (publish { $0.userProperties = [MQTTUserProperty("a\0", "")] }, .nullCharacter(field: "user property name")),
            (publish { $0.responseTopic = "a/#" }, .responseTopic(.wildcardInName(offset: 2))),
            (.publish(MQTTPublish(topic: .aliased, payload: [])), .topicNameMissing),
            (.auth(MQTTAuth(reason: .notAuthorized)), .misplacedReason(.notAuthorized, .auth)),
            (.connack(MQTTConnack(sessionPresent: false, reason: .keepAliveTimeout)), .misplacedReason(.keepAliveTimeout, .connack)),
            (.auth(MQTTAuth(reason: .continueAuthentication, properties: mqttProperties { $0.authenticationData = [1] })), .authenticationDataWithoutMethod),
            (
                .subscribe(
                    MQTTSubscribe(
                        packetID: 1, subscriptions: [MQTTSubscription(filter: try mqttFilter("a"), qos: .atMostOnce)],
                        properties: mqttProperties { $0.subscriptionIdentifiers = [1, 2] })), .repeatedProperty(.subscriptionIdentifier)
            ),
        ]
        for (packet, error) in cases {
            var output: [UInt8] = [7]
            #expect(throws: error) { try packet.encode(to: &output, .v5_0) }
            #expect(output == [7])
        }
    }

    @Test("the size of a PUBLISH is known before it is written", arguments: [0, 1, 100, 127, 128, 16_383, 20_000])
    func publishSize(payload: Int) throws {
        let topic = try mqttTopic("a/b")
        let properties = mqttProperties {
            $0.subscriptionIdentifiers = [1, 200, 20_000, 3_000_000]
            $0.userProperties = [MQTTUserProperty("name", String(repeating: "v", count: payload / 2))]
        }
        for version in MQTTProtocolVersion.allCases {
            let publish = MQTTPublish(
                topic: topic, payload: [UInt8](repeating: 0, count: payload), qos: .atLeastOnce, packetID: 1, properties: properties)
            let size = MQTTEncoder.publishSize(topic: topic, payload: publish.payload, qos: .atLeastOnce, properties: properties, version: version)
            #expect(size == (try MQTTPacket.publish(publish).encoded(version)).count)
        }
    }

    @Test("a payload that is not the text that its indicator says")
    func payloadFormat() throws {
        let text = mqttProperties { $0.payloadFormatIndicator = 1 }
        let bytes = mqttProperties { $0.payloadFormatIndicator = 0 }
        let topic = try mqttTopic("a")
        #expect(MQTTPublish(topic: topic, payload: [0xC3, 0x28], properties: text).violatesPayloadFormat)
        #expect(!MQTTPublish(topic: topic, payload: [0xC3, 0xA9], properties: text).violatesPayloadFormat)
        #expect(!MQTTPublish(topic: topic, payload: [0xC3, 0x28], properties: bytes).violatesPayloadFormat)
        #expect(!MQTTPublish(topic: topic, payload: [0xC3, 0x28]).violatesPayloadFormat)
    }
}
