import LabCore
import Testing
import Transports

@Suite("MQTT clients through libmosquitto: packets (MQTT 3.1.1)", .ownThread, .timeLimit(.minutes(2)))
struct MosquittoClientTests {
    private let reactor: Reactor
    private let clients: MosquittoClients
    private let broker: ScriptedBroker

    init() throws {
        reactor = try Reactor()
        clients = try MosquittoClients(on: reactor)
        broker = try ScriptedBroker(on: reactor)
        broker.answer = ScriptedBroker.accept
    }

    private func client() -> ClientLog { ClientLog(clients.client(host: broker.address.host, port: broker.address.port), on: reactor) }
    private func sees(_ condition: () -> Bool) -> Bool { reactor.run(until: condition, timeout: .seconds(30)) }

    // MARK: §3.1 CONNECT

    @Test("CONNECT says what the device asked for")
    func connectPacket() throws {
        let will = MQTTConnection.Will(topic: "w", payload: [0, 255], quality: 1, retain: true)
        let options = MQTTConnection(clientID: "b7", username: "u", password: [0x70, 0xff], isClean: false, keepAlive: 300, will: will)
        let client = client()
        #expect(client.connect(options) == .connected(sessionPresent: false))
        // Name, level 4, flags: user, password, will retained with quality 1, not clean; 300 s; identifier, will, user, password.
        let expected: [UInt8] =
            [0x10, 28, 0, 4] + Array("MQTT".utf8) + [4, 0b1110_1100, 1, 44] + [0, 2, 0x62, 0x37] + [0, 1, 0x77] + [0, 2, 0, 255] + [
                0, 1, 0x75,
            ]
            + [0, 2, 0x70, 0xff]
        #expect(broker.packets == [expected])
    }

    @Test(
        "a keep-alive time below the 5 s that the library takes becomes 5 s; none stays none",
        arguments: [(0, 0), (1, 5), (4, 5), (5, 5), (6, 6)])
    func shortKeepAlive(_ asked: UInt16, _ sent: UInt8) {
        #expect(client().connect(.plain("b", keepAlive: asked)) == .connected(sessionPresent: false))
        #expect(broker.packets.first?[10...11] == [0, sent])
    }

    @Test("at a higher speed of the run the keep-alive time is shorter by that much, since the library lives in real time")
    func keepAliveAtSpeed() throws {
        let reactor = try Reactor(speed: 10)
        let broker = try ScriptedBroker(on: reactor)
        broker.answer = ScriptedBroker.accept
        let clients = try MosquittoClients(on: reactor)
        let client = ClientLog(clients.client(host: broker.address.host, port: broker.address.port), on: reactor)
        #expect(client.connect(.plain("b", keepAlive: 75)) == .connected(sessionPresent: false))
        #expect(broker.packets.first?[10...11] == [0, 8])
    }

    @Test("a will or a password that cannot be sent ends the attempt with a reason", arguments: [true, false])
    func unusable(_ isWill: Bool) throws {
        var options = MQTTConnection.plain("b")
        if isWill {
            options.will = MQTTConnection.Will(topic: "a/#", payload: [], quality: 0, retain: false)
        } else {
            (options.username, options.password) = ("u", [1, 0, 2])
        }
        let client = client()
        guard case .disconnected(let reason)? = client.connect(options) else { return #expect(Bool(false), "no notice") }
        #expect(!reason.isEmpty)
        #expect(client.connect(.plain("b")) == .connected(sessionPresent: false))
    }

    @Test("a broker by its name is refused, since looking it up would hold the loop")
    func hostName() {
        let client = ClientLog(clients.client(host: "localhost", port: 1_883), on: reactor)
        #expect(client.connect(.plain("b")) == .disconnected("the broker needs an address here"))
        #expect(
            ClientLog(clients.client(host: "127.0.0.1", port: 0), on: reactor).connect(.plain("b"))
                == .disconnected("there is no such port"))
    }

    @Test("nobody listens")
    func refusedConnection() throws {
        let port = try #require(UnusedPort())
        let address = port.address
        let client = ClientLog(clients.client(host: address.host, port: address.port), on: reactor)
        #expect(client.connect(.plain("b")) == .disconnected("connection refused"))
        #expect(client.connect(.plain("b")) == .disconnected("connection refused"))
        #expect(client.notices.count == 2)
    }

    // MARK: §3.2 CONNACK

    @Test("a refusal is told with its code, and nothing else", arguments: 1...5 as ClosedRange<UInt8>)
    func refusal(_ code: UInt8) {
        broker.answer = { _ in [0x20, 2, 0, code] }
        let client = client()
        #expect(client.connect(.plain("b")) == .refused(code: code))
        broker.answer = ScriptedBroker.accept
        #expect(client.connect(.plain("b")) == .connected(sessionPresent: false))
        #expect(client.notices == [.refused(code: code), .connected(sessionPresent: false)])
    }

    @Test("the session-present flag is told")
    func sessionPresent() {
        broker.answer = { _ in [0x20, 2, 1, 0] }
        #expect(client().connect(.plain("b", isClean: false)) == .connected(sessionPresent: true))
    }

    @Test(
        "a code that does not exist, and bytes that are no MQTT, end the connection",
        arguments: [[0x20, 2, 0, 6], [0xf0, 0], [0, 0, 0, 0]] as [[UInt8]])
    func violations(_ bytes: [UInt8]) {
        broker.answer = { _ in bytes }
        let client = client()
        guard case .disconnected(let reason)? = client.connect(.plain("b")) else { return #expect(Bool(false), "\(client.notices)") }
        #expect(!reason.isEmpty)
    }

    @Test("a server that does not answer CONNECT is given up after 30 s, as in memory")
    func noConnack() throws {
        let reactor = try Reactor(speed: 100)
        let broker = try ScriptedBroker(on: reactor)
        let clients = try MosquittoClients(on: reactor)
        let client = ClientLog(clients.client(host: broker.address.host, port: broker.address.port), on: reactor)
        let before = reactor.now
        #expect(client.connect(.plain("b")) == .disconnected("the server did not answer CONNECT"))
        #expect(before.duration(to: reactor.now) >= .seconds(30))
    }

    @Test("a server that does not answer PINGREQ is given up 10 s after the keep-alive time, as in memory")
    func noPingResponse() throws {
        let reactor = try Reactor(speed: 100)
        let broker = try ScriptedBroker(on: reactor)
        broker.answer = ScriptedBroker.accept
        let clients = try MosquittoClients(on: reactor)
        let client = ClientLog(clients.client(host: broker.address.host, port: broker.address.port), on: reactor)
        #expect(client.connect(.plain("b", keepAlive: 500)) == .connected(sessionPresent: false))
        let before = reactor.now
        #expect(client.hears([.connected(sessionPresent: false), .disconnected("the server did not answer PINGREQ")]))
        #expect(before.duration(to: reactor.now) >= .seconds(500))
        // PINGREQ is 192, 0 (§3.12).
        #expect(broker.packets.last == [0xc0, 0])
    }

    @Test("the server closes")
    func serverCloses() {
        let client = client()
        #expect(client.connect(.plain("b")) == .connected(sessionPresent: false))
        broker.close()
        #expect(client.hears([.connected(sessionPresent: false), .disconnected("connection lost")]))
    }

    // MARK: §3.14 DISCONNECT

    @Test("disconnecting says good-bye")
    func disconnect() {
        let client = client()
        #expect(client.connect(.plain("b")) == .connected(sessionPresent: false))
        client.client.perform(.disconnect)
        #expect(client.hears([.connected(sessionPresent: false), .disconnected("requested")]))
        #expect(sees { broker.packets.last == [0xe0, 0] })
        client.client.perform(.disconnect)
        #expect(client.connect(.plain("b")) == .connected(sessionPresent: false))
        #expect(client.notices.count == 3)
    }

    @Test("disconnecting before CONNACK, and connecting again")
    func disconnectEarly() {
        broker.answer = nil
        let client = client()
        client.client.perform(.connect(.plain("b")))
        client.client.perform(.disconnect)
        #expect(client.hears([.disconnected("requested")]))
        broker.answer = ScriptedBroker.accept
        #expect(client.connect(.plain("b")) == .connected(sessionPresent: false))
    }

    @Test("a second connect while connected is ignored")
    func connectTwice() {
        let client = client()
        #expect(client.connect(.plain("b")) == .connected(sessionPresent: false))
        client.client.perform(.connect(.plain("other")))
        client.publish("t", "x", 0)
        #expect(sees { !broker.packets(ofType: 3).isEmpty })
        #expect(broker.packets(ofType: 1).count == 1)
    }

    @Test("the device loses its power: no good-bye, no notice, and the session is forgotten")
    func vanish() {
        let client = client()
        #expect(client.connect(.plain("b", isClean: false)) == .connected(sessionPresent: false))
        client.publish("t", "lost", 1, 1)
        #expect(sees { broker.packets(ofType: 3).count == 1 })
        client.client.vanish()
        #expect(client.connect(.plain("b", isClean: false)) == .connected(sessionPresent: false))
        client.publish("t", "new", 0)
        #expect(sees { broker.packets(ofType: 3).count == 2 })
        #expect(broker.packets(ofType: 14).isEmpty)
        #expect(broker.packets.last == [0x30, 6, 0, 1, 0x74, 0x6e, 0x65, 0x77])
        #expect(client.notices.count == 2)
    }

    // MARK: §3.3 PUBLISH

    @Test("messages with quality 1 wait for a connection and go in their order; with quality 0 they do not wait")
    func publishedBefore() {
        broker.answer = ScriptedBroker.acknowledge
        let client = client()
        client.publish("t", "1", 1, 1)
        client.publish("t", "lost", 0, 2)
        client.publish("t", "2", 1, 3)
        client.client.perform(.connect(.plain("b")))
        client.publish("t", "3", 1, 4)
        #expect(
            client.hears([
                .connected(sessionPresent: false), .acknowledged(Token(rawValue: 1)), .acknowledged(Token(rawValue: 3)),
                .acknowledged(Token(rawValue: 4)),
            ]))
        #expect(broker.packets(ofType: 3).map { $0.last } == [0x31, 0x32, 0x33])
    }

    @Test("what waited goes before what the device publishes because it is connected")
    func waitingGoesFirst() {
        let client = client()
        client.publish("t", "1", 1, 1)
        client.client.onNotice = { [unowned client] notice in
            if case .connected = notice { client.publish("t", "2", 0) }
        }
        client.client.perform(.connect(.plain("b")))
        #expect(sees { broker.packets(ofType: 3).count == 2 })
        #expect(broker.packets(ofType: 3).map { $0.last } == [0x31, 0x32])
    }

    @Test("twenty messages are on the way at a time; what comes later waits behind them, also with quality 0")
    func inflightLimit() {
        let client = client()
        #expect(client.connect(.plain("b")) == .connected(sessionPresent: false))
        for number in 0..<25 as Range<UInt32> { client.publish("t", "\(number)", 1, number) }
        client.publish("t", "last", 0)
        #expect(sees { broker.packets(ofType: 3).count == 20 })
        broker.answer = ScriptedBroker.acknowledge
        for packet in broker.packets(ofType: 3) { broker.send([0x40, 2, packet[5], packet[6]]) }
        #expect(sees { broker.packets(ofType: 3).count == 26 && client.notices.count == 26 })
        #expect(client.notices.dropFirst() == (0..<25).map { .acknowledged(Token(rawValue: $0)) }[...])
        #expect(broker.packets(ofType: 3).last == [0x30, 7, 0, 1, 0x74] + Array("last".utf8))
    }

    @Test("a thousand messages wait, and no more")
    func queueLimit() {
        broker.answer = ScriptedBroker.acknowledge
        let client = client()
        for number in 0..<1_010 as Range<UInt32> { client.publish("t", "x", 1, number) }
        client.client.perform(.connect(.plain("b")))
        #expect(client.wait { client.notices.count == 1_001 })
        client.publish("t", "x", 1, 5_000)
        #expect(client.wait { client.notices.count == 1_002 })
        #expect(client.notices.last == .acknowledged(Token(rawValue: 5_000)))
        #expect(client.notices.dropFirst(1_000).first == .acknowledged(Token(rawValue: 999)))
    }

    @Test("a session that is not clean repeats what is unacknowledged, marked as a repetition [MQTT-4.4.0-1]")
    func repetition() throws {
        let client = client()
        #expect(client.connect(.plain("b", isClean: false)) == .connected(sessionPresent: false))
        client.publish("t", "x", 1, 9)
        #expect(sees { broker.packets(ofType: 3).count == 1 })
        broker.close()
        #expect(client.wait { client.notices.last == .disconnected("connection lost") })
        broker.answer = { $0[0] == 0x10 ? [0x20, 2, 1, 0] : ScriptedBroker.acknowledge($0) }
        #expect(client.connect(.plain("b", isClean: false)) == .connected(sessionPresent: true))
        #expect(client.wait { client.notices.last == .acknowledged(Token(rawValue: 9)) })
        let sent = broker.packets(ofType: 3)
        #expect(sent.map { $0[0] } == [0x32, 0x3a])
        #expect(sent[0][5...6] == sent[1][5...6])
    }

    @Test("a clean session is new each time: quality 1 goes as a new message, quality 2 is dropped [MQTT-3.1.2-6]")
    func cleanSession() {
        let client = client()
        #expect(client.connect(.plain("b")) == .connected(sessionPresent: false))
        client.publish("t", "x", 1, 1)
        client.publish("t", "y", 2, 2)
        #expect(sees { broker.packets(ofType: 3).count == 2 })
        broker.close()
        #expect(client.wait { client.notices.last == .disconnected("connection lost") })
        broker.answer = ScriptedBroker.acknowledge
        #expect(client.connect(.plain("b")) == .connected(sessionPresent: false))
        #expect(client.wait { client.notices.last == .acknowledged(Token(rawValue: 1)) })
        client.publish("t", "z", 0)
        #expect(sees { broker.packets.last?.last == 0x7a })
        #expect(broker.packets(ofType: 3).map { $0[0] } == [0x32, 0x34, 0x32, 0x30])
    }

    // MARK: §3.8 SUBSCRIBE

    @Test("subscribing before CONNACK waits; without a connection it is dropped")
    func subscribeEarly() {
        broker.answer = { packet in
            switch packet[0] {
            case 0x10: ScriptedBroker.connack
            // SUBACK with the identifier of the SUBSCRIBE; granted quality 1 (§3.9).
            case 0x82: [0x90, 3, packet[2], packet[3], 1]
            default: []
            }
        }
        let client = client()
        client.client.perform(.subscribe(filter: "never", quality: 1))
        client.client.perform(.connect(.plain("b")))
        client.client.perform(.subscribe(filter: "a/+", quality: 2))
        #expect(client.hears([.connected(sessionPresent: false), .subscribed(filter: "a/+", code: 1)]))
        #expect(broker.packets(ofType: 8).count == 1)
    }

    @Test("a refused subscription is told with 128; unsubscribing is sent")
    func refusedSubscription() {
        broker.answer = { packet in packet[0] == 0x82 ? [0x90, 3, packet[2], packet[3], 0x80] : ScriptedBroker.accept(packet) }
        let client = client()
        #expect(client.connect(.plain("b")) == .connected(sessionPresent: false))
        #expect(client.subscribe("secret/#", 1) == .subscribed(filter: "secret/#", code: 0x80))
        client.client.perform(.unsubscribe(filter: "secret/#"))
        #expect(sees { broker.packets(ofType: 10).count == 1 })
        // A filter that no packet can carry is dropped.
        client.client.perform(.subscribe(filter: "a/#/b", quality: 1))
        client.publish("t", "x", 0)
        #expect(sees { broker.packets(ofType: 3).count == 1 })
        #expect(broker.packets(ofType: 8).count == 1)
    }

    // MARK: The contract of a message client

    @Test("no notice comes from inside a call; the device may do anything in a notice")
    func fromInside() {
        let client = client()
        var isInside = false
        var cameFromInside = false
        var connected = 0
        client.client.onNotice = { [unowned client] notice in
            if isInside { cameFromInside = true }
            guard case .connected = notice else { return }
            connected += 1
            // Disconnect, connect anew and lose power, each from within a notice.
            switch connected {
            case 1:
                client.client.perform(.disconnect)
                client.client.perform(.connect(.plain("b")))
            case 2:
                client.client.vanish()
                client.client.perform(.connect(.plain("b")))
            default: break
            }
        }
        isInside = true
        client.client.perform(.connect(.plain("b")))
        isInside = false
        #expect(sees { connected == 3 })
        #expect(!cameFromInside)
    }

    @Test("the broker may move between connections")
    func movingBroker() throws {
        let other = try ScriptedBroker(on: reactor)
        other.answer = ScriptedBroker.accept
        var address = broker.address
        let client = ClientLog(clients.client(at: { address }), on: reactor)
        #expect(client.connect(.plain("b")) == .connected(sessionPresent: false))
        client.client.perform(.disconnect)
        address = other.address
        client.forget()
        #expect(client.wait { client.notices == [.disconnected("requested")] })
        #expect(client.connect(.plain("b")) == .connected(sessionPresent: false))
        #expect((broker.connections, other.connections) == (1, 1))
    }

    // The library leaves a byte for each packet in a pair of sockets that nobody reads (measured: 768 bytes each, up to 213 KB).
    // In a process of its own, where nobody else has such sockets; a thread that opens a file meanwhile can hide a pair.
    @Test("the system's memory for clients does not grow with what they send")
    func unreadBytes() async {
        await #expect(processExitsWith: .success) {
            let tests = try MosquittoClientTests()
            let clients = (0..<10).map { _ in tests.client() }
            for (number, client) in clients.enumerated() {
                #expect(client.connect(.plain("b\(number)")) == .connected(sessionPresent: false))
                for _ in 0..<100 { client.publish("t", "x", 0) }
            }
            #expect(tests.sees { tests.broker.packets(ofType: 3).count == 1_000 })
            let unread = (0..<1_024 as Range<Int32>).map { LocalSockets.unreadBytes(writtenTo: $0) }
            #expect(unread.count { (1..<10_000).contains($0) } >= 8)
        }
    }

    @Test("clients that are gone leave nothing behind")
    func release() {
        do {
            let client = client()
            #expect(client.connect(.plain("b")) == .connected(sessionPresent: false))
            #expect(clients.count == 1)
        }
        #expect(clients.count == 0)
    }
}
