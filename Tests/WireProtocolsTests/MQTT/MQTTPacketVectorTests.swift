import Testing
import WireProtocols

/// A packet with its bytes and where the bytes come from.
struct MQTTVector: Sendable, CustomTestStringConvertible {
    var name: String
    var wire: String
    var role: MQTTRole
    var packet: @Sendable () throws -> MQTTPacket
    var testDescription: String { name }

    init(_ name: String, _ wire: String, _ role: MQTTRole = .server, _ packet: @escaping @Sendable () throws -> MQTTPacket) {
        self.name = name
        self.wire = wire
        self.role = role
        self.packet = packet
    }

    /// By hand from the tables of §3.
    static let specification: [MQTTVector] = [
        MQTTVector("CONNECT figure 3.6: variable header with all flags", "10 1d 0004 4d515454 04 ce 000a 0003 646576 0001 77 0002 6279 0001 75 0002 7077") {
            .connect(
                MQTTConnect(
                    clientID: "dev", isClean: true, keepAlive: 10, username: "u", password: [0x70, 0x77],
                    will: MQTTWill(topic: try mqttTopic("w"), payload: [0x62, 0x79], qos: .atLeastOnce, retain: false)))
        },
        MQTTVector("CONNECT with the shortest payload", "10 0c 0004 4d515454 04 02 0000 0000") {
            .connect(MQTTConnect(clientID: "", isClean: true, keepAlive: 0))
        },
        MQTTVector("CONNECT with a retained QoS 2 will that is empty, persistent", "10 12 0004 4d515454 04 34 ffff 0001 78 0001 77 0000") {
            .connect(
                MQTTConnect(
                    clientID: "x", isClean: false, keepAlive: 65_535,
                    will: MQTTWill(topic: try mqttTopic("w"), payload: [], qos: .exactlyOnce, retain: true)))
        },
        MQTTVector("CONNECT with a user name and no password", "10 10 0004 4d515454 04 82 003c 0001 78 0001 75") {
            .connect(MQTTConnect(clientID: "x", isClean: true, keepAlive: 60, username: "u"))
        },
        MQTTVector("CONNACK accepted, session present (§3.2)", "20 02 01 00", .client) {
            .connack(MQTTConnack(sessionPresent: true, code: .accepted))
        },
        MQTTVector("CONNACK not authorized", "20 02 00 05", .client) {
            .connack(MQTTConnack(sessionPresent: false, code: .notAuthorized))
        },
        MQTTVector("PUBLISH figure 3.11: topic a/b, packet identifier 10", "32 07 0003 612f62 000a") {
            .publish(MQTTPublish(topic: try mqttTopic("a/b"), payload: [], qos: .atLeastOnce, packetID: 10))
        },
        MQTTVector("PUBLISH with QoS 2, DUP and RETAIN", "3d 08 0001 61 ffff 01 02 03") {
            .publish(
                MQTTPublish(
                    topic: try mqttTopic("a"), payload: [1, 2, 3], qos: .exactlyOnce, retain: true, isDuplicate: true, packetID: 65_535))
        },
        MQTTVector("PUBLISH with QoS 0 and no payload", "30 03 0001 61") {
            .publish(MQTTPublish(topic: try mqttTopic("a"), payload: []))
        },
        MQTTVector("PUBACK (§3.4)", "40 02 1234") { .puback(MQTTAcknowledgement(packetID: 0x1234)) },
        MQTTVector("PUBREC (§3.5)", "50 02 0001") { .pubrec(MQTTAcknowledgement(packetID: 1)) },
        MQTTVector("PUBREL (§3.6): flags 0010", "62 02 0001") { .pubrel(MQTTAcknowledgement(packetID: 1)) },
        MQTTVector("PUBCOMP (§3.7)", "70 02 ff00") { .pubcomp(MQTTAcknowledgement(packetID: 0xFF00)) },
        MQTTVector("SUBSCRIBE figure 3.23: a/b with QoS 1, c/d with QoS 2", "82 0e 000a 0003 612f62 01 0003 632f64 02") {
            .subscribe(
                MQTTSubscribe(
                    packetID: 10,
                    subscriptions: [
                        MQTTSubscription(filter: try mqttFilter("a/b"), qos: .atLeastOnce),
                        MQTTSubscription(filter: try mqttFilter("c/d"), qos: .exactlyOnce),
                    ]))
        },
        MQTTVector("SUBACK figure 3.26: QoS 0, QoS 2, failure", "90 05 000a 00 02 80", .client) {
            .suback(MQTTSuback(packetID: 10, codes: [0, 2, 0x80]))
        },
        MQTTVector("UNSUBSCRIBE figure 3.30: a/b and c/d", "a2 0c 000a 0003 612f62 0003 632f64") {
            .unsubscribe(MQTTUnsubscribe(packetID: 10, filters: [try mqttFilter("a/b"), try mqttFilter("c/d")]))
        },
        MQTTVector("UNSUBACK (§3.11)", "b0 02 000a", .client) { .unsuback(MQTTUnsuback(packetID: 10)) },
        MQTTVector("PINGREQ (§3.12)", "c0 00") { .pingreq },
        MQTTVector("PINGRESP (§3.13)", "d0 00", .client) { .pingresp },
        MQTTVector("DISCONNECT (§3.14)", "e0 00") { .disconnect() },
    ]

    /// Recorded between mosquitto_pub or mosquitto_sub 2.0.11 and mosquitto 2.0.11 on Debian 12.
    static let captured: [MQTTVector] = [
        MQTTVector("mosquitto_pub -V 311 -i badge-1", "101300044d5154540402003c000762616467652d31") {
            .connect(MQTTConnect(clientID: "badge-1", isClean: true, keepAlive: 60))
        },
        MQTTVector("mosquitto_sub -V 311 -i cloud -c", "101100044d5154540400003c0005636c6f7564") {
            .connect(MQTTConnect(clientID: "cloud", isClean: false, keepAlive: 60))
        },
        MQTTVector(
            "mosquitto_pub -i badge-1 -u badge-1 -P secret --will-topic w/1 --will-payload gone --will-qos 1 --will-retain -k 10",
            "102f00044d51545404ee000a000762616467652d310003772f310004676f6e65000762616467652d310006736563726574"
        ) {
            .connect(
                MQTTConnect(
                    clientID: "badge-1", isClean: true, keepAlive: 10, username: "badge-1", password: [UInt8]("secret".utf8),
                    will: MQTTWill(topic: try mqttTopic("w/1"), payload: [UInt8]("gone".utf8), qos: .atLeastOnce, retain: true)))
        },
        MQTTVector(
            "mosquitto_pub -t luna/device/badge-1/heartbeat -m {\"cpu\":45.2}",
            "302b001d6c756e612f6465766963652f62616467652d312f6865617274626561747b22637075223a34352e327d"
        ) {
            .publish(MQTTPublish(topic: try mqttTopic("luna/device/badge-1/heartbeat"), payload: [UInt8](#"{"cpu":45.2}"#.utf8)))
        },
        MQTTVector("mosquitto_pub -q 2 -r -t a/b -m hello", "350c0003612f62000168656c6c6f") {
            .publish(MQTTPublish(topic: try mqttTopic("a/b"), payload: [UInt8]("hello".utf8), qos: .exactlyOnce, retain: true, packetID: 1))
        },
        MQTTVector("mosquitto_pub -r -n -t a/b", "31050003612f62") {
            .publish(MQTTPublish(topic: try mqttTopic("a/b"), payload: [], retain: true))
        },
        MQTTVector("mosquitto_sub -q 2 -t luna/device/+/heartbeat -t a/#", "8222000100176c756e612f6465766963652f2b2f686561727462656174020003612f2302") {
            .subscribe(
                MQTTSubscribe(
                    packetID: 1,
                    subscriptions: [
                        MQTTSubscription(filter: try mqttFilter("luna/device/+/heartbeat"), qos: .exactlyOnce),
                        MQTTSubscription(filter: try mqttFilter("a/#"), qos: .exactlyOnce),
                    ]))
        },
        MQTTVector("mosquitto_sub -U zz", "a206000200027a7a") {
            .unsubscribe(MQTTUnsubscribe(packetID: 2, filters: [try mqttFilter("zz")]))
        },
        MQTTVector("SUBACK of mosquitto for two filters", "900400010202", .client) { .suback(MQTTSuback(packetID: 1, codes: [2, 2])) },
        MQTTVector("CONNACK of mosquitto for a resumed session", "20020100", .client) {
            .connack(MQTTConnack(sessionPresent: true, code: .accepted))
        },
    ]
}

@Suite("MQTT 3.1.1 §3: control packets")
struct MQTTPacketVectorTests {
    @Test("decode from the specified and the captured bytes", arguments: MQTTVector.specification + MQTTVector.captured)
    func decode(_ vector: MQTTVector) throws {
        let awaitsFirst = [.connect, .connack].contains(try vector.packet().type)
        let packets = try MQTTPacketDecoder.packets(MQTTHex.bytes(vector.wire), role: vector.role, awaitsFirstPacket: awaitsFirst)
        #expect(packets == [try vector.packet()])
    }

    @Test("encode to the specified and the captured bytes", arguments: MQTTVector.specification + MQTTVector.captured)
    func encode(_ vector: MQTTVector) throws {
        #expect(MQTTHex.text(try vector.packet().encoded()) == MQTTHex.text(MQTTHex.bytes(vector.wire)))
    }

    @Test("all 14 types have a vector")
    func complete() throws {
        let types = Set(try (MQTTVector.specification + MQTTVector.captured).map { try $0.packet().type })
        #expect(types.count == 14)
    }
}

@Suite("MQTT 3.1.1 §2.2.3: remaining length")
struct MQTTRemainingLengthTests {
    /// Table 2.4: the smallest and largest value of each number of bytes.
    static let table: [(Int, String)] = [
        (3, "03"), (127, "7f"), (128, "80 01"), (16_383, "ff 7f"), (16_384, "80 80 01"), (2_097_151, "ff ff 7f"), (2_097_152, "80 80 80 01"),
    ]

    @Test("is written as in table 2.4 and read back", arguments: table)
    func boundaries(_ length: Int, _ wire: String) throws {
        let publish = MQTTPacket.publish(MQTTPublish(topic: try mqttTopic("a"), payload: [UInt8](repeating: 0xAA, count: length - 3)))
        let bytes = try publish.encoded()
        let header = [0x30] + MQTTHex.bytes(wire)
        #expect(Array(bytes.prefix(header.count)) == header)
        #expect(bytes.count == header.count + length)
        #expect(try MQTTPacketDecoder.packets(bytes, role: .server) == [publish])
    }

    @Test("longer than needed is accepted: 3.1.1 does not forbid it")
    func notMinimal() throws {
        #expect(try MQTTPacketDecoder.packets(MQTTHex.bytes("40 82 80 00 0001"), role: .server) == [.puback(MQTTAcknowledgement(packetID: 1))])
    }

    @Test("a fifth byte is refused as soon as the fourth says that it comes")
    func tooLong() {
        var decoder = MQTTPacketDecoder(role: .server, awaitsFirstPacket: false)
        decoder.append(MQTTHex.bytes("30 ff ff ff ff"))
        #expect(throws: MQTTDecodingError(.remainingLengthTooLong, packet: .publish, offset: 4, streamOffset: 0)) { try decoder.next() }
    }
}

@Suite("What cannot be encoded")
struct MQTTEncodingErrorTests {
    @Test("is refused with the field and leaves the output as it was")
    func refused() throws {
        var output: [UInt8] = [1, 2]
        let long = String(repeating: "x", count: 65_536)
        let cases: [(MQTTPacket, MQTTEncodingError)] = [
            (.connect(MQTTConnect(clientID: long, isClean: true, keepAlive: 0)), .fieldTooLong(field: "client identifier", bytes: 65_536)),
            (.connect(MQTTConnect(clientID: "x", isClean: true, keepAlive: 0, password: [1])), .passwordWithoutUserName),
            (.connect(MQTTConnect(clientID: "a\0", isClean: true, keepAlive: 0)), .nullCharacter(field: "client identifier")),
            (.publish(MQTTPublish(topic: try mqttTopic("a"), payload: [], qos: .atLeastOnce)), .packetIdentifierZero),
            (.puback(MQTTAcknowledgement(packetID: 0)), .packetIdentifierZero),
            (.subscribe(MQTTSubscribe(packetID: 1, subscriptions: [])), .noTopicFilter),
            (.unsubscribe(MQTTUnsubscribe(packetID: 1, filters: [])), .noTopicFilter),
        ]
        for (packet, error) in cases {
            #expect(throws: error) { try packet.encode(to: &output) }
            #expect(output == [1, 2])
        }
        let accepted = MQTTPacket.connect(MQTTConnect(clientID: String(long.dropLast()), isClean: true, keepAlive: 0))
        #expect(try accepted.encoded().count == 65_535 + 12 + 4)
    }
}
