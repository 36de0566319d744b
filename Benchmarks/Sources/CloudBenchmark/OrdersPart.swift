import BenchTable
import Foundation
import LabCore
import Simulation

/// Orders from end to end: the rider's request over HTTP, the start at the pile over TCP, the pile's bill and its acknowledgement,
/// each durable before it is answered. The load is open: each order is due at its own instant, and its time counts from there.
final class OrdersPart {
    private static let piles = 2_000
    private let rate: Int
    private let seconds: Int
    private let server: ServedProcess
    private let loop: LoadLoop
    private var desks: [Desk] = []
    private var clients: [HTTPClient] = []
    private var free: [Int] = []
    private var freeClients: [Int] = []
    private var queue: [(number: Int, due: Int64)] = []
    private var first = 0

    private var answered: [Int64] = []
    private var startTimes: [Int64] = []
    private var billTimes: [Int64] = []
    private var refused: [Int: Int] = [:]
    private var settled = 0
    private var firstDue: Int64 = 0
    private var lastSettled: Int64 = 0

    /// A rider with a pile.
    private struct Desk {
        var pile: PlainPile
        var token: String
        var due: Int64 = 0
        var count = 0
    }

    init(rate: Int, seconds: Int) throws {
        self.rate = rate
        self.seconds = seconds
        server = try ServedProcess()
        loop = try LoadLoop()
    }

    func run() throws {
        defer { server.end() }
        try prepare()
        let total = rate * seconds
        let cpu = server.processorTime
        firstDue = loop.now + 50_000_000
        for number in 0..<total { schedule(number) }
        try loop.run("all orders are settled", within: .seconds(seconds + 60)) { [self] in settled + refused.values.reduce(0, +) >= total }
        let used = server.processorTime - cpu
        try report(total: total, processorTime: used)
    }

    private func prepare() throws {
        try server.perform("pile.provision", ["prefix": "04", "from": 0, "count": .integer(Int64(Self.piles)), "ports": 2])
        let tokens = try server.riders(Self.piles)
        var online = 0
        for number in 0..<Self.piles {
            let pile = PlainPile(loop, number: number)
            pile.onLogin = { online += 1 }
            desks.append(Desk(pile: pile, token: tokens[number]))
            pile.onStart = { [unowned self] in startTimes.append(loop.now - desks[number].due) }
            pile.onSettled = { [unowned self] in settle(number, sentAt: $0) }
            pile.connect(port: server.pilePort)
        }
        try loop.run("all piles are online", within: .seconds(30)) { online == Self.piles }
        clients = (0..<128).map { _ in HTTPClient(loop, port: server.httpPort) }
        for client in clients { client.connect() }
        try loop.run("all clients are connected", within: .seconds(10)) { [self] in clients.allSatisfy(\.isOpen) }
        free = Array(0..<Self.piles)
        freeClients = Array(clients.indices)
        // What comes first pays for caches.
        let warm = 500
        firstDue = loop.now
        for number in 0..<warm { queue.append((-1 - number, firstDue)) }
        pump()
        try loop.run("the first orders are settled", within: .seconds(30)) { [self] in settled == warm }
        (answered, startTimes, billTimes, settled) = ([], [], [], 0)
    }

    private func schedule(_ number: Int) {
        let due = firstDue + Int64(number) * 1_000_000_000 / Int64(rate)
        loop.kernel.schedule(at: RunInstant(nanoseconds: due)) { [unowned self] in
            queue.append((number, due))
            pump()
        }
    }

    private func pump() {
        while first < queue.count, let place = freeClients.last, free.count > 0 {
            freeClients.removeLast()
            let (number, due) = queue[first]
            first += 1
            // The pile that has rested longest: a gateway paces what it tells one device.
            let desk = free.removeFirst()
            order(number, due, desk, place)
        }
    }

    private func order(_ number: Int, _ due: Int64, _ desk: Int, _ place: Int) {
        desks[desk].due = due
        desks[desk].count += 1
        let body: Fields = ["pile": .text(desks[desk].pile.id), "port": 1, "minutes": 60]
        let bytes = HTTPClient.bytes(
            "POST", "/api/v1/charging/orders", token: desks[desk].token,
            headers: [HTTPCall.Header("idempotency-key", "order-\(desk)-\(desks[desk].count)")], body: body)
        clients[place].send(bytes) { [unowned self] answer in
            freeClients.append(place)
            if answer?.status == 201 {
                answered.append(loop.now - due)
            } else {
                refused[answer?.status ?? 0, default: 0] += 1
                if refused.count == 1, let answer { print(String(decoding: answer.body.prefix(300), as: UTF8.self)) }
                free.append(desk)
            }
            pump()
        }
    }

    private func settle(_ desk: Int, sentAt: Int64) {
        let now = loop.now
        billTimes.append(now - sentAt)
        settled += 1
        lastSettled = now
        free.append(desk)
        pump()
    }

    private func report(total: Int, processorTime: UInt64) throws {
        let answers = BenchTimes(answered), starts = BenchTimes(startTimes), bills = BenchTimes(billTimes)
        let perSecond = Double(settled) / (Double(lastSettled - firstDue) * 1e-9 - 0.3)
        let count = try server.ask("invariants", [:])["violations"]?.integer ?? -1
        let isWhole = settled == total && refused.isEmpty && count == 0
        if !isWhole { print("orders: \(settled) of \(total) settled, refused by status \(refused), \(count) violations") }
        BenchRow(
            "orders, end to end, fsync, both processes on 2 cores", "\(Int(perSecond.rounded())) /s, all settled: \(isWhole)", target: "≥ 1000 /s",
            isMet: perSecond >= 1000 && isWhole
        ).show()
        BenchRow("  request to durable answer, from its planned time", answers.text, target: "p99 < 50 ms", isMet: answers.percentile(990) < 50_000_000).show()
        BenchRow("  request to the start at the pile", starts.text).show()
        BenchRow("  bill to its durable acknowledgement", bills.text, target: "p99 < 50 ms", isMet: bills.percentile(990) < 50_000_000).show()
        BenchRow("  the cloud's CPU for an order", "\(BenchRow.text(Double(processorTime) * 1e-3 / Double(max(1, settled)), digits: 0)) µs").show()
    }
}
