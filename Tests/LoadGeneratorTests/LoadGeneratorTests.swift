import Foundation
import LabCore
import LoadGenerator
import Synchronization
import Testing

/// Runs a load to its end and gives its rows by their numbers.
private func run(
    _ settings: LoadSettings, stopAfter: Int? = nil, end: @escaping @Sendable (LoadGenerator) -> Void = { $0.stop() }
) throws -> (rows: [LoadRow], outcome: LoadOutcome, labels: [String]) {
    final class Kept: Sendable {
        let rows = Mutex<[LoadRow]>([])
        let load = Mutex<LoadGenerator?>(nil)
    }
    let kept = Kept()
    let load = try LoadGenerator(settings) { new in
        let count = kept.rows.withLock { rows in
            rows += new
            return rows.count
        }
        if let stopAfter, count >= stopAfter { kept.load.withLock { if let load = $0 { end(load) } } }
    }
    kept.load.withLock { $0 = load }
    try load.start()
    let outcome = load.wait()
    kept.load.withLock { $0 = nil }
    return (kept.rows.withLock { $0.sorted { $0.index < $1.index } }, outcome, load.labels)
}

private func load(to port: UInt16, rate: Double, for duration: Duration, connections: Int = 4) throws -> LoadSettings {
    let request = try RequestTemplate("GET", "/items/${k}", label: "GET /items").compiled(host: "127.0.0.1", seed: 1)
    var settings = LoadSettings(
        host: "127.0.0.1", port: port, shape: .arrivals(try ArrivalPlan(rates: [rate], over: duration)), requests: [(request, 1)])
    settings.connections = connections
    settings.batch = 8
    return settings
}

private func percentile(_ values: [Int64], _ percent: Int) -> Int64 {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : sorted[max(1, (percent * sorted.count + 99) / 100) - 1]
}

@Suite("A load by a plan (SLA §1.1, §3.10)", .serialized)
struct LoadGeneratorTests {
    @Test("every planned item has exactly one row, planned where the plan says, with its times in order", arguments: [1, 2])
    func all(threads: Int) throws {
        let target = try NullTarget()
        defer { target.stop() }
        var settings = try load(to: target.port, rate: 1_000, for: .milliseconds(200))
        settings.threads = threads
        settings.opened = 4
        let (rows, outcome, labels) = try run(settings)
        #expect(rows.map(\.index) == Array(0..<200))
        #expect(rows.map(\.planned) == (0..<200).map { Int64($0) * 1_000_000 })
        for row in rows {
            #expect(row.outcome == .answered && row.status == 200)
            #expect(row.planned <= row.taken && row.taken <= row.written && row.written <= row.firstByte && row.firstByte <= row.answered)
        }
        #expect(labels == ["GET /items", "connect"])
        #expect(outcome.totals.planned == 200 && outcome.totals.sent == 200 && outcome.totals.answered == 200)
        #expect(outcome.harness.planKept == 1)
        #expect(outcome.totals.cpu > 0 && outcome.totals.connectionsOpened <= 4)
        #expect(target.served == 200)
    }

    @Test("its threads have no descriptor of the process's but the standard streams, and what takes the rows has all of them")
    func descriptors() throws {
        let target = try NullTarget()
        defer { target.stop() }
        // Far above what the tests open.
        let mark = fcntl(1, F_DUPFD_CLOEXEC, 900)
        defer { close(mark) }
        try #require(mark >= 900)
        let seen = Mutex<(sending: [Int32], taking: [Int32])>(([], []))
        var settings = try load(to: target.port, rate: 100, for: .milliseconds(50))
        settings.requests = [
            (
                LoadRequest(label: "GET /") { _, bytes in
                    seen.withLock { $0.sending.append(fcntl(mark, F_GETFD)) }
                    bytes += "GET / HTTP/1.1\r\nhost: target\r\n\r\n".utf8
                }, 1
            )
        ]
        let generator = try LoadGenerator(settings) { _ in seen.withLock { $0.taking.append(fcntl(mark, F_GETFD)) } }
        try generator.start()
        #expect(generator.wait().totals.answered == 5)
        let (sending, taking) = seen.withLock { $0 }
        // fcntl(2): -1 for what is not open.
        #expect(!sending.isEmpty && sending.allSatisfy { $0 == -1 })
        #expect(!taking.isEmpty && taking.allSatisfy { $0 == FD_CLOEXEC })
    }

    @Test("a load that is finished before its time waits for what is under way, and sends nothing more")
    func finished() throws {
        let server = ScriptedServer { client in
            while client.request() != nil {
                // So that there is always something under way.
                usleep(100_000)
                client.answer(ScriptedServer.good)
            }
        }
        defer { server.stop() }
        var settings = try load(to: server.port, rate: 100, for: .seconds(20), connections: 64)
        settings.batch = 1
        let (rows, outcome, _) = try run(settings, stopAfter: 5) { $0.finish() }
        #expect(outcome.totals.unanswered == 0 && outcome.totals.answered == outcome.totals.sent)
        #expect(outcome.totals.sent < 200 && outcome.totals.planned == 2_000)
        #expect(rows.map(\.index) == Array(0..<2_000))
        #expect(rows.drop { $0.outcome == .answered }.allSatisfy { $0.outcome == .unsent })
    }

    @Test("a target that freezes: items wait in the generator, their clocks run from the plan (SLA §3.3)")
    func frozen() throws {
        let began = Atomic<Int64>(0)
        let server = ScriptedServer { client in
            while client.request() != nil {
                // From 100 ms to 300 ms after the first request nobody is answered.
                _ = began.compareExchange(expected: 0, desired: MachineClock.monotonic, ordering: .relaxed)
                let time = MachineClock.monotonic - began.load(ordering: .relaxed)
                if (100_000_000..<300_000_000).contains(time) { usleep(UInt32((300_000_000 - time) / 1_000)) }
                client.answer(ScriptedServer.good)
            }
        }
        defer { server.stop() }
        let (rows, outcome, _) = try run(load(to: server.port, rate: 500, for: .milliseconds(400), connections: 2))
        #expect(rows.count == 200 && rows.allSatisfy { $0.outcome == .answered })
        // Planned over 400 ms, half of them while nobody answers: those wait 100 ms on average, the first nearly 200.
        #expect(percentile(rows.compactMap(\.response), 99) > 180_000_000)
        #expect(rows.filter { ($0.response ?? 0) > 50_000_000 }.count >= 65)
        // From the sending only the two that were under way saw it.
        #expect(rows.filter { ($0.service ?? 0) > 50_000_000 }.count <= 4)
        // The lab was not late: it turned to each item when it was due.
        #expect(outcome.totals.waited >= 80 && outcome.harness.planKept == 1)
    }

    @Test("answers that are read together with the next item have the time at which they came")
    func readLater() throws {
        let target = try NullTarget(holds: .milliseconds(5))
        defer { target.stop() }
        // Items are 40 ms apart; after the first sixteen each answer waits for the next item.
        let (rows, outcome, _) = try run(load(to: target.port, rate: 25, for: .milliseconds(1_600)))
        #expect(rows.count == 40 && outcome.totals.answered == 40)
        // Had it counted from the reading, each would have taken until the next item.
        let service = rows.suffix(20).compactMap(\.service)
        #expect(percentile(service, 50) >= 5_000_000 && percentile(service, 50) < 25_000_000)
    }

    @Test("answers in single bytes, in chunks, after 100, and without keep-alive are answers")
    func forms() throws {
        let server = ScriptedServer { client in
            guard client.request() != nil else { return }
            for byte in ScriptedServer.good { client.answer(String(byte)) }
            guard client.request() != nil else { return }
            client.answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
            guard client.request() != nil else { return }
            client.answer("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")
        }
        defer { server.stop() }
        let (rows, outcome, _) = try run(load(to: server.port, rate: 300, for: .milliseconds(200), connections: 1))
        #expect(rows.count == 60 && rows.allSatisfy { $0.outcome == .answered })
        // Three requests on each connection.
        #expect(outcome.totals.connectionsOpened == 20)
    }

    @Test("refusals, broken connections, answers that are none and silence are told apart")
    func outcomes() throws {
        let server = ScriptedServer { client in
            while let request = client.request() {
                switch Int(request.dropFirst("GET /items/".count).prefix { $0.isNumber }) ?? 0 {
                case 0: client.answer("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")
                case 1: return
                case 2: client.answer("what?\r\n\r\n")
                case 3: client.answer("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nhalf")
                default: client.answer(ScriptedServer.good)
                }
            }
        }
        defer { server.stop() }
        var settings = try load(to: server.port, rate: 50, for: .milliseconds(100), connections: 4)
        settings.timeout = .milliseconds(150)
        let (rows, outcome, _) = try run(settings)
        #expect(rows.map(\.outcome) == [.refused, .connectionLost, .connectionLost, .unanswered, .answered])
        #expect(rows.map(\.status) == [503, 0, 0, 0, 200])
        #expect(rows[0].response != nil && rows[1].response == nil && rows[3].response == nil)
        #expect(rows[3].firstByte > 0)
        let totals = outcome.totals
        #expect((totals.refused, totals.connectionLost, totals.unanswered, totals.answered, totals.unsent) == (1, 2, 1, 1, 0))
    }

    @Test("where nobody listens every item is lost, at once")
    func nobody() throws {
        let (rows, outcome, _) = try run(load(to: freePort(), rate: 200, for: .milliseconds(100)))
        #expect(rows.count == 20 && rows.allSatisfy { $0.outcome == .connectionLost })
        #expect(outcome.totals.sent == 0 && outcome.duration < 1_000_000_000)
    }

    @Test("what has no room in the queue is unsent, and the plan is not kept")
    func full() throws {
        let server = ScriptedServer { client in while client.request() != nil {} }
        defer { server.stop() }
        var settings = try load(to: server.port, rate: 1_000, for: .milliseconds(50), connections: 1)
        (settings.waiting, settings.timeout, settings.opened) = (10, .milliseconds(100), 1)
        let (rows, outcome, _) = try run(settings)
        #expect(rows.count == 50)
        // One under way, ten waiting.
        #expect(rows.filter { $0.outcome == .unsent }.count == 39)
        #expect(rows.filter { $0.outcome == .unanswered }.count == 11)
        #expect(abs(outcome.harness.planKept - 11.0 / 50) < 1e-9)
    }

    @Test("a load that is stopped says what it did not send")
    func stopped() throws {
        let target = try NullTarget()
        defer { target.stop() }
        let (rows, outcome, _) = try run(load(to: target.port, rate: 1_000, for: .seconds(60)), stopAfter: 20)
        #expect(rows.count == 60_000)
        #expect(rows.prefix(20).allSatisfy { $0.outcome == .answered } && rows.last?.outcome == .unsent)
        #expect(outcome.totals.unsent > 50_000 && outcome.duration < 5_000_000_000)
    }

    @Test("requests are held: so many are in flight at once, and the next one goes out as one is answered")
    func heldRequests() throws {
        let target = try NullTarget(holds: .milliseconds(150))
        defer { target.stop() }
        var settings = try load(to: target.port, rate: 1, for: .seconds(1))
        settings.shape = .heldRequests(.init(count: 200, rate: 5_000, duration: .milliseconds(400)))
        let (rows, outcome, _) = try run(settings)
        #expect(outcome.totals.mostInFlight == 200 && outcome.totals.connectionsOpened == 200)
        #expect(rows.allSatisfy { $0.outcome == .answered && ($0.response ?? 0) >= 150_000_000 })
        // Two or three rounds of 150 ms begin within 400 ms.
        #expect((400...600).contains(rows.count))
        #expect(rows.map(\.index) == Array(0..<rows.count))
    }

    @Test("connections are held: opened at their rate, and each says something at its own moments")
    func heldConnections() throws {
        let target = try NullTarget()
        defer { target.stop() }
        var settings = try load(to: target.port, rate: 1, for: .seconds(1))
        settings.shape = .heldConnections(.init(count: 100, rate: 1_000, duration: .milliseconds(500)), keepAlive: .milliseconds(150))
        let (rows, outcome, labels) = try run(settings)
        let opened = rows.filter { labels[Int($0.label)] == "connect" }
        #expect(opened.map(\.planned) == (0..<100).map { Int64($0) * 1_000_000 })
        #expect(opened.allSatisfy { $0.outcome == .answered } && outcome.totals.connectionsOpened == 100)
        // Connection k, opened at k ms, speaks at k + 150, k + 300 and, where k < 50, k + 450 ms.
        let spoken = rows.filter { labels[Int($0.label)] == "GET /items" }.map(\.planned).sorted()
        var expected: [Int64] = []
        for after in [150, 300, 450] { for k in 0..<100 where k + after < 500 { expected.append(Int64(k + after) * 1_000_000) } }
        #expect(spoken == expected)
    }

    @Test("held connections that are lost are opened again, and that is counted")
    func reopened() throws {
        let server = ScriptedServer { client in
            // The first five are dropped.
            if client.number < 5 { return }
            while client.request() != nil { client.answer(ScriptedServer.good) }
        }
        defer { server.stop() }
        var settings = try load(to: server.port, rate: 1, for: .seconds(1))
        settings.shape = .heldConnections(.init(count: 20, rate: 1_000, duration: .milliseconds(400)), keepAlive: nil)
        let (rows, outcome, _) = try run(settings)
        #expect(outcome.totals.connectionsOpened == 25 && outcome.totals.connectionsLost >= 5)
        #expect(rows.count == 25)
    }

    @Test("requests that cannot be held are tried again, and each of them is told of")
    func heldByNobody() throws {
        var settings = try load(to: freePort(), rate: 1, for: .seconds(1))
        settings.shape = .heldRequests(.init(count: 3, rate: 1_000, duration: .milliseconds(290)))
        let (rows, outcome, _) = try run(settings)
        // At once, after 100 ms and, if the machine is in time, after 200 ms.
        #expect((6...9).contains(rows.count) && rows.allSatisfy { $0.outcome == .connectionLost })
        #expect(outcome.totals.planned == rows.count)
    }

    @Test("settings that cannot be are refused before anything is sent")
    func refused() throws {
        var settings = try load(to: 1, rate: 1, for: .seconds(1))
        settings.threads = 0
        #expect(throws: LoadFailure.self) { try LoadGenerator(settings) { _ in } }
        settings.threads = 1
        settings.timeout = .zero
        #expect(throws: LoadFailure.self) { try LoadGenerator(settings) { _ in } }
        settings.timeout = .seconds(1)
        settings.requests = []
        #expect(throws: LoadFailure.self) { try LoadGenerator(settings) { _ in } }
        var nowhere = try load(to: 80, rate: 1, for: .seconds(1))
        nowhere.host = "no.such.host.invalid"
        #expect(throws: LoadFailure.self) { try LoadGenerator(nowhere) { _ in } }
    }

    @Test("a row becomes an item of the log")
    func item() {
        let row = LoadRow(index: 3, planned: 100, taken: 110, written: 120, firstByte: 150, answered: 160, status: 200, outcome: .answered)
        let item = row.item(origin: RunInstant(nanoseconds: 1_000), labels: [.init(name: "route", value: "/x")])
        #expect(
            (item.planned.nanoseconds, item[.made]?.nanoseconds, item[.sent]?.nanoseconds, item[.seen]?.nanoseconds) == (
                1_100, 1_110, 1_120, 1_160
            ))
        #expect(item.response == 60 && item.service == 40 && item.outcome == .good)
        let lost = LoadRow(index: 4, planned: 100, outcome: .connectionLost).item(origin: .start, labels: [])
        #expect(lost.outcome == .unanswered && lost[.sent] == nil && lost.response == nil)
    }
}
