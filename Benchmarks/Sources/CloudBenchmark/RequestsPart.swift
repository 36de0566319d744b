import BenchTable
import Foundation
import LabCore
import Simulation

/// Ten thousand requests that are open at the same time (charging-orders.md F59): every one is answered, each order is there once
/// though it is asked for twice, and what another rider asks meanwhile is answered as well.
final class RequestsPart {
    private static let riders = 5_000
    private let server: ServedProcess
    private let loop: LoadLoop
    private var clients: [HTTPClient] = []
    private var piles: [PlainPile] = []
    private var tokens: [String] = []

    init() throws {
        server = try ServedProcess()
        loop = try LoadLoop()
    }

    func run() throws {
        defer { server.end() }
        try prepare()
        let wave = try burst("orders are answered") { [self] place in
            let rider = place % Self.riders
            return HTTPClient.bytes(
                "POST", "/api/v1/charging/orders", token: tokens[rider],
                headers: [HTTPCall.Header("idempotency-key", "order-once-\(rider)")],
                body: ["pile": .text(PlainPile.id(rider / 2)), "port": .integer(Int64(rider % 2 + 1)), "minutes": 60])
        }
        let made = try server.ask("orders", [:])["count"]?.integer ?? -1
        let isWhole = wave.errors.isEmpty && made == Int64(Self.riders) && wave.isConcurrent
        if !isWhole { print("requests: \(made) orders, errors by status \(wave.errors), all open at once: \(wave.isConcurrent)") }
        BenchRow(
            "10,000 concurrent requests for 5,000 orders (F59)", "\(wave.errors.values.reduce(0, +)) errors, \(made) orders", target: "no error, none twice",
            isMet: isWhole
        ).show()
        BenchRow("  all 10,000 at once: time to the answer", wave.times.text).show()
        BenchRow("  another rider's requests meanwhile, every 50 ms", wave.probes.text).show()
        let read = try burst("reads are answered") { [self] place in
            HTTPClient.bytes("GET", "/api/v1/charging/orders", token: tokens[place % Self.riders])
        }
        BenchRow(
            "10,000 concurrent reads of riders' orders", "\(read.errors.values.reduce(0, +)) errors, \(read.times.text)", target: "no error",
            isMet: read.errors.isEmpty
        ).show()
    }

    private func prepare() throws {
        try server.perform("pile.provision", ["prefix": "04", "from": 0, "count": .integer(Int64(Self.riders / 2)), "ports": 2])
        tokens = try server.riders(Self.riders + 1)
        var online = 0
        for number in 0..<Self.riders / 2 {
            let pile = PlainPile(loop, number: number)
            pile.chargeTime = .seconds(3_600)
            pile.onLogin = { online += 1 }
            pile.connect(port: server.pilePort)
            piles.append(pile)
        }
        try loop.run("all piles are online", within: .seconds(60)) { online == Self.riders / 2 }
        clients = (0..<Self.riders * 2).map { _ in HTTPClient(loop, port: server.httpPort) }
        // As many at a time as the listening port holds back.
        var next = 0
        for client in clients {
            client.onConnected = { [unowned self] in
                if next < clients.count {
                    next += 1
                    clients[next - 1].connect()
                }
            }
        }
        next = 500
        for client in clients.prefix(next) { client.connect() }
        try loop.run("all clients are connected", within: .seconds(60)) { [self] in clients.allSatisfy(\.isOpen) }
    }

    private struct Wave {
        var times: BenchTimes
        var errors: [Int: Int]
        var probes: BenchTimes
        /// No answer came before the last request was sent.
        var isConcurrent: Bool
    }

    private func burst(_ what: String, _ request: (Int) -> [UInt8]) throws -> Wave {
        let requests = clients.indices.map(request)
        var times: [Int64] = []
        var errors: [Int: Int] = [:]
        var probes: [Int64] = []
        let probe = HTTPClient(loop, port: server.httpPort)
        let question = HTTPClient.bytes("GET", "/api/v1/charging/wallet", token: tokens[Self.riders])
        var isOver = false
        // Each is due at its own instant; one that cannot be sent in time because the one before it is open counts from there.
        var due: [Int64] = []
        func ask() {
            guard !probe.isBusy, let planned = due.first else { return }
            due.removeFirst()
            probe.send(question) { [unowned self] answer in
                if answer?.status != 200 { errors[answer?.status ?? 0, default: 0] += 1 }
                probes.append(loop.now - planned)
                ask()
            }
        }
        func tick(_ at: RunInstant) {
            guard !isOver else { return }
            due.append(at.nanoseconds)
            ask()
            let next = at.advanced(by: .milliseconds(50))
            loop.kernel.schedule(at: next) { tick(next) }
        }
        var done = 0
        let begin = loop.now
        for (client, bytes) in zip(clients, requests) {
            client.send(bytes) { [unowned self] answer in
                done += 1
                times.append(loop.now - begin)
                if ![200, 201].contains(answer?.status ?? 0) { errors[answer?.status ?? 0, default: 0] += 1 }
            }
        }
        // Answers are read by the loop, which has not run since.
        let isConcurrent = done == 0
        tick(RunInstant(nanoseconds: loop.now))
        try loop.run(what, within: .seconds(120)) { [self] in done == clients.count }
        isOver = true
        try loop.run("the probe is answered", within: .seconds(30)) { !probe.isBusy }
        return Wave(times: BenchTimes(times), errors: errors, probes: BenchTimes(probes), isConcurrent: isConcurrent)
    }
}
