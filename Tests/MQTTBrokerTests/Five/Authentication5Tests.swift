import LabCore
import MQTTBroker
import Synchronization
import Testing
import WireProtocols

/// A method for tests: the server asks for a number, the client answers with one more, and the server says "welcome".
/// With a method of two rounds it asks twice.
final class CountingAuthorizer: MQTTAuthorizer {
    private let number = Mutex<UInt8>(10)
    private let subject: String?
    let validUntil: Mutex<RunInstant?> = Mutex(nil)
    init(subject: String? = nil) { self.subject = subject }

    func authenticate(_ credentials: MQTTCredentials, at now: RunInstant) -> MQTTAuthentication {
        .refused(.notAuthorized, reason: "a method is needed")
    }

    func authenticate(_ credentials: MQTTCredentials, _ exchange: MQTTAuthenticationExchange, at now: RunInstant) -> MQTTAuthenticationStep {
        guard exchange.method == "COUNT" || exchange.method == "COUNT-TWICE" else {
            return .refused(.badAuthenticationMethod, reason: "unknown method")
        }
        guard let state = exchange.state else { return challenge(rounds: exchange.method == "COUNT" ? 1 : 2) }
        guard exchange.data == [state[0] + 1] else { return .refused(.notAuthorized, reason: "wrong answer") }
        if state[1] > 1 { return challenge(rounds: state[1] - 1) }
        // In a second exchange another subject can come out, for the test of what becomes of it.
        let name = exchange.isReauthentication ? subject ?? credentials.clientID : credentials.clientID
        return .accepted(
            MQTTIdentity(subject: name, clientID: credentials.clientID, rights: .everything, validUntil: validUntil.withLock { $0 }),
            [UInt8]("welcome".utf8))
    }

    private func challenge(rounds: UInt8) -> MQTTAuthenticationStep {
        let asked = number.withLock { number in
            number += 1
            return number
        }
        return .challenge([asked], state: [asked, rounds])
    }
}

@Suite("MQTT 5.0 §4.12: extended authentication")
struct Authentication5Tests {
    private func begin(_ bench: inout Bench, _ connection: UInt64 = 1, _ method: String = "COUNT", clean: Bool = true, expiry: UInt32? = nil) throws -> [MQTTPacket] {
        try bench.connect5(connection, "a", clean: clean, expiry: expiry) { $0.authenticationMethod = method }
    }
    private func answer(_ packets: [MQTTPacket]) -> MQTTPacket {
        guard case .auth(let auth)? = packets.first, let asked = auth.properties.authenticationData?.first else { return .pingreq }
        var packet = MQTTAuth(reason: auth.reason == .success ? .reauthenticate : .continueAuthentication)
        packet.properties.authenticationMethod = auth.properties.authenticationMethod
        packet.properties.authenticationData = [asked + 1]
        return .auth(packet)
    }

    @Test("AUTH goes to and fro until CONNACK, which has the method and the last word [MQTT-4.12.0-2], [MQTT-4.12.0-3]", arguments: [("COUNT", 1), ("COUNT-TWICE", 2)])
    func accepted(_ method: String, _ rounds: Int) throws {
        var bench = Bench(CountingAuthorizer())
        var packets = try begin(&bench, 1, method)
        for _ in 0..<rounds {
            #expect(!bench.broker.isConnected(clientID: "a"))
            #expect(packets.map(\.type) == [.auth])
            packets = try bench.feed(1, answer(packets))
        }
        #expect(connack(in: packets)?.reason == .success)
        #expect(connack(in: packets)?.properties.authenticationMethod == method)
        #expect(connack(in: packets)?.properties.authenticationData == [UInt8]("welcome".utf8))
        #expect(bench.broker.isConnected(clientID: "a"))
    }

    @Test("a wrong answer gets CONNACK 0x87, an unknown method 0x8C [MQTT-4.12.0-1], [MQTT-4.12.0-4]")
    func refused() throws {
        var bench = Bench(CountingAuthorizer())
        _ = try begin(&bench)
        #expect(connack(in: try bench.feed(1, auth(.continueAuthentication, "COUNT", "?")))?.reason == .notAuthorized)
        #expect(bench.closed[1] == .refused(.notAuthorized))
        #expect(connack(in: try begin(&bench, 2, "OTHER"))?.reason == .badAuthenticationMethod)
        var open = Bench()
        #expect(connack(in: try begin(&open))?.reason == .badAuthenticationMethod, "an authorizer without methods")
        #expect(bench.broker.sessionCount == 0)
    }

    @Test("before CONNACK only AUTH and DISCONNECT may come [MQTT-4.12.0-7]; a pause is bounded in time")
    func order() throws {
        var bench = Bench(CountingAuthorizer()) { $0.connectTimeout = .seconds(10) }
        _ = try begin(&bench)
        #expect(connack(in: try bench.feed(1, publish5("x", "")))?.reason == .protocolError)
        #expect(bench.closed[1] != nil)
        _ = try begin(&bench, 2)
        #expect(try bench.feed(2, disconnect5(.success)).isEmpty)
        #expect(bench.closed[2] == .disconnected)
        _ = try begin(&bench, 3)
        bench.advance(to: 10)
        #expect(bench.closed[3] == .connectTimeout)
        _ = try begin(&bench, 4)
        #expect(connack(in: try bench.feed(4, auth(.reauthenticate, "COUNT")))?.reason == .protocolError)
    }

    @Test("the method of CONNECT holds for the whole connection [MQTT-4.12.0-5]; without one AUTH is an error [MQTT-4.12.0-6]")
    func method() throws {
        var bench = Bench(CountingAuthorizer())
        let asked = try begin(&bench)
        _ = try bench.feed(1, answer(asked))
        #expect(try bench.feed(1, auth(.reauthenticate, "COUNT-TWICE")) == [disconnect5(.protocolError)])
        var open = Bench()
        try open.connect5(1, "a")
        #expect(try open.feed(1, auth(.reauthenticate, "COUNT")) == [disconnect5(.protocolError)])
    }

    @Test("a client authenticates again while messages flow, and the credentials' end is moved [MQTT-4.12.1-1]")
    func again() throws {
        let authorizer = CountingAuthorizer()
        authorizer.validUntil.withLock { $0 = RunInstant(nanoseconds: 100_000_000_000) }
        var bench = Bench(authorizer)
        let asked = try begin(&bench)
        _ = try bench.feed(1, answer(asked))
        try bench.feed(1, subscribe5(1, "x"))
        bench.advance(to: 90)
        authorizer.validUntil.withLock { $0 = RunInstant(nanoseconds: 200_000_000_000) }
        let challenge = try bench.feed(1, auth(.reauthenticate, "COUNT"))
        #expect(challenge.map(\.type) == [.auth])
        #expect(try bench.feed(1, publish5("x", "meanwhile")) == [publish5("x", "meanwhile")])
        #expect(try bench.feed(1, answer(challenge)) == [auth(.success, "COUNT", "welcome")])
        bench.advance(to: 199)
        #expect(bench.closed.isEmpty)
        bench.advance(to: 200)
        #expect(try bench.take(1) == [disconnect5(.maximumConnectTime)])
    }

    @Test("a failed second authentication ends the connection [MQTT-4.12.1-2], and so does one that turns out to be somebody else")
    func failedAgain() throws {
        var bench = Bench(CountingAuthorizer())
        var asked = try begin(&bench, expiry: 100)
        _ = try bench.feed(1, answer(asked))
        _ = try bench.feed(1, auth(.reauthenticate, "COUNT"))
        #expect(try bench.feed(1, auth(.continueAuthentication, "COUNT", "?")) == [disconnect5(.notAuthorized)])
        var other = Bench(CountingAuthorizer(subject: "somebody else"))
        asked = try begin(&other)
        _ = try other.feed(1, answer(asked))
        asked = try other.feed(1, auth(.reauthenticate, "COUNT"))
        #expect(try other.feed(1, answer(asked)) == [disconnect5(.notAuthorized)])
    }

    @Test("an answer without a question is an error")
    func unasked() throws {
        var bench = Bench(CountingAuthorizer())
        let asked = try begin(&bench)
        _ = try bench.feed(1, answer(asked))
        #expect(try bench.feed(1, auth(.continueAuthentication, "COUNT", "x")) == [disconnect5(.protocolError)])
    }
}

@Suite("Users given as data")
struct StaticAuthorizerTests {
    private static let users: [StaticAuthorizer.User] = [
        .init("ada", password: "secret", rights: [TopicRightPattern(.both, "u/%u/#"), TopicRightPattern(.receive, "c/%c")]),
        .init("root", password: "", isAdmin: true), .init("machine", certificateSubject: "CN=machine"),
    ]

    private func connect(_ bench: inout Bench, _ connection: UInt64, user: String?, _ password: String? = nil) throws -> MQTTConnectReturnCode? {
        bench.open(connection)
        let packets = try bench.feed(
            connection,
            .connect(MQTTConnect(clientID: "c\(connection)", isClean: true, keepAlive: 0, username: user, password: password.map { [UInt8]($0.utf8) })))
        return connack(in: packets)?.code
    }

    @Test("the right password opens, every other does not", arguments: [("secret", true), ("secret ", false), ("secre", false), ("Secret", false), ("", false), ("secretsecret", false)])
    func passwords(_ password: String, _ opens: Bool) throws {
        var bench = Bench(StaticAuthorizer(users: Self.users, allowsAnonymous: false))
        #expect(try connect(&bench, 1, user: "ada", password) == (opens ? .accepted : .badUserNameOrPassword))
    }

    @Test("unknown users, users without a password and the anonymous", arguments: [true, false])
    func others(_ allowsAnonymous: Bool) throws {
        var bench = Bench(StaticAuthorizer(users: Self.users, allowsAnonymous: allowsAnonymous))
        #expect(try connect(&bench, 1, user: "eve", "secret") == .badUserNameOrPassword)
        #expect(try connect(&bench, 2, user: "ada") == .badUserNameOrPassword)
        #expect(try connect(&bench, 3, user: "machine", "") == .badUserNameOrPassword)
        #expect(try connect(&bench, 4, user: nil) == (allowsAnonymous ? .accepted : .notAuthorized))
        #expect(try connect(&bench, 5, user: "root", "") == .accepted)
    }

    @Test("rights are the user's, with their placeholders filled in")
    func rights() throws {
        var bench = Bench(StaticAuthorizer(users: Self.users))
        _ = try connect(&bench, 1, user: "ada", "secret")
        #expect(try bench.feed(1, subscribe(1, ("u/ada/#", .atMostOnce), ("u/eve/#", .atMostOnce), ("c/c1", .atMostOnce), ("c/c2", .atMostOnce))) == [suback(1, 0, 0x80, 0, 0x80)])
        _ = try connect(&bench, 2, user: "root", "")
        #expect(try bench.feed(2, subscribe(1, ("$SYS/broker/uptime", .atMostOnce))).count == 2)
    }

    @Test("denied filters can neither be subscribed to nor heard by a wider one")
    func denied() throws {
        var bench = Bench(StaticAuthorizer(deniedFilters: [try MQTTTopicFilter("test/nosubscribe"), try MQTTTopicFilter("hidden/#")]))
        try bench.connect5(1, "a")
        #expect(
            try bench.feed(1, subscribe5(1, "test/nosubscribe"), subscribe5(2, "hidden/+/x"), subscribe5(3, "$share/g/hidden/#"), subscribe5(4, "#")) == [
                suback5(1, .notAuthorized), suback5(2, .notAuthorized), suback5(3, .notAuthorized), suback5(4, .success),
            ])
        #expect(try payloads(bench.feed(1, publish5("hidden/a", "no"), publish5("test/nosubscribe", "no"), publish5("x", "yes"))) == ["yes"])
    }
}
