import LabCore
import MQTTBroker
import Runner
import Testing
import Transports

/// A client of libmosquitto, as emulated devices have it, with what it told.
private final class Device {
    let client: MosquittoClient
    let id: String
    private let reactor: Reactor
    private(set) var notices: [MQTTNotice] = []

    init(_ id: String, _ clients: MosquittoClients, _ reactor: Reactor, at port: Int) {
        self.id = id
        self.reactor = reactor
        client = clients.client(host: "127.0.0.1", port: port)
        client.onNotice = { [unowned self] in notices.append($0) }
    }

    func connect(isClean: Bool = true, user: String? = nil, password: String? = nil, will: MQTTConnection.Will? = nil) {
        client.perform(
            .connect(
                MQTTConnection(
                    clientID: id, username: user, password: password.map { Array($0.utf8) }, isClean: isClean, keepAlive: 60, will: will)))
    }

    /// Connects and waits for the answer.
    func joins(isClean: Bool = true, isPresent: Bool = false) -> Bool {
        connect(isClean: isClean)
        return hears(.connected(sessionPresent: isPresent))
    }

    func subscribes(_ filter: String, _ quality: UInt8, code: UInt8? = nil) -> Bool {
        client.perform(.subscribe(filter: filter, quality: quality))
        return hears(.subscribed(filter: filter, code: code ?? quality))
    }

    func publish(_ topic: String, _ text: String, _ quality: UInt8, retain: Bool = false, token: UInt32 = 1) {
        client.perform(.publish(topic: topic, payload: Array(text.utf8), quality: quality, retain: retain, token: Token(rawValue: token)))
    }

    /// Waits until that is told.
    func hears(_ notice: MQTTNotice) -> Bool { waits { self.notices.contains(notice) } }
    func waits(_ condition: () -> Bool) -> Bool { reactor.run(until: condition, timeout: .seconds(30)) }

    /// Topics with their texts.
    var messages: [String] {
        notices.compactMap { if case .message(let topic, let payload, _, _) = $0 { "\(topic) \(String(decoding: payload, as: UTF8.self))" } else { nil } }
    }

    var disconnections: [String] { notices.compactMap { if case .disconnected(let reason) = $0 { reason } else { nil } } }
    func forget() { notices = [] }
}

// Each test keeps the thread that it runs on, so they come one after the other.
@Suite("libmosquitto's clients on one loop against the broker (MQTT 3.1.1)", .serialized, .timeLimit(.minutes(2)))
struct LibmosquittoTests {
    private let reactor: Reactor
    private let clients: MosquittoClients

    init() throws {
        reactor = try Reactor()
        clients = try MosquittoClients(on: reactor)
    }

    private func device(_ id: String, _ bench: BrokerBench) -> Device { Device(id, clients, reactor, at: bench.listeners[0].address.port) }

    @Test("a message of each quality arrives once as it was sent, and those above 0 are acknowledged with their tokens", arguments: [0, 1, 2] as [UInt8])
    func qualities(_ quality: UInt8) throws {
        let bench = try BrokerBench()
        defer { bench.stop() }
        let (reader, writer) = (device("reader", bench), device("writer", bench))
        try #require(reader.joins() && writer.joins())
        try #require(reader.subscribes("test/#", quality))
        for number in 1...3 { writer.publish("test/\(number)", "text \(number)", quality, token: UInt32(number)) }
        #expect(reader.waits { reader.messages.count == 3 })
        if quality > 0 { #expect(writer.hears(.acknowledged(Token(rawValue: 3)))) }
        #expect(reader.messages == (1...3).map { "test/\($0) text \($0)" })
        let first = MQTTNotice.message(topic: "test/1", payload: Array("text 1".utf8), quality: quality, isRetained: false)
        #expect(reader.notices.contains(first))
        let acknowledged = writer.notices.filter { if case .acknowledged = $0 { true } else { false } }
        #expect(acknowledged.count == (quality > 0 ? 3 : 0))
    }

    @Test("what is published before the connection waits for it")
    func early() throws {
        let bench = try BrokerBench()
        defer { bench.stop() }
        let (reader, writer) = (device("reader", bench), device("writer", bench))
        try #require(reader.joins() && reader.subscribes("early", 1))
        writer.publish("early", "bird", 1, token: 7)
        #expect(writer.joins() && writer.hears(.acknowledged(Token(rawValue: 7))))
        #expect(reader.waits { reader.messages == ["early bird"] })
    }

    @Test("a wrong password is refused with 4 or 5 (table 3.1), the right one is not")
    func credentials() throws {
        var settings = BrokerServiceSettings()
        settings.allowsAnonymous = false
        settings.users = [StaticAuthorizer.User("badge", password: "secret", rights: StaticAuthorizer.everything)]
        let bench = try BrokerBench(settings)
        defer { bench.stop() }
        let device = device("badge-1", bench)
        for (user, password) in [("badge", "guess"), ("nobody", "secret"), (nil, nil)] as [(String?, String?)] {
            device.forget()
            device.connect(user: user, password: password)
            #expect(device.waits { !device.notices.isEmpty })
            #expect(device.notices == [.refused(code: 4)] || device.notices == [.refused(code: 5)], "\(device.notices)")
        }
        device.connect(user: "badge", password: "secret")
        #expect(device.hears(.connected(sessionPresent: false)))
    }

    @Test("a denied filter is told with 0x80 [MQTT-3.9.3-2], a granted one with its quality")
    func deniedFilter() throws {
        var settings = BrokerServiceSettings()
        settings.deniedFilters = ["private/#"]
        let bench = try BrokerBench(settings)
        defer { bench.stop() }
        let device = device("badge-1", bench)
        try #require(device.joins())
        #expect(device.subscribes("private/#", 1, code: 0x80))
        #expect(device.subscribes("public/#", 2))
    }

    @Test("the will is published when the device loses its power, and not when it says good-bye [MQTT-3.1.2-8]")
    func will() throws {
        let bench = try BrokerBench()
        defer { bench.stop() }
        let (reader, polite, unlucky) = (device("reader", bench), device("polite", bench), device("unlucky", bench))
        try #require(reader.joins() && reader.subscribes("will/+", 1))
        for device in [polite, unlucky] {
            device.connect(will: MQTTConnection.Will(topic: "will/\(device.id)", payload: Array("gone".utf8), quality: 1, retain: false))
            try #require(device.hears(.connected(sessionPresent: false)))
        }
        polite.client.perform(.disconnect)
        #expect(polite.waits { polite.disconnections == ["requested"] })
        unlucky.client.vanish()
        #expect(reader.waits { !reader.messages.isEmpty })
        #expect(reader.messages == ["will/unlucky gone"])
        #expect(unlucky.disconnections.isEmpty)
    }

    @Test("a session that is not clean keeps subscriptions and messages; a clean one begins without [MQTT-3.1.2-4, -6]")
    func session() throws {
        let bench = try BrokerBench()
        defer { bench.stop() }
        let (keeper, writer) = (device("keeper", bench), device("writer", bench))
        try #require(keeper.joins(isClean: false) && keeper.subscribes("kept", 1) && writer.joins())
        keeper.client.perform(.disconnect)
        try #require(keeper.waits { keeper.disconnections.count == 1 })
        writer.publish("kept", "while away", 1)
        try #require(writer.hears(.acknowledged(Token(rawValue: 1))))
        #expect(keeper.joins(isClean: false, isPresent: true))
        #expect(keeper.waits { keeper.messages == ["kept while away"] })
        keeper.client.perform(.disconnect)
        try #require(keeper.waits { keeper.disconnections.count == 2 })
        keeper.forget()
        #expect(keeper.joins(isClean: true, isPresent: false))
        #expect(keeper.messages.isEmpty)
    }

    @Test("a broker that stops is noticed, one that is gone is told as such, and one that is back is joined again")
    func brokerGone() throws {
        let first = try BrokerBench()
        let device = device("badge-1", first)
        try #require(device.joins())
        first.stop()
        #expect(device.waits { device.disconnections == ["connection lost"] })
        device.connect()
        #expect(device.waits { device.disconnections.count == 2 })
        #expect(device.disconnections.last == "connection refused")
        let second = try BrokerBench(BrokerServiceSettings(listeners: [.init(.tcp, first.listeners[0].address)]))
        defer { second.stop() }
        device.forget()
        #expect(device.joins())
    }

    @Test("two hundred badges on one loop report five times each: all is acknowledged and heard once")
    func many() throws {
        let bench = try BrokerBench()
        defer { bench.stop() }
        let cloud = device("cloud", bench)
        try #require(cloud.joins() && cloud.subscribes("badge/+/report", 1))
        let badges = (0..<200).map { device("badge-\($0)", bench) }
        for badge in badges {
            badge.connect()
            for number in 1...5 { badge.publish("badge/\(badge.id)/report", "\(number)", 1, token: UInt32(number)) }
        }
        #expect(cloud.waits { cloud.messages.count >= 1_000 && badges.allSatisfy { $0.notices.contains(.acknowledged(Token(rawValue: 5))) } })
        #expect(Set(cloud.messages).count == 1_000 && cloud.messages.count == 1_000)
        for badge in badges { #expect(badge.disconnections.isEmpty) }
    }
}
