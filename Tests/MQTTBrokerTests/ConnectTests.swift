import LabCore
import MQTTBroker
import Testing
import WireProtocols

@Suite("MQTT 3.1.1 §3.1: CONNECT")
struct ConnectTests {
    @Test("is answered by CONNACK 0 as the first packet [MQTT-3.2.0-1], [MQTT-3.1.4-4]")
    func accepted() throws {
        var bench = Bench()
        #expect(try bench.connect(1, "badge") == [connack()])
        #expect(bench.broker.isConnected(clientID: "badge"))
        #expect(bench.notes.contains(.accepted(client: "badge", username: nil, peer: "peer-1", sessionPresent: false, isClean: true, keepAlive: 0)))
    }

    @Test("a wrong CONNECT closes the connection without CONNACK [MQTT-3.1.4-1]")
    func wrong() throws {
        var bench = Bench()
        bench.open(1)
        bench.bytes(1, hexBytes("10 0d 0004 4d515454 04 03 003c 0001 78"))
        #expect(try bench.take(1).isEmpty)
        #expect(bench.closed[1]?.description.contains("MQTT-3.1.2-3") == true)
    }

    @Test("a protocol level that is not ours gets CONNACK 0x01, or 0x84 in the form of 5.0 if it is later, then the end [MQTT-3.1.2-2]")
    func level() throws {
        var bench = Bench()
        bench.open(1)
        bench.bytes(1, hexBytes("100f 0004 4d515454 03 02 003c 0003 6e6577"))
        #expect(bench.sent[1] == hexBytes("2002 0001"))
        bench.open(2)
        bench.bytes(2, hexBytes("1010 0004 4d515454 06 02 003c 00 0003 6e6577"))
        #expect(bench.sent[2] == hexBytes("2003 0084 00"))
        #expect(bench.closed.count == 2)
    }

    @Test("a second CONNECT closes the connection, and the will is published [MQTT-3.1.0-2], [MQTT-3.1.2-8]")
    func second() throws {
        var bench = Bench()
        try bench.connect(2, "watcher")
        try bench.feed(2, subscribe(1, ("w", .atMostOnce)))
        try bench.connect(1, "badge", will: will("w", "gone"))
        try bench.feed(1, .connect(MQTTConnect(clientID: "badge", isClean: true, keepAlive: 0)))
        #expect(bench.closed[1] != nil)
        #expect(try payloads(bench.take(2)) == ["gone"])
    }

    @Test("without an identifier: a counted one with clean session, CONNACK 0x02 without [MQTT-3.1.3-6] to [MQTT-3.1.3-8]")
    func zeroLength() throws {
        var bench = Bench()
        #expect(try bench.connect(1, "") == [connack()])
        #expect(try bench.connect(2, "") == [connack()])
        #expect(bench.broker.connectedClients == ["auto-1", "auto-2"])
        #expect(try bench.connect(3, "", clean: false) == [connack(.identifierRejected)])
        #expect(bench.closed[3] == .refused(.clientIdentifierNotValid))
    }

    @Test("an assigned identifier is never one that a client chose")
    func assignedIsFree() throws {
        var bench = Bench()
        try bench.connect(1, "auto-1")
        try bench.connect(2, "")
        #expect(bench.broker.connectedClients == ["auto-1", "auto-2"])
    }

    @Test("the authorizer's refusal is the CONNACK code, and what follows is not processed [MQTT-3.2.2-5], [MQTT-3.1.4-5]")
    func refused() throws {
        var bench = Bench(PatternAuthorizer())
        try bench.attachCloud(["#"])
        bench.open(1)
        let answer = try bench.feed(
            1, .connect(MQTTConnect(clientID: "x", isClean: true, keepAlive: 0, username: "nobody")), publish("shared/a", "no", .atLeastOnce, id: 1))
        #expect(answer == [connack(.badUserNameOrPassword)])
        #expect(bench.deliveries.isEmpty)
        #expect(bench.closed[1] == .refused(.badUserNameOrPassword))
    }

    @Test("must be complete within the time; one that crawls in byte by byte is cut (slowloris)")
    func slowloris() throws {
        var bench = Bench { $0.connectTimeout = .seconds(10) }
        bench.open(1)
        let connect = hexBytes("101300044d5154540402003c000762616467652d31")
        for (second, byte) in connect.enumerated() {
            bench.advance(to: Double(second))
            if bench.closed[1] == nil { bench.bytes(1, [byte]) }
        }
        #expect(bench.closed[1] == .connectTimeout)
        bench.open(2)
        bench.bytes(2, connect)
        bench.advance(to: 100)
        #expect(bench.closed[2] == nil)
    }

    @Test("a non-CONNECT first packet of 256 MB is cut at its first byte (CVE-2023-0809)")
    func notConnect() {
        var bench = Bench()
        bench.open(1)
        bench.bytes(1, hexBytes("30 ff ff ff 7f"))
        #expect(bench.closed[1]?.description.contains("MQTT-3.1.0-1") == true)
    }

    @Test("an identifier over the limit gets 0x02, one at the limit is accepted")
    func clientIDLength() throws {
        var bench = Bench { $0.maximumClientIDLength = 23 }
        #expect(try bench.connect(1, String(repeating: "x", count: 23)) == [connack()])
        #expect(try bench.connect(2, String(repeating: "x", count: 24)) == [connack(.identifierRejected)])
    }

    @Test("a full broker answers 0x03 to new clients and lets known ones come back")
    func full() throws {
        var bench = Bench { $0.maximumSessions = 1 }
        try bench.connect(1, "a", clean: false)
        #expect(try bench.connect(2, "b") == [connack(.serverUnavailable)])
        bench.drop(1)
        #expect(try bench.connect(3, "a", clean: false) == [connack(present: true)])
    }

    @Test("identifiers are bytes: é composed and decomposed are two clients")
    func exactIdentifiers() throws {
        var bench = Bench()
        try bench.connect(1, "caf\u{E9}")
        try bench.connect(2, "cafe\u{301}")
        #expect(bench.closed.isEmpty)
    }

    @Test("the connection ends when the credentials do")
    func credentials() throws {
        var authorizer = PatternAuthorizer()
        authorizer.validUntil = RunInstant(nanoseconds: 900_000_000_000)
        var bench = Bench(authorizer)
        try bench.connect(1, "x")
        bench.advance(to: 899)
        #expect(bench.closed[1] == nil)
        bench.advance(to: 900)
        #expect(bench.closed[1] == .credentialsExpired)
    }
}

@Suite("MQTT 3.1.1 §3.1.2.10: keep alive [MQTT-3.1.2-24]")
struct KeepAliveTests {
    @Test("silence of one and a half times the time ends the connection, not less")
    func oneAndAHalf() throws {
        var bench = Bench()
        try bench.connect(1, "x", keepAlive: 10)
        bench.advance(to: 14.9)
        #expect(bench.closed[1] == nil)
        bench.advance(to: 15)
        #expect(bench.closed[1] == .keepAliveTimeout)
    }

    @Test("any packet of the client counts anew; PINGREQ gets PINGRESP [MQTT-3.12.4-1]")
    func anew() throws {
        var bench = Bench()
        try bench.connect(1, "x", keepAlive: 10)
        bench.advance(to: 14)
        #expect(try bench.feed(1, .pingreq) == [.pingresp])
        bench.advance(to: 28.9)
        #expect(bench.closed[1] == nil)
        bench.advance(to: 29)
        #expect(bench.closed[1] == .keepAliveTimeout)
    }

    @Test("what only the broker sends does not count")
    func brokerSends() throws {
        var bench = Bench()
        try bench.connect(1, "x", keepAlive: 10)
        try bench.feed(1, subscribe(1, ("a", .atMostOnce)))
        for second in 1...14 {
            bench.advance(to: Double(second))
            bench.give(.publish(InlinePublish(topic: try MQTTTopic("a"), payload: [1])))
        }
        bench.advance(to: 15)
        #expect(bench.closed[1] == .keepAliveTimeout)
    }

    @Test("0 switches it off")
    func off() throws {
        var bench = Bench()
        try bench.connect(1, "x", keepAlive: 0)
        bench.advance(to: 1_000_000)
        #expect(bench.closed.isEmpty)
    }

    @Test("a maximum caps 65535 and 0 (CVE-2020-13849)", arguments: [UInt16(0), 65_535, 61])
    func cap(_ keepAlive: UInt16) throws {
        var bench = Bench { $0.maximumKeepAlive = 60 }
        try bench.connect(1, "x", keepAlive: keepAlive)
        bench.advance(to: 89)
        #expect(bench.closed[1] == nil)
        bench.advance(to: 90)
        #expect(bench.closed[1] == .keepAliveTimeout)
    }

    @Test("a large PUBLISH that is half received is a sign of life, a trickle of bytes is not")
    func largePublish() throws {
        var bench = Bench()
        try bench.connect(1, "large", keepAlive: 10)
        try bench.connect(2, "trickle", keepAlive: 10)
        let packet = try MQTTPacket.publish(MQTTPublish(topic: try MQTTTopic("a"), payload: [UInt8](repeating: 0, count: 100_000))).encoded()
        for second in 1...30 {
            bench.advance(to: Double(second))
            let start = second * 2_000
            bench.bytes(1, [UInt8](packet[start - 2_000..<start]))
            if bench.closed[2] == nil { bench.bytes(2, [packet[second - 1]]) }
        }
        #expect(bench.closed[1] == nil)
        #expect(bench.closed[2] == .keepAliveTimeout)
    }
}

@Suite("MQTT 3.1.1 §3.1.2.5: the will")
struct WillTests {
    private func watched(_ authorizer: any MQTTAuthorizer = OpenAuthorizer()) throws -> Bench {
        var bench = Bench(authorizer)
        try bench.connect(9, "watcher")
        try bench.feed(9, subscribe(1, ("#", .exactlyOnce)))
        return bench
    }

    @Test("is published when the connection ends without DISCONNECT [MQTT-3.1.2-8]")
    func cut() throws {
        var bench = try watched()
        try bench.connect(1, "badge", will: will("w", "gone", .atLeastOnce))
        bench.drop(1)
        #expect(try bench.take(9) == [publish("w", "gone", .atLeastOnce, id: 1)])
    }

    @Test("is discarded by DISCONNECT [MQTT-3.1.2-10], [MQTT-3.14.4-3]")
    func disconnected() throws {
        var bench = try watched()
        try bench.connect(1, "badge", will: will("w", "gone"))
        try bench.feed(1, .disconnect())
        bench.drop(1)
        #expect(try bench.take(9).isEmpty)
        #expect(bench.closed[1] == .disconnected)
    }

    @Test("is published on keep-alive timeout, violation, takeover and administrative end", arguments: 0..<4)
    func otherEnds(_ way: Int) throws {
        var bench = try watched()
        try bench.connect(1, "badge", keepAlive: 10, will: will("w", "gone"))
        switch way {
        case 0: bench.advance(to: 15)
        case 1: bench.bytes(1, [0xF0, 0])
        case 2: try bench.connect(2, "badge")
        default: bench.give(.disconnect(clientID: "badge", reason: "revoked", endsSession: true))
        }
        #expect(try payloads(bench.take(9)) == ["gone"])
        #expect(bench.closed[1] != nil)
    }

    @Test("is retained if it asks for it, and only then [MQTT-3.1.2-16], [MQTT-3.1.2-17]", arguments: [true, false])
    func retained(_ retain: Bool) throws {
        var bench = try watched()
        try bench.connect(1, "badge", will: will("w", "gone", retain: retain))
        bench.drop(1)
        // To those who listened already it is not marked [MQTT-3.3.1-9].
        #expect(try bench.take(9) == [publish("w", "gone")])
        try bench.connect(3, "late")
        let answer = try bench.feed(3, subscribe(7, ("w", .atMostOnce)))
        #expect(answer == (retain ? [suback(7, 0), try publish("w", "gone", retain: true)] : [suback(7, 0)]))
    }

    @Test("against the rights the connection is refused; with rights gone meanwhile it is not published")
    func rights() throws {
        var bench = Bench(PatternAuthorizer())
        try bench.connect(9, "watcher")
        try bench.feed(9, subscribe(1, ("shared/#", .atMostOnce)))
        #expect(try bench.connect(1, "badge", will: will("t/other/up/x", "no")) == [connack(.notAuthorized)])
        #expect(try bench.connect(2, "badge", will: will("$CONTROL/x", "no")) == [connack(.notAuthorized)])
        #expect(try bench.connect(3, "badge", will: will("shared/w", "yes")) == [connack()])
        bench.drop(3)
        #expect(try payloads(bench.take(9)) == ["yes"])
    }

    @Test("over the packet limit the CONNECT is refused before it is stored")
    func oversize() throws {
        var bench = Bench { $0.maximumPacketSize = 1_000 }
        #expect(try bench.connect(1, "badge", will: will("w", String(repeating: "x", count: 2_000))).isEmpty)
        #expect(bench.closed[1] != nil)
    }

    @Test("of a persistent session whose own subscription matches waits for it")
    func ownWill() throws {
        var bench = Bench()
        try bench.connect(1, "badge", clean: false, will: will("w", "mine", .atLeastOnce))
        try bench.feed(1, subscribe(1, ("w", .atLeastOnce)))
        bench.drop(1)
        #expect(try bench.connect(2, "badge", clean: false) == [connack(present: true), publish("w", "mine", .atLeastOnce, id: 1)])
    }
}
