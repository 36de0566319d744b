import BenchTable
import Foundation
import LabCore
import Simulation

/// The power of a site with a thousand charging piles fails and comes back (charging-orders.md F27), in real time: how soon all are online
/// and all bills are booked, and what riders wait for their answers meanwhile, by an open load.
final class BlackoutPart {
    private static let count = 1_000
    private static let requestsPerSecond = 100
    private let server: ServedProcess
    private let loop: LoadLoop
    private var piles: [EmulatedPile] = []
    private var online = 0
    private var charging = 0
    private var acknowledged = 0

    init() throws {
        server = try ServedProcess()
        loop = try LoadLoop()
    }

    func run() throws {
        defer { server.end() }
        let tokens = try prepare()
        // Cards charge without the cloud.
        for pile in piles { pile.cutNetwork() }
        for pile in piles { pile.act("plug", ["port": 1, "watts": 180]) }
        for pile in piles { pile.act("swipe", ["port": 1, "card": "1234"]) }
        try loop.run("all piles charge", within: .seconds(60)) { [self] in charging == Self.count }
        try pause(seconds: 15)
        for pile in piles { pile.powerOff() }
        try pause(seconds: 3)
        let load = RiderLoad(loop, port: server.httpPort, tokens: tokens, rate: Self.requestsPerSecond)
        load.start()
        try pause(seconds: 5)
        let calm = load.take()
        online = 0
        let back = loop.now
        for pile in piles {
            pile.isConnected = true
            pile.powerOn()
        }
        try loop.run("all piles are online", within: .seconds(60)) { [self] in online == Self.count }
        let returned = Double(loop.now - back) * 1e-9
        try loop.run("all bills are acknowledged", within: .seconds(300)) { [self] in acknowledged == Self.count }
        let drained = Double(loop.now - back) * 1e-9
        // The load goes on for a while, so that there are enough samples.
        try pause(seconds: max(1, 10 - Int(drained)))
        load.stop()
        let stormy = load.take()
        let bills = try server.ask("bills", [:])
        let booked = bills["booked"]?.integer ?? -1, kept = bills["quarantined"]?.integer ?? -1
        let violations = try server.ask("invariants", [:])["violations"]?.integer ?? -1
        let isWhole = booked == Int64(Self.count) && kept == 0 && violations == 0 && load.errors == 0
        if !isWhole { print("blackout: \(booked) bills booked, \(kept) in quarantine, \(violations) violations, \(load.errors) errors of riders") }
        BenchRow(
            "blackout: \(Self.count) piles are online again, real time", "\(BenchRow.text(returned)) s (boot 1.5 s)", target: "≤ 5 s",
            isMet: returned <= 5
        ).show()
        BenchRow(
            "  all bills are booked, each once", "\(BenchRow.text(drained)) s, \(booked) bills", target: "all",
            isMet: isWhole
        ).show()
        BenchRow(
            "  riders' requests meanwhile, \(Self.requestsPerSecond) /s, from the plan", stormy.text, peer: "before: \(calm.text)", target: "p99 < 200 ms",
            isMet: stormy.percentile(990) < 200_000_000
        ).show()
    }

    private func pause(seconds: Int) throws {
        let end = loop.now + Int64(seconds) * 1_000_000_000
        try loop.run("the pause is over", within: .seconds(seconds + 5)) { [self] in loop.now >= end }
    }

    private func prepare() throws -> [String] {
        try server.perform("pile.provision", ["prefix": "04", "from": 0, "count": .integer(Int64(Self.count)), "ports": 2])
        let tokens = try server.riders(100)
        try server.perform("tariff.set", ["site": "depot", "tariff": ["name": "by time", "time": ["flat": 2_000]]])
        try server.perform("card.register", ["card": "1234", "user": "rider-0"])
        let facts: Fields = ["pile": "04000000", "ports": 2, "resumes": false, "keep_alive": false, "metered": false]
        // The loop's clock has run since it was made.
        let epoch = Int64(Date().timeIntervalSince1970) - loop.now / 1_000_000_000
        for number in 0..<Self.count {
            let pile = try EmulatedPile(loop, port: server.pilePort, facts: facts, node: "piles#\(number + 1)", epoch: epoch)
            pile.onNote = { [unowned self] note in
                switch note {
                case "online": online += 1
                case "charge.started": charging += 1
                case "bill.acknowledged": acknowledged += 1
                default: break
                }
            }
            piles.append(pile)
            pile.powerOn()
        }
        try loop.run("all piles are online", within: .seconds(60)) { [self] in online == Self.count }
        return tokens
    }
}

/// What riders ask, each request due at its own instant: the orders, the wallet, what a code leads to.
final class RiderLoad {
    private let loop: LoadLoop
    private let clients: [HTTPClient]
    private let requests: [[UInt8]]
    private let rate: Int
    private var free: [Int]
    private var waiting: [(number: Int, due: Int64)] = []
    private var times: [Int64] = []
    private var isOver = false
    private var begin: Int64 = 0
    private(set) var errors = 0

    init(_ loop: LoadLoop, port: Int, tokens: [String], rate: Int) {
        self.loop = loop
        self.rate = rate
        clients = (0..<64).map { _ in HTTPClient(loop, port: port) }
        free = Array(clients.indices)
        let paths = ["/orders", "/wallet", "/scan?code=\(PlainPile.id(7)):1"]
        requests = tokens.enumerated().map { HTTPClient.bytes("GET", "/api/v1/charging" + paths[$0 % paths.count], token: $1) }
    }

    func start() {
        for client in clients { client.connect() }
        begin = loop.now + 500_000_000
        plan(0)
    }

    func stop() { isOver = true }

    /// The times since the last call.
    func take() -> BenchTimes {
        defer { times = [] }
        return BenchTimes(times)
    }

    private func plan(_ number: Int) {
        let due = begin + Int64(number) * 1_000_000_000 / Int64(rate)
        loop.kernel.schedule(at: RunInstant(nanoseconds: due)) { [weak self] in
            guard let self, !isOver else { return }
            waiting.append((number, due))
            pump()
            plan(number + 1)
        }
    }

    private func pump() {
        while let (number, due) = waiting.first, let place = free.popLast() {
            waiting.removeFirst()
            clients[place].send(requests[number % requests.count]) { [weak self] answer in
                guard let self else { return }
                if answer?.status != 200 { errors += 1 }
                times.append(loop.now - due)
                free.append(place)
                pump()
            }
        }
    }
}
