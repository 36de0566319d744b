import LabCore
import MQTTBroker
import Testing
import WireProtocols

@Suite("MQTT 5.0 §3.1, §3.2: CONNECT and what CONNACK offers")
struct Connect5Tests {
    @Test("is answered in its own version: 0 properties that differ from the defaults but the broker's limits")
    func accepted() throws {
        var bench = Bench { $0.topicAliasMaximum = 0; $0.maximumPacketSize = MQTTPacketDecoder.largestPacket }
        bench.open(1)
        bench.bytes(1, Bench.connect5Wire)
        #expect(bench.sent[1] == hexBytes("20 03 00 00 00"))
        #expect(bench.broker.isConnected(clientID: "a"))
    }

    @Test("all limits are told [MQTT-3.2.2-9] and following, §3.2.2.3")
    func limits() throws {
        var bench = Bench {
            $0.receiveMaximum = 20
            $0.maximumQoS = .atLeastOnce
            $0.isRetainAvailable = false
            $0.maximumPacketSize = 70_000
            $0.topicAliasMaximum = 4
            $0.areWildcardSubscriptionsAvailable = false
            $0.areSubscriptionIdentifiersAvailable = false
            $0.areSharedSubscriptionsAvailable = false
            $0.serverKeepAlive = 60
            $0.sessionExpiry = .seconds(100)
        }
        var expected = MQTTProperties()
        expected.receiveMaximum = 20
        expected.maximumQoS = .atLeastOnce
        expected.retainAvailable = false
        expected.maximumPacketSize = 70_000
        expected.topicAliasMaximum = 4
        expected.wildcardSubscriptionAvailable = false
        expected.subscriptionIdentifierAvailable = false
        expected.sharedSubscriptionAvailable = false
        expected.serverKeepAlive = 60
        expected.sessionExpiryInterval = 100
        #expect(connack(in: try bench.connect5(1, "a", keepAlive: 120, expiry: 500))?.properties == expected)
    }

    @Test("a client without an identifier is told its own, whatever its clean start [MQTT-3.1.3-6], [MQTT-3.2.2-16]", arguments: [true, false])
    func assigned(_ clean: Bool) throws {
        var bench = Bench()
        let answer = connack(in: try bench.connect5(1, "", clean: clean, expiry: 10))
        #expect(answer?.reason == .success)
        #expect(answer?.properties.assignedClientIdentifier == "auto-1")
        bench.drop(1)
        #expect(connack(in: try bench.connect5(2, "auto-1", clean: false))?.sessionPresent == true)
    }

    @Test("a client with an identifier is told none")
    func notAssigned() throws {
        var bench = Bench()
        #expect(connack(in: try bench.connect5(1, "a"))?.properties.assignedClientIdentifier == nil)
    }

    @Test("refusals have the codes of 5.0; 3.1.1 gets its own for the same reason", arguments: [MQTTProtocolVersion.v5_0, .v3_1_1])
    func refused(_ version: MQTTProtocolVersion) throws {
        var bench = Bench(PatternAuthorizer()) { $0.maximumClientIDLength = 5; $0.maximumSessions = 2 }
        func answer(_ connection: UInt64, _ id: String, user: String? = nil, will: MQTTWill? = nil) throws -> [MQTTPacket] {
            bench.open(connection)
            return try bench.feed(
                connection, .connect(MQTTConnect(version: version, clientID: id, isClean: true, keepAlive: 0, username: user, will: will)))
        }
        let isFive = version == .v5_0
        #expect(try answer(1, "x", user: "nobody") == [connack(isFive ? .badUserNameOrPassword : .badUserNameOrPassword)])
        #expect(bench.closed[1] == .refused(.badUserNameOrPassword))
        #expect(try answer(2, "too long") == [connack(.identifierRejected)])
        #expect(try answer(3, "x", will: will("t/other/up/a", "no")) == [connack(.notAuthorized)])
        _ = try answer(4, "one")
        _ = try answer(5, "two")
        #expect(try answer(6, "three") == [connack(.serverUnavailable)])
    }

    @Test(
        "the server's keep alive holds for clients that ask for a longer one or for none, and they are told [MQTT-3.2.2-21]",
        arguments: [(UInt16(0), UInt16?(60), 90.0), (120, 60, 90), (60, nil, 90), (10, nil, 15)])
    func serverKeepAlive(_ asked: UInt16, _ told: UInt16?, _ limit: Double) throws {
        var bench = Bench { $0.serverKeepAlive = 60; $0.maximumKeepAlive = 1_000 }
        #expect(connack(in: try bench.connect5(1, "a", keepAlive: asked))?.properties.serverKeepAlive == told)
        bench.advance(to: limit - 0.1)
        #expect(bench.closed[1] == nil)
        bench.advance(to: limit)
        #expect(bench.closed[1] == .keepAliveTimeout)
        #expect(try bench.take(1) == [disconnect5(.keepAliveTimeout)])
    }

    @Test("a maximum for the keep alive is told to those whom it concerns (CVE-2020-13849)", arguments: [(UInt16(65_535), UInt16?(60)), (0, 60), (30, nil)])
    func maximumKeepAlive(_ asked: UInt16, _ told: UInt16?) throws {
        var bench = Bench { $0.maximumKeepAlive = 60 }
        #expect(connack(in: try bench.connect5(1, "a", keepAlive: asked))?.properties.serverKeepAlive == told)
    }

    @Test("a broker whose clock runs 60 times as fast waits 60 times as long for its clients", arguments: [MQTTProtocolVersion.v3_1_1, .v5_0])
    func timeFactor(_ version: MQTTProtocolVersion) throws {
        var bench = Bench { $0.clientTimeFactor = 60 }
        bench.open(1)
        bench.open(2)
        bench.advance(to: 500)
        try bench.feed(1, .connect(MQTTConnect(version: version, clientID: "a", isClean: true, keepAlive: 10)))
        bench.advance(to: 600)
        #expect(bench.closed[2] == .connectTimeout)
        bench.advance(to: 500 + 15 * 60 - 1)
        #expect(bench.closed[1] == nil)
        bench.advance(to: 500 + 15 * 60)
        #expect(bench.closed[1] == .keepAliveTimeout)
    }

    @Test("response information is there for those who ask, if the broker has some [MQTT-3.1.2-28]")
    func responseInformation() throws {
        var bench = Bench { $0.responseTopicPrefix = "responses/" }
        #expect(connack(in: try bench.connect5(1, "a") { $0.requestResponseInformation = true })?.properties.responseInformation == "responses/a")
        #expect(connack(in: try bench.connect5(2, "b"))?.properties.responseInformation == nil)
        var without = Bench()
        #expect(connack(in: try without.connect5(1, "a") { $0.requestResponseInformation = true })?.properties.responseInformation == nil)
    }

    @Test("a will beyond the broker's abilities is refused [MQTT-3.2.2-12], [MQTT-3.2.2-13], §3.1.3.2.3")
    func willRefused() throws {
        var bench = Bench { $0.maximumQoS = .atLeastOnce; $0.isRetainAvailable = false; $0.checksPayloadFormat = true }
        #expect(connack(in: try bench.connect5(1, "a", will: will5("w", "x", .exactlyOnce)))?.reason == .qosNotSupported)
        #expect(connack(in: try bench.connect5(2, "a", will: will5("w", "x", retain: true)))?.reason == .retainNotSupported)
        var broken = try will5("w", "") { $0.payloadFormatIndicator = 1 }
        broken.payload = [0xC3, 0x28]
        #expect(connack(in: try bench.connect5(3, "a", will: broken))?.reason == .payloadFormatInvalid)
        #expect(connack(in: try bench.connect5(4, "a", will: will5("w", "x", .atLeastOnce)))?.reason == .success)
    }

    @Test("a password without a user name is for the authorizer to judge (§3.1.2.9)")
    func passwordOnly() throws {
        var bench = Bench()
        bench.open(1)
        let answer = try bench.feed(1, .connect(MQTTConnect(version: .v5_0, clientID: "a", isClean: true, keepAlive: 0, password: [1, 2])))
        #expect(connack(in: answer)?.reason == .success)
    }

    @Test("the certificate's subject comes to the authorizer with the credentials")
    func certificate() throws {
        var bench = Bench(StaticAuthorizer(users: [.init("badge", certificateSubject: "CN=badge-7")], allowsAnonymous: false))
        bench.give(.opened(ConnectionID(rawValue: 1), peer: "p", certificateSubject: "CN=badge-7"))
        #expect(connack(in: try bench.feed(1, .connect(MQTTConnect(clientID: "a", isClean: true, keepAlive: 0))))?.reason == .success)
        bench.give(.opened(ConnectionID(rawValue: 2), peer: "p", certificateSubject: "CN=badge-8"))
        #expect(connack(in: try bench.feed(2, .connect(MQTTConnect(clientID: "b", isClean: true, keepAlive: 0))))?.reason == .notAuthorized)
    }
}

@Suite("MQTT 5.0 §4.13: malformed packets and protocol errors close with the reason that the standard names, and no more")
struct Malformed5Tests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var wire: String
        var reason: MQTTReasonCode
        var testDescription: String { name }
        init(_ name: String, _ wire: String, _ reason: MQTTReasonCode) {
            self.name = name
            self.wire = wire
            self.reason = reason
        }
    }

    static let connects = [
        Case("reserved connect flag", "100e 0004 4d515454 05 03 0000 00 0001 61", .malformedPacket),
        Case("will QoS 3", "1015 0004 4d515454 05 1e 0000 00 0001 61 00 0001 77 0001 78", .malformedPacket),
        Case("receive maximum 0", "1011 0004 4d515454 05 02 0000 03 210000 0001 61", .protocolError),
        Case("maximum packet size 0", "1013 0004 4d515454 05 02 0000 05 2700000000 0001 61", .protocolError),
        Case("session expiry twice", "1018 0004 4d515454 05 02 0000 0a 1100000001 1100000001 0001 61", .protocolError),
        Case("a property of PUBLISH", "1011 0004 4d515454 05 02 0000 03 230001 0001 61", .malformedPacket),
        Case("an unknown property", "1010 0004 4d515454 05 02 0000 02 7f01 0001 61", .malformedPacket),
        Case("authentication data without method", "1012 0004 4d515454 05 02 0000 04 16000101 0001 61", .protocolError),
        Case("request problem information 2", "1010 0004 4d515454 05 02 0000 02 1702 0001 61", .protocolError),
        Case("properties beyond the end", "100e 0004 4d515454 05 02 0000 7f 0001 61", .malformedPacket),
        Case("U+0000 in the identifier", "100e 0004 4d515454 05 02 0000 00 0001 00", .malformedPacket),
    ]

    @Test("in CONNECT: CONNACK with the code, then the end", arguments: connects)
    func inConnect(_ test: Case) throws {
        var bench = Bench()
        bench.open(1)
        bench.versions[1] = .v5_0
        let answer = try bench.feed(1, hex: test.wire)
        #expect(answer == [.connack(MQTTConnack(sessionPresent: false, reason: test.reason))])
        #expect(bench.closed[1] != nil)
        #expect(bench.broker.sessionCount == 0)
    }

    static let later = [
        Case("second CONNECT", "100e 0004 4d515454 05 02 0000 00 0001 61", .protocolError),
        Case("packet type 0", "00 00", .malformedPacket),
        Case("reserved flags of SUBSCRIBE", "80 07 0001 00 0001 61 00", .malformedPacket),
        Case("QoS 3", "36 05 0001 61 0001 00", .malformedPacket),
        Case("DUP with QoS 0", "38 04 0001 61 00", .malformedPacket),
        Case("packet identifier 0", "32 06 0001 61 0000 00", .protocolError),
        Case("wildcard in a topic", "30 04 0001 23 00", .malformedPacket),
        Case("neither topic nor alias", "30 03 0000 00", .protocolError),
        Case("topic alias 0", "30 07 0001 61 03 230000", .topicAliasInvalid),
        Case("topic alias over the maximum", "30 07 0001 61 03 23000b", .topicAliasInvalid),
        Case("topic alias that was never given", "30 06 0000 03 230001", .protocolError),
        Case("subscription identifier from a client", "30 06 0001 61 02 0b01", .protocolError),
        Case("response topic with a wildcard", "30 08 0001 61 04 08000123", .protocolError),
        Case("payload format indicator 2", "30 06 0001 61 02 0102", .protocolError),
        Case("property length not minimal", "30 05 0001 61 8000", .malformedPacket),
        Case("SUBSCRIBE without a filter", "82 03 0001 00", .protocolError),
        Case("reserved subscription options", "82 07 0001 00 0001 61 40", .malformedPacket),
        Case("retain handling 3", "82 07 0001 00 0001 61 30", .protocolError),
        Case("no local on a shared subscription", "82 10 0001 00 000a 24736861 72652f67 2f61 04", .protocolError),
        Case("subscription identifier 0", "82 09 0001 02 0b00 0001 61 00", .protocolError),
        Case("UNSUBSCRIBE without a filter", "a2 03 0001 00", .protocolError),
        Case("PUBACK with a reason that it has not", "40 03 0001 04", .protocolError),
        Case("AUTH without a method in CONNECT", "f0 00", .protocolError),
        Case("DISCONNECT that raises an expiry of 0", "e0 07 00 05 11 00000001", .protocolError),
        Case("DISCONNECT with a server reference", "e0 06 00 04 1c000161", .protocolError),
        Case("remaining length of five bytes", "30 ff ff ff ff 01", .malformedPacket),
        Case("a packet over the maximum size", "30 81 80 40", .packetTooLarge),
    ]

    @Test("later: DISCONNECT with the code, then the end", arguments: later)
    func afterwards(_ test: Case) throws {
        var bench = Bench()
        try bench.connect5(1, "a")
        let answer = try bench.feed(1, hex: test.wire)
        #expect(answer == [disconnect5(test.reason)], "\(bench.closed[1].map(\.description) ?? "open")")
        #expect(bench.closed[1] != nil)
    }

    @Test("the same bytes on 3.1.1 only close", arguments: ["1010 0004 4d515454 04 03 0000 0001 61", "00 00", "36 05 0001 61 0001 00", "f0 00", "38 03 0001 61"])
    func old(_ wire: String) throws {
        var bench = Bench()
        try bench.connect(1, "a")
        #expect(try bench.feed(1, hex: wire).isEmpty)
        #expect(bench.closed[1] != nil)
    }

    @Test("nothing that follows in the same segment is taken")
    func following() throws {
        var bench = Bench()
        try bench.attachCloud(["#"])
        try bench.connect5(1, "a")
        #expect(try bench.feed(1, hex: "00 00 30 05 0001 61 00 78") == [disconnect5(.malformedPacket)])
        #expect(bench.deliveries.isEmpty)
    }

    @Test("byte by byte and in one segment the broker does the same")
    func segments() throws {
        var wire = Bench.connect5Wire
        wire += hexBytes("82 07 0001 00 0001 78 01  32 0a 0001 78 0005 03 2300 01 76  32 08 0000 0006 03 2300 01")
        var whole = Bench()
        whole.open(1)
        whole.versions[1] = .v5_0
        whole.bytes(1, wire)
        var slow = Bench()
        slow.open(1)
        slow.versions[1] = .v5_0
        for byte in wire { slow.bytes(1, [byte]) }
        let packets = try whole.take(1)
        #expect(try slow.take(1) == packets)
        #expect(packets.count == 6, "CONNACK, SUBACK, two messages, two PUBACK")
    }

    @Test("thousands of user properties are taken in their order, and cost no more than their bytes (mosquitto 2.0.12)")
    func userProperties() throws {
        var bench = Bench()
        try bench.connect5(1, "a")
        try bench.feed(1, subscribe5(1, "x"))
        let list = (0..<10_000).map { MQTTUserProperty("key-\($0 % 7)", "\($0)") }
        let got = publishes(try bench.feed(1, publish5("x", "") { $0.userProperties = list }))
        #expect(got.first?.properties.userProperties == list)
    }
}
