import LabCore
import MQTTBroker
import Testing
import WireProtocols

/// One broker and client sessions over links that break when chance says so, all on one clock.
private struct World {
    struct Client {
        var session = MQTTClientSession()
        var connection: UInt64?
        var timers: [MQTTClientTimer: RunInstant] = [:]
        var inbox: [[UInt8]] = []
        var received: [String] = []
        var acknowledged: Set<UInt32> = []
        var options: MQTTConnection
    }

    var broker = Broker(authorizer: OpenAuthorizer())
    var now = RunInstant.start
    var clients: [Client]
    var owner: [UInt64: Int] = [:]
    var toBroker: [(UInt64, [UInt8])] = []
    var lastConnection: UInt64 = 0
    var wake: RunInstant?
    var chance: SeededGenerator
    var consumed: [String] = []
    var unacknowledged: [DeliveryID] = []

    init(seed: UInt64, clients options: [MQTTConnection]) {
        clients = options.map { Client(options: $0) }
        chance = SeededGenerator(seed: seed, purpose: "clients and broker")
    }

    mutating func client(_ index: Int, _ input: MQTTClientInput) {
        var effects: [MQTTClientEffect] = []
        clients[index].session.handle(input, at: now, &effects)
        for effect in effects {
            switch effect {
            case .openTransport:
                lastConnection += 1
                clients[index].connection = lastConnection
                owner[lastConnection] = index
                broker(.opened(ConnectionID(rawValue: lastConnection), peer: "c\(index)"))
                client(index, .transportOpened)
            case .send(let bytes): if let connection = clients[index].connection { toBroker.append((connection, bytes)) }
            case .closeTransport: cut(index, tellsClient: false)
            case .startTimer(let timer, let at): clients[index].timers[timer] = at
            case .cancelTimer(let timer): clients[index].timers[timer] = nil
            case .message(let message): clients[index].received.append(String(decoding: message.payload, as: UTF8.self))
            case .acknowledged(let token): clients[index].acknowledged.insert(token.rawValue)
            default: break
            }
        }
    }

    mutating func broker(_ input: BrokerInput) {
        var effects: [BrokerEffect] = []
        broker.handle(input, at: now, &effects)
        for effect in effects {
            switch effect {
            case .send(let id, let bytes): if let index = owner[id.rawValue] { clients[index].inbox.append(bytes) }
            case .close(let id, _): if let index = owner[id.rawValue] { cut(index, tellsClient: true) }
            case .wake(let at): wake = at
            case .deliver(let delivery):
                consumed.append(String(decoding: delivery.payload, as: UTF8.self))
                if let id = delivery.id { unacknowledged.append(id) }
            default: break
            }
        }
    }

    /// The link breaks: what is under way is lost.
    mutating func cut(_ index: Int, tellsClient: Bool) {
        guard let connection = clients[index].connection else { return }
        clients[index].connection = nil
        clients[index].inbox = []
        owner[connection] = nil
        toBroker.removeAll { $0.0 == connection }
        broker(.closed(ConnectionID(rawValue: connection), reason: "cut"))
        if tellsClient { client(index, .transportClosed("cut")) }
    }

    /// One step of transport: a piece one way or the other, split where chance says.
    mutating func step() {
        if !toBroker.isEmpty {
            let (connection, bytes) = toBroker.removeFirst()
            let cut = Int(chance.integer(below: UInt64(bytes.count + 1)))
            for piece in [bytes[..<cut], bytes[cut...]] where !piece.isEmpty { broker(.received(ConnectionID(rawValue: connection), [UInt8](piece))) }
        }
        for index in clients.indices where !clients[index].inbox.isEmpty {
            client(index, .received(clients[index].inbox.removeFirst()))
        }
    }

    mutating func connect(_ index: Int) { client(index, .command(.connect(clients[index].options))) }
    var isQuiet: Bool { toBroker.isEmpty && clients.allSatisfy { $0.inbox.isEmpty } }
}

@Suite("Client session and broker together")
struct ClientAndBrokerTests {
    @Test("over links that break, QoS 2 arrives exactly once and QoS 1 at least once, each in order", arguments: UInt64(1)...UInt64(30))
    func breakingLinks(seed: UInt64) throws {
        var world = World(
            seed: seed,
            clients: [
                MQTTConnection(clientID: "publisher", isClean: false, keepAlive: 0), MQTTConnection(clientID: "subscriber", isClean: false, keepAlive: 0),
            ])
        world.broker(.consumer(ConsumerID(rawValue: 1), .attach(ConsumerOptions(subscriptions: [MQTTSubscription(filter: try MQTTTopicFilter("#"), qos: .exactlyOnce)], window: 5))))
        world.broker(.consumer(ConsumerID(rawValue: 1), .ready))
        world.connect(0)
        world.connect(1)
        while !world.isQuiet { world.step() }
        world.client(1, .subscribe([MQTTSubscription(filter: try MQTTTopicFilter("#"), qos: .exactlyOnce)], nil))
        while !world.isQuiet { world.step() }

        var published = 0
        for _ in 0..<2_000 {
            if published < 200, world.chance.chance(0.2) {
                let qos = UInt8(1 + published % 2)
                world.client(0, .command(.publish(topic: "q\(qos)", payload: [UInt8]("\(qos):\(published)".utf8), quality: qos, retain: false, token: Token(rawValue: UInt32(published)))))
                published += 1
            }
            for index in 0..<2 {
                if world.clients[index].connection == nil { world.connect(index) }
                if world.chance.chance(0.02) { world.cut(index, tellsClient: true) }
            }
            if world.chance.chance(0.5), !world.unacknowledged.isEmpty {
                world.broker(.consumer(ConsumerID(rawValue: 1), .acknowledge([world.unacknowledged.removeFirst()])))
            }
            world.step()
        }
        for _ in 0..<5_000 {
            for index in 0..<2 where world.clients[index].connection == nil { world.connect(index) }
            if !world.unacknowledged.isEmpty { world.broker(.consumer(ConsumerID(rawValue: 1), .acknowledge([world.unacknowledged.removeFirst()]))) }
            world.step()
        }
        let numbers = { (texts: [String], qos: String) in texts.filter { $0.hasPrefix(qos) }.compactMap { Int($0.dropFirst(2)) } }
        let all = (0..<published).map { $0 }
        for receiver in [world.clients[1].received, world.consumed] {
            #expect(numbers(receiver, "2:") == all.filter { $0 % 2 == 1 }, "QoS 2, seed \(seed)")
            let atLeastOnce = numbers(receiver, "1:")
            var firsts: [Int] = []
            for number in atLeastOnce where !firsts.contains(number) { firsts.append(number) }
            #expect(firsts == all.filter { $0 % 2 == 0 }, "QoS 1, seed \(seed)")
        }
        #expect(world.clients[0].acknowledged == Set(all.map { UInt32($0) }), "seed \(seed)")
        #expect(world.clients[0].session.unfinishedCount == 0, "seed \(seed)")
        #expect(world.broker.backlog(clientID: "subscriber") == 0, "seed \(seed)")
    }

    @Test("keep alive: the client's pings keep the connection for days, and its silence ends it")
    func keepAlive() {
        var world = World(seed: 1, clients: [MQTTConnection(clientID: "x", isClean: true, keepAlive: 60)])
        world.connect(0)
        for _ in 0..<10 { world.step() }
        func run(until end: Int64, firesClientTimers: Bool) {
            while true {
                let timer = firesClientTimers ? world.clients[0].timers.min { $0.value < $1.value } : nil
                let next = min(timer?.value ?? .distantFuture, world.wake ?? .distantFuture)
                guard next.nanoseconds <= end * 1_000_000_000 else { break }
                world.now = next
                if let timer, timer.value == next {
                    world.clients[0].timers[timer.key] = nil
                    world.client(0, .timerFired(timer.key))
                } else {
                    world.wake = nil
                    world.broker(.timerFired)
                }
                while !world.isQuiet { world.step() }
            }
        }
        run(until: 3 * 86_400, firesClientTimers: true)
        #expect(world.clients[0].session.isConnected)
        #expect(world.broker.isConnected(clientID: "x"))
        run(until: 3 * 86_400 + 100, firesClientTimers: false)
        #expect(!world.broker.isConnected(clientID: "x"))
        #expect(!world.clients[0].session.isConnected)
    }
}

@Suite("Broker against noise")
struct BrokerFuzzTests {
    private static let seedPackets: [[UInt8]] = [
        "101300044d5154540402003c000762616467652d31", "101100044d5154540400003c0005636c6f7564", "300400016178", "3206000161000178",
        "340600016100 02 78", "350c0003612f62000168656c6c6f", "62020001", "50020001", "40020001", "70020001", "820800010003612f2302",
        "82 06 0002 0001 23 02", "a206000200027a7a", "c000", "e000", "31050003612f62",
    ].map(hexBytes)

    @Test("random bytes, mutated packets and every cut: no crash, bounded memory, one send for each input", arguments: UInt64(1)...UInt64(20))
    func noise(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "broker noise")
        var bench = Bench { configuration in
            configuration.maximumPacketSize = 2_048
            configuration.maximumQueued = 10
            configuration.maximumInflight = 3
            configuration.maximumHeld = 5
            configuration.maximumRetained = 20
            configuration.maximumRoutes = 16
            configuration.maximumUnreleased = 5
            configuration.maximumSessions = 8
            configuration.sessionExpiry = .seconds(50)
        }
        try bench.attachCloud(["#"], window: 3, queueLimit: 5)
        var open: [UInt64] = []
        var next: UInt64 = 0
        for step in 0..<3_000 {
            switch chance.integer(below: 20) {
            case 0, 1:
                next += 1
                open.append(next)
                bench.open(next)
                bench.bytes(next, Self.seedPackets[Int(chance.integer(below: 2))])
            case 2: if let connection = open.popLast() { bench.drop(connection) }
            case 3: bench.advance(to: Double(step) / 10)
            case 4: bench.give(.consumer(Bench.cloud, chance.chance(0.5) ? .gone : .ready))
            case 5: bench.acknowledge(chance.integer(below: 200), UInt64(bench.deliveries.last?.id?.rawValue ?? 0))
            case 6: bench.give(.rightsChanged(clientID: nil))
            case 7 where chance.chance(0.2):
                open = []
                bench.restart(from: bench.broker.snapshot(at: bench.now))
            case 8:
                bench.give(
                    .setFaults(
                        chance.chance(0.5) ? [] : [
                            PacketFault(name: "a", occurrence: .rate(0.3), action: .corrupt(offset: nil, mask: nil)),
                            PacketFault(name: "b", occurrence: .rate(0.2), action: .reorder),
                            PacketFault(name: "c", occurrence: .rate(0.2), action: .delay(1_000_000_000)),
                            PacketFault(name: "d", occurrence: .rate(0.05), action: .cut(afterBytes: 2)),
                            PacketFault(name: "e", occurrence: .rate(0.2), action: .duplicate),
                        ]))
            default:
                guard !open.isEmpty else { continue }
                let connection = open[Int(chance.integer(below: UInt64(open.count)))]
                var bytes = Self.seedPackets[Int(chance.integer(below: UInt64(Self.seedPackets.count)))]
                if chance.chance(0.1) { bytes[Int(chance.integer(below: UInt64(bytes.count)))] ^= UInt8(1 << chance.integer(below: 8)) }
                if chance.chance(0.05) { bytes = chance.bytes(Int(chance.integer(below: 40))) }
                let cut = Int(chance.integer(below: UInt64(bytes.count + 1)))
                bench.bytes(connection, [UInt8](bytes[..<cut]))
                bench.bytes(connection, [UInt8](bytes[cut...]))
            }
            open.removeAll { bench.closed[$0] != nil }
            bench.sent = [:]
            #expect(bench.broker.retainedCount <= 20, "seed \(seed)")
            // A changed byte in a CONNECT makes another client of it.
            #expect(bench.broker.sessionCount <= 8, "seed \(seed)")
            // A queue, its window, a will's extra room and what is retained.
            for client in ["badge-1", "cloud"] { #expect(bench.broker.backlog(clientID: client) <= 20 + 3 + 10 * 20, "seed \(seed)") }
        }
    }

    @Test("the same inputs give the same effects, from two brokers that hash differently")
    func deterministic() throws {
        func run() throws -> String {
            var bench = Bench { $0.faultSeed = 7 }
            try bench.attachCloud(["#"])
            bench.give(.setTranscript(.all))
            var text = ""
            for number in UInt64(1)...40 {
                try bench.connect(number, "c\(number % 30)", clean: number % 3 == 0, will: will("w/\(number)", "gone", .atLeastOnce))
                text += "\(try bench.feed(number, subscribe(1, ("#", .exactlyOnce), ("w/+", .atLeastOnce))))"
                text += "\(try bench.feed(number, publish("w/\(number)", "x", .exactlyOnce, id: 1, retain: true)))"
                if number % 4 == 0 { bench.drop(number) }
            }
            return text + "\(bench.notes)" + "\(bench.deliveries)" + "\(bench.sent.sorted { $0.key < $1.key })"
        }
        #expect(try run() == run())
    }
}
