import Testing
import WireProtocols

extension MQTTVector {
    /// By hand from the tables and figures of MQTT 5.0 §3.
    static let specification5: [MQTTVector] = [
        MQTTVector(
            "CONNECT figure 3-6: variable header with all flags and a session expiry interval",
            "10 22 0004 4d515454 05 ce 000a 05 11 0000000a 0003 646576 00 0001 77 0001 62 0001 75 0001 70"
        ) {
            .connect(
                MQTTConnect(
                    version: .v5_0, clientID: "dev", isClean: true, keepAlive: 10, username: "u", password: [0x70],
                    will: MQTTWill(topic: try mqttTopic("w"), payload: [0x62], qos: .atLeastOnce, retain: false),
                    properties: mqttProperties { $0.sessionExpiryInterval = 10 }))
        },
        MQTTVector("CONNECT with the shortest payload", "10 0d 0004 4d515454 05 02 0000 00 0000") {
            .connect(MQTTConnect(version: .v5_0, clientID: "", isClean: true, keepAlive: 0))
        },
        MQTTVector("CONNECT with a password and no user name (§3.1.2.9)", "10 11 0004 4d515454 05 40 003c 00 0001 78 0001 70") {
            .connect(MQTTConnect(version: .v5_0, clientID: "x", isClean: false, keepAlive: 60, password: [0x70]))
        },
        MQTTVector("CONNACK success (§3.2)", "20 03 00 00 00", .client) { .connack(MQTTConnack(sessionPresent: false, reason: .success)) },
        MQTTVector("CONNACK success, session present", "20 03 01 00 00", .client) { .connack(MQTTConnack(sessionPresent: true, reason: .success)) },
        MQTTVector("CONNACK banned, with a reason string", "20 08 00 8a 05 1f 0002 6e6f", .client) {
            .connack(MQTTConnack(sessionPresent: false, reason: .banned, properties: mqttProperties { $0.reasonString = "no" }))
        },
        MQTTVector("PUBLISH figure 3-9: topic a/b, packet identifier 10, no properties", "32 08 0003 612f62 000a 00") {
            .publish(MQTTPublish(topic: try mqttTopic("a/b"), payload: [], qos: .atLeastOnce, packetID: 10))
        },
        MQTTVector("PUBLISH with a topic alias for its topic (§3.3.2.3.4)", "30 07 0000 03 23 0001 78") {
            .publish(MQTTPublish(topic: .aliased, payload: [0x78], properties: mqttProperties { $0.topicAlias = 1 }))
        },
        MQTTVector("PUBLISH with two subscription identifiers (§3.3.2.3.8)", "30 09 0001 61 05 0b 01 0b 8001", .client) {
            .publish(MQTTPublish(topic: try mqttTopic("a"), payload: [], properties: mqttProperties { $0.subscriptionIdentifiers = [1, 128] }))
        },
        MQTTVector("PUBACK success: reason code and properties left out (§3.4.2.1)", "40 02 1234") { .puback(MQTTAcknowledgement(packetID: 0x1234)) },
        MQTTVector("PUBACK no matching subscribers: properties left out (§3.4.2.2.1)", "40 03 0001 10", .client) {
            .puback(MQTTAcknowledgement(packetID: 1, reason: .noMatchingSubscribers))
        },
        MQTTVector("PUBREC quota exceeded, with a user property", "50 0b 0001 97 07 26 0001 61 0001 62") {
            .pubrec(MQTTAcknowledgement(packetID: 1, reason: .quotaExceeded, properties: mqttProperties { $0.userProperties = [MQTTUserProperty("a", "b")] }))
        },
        MQTTVector("PUBREL packet identifier not found", "62 03 0001 92") { .pubrel(MQTTAcknowledgement(packetID: 1, reason: .packetIdentifierNotFound)) },
        MQTTVector("PUBCOMP success, with a reason string", "70 08 ff00 00 04 1f 0001 78") {
            .pubcomp(MQTTAcknowledgement(packetID: 0xFF00, properties: mqttProperties { $0.reasonString = "x" }))
        },
        MQTTVector("SUBSCRIBE figure 3-22: a/b with QoS 1, c/d with QoS 2", "82 0f 000a 00 0003 612f62 01 0003 632f64 02") {
            .subscribe(
                MQTTSubscribe(
                    packetID: 10,
                    subscriptions: [
                        MQTTSubscription(filter: try mqttFilter("a/b"), qos: .atLeastOnce), MQTTSubscription(filter: try mqttFilter("c/d"), qos: .exactlyOnce),
                    ]))
        },
        MQTTVector("SUBSCRIBE with the largest identifier and all options (§3.8.3.1)", "82 0c 0001 05 0b ffffff7f 0001 61 2e") {
            .subscribe(
                MQTTSubscribe(
                    packetID: 1,
                    subscriptions: [
                        MQTTSubscription(
                            filter: try mqttFilter("a"), qos: .exactlyOnce, noLocal: true, retainAsPublished: true, retainHandling: .doNotSend)
                    ], properties: mqttProperties { $0.subscriptionIdentifier = 268_435_455 }))
        },
        MQTTVector("SUBACK figure 3-26: granted QoS 1, granted QoS 2, not authorized", "90 06 000a 00 01 02 87", .client) {
            .suback(MQTTSuback(packetID: 10, reasons: [.grantedQoS1, .grantedQoS2, .notAuthorized]))
        },
        MQTTVector("UNSUBSCRIBE figure 3-30: a/b and c/d", "a2 0d 000a 00 0003 612f62 0003 632f64") {
            .unsubscribe(MQTTUnsubscribe(packetID: 10, filters: [try mqttFilter("a/b"), try mqttFilter("c/d")]))
        },
        MQTTVector("UNSUBACK success, no subscription existed (§3.11.3)", "b0 05 000a 00 00 11", .client) {
            .unsuback(MQTTUnsuback(packetID: 10, reasons: [.success, .noSubscriptionExisted]))
        },
        MQTTVector("PINGREQ (§3.12)", "c0 00") { .pingreq },
        MQTTVector("PINGRESP (§3.13)", "d0 00", .client) { .pingresp },
        MQTTVector("DISCONNECT normal: all left out (§3.14.2.1)", "e0 00") { .disconnect() },
        MQTTVector("DISCONNECT with will: properties left out (§3.14.2.2.1)", "e0 01 04") { .disconnect(MQTTDisconnect(reason: .disconnectWithWill)) },
        MQTTVector("DISCONNECT figure 3-24: session expiry interval 0", "e0 07 00 05 11 00000000") {
            .disconnect(MQTTDisconnect(properties: mqttProperties { $0.sessionExpiryInterval = 0 }))
        },
        MQTTVector("DISCONNECT session taken over, from a server", "e0 01 8e", .client) { .disconnect(MQTTDisconnect(reason: .sessionTakenOver)) },
        MQTTVector("DISCONNECT use another server, with its name", "e0 06 9c 04 1c 0001 62", .client) {
            .disconnect(MQTTDisconnect(reason: .useAnotherServer, properties: mqttProperties { $0.serverReference = "b" }))
        },
        MQTTVector("AUTH success: all left out (§3.15.2.1)", "f0 00", .client) { .auth(MQTTAuth(reason: .success)) },
        MQTTVector("AUTH continue, with method and data", "f0 0b 18 09 15 0001 6d 16 0002 0102") {
            .auth(
                MQTTAuth(
                    reason: .continueAuthentication,
                    properties: mqttProperties {
                        $0.authenticationMethod = "m"
                        $0.authenticationData = [1, 2]
                    }))
        },
    ]

    /// From Mosquitto 2.0.11 on Debian 12, which writes properties in the order that this encoder has too.
    static let mosquitto5: [MQTTVector] = [
        MQTTVector("UNSUBACK of mosquitto", "b0050002000011", .client) {
            .unsuback(MQTTUnsuback(packetID: 2, reasons: [.success, .noSubscriptionExisted]))
        },
        MQTTVector("SUBACK of mosquitto", "9006000100010200", .client) {
            .suback(MQTTSuback(packetID: 1, reasons: [.grantedQoS1, .grantedQoS2, .success]))
        },
        MQTTVector("PUBACK of mosquitto for a message to nobody", "4003000310", .client) {
            .puback(MQTTAcknowledgement(packetID: 3, reason: .noMatchingSubscribers))
        },
        MQTTVector("DISCONNECT of mosquitto after a property that is none of PUBLISH", "e00181", .client) {
            .disconnect(MQTTDisconnect(reason: .malformedPacket))
        },
        MQTTVector("DISCONNECT of mosquitto after an alias without a topic", "e00182", .client) { .disconnect(MQTTDisconnect(reason: .protocolError)) },
        MQTTVector("CONNACK of mosquitto for an authentication method that it does not know", "2003008c00", .client) {
            .connack(MQTTConnack(sessionPresent: false, reason: .badAuthenticationMethod))
        },
        MQTTVector("CONNECT of paho-mqtt without properties", "101400044d5154540502003c00000762616467652d31") {
            .connect(MQTTConnect(version: .v5_0, clientID: "badge-1", isClean: true, keepAlive: 60))
        },
        MQTTVector("CONNECT of paho-mqtt with an authentication method", "102a00044d515454050200001c15000d534352414d2d5348412d3235361600096e2c2c6e3d75736572000178") {
            .connect(
                MQTTConnect(
                    version: .v5_0, clientID: "x", isClean: true, keepAlive: 0,
                    properties: mqttProperties {
                        $0.authenticationMethod = "SCRAM-SHA-256"
                        $0.authenticationData = [UInt8]("n,,n=user".utf8)
                    }))
        },
        MQTTVector("PUBLISH of paho-mqtt without properties", "300b0003612f620068656c6c6f") {
            .publish(MQTTPublish(topic: try mqttTopic("a/b"), payload: [UInt8]("hello".utf8)))
        },
        MQTTVector("PUBLISH of paho-mqtt with a topic alias alone", "3409000000080323000578") {
            .publish(MQTTPublish(topic: .aliased, payload: [0x78], qos: .exactlyOnce, packetID: 8, properties: mqttProperties { $0.topicAlias = 5 }))
        },
        MQTTVector("SUBSCRIBE of paho-mqtt", "82090001000003612f2301") {
            .subscribe(MQTTSubscribe(packetID: 1, subscriptions: [MQTTSubscription(filter: try mqttFilter("a/#"), qos: .atLeastOnce)]))
        },
        MQTTVector("SUBSCRIBE of paho-mqtt with all options and a shared subscription", "822200020a0bac022600016b0001760003612f2b1e000c2473686172652f672f622f2320") {
            .subscribe(
                MQTTSubscribe(
                    packetID: 2,
                    subscriptions: [
                        MQTTSubscription(filter: try mqttFilter("a/+"), qos: .exactlyOnce, noLocal: true, retainAsPublished: true, retainHandling: .sendIfNew),
                        MQTTSubscription(filter: try mqttFilter("$share/g/b/#"), qos: .atMostOnce, retainHandling: .doNotSend),
                    ],
                    properties: mqttProperties {
                        $0.subscriptionIdentifier = 300
                        $0.userProperties = [MQTTUserProperty("k", "v")]
                    }))
        },
        MQTTVector("UNSUBSCRIBE of paho-mqtt with a user property", "a21d0003072600016b0001760003612f2b000c2473686172652f672f622f23") {
            .unsubscribe(
                MQTTUnsubscribe(
                    packetID: 3, filters: [try mqttFilter("a/+"), try mqttFilter("$share/g/b/#")],
                    properties: mqttProperties { $0.userProperties = [MQTTUserProperty("k", "v")] }))
        },
        MQTTVector("UNSUBSCRIBE of paho-mqtt", "a20700040000027a7a") { .unsubscribe(MQTTUnsubscribe(packetID: 4, filters: [try mqttFilter("zz")])) },
        MQTTVector("PUBACK of paho-mqtt", "40020102") { .puback(MQTTAcknowledgement(packetID: 258)) },
        MQTTVector("PUBREL of paho-mqtt", "62020102") { .pubrel(MQTTAcknowledgement(packetID: 258)) },
        MQTTVector("DISCONNECT of paho-mqtt with will, session expiry and reason string", "e00d040b11000000001f0003627965") {
            .disconnect(
                MQTTDisconnect(
                    reason: .disconnectWithWill,
                    properties: mqttProperties {
                        $0.sessionExpiryInterval = 0
                        $0.reasonString = "bye"
                    }))
        },
        MQTTVector("DISCONNECT of paho-mqtt with a reason alone", "e00104") { .disconnect(MQTTDisconnect(reason: .disconnectWithWill)) },
    ]

    /// The same programs, where they write properties in another order: it means nothing, so it is not kept.
    static let otherOrder5: [MQTTVector] = [
        MQTTVector(
            "CONNECT of paho-mqtt with all properties, will and credentials",
            """
            10960100044d51545405ec000a2f1100000e101700190121001422000a260005666c65657400046c756e61260005666c6565740003736f6c2700010000
            000762616467652d31360101020000007803000a746578742f706c61696e080009772f616e73776572730900020102180000001e260003776879000467
            6f6e650003772f310004676f6e65000762616467652d310006736563726574
            """
        ) {
            .connect(
                MQTTConnect(
                    version: .v5_0, clientID: "badge-1", isClean: false, keepAlive: 10, username: "badge-1", password: [UInt8]("secret".utf8),
                    will: MQTTWill(
                        topic: try mqttTopic("w/1"), payload: [UInt8]("gone".utf8), qos: .atLeastOnce, retain: true,
                        properties: mqttProperties {
                            $0.willDelayInterval = 30
                            $0.payloadFormatIndicator = 1
                            $0.messageExpiryInterval = 120
                            $0.contentType = "text/plain"
                            $0.responseTopic = "w/answers"
                            $0.correlationData = [1, 2]
                            $0.userProperties = [MQTTUserProperty("why", "gone")]
                        }),
                    properties: mqttProperties {
                        $0.sessionExpiryInterval = 3_600
                        $0.receiveMaximum = 20
                        $0.maximumPacketSize = 65_536
                        $0.topicAliasMaximum = 10
                        $0.requestResponseInformation = true
                        $0.requestProblemInformation = false
                        $0.userProperties = [MQTTUserProperty("fleet", "luna"), MQTTUserProperty("fleet", "sol")]
                    }))
        },
        MQTTVector(
            "PUBLISH of paho-mqtt with all properties",
            """
            3371001d6c756e612f6465766963652f62616467652d312f686561727462656174000743010102000002580300106170706c69636174696f6e2f6a736f6e
            080009616e73776572732f3709000200ff2300052600016100013126000162000132260001610001337b22637075223a34352e327d
            """
        ) {
            .publish(
                MQTTPublish(
                    topic: try mqttTopic("luna/device/badge-1/heartbeat"), payload: [UInt8](#"{"cpu":45.2}"#.utf8), qos: .atLeastOnce, retain: true,
                    packetID: 7,
                    properties: mqttProperties {
                        $0.payloadFormatIndicator = 1
                        $0.messageExpiryInterval = 600
                        $0.topicAlias = 5
                        $0.responseTopic = "answers/7"
                        $0.correlationData = [0, 0xFF]
                        $0.contentType = "application/json"
                        $0.userProperties = [MQTTUserProperty("a", "1"), MQTTUserProperty("b", "2"), MQTTUserProperty("a", "3")]
                    }))
        },
        MQTTVector(
            "CONNACK with all properties, packed by paho-mqtt",
            """
            2060 0100 5d 1100001c201200066175746f2d3113001e1500016d160001091a000e616e73776572732f6175746f2d311c000a6f746865723a31383833
            1f000777656c636f6d6521006422001024012500260001750001312700100000280129002a01
            """, .client
        ) {
            .connack(
                MQTTConnack(
                    sessionPresent: true, reason: .success,
                    properties: mqttProperties {
                        $0.sessionExpiryInterval = 7_200
                        $0.receiveMaximum = 100
                        $0.maximumQoS = .atLeastOnce
                        $0.retainAvailable = false
                        $0.maximumPacketSize = 1_048_576
                        $0.assignedClientIdentifier = "auto-1"
                        $0.topicAliasMaximum = 16
                        $0.reasonString = "welcome"
                        $0.wildcardSubscriptionAvailable = true
                        $0.subscriptionIdentifierAvailable = false
                        $0.sharedSubscriptionAvailable = true
                        $0.serverKeepAlive = 30
                        $0.responseInformation = "answers/auto-1"
                        $0.serverReference = "other:1883"
                        $0.authenticationMethod = "m"
                        $0.authenticationData = [9]
                        $0.userProperties = [MQTTUserProperty("u", "1")]
                    }))
        },
        MQTTVector(
            "CONNACK of mosquitto with an assigned identifier",
            "203d00003a22000a13001e1200296175746f2d39363335414541392d373334452d323732362d333239362d43323637423843393844353327000007d0210014", .client
        ) {
            .connack(
                MQTTConnack(
                    sessionPresent: false, reason: .success,
                    properties: mqttProperties {
                        $0.topicAliasMaximum = 10
                        $0.serverKeepAlive = 30
                        $0.assignedClientIdentifier = "auto-9635AEA9-734E-2726-3296-C267B8C98D53"
                        $0.maximumPacketSize = 2_000
                        $0.receiveMaximum = 20
                    }))
        },
        MQTTVector("PUBLISH of mosquitto with a subscription identifier", "30130003722f310b0b070101260001610001626869", .client) {
            .publish(
                MQTTPublish(
                    topic: try mqttTopic("r/1"), payload: [0x68, 0x69],
                    properties: mqttProperties {
                        $0.subscriptionIdentifier = 7
                        $0.payloadFormatIndicator = 1
                        $0.userProperties = [MQTTUserProperty("a", "b")]
                    }))
        },
        MQTTVector("AUTH, packed by paho-mqtt", "f0251823 15000d534352414d2d5348412d323536160001011f0005676f206f6e26000175000131") {
            .auth(
                MQTTAuth(
                    reason: .continueAuthentication,
                    properties: mqttProperties {
                        $0.authenticationMethod = "SCRAM-SHA-256"
                        $0.authenticationData = [1]
                        $0.reasonString = "go on"
                        $0.userProperties = [MQTTUserProperty("u", "1")]
                    }))
        },
    ]

    static let all5 = specification5 + mosquitto5 + otherOrder5
}

/// The captures are what the functions of paho-mqtt 1.6.1 that build packets gave for the values in the test, and what
/// Mosquitto 2.0.11 answered over TCP; both as Debian 12 ships them.
@Suite("MQTT 5.0 §3: control packets")
struct MQTT5PacketVectorTests {
    @Test("decode from the specified and the captured bytes", arguments: MQTTVector.all5)
    func decode(_ vector: MQTTVector) throws {
        #expect(try vector.decoded5() == [try vector.packet()])
    }

    @Test("encode to the specified and the captured bytes", arguments: MQTTVector.specification5 + MQTTVector.mosquitto5)
    func encode(_ vector: MQTTVector) throws {
        #expect(MQTTHex.text(try vector.packet().encoded(.v5_0)) == MQTTHex.text(MQTTHex.bytes(vector.wire)))
    }

    @Test("in another order of properties they have the same size and mean the same", arguments: MQTTVector.otherOrder5)
    func otherOrder(_ vector: MQTTVector) throws {
        let encoded = try vector.packet().encoded(.v5_0)
        #expect(encoded.count == MQTTHex.bytes(vector.wire).count)
        #expect(try MQTTVector(vector.name, MQTTHex.text(encoded), vector.role, vector.packet).decoded5() == [try vector.packet()])
    }

    @Test("all 15 types have a vector")
    func complete() throws {
        #expect(Set(try MQTTVector.all5.map { try $0.packet().type }).count == 15)
    }

    @Test("a server that knows no 5.0 refuses in its own version: mosquitto answers 20 02 00 01 to protocol level 6")
    func oldConnack() throws {
        let packets = try MQTTPacketDecoder.packets(MQTTHex.bytes("20 02 00 01"), role: .client, version: .v5_0, awaitsFirstPacket: true)
        #expect(packets == [.connack(MQTTConnack(sessionPresent: false, reason: .unsupportedProtocolVersion))])
        #expect(throws: MQTTDecodingError.self) {
            try MQTTPacketDecoder.packets(MQTTHex.bytes("20 02 00 00"), role: .client, version: .v5_0, awaitsFirstPacket: true)
        }
    }

    @Test("what only 5.0 has is left out for 3.1.1")
    func forOldClients() throws {
        let publish = MQTTPublish(
            topic: try mqttTopic("a"), payload: [1], qos: .atLeastOnce, packetID: 2, properties: mqttProperties { $0.contentType = "x" })
        #expect(MQTTHex.text(try MQTTPacket.publish(publish).encoded()) == "32 06 00 01 61 00 02 01")
        #expect(try MQTTPacket.suback(MQTTSuback(packetID: 1, reasons: [.grantedQoS2, .notAuthorized])).encoded() == [0x90, 4, 0, 1, 2, 0x80])
        #expect(try MQTTPacket.disconnect(MQTTDisconnect(reason: .sessionTakenOver)).encoded() == [0xE0, 0])
        #expect(try MQTTPacket.puback(MQTTAcknowledgement(packetID: 1, reason: .notAuthorized)).encoded() == [0x40, 2, 0, 1])
        #expect(try MQTTPacket.connack(MQTTConnack(sessionPresent: false, reason: .banned)).encoded() == [0x20, 2, 0, 5])
        #expect(throws: MQTTEncodingError.notInVersion(.auth, .v3_1_1)) { try MQTTPacket.auth(MQTTAuth(reason: .success)).encoded() }
    }
}
