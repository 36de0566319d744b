import BenchTable
import Foundation
import LabCore
import LoadGenerator
import Statistics
import Synchronization

/// A load that ran, with its times from the plan and from the sending.
struct Measured {
    var outcome: LoadOutcome
    var response: LatencyHistogram
    var service: LatencyHistogram

    func p99(_ histogram: KeyPath<Measured, LatencyHistogram>) -> Double {
        Double(self[keyPath: histogram].percentile(thousandths: 99_000) ?? 0) / 1_000
    }
    func p50(_ histogram: KeyPath<Measured, LatencyHistogram>) -> Double {
        Double(self[keyPath: histogram].percentile(thousandths: 50_000) ?? 0) / 1_000
    }
}

func request() throws -> LoadRequest { try RequestTemplate("GET", "/").compiled(host: "127.0.0.1", seed: 1) }

/// - Throws: where something was not answered.
func measure(_ settings: LoadSettings, processes: [Int32] = []) throws -> Measured {
    let times = Mutex((LatencyHistogram(), LatencyHistogram()))
    let load = try LoadGenerator(settings, processes: processes) { rows in
        times.withLock { times in
            for row in rows {
                if let response = row.response { times.0.record(response) }
                if let service = row.service { times.1.record(service) }
            }
        }
    }
    try load.start()
    let outcome = load.wait()
    guard outcome.totals.answered == outcome.totals.planned, outcome.totals.answered > 0 else {
        throw Problem("not all was answered: \(outcome.totals)")
    }
    let (response, service) = times.withLock { $0 }
    return Measured(outcome: outcome, response: response, service: service)
}

func settings(_ target: Target, rate: Double, seconds: Double, connections: Int) throws -> LoadSettings {
    let plan = try ArrivalPlan(rates: [rate], over: .nanoseconds(Int64(seconds * 1e9)))
    var settings = LoadSettings(host: "127.0.0.1", port: target.port, shape: .arrivals(plan), requests: [(try request(), 1)])
    settings.connections = connections
    settings.opened = connections
    return settings
}

/// A target that answers after 5 ms, and one that answers at once.
func measureHealthy(rounds: Int, seconds: Double, rate: Double) throws -> Bool {
    let wrk = try WRK(rate: rate)
    defer { wrk.remove() }
    var hasReached = true
    print("p99 in µs at \(Int(rate))/s, \(rounds) rounds in turns; 'planned' counts from the plan, 'sent' from the sending, as wrk does")
    print(
        left("", 30), right("planned", 9), right("sent", 9), right("wrk", 9), right("wrk's rate", 11), right("planned/wrk", 12),
        right("sent/wrk", 9))
    for (name, holds, connections) in [("answers after 5 ms", Int64(5_000_000), 16), ("answers at once", 0, 4)] {
        let target = try Target(holds: holds)
        var lines: [(planned: Double, sent: Double, wrk: Double, rate: Double)] = []
        for round in 0..<rounds {
            var (ours, theirs): (Measured?, WRK.Outcome?) = (nil, nil)
            for turn in 0..<2 {
                if (round + turn) % 2 == 0 {
                    ours = try measure(settings(target, rate: rate, seconds: seconds, connections: connections))
                } else {
                    theirs = try wrk.run(port: target.port, connections: connections, seconds: seconds)
                }
            }
            if let ours, let theirs { lines.append((ours.p99(\.response), ours.p99(\.service), theirs.p99, theirs.rate)) }
        }
        let (planned, sent) = (median(lines.map { $0.planned / $0.wrk }), median(lines.map { $0.sent / $0.wrk }))
        print(
            left(name, 30), right(figure(median(lines.map(\.planned)), 0), 9), right(figure(median(lines.map(\.sent)), 0), 9),
            right(figure(median(lines.map(\.wrk)), 0), 9), right(figure(median(lines.map(\.rate)), 1), 11), right(figure(planned, 3), 12),
            right(figure(sent, 3), 9))
        // The time of an answer is the system's note of its arrival; wrk's is when it wakes and reads it, which is most of the figure of a target that
        // takes no time.
        if holds > 0, abs(planned - 1) > 0.15 { hasReached = false }
    }
    print("target: within 15 % of wrk, from the plan, where the target takes its time; where it takes none, wrk measures its own waking")
    return hasReached
}

/// A target that is stopped for a second: what a client that waits for answers does not see.
///
/// wrk 4 does not see it either, and corrects its percentiles afterwards: for each answer that took longer than its mean interval it adds
/// those that it would have sent meanwhile. That is right for a plan as even as this one, and needs no clock from the plan.
func measureFrozen(rounds: Int, rate: Double) throws -> Bool {
    let (seconds, connections) = (7.0, 4)
    let wrk = try WRK(rate: rate)
    defer { wrk.remove() }
    // 1 % of the items of 7 s wait longer than 930 ms of the second.
    let expected = 1_000 * (1 - 0.01 * seconds)
    var lines: [(planned: Double, sent: Double, wrk: Double, worst: Double)] = []
    for _ in 0..<rounds {
        let target = try Target(holds: 0)
        target.freeze(after: 3, for: 1)
        let ours = try measure(settings(target, rate: rate, seconds: seconds, connections: connections))
        target.freeze(after: 3, for: 1)
        let theirs = try wrk.run(port: target.port, connections: connections, seconds: seconds)
        lines.append((ours.p99(\.response) / 1_000, ours.p99(\.service) / 1_000, theirs.p99 / 1_000, theirs.worst / 1_000))
    }
    let planned = median(lines.map(\.planned))
    print(
        "a target frozen for 1 s of \(Int(seconds)) s, \(Int(rate))/s on \(connections) connections, p99 in ms (the plan demands \(Int(expected)))"
    )
    print(
        left("", 30), right("planned", 9), right(figure(planned, 0), 9), "  sent", figure(median(lines.map(\.sent)), 2),
        "  wrk, corrected afterwards",
        figure(median(lines.map(\.wrk)), 2), "  wrk's worst", figure(median(lines.map(\.worst)), 0))
    return abs(planned - expected) <= 20
}

/// Processor time of the generator for each request.
func measureCost(seconds: Double) throws -> Bool {
    let target = try Target(holds: 0)
    var hasReached = true
    print("processor time of the generator for each request (target: 15 µs at most at the highest rate), beside wrk's at the same rate")
    let rates = [1_000.0, 5_000, 10_000, 20_000, 40_000]
    for rate in rates {
        let wrk = try WRK(rate: rate)
        defer { wrk.remove() }
        let theirs = try wrk.run(port: target.port, connections: 16, seconds: seconds)
        let measured = try measure(settings(target, rate: rate, seconds: seconds, connections: 16), processes: [target.pid])
        let cost = measured.outcome.totals.cpuPerItem / 1_000
        // At lower rates a wake of the thread, which is the kernel's, is paid by a few requests or by one.
        if rate == rates.last, cost > 15 { hasReached = false }
        print(
            left("\(Int(rate))/s", 12), right(figure(cost, 1), 6), "µs   wrk", right(figure(theirs.cost, 1), 6),
            "µs at \(Int(theirs.rate))/s  ", measured.outcome.harness.text)
    }
    return hasReached
}

/// Many requests in flight on one thread.
func measureHeld(count: Int) throws -> Bool {
    let target = try Target(holds: 2_000_000_000)
    var settings = LoadSettings(
        host: "127.0.0.1", port: target.port, shape: .heldRequests(.init(count: count, rate: 5_000, duration: .seconds(10))),
        requests: [(try request(), 1)])
    settings.seed = 1
    let measured = try measure(settings, processes: [target.pid])
    let totals = measured.outcome.totals
    print(
        "\(count) requests held for 2 s each, on one thread: \(totals.mostInFlight) in flight, \(totals.answered) answered, none lost, "
            + "p99 \(figure(measured.p99(\.response) / 1_000, 1)) ms, \(figure(totals.cpuPerItem / 1_000, 1)) µs a request, peak memory \(peakMemory() >> 20) MB"
    )
    return totals.mostInFlight >= count
}

/// Many samples in bounded memory.
func measureSoak(samples: Int) throws -> Bool {
    let target = try Target(holds: 0)
    let rate = number("--soak-rate", 20_000)
    let measured = try measure(settings(target, rate: rate, seconds: Double(samples) / rate, connections: 16), processes: [target.pid])
    let memory = peakMemory()
    print(
        "\(measured.response.count) samples at \(Int(rate))/s: peak memory of the whole process \(memory >> 20) MB (target: 300 MB), "
            + "p99 \(figure(measured.p99(\.response), 0)) µs, \(figure(measured.outcome.totals.cpuPerItem / 1_000, 1)) µs a request")
    return measured.response.count >= samples && memory < 300 << 20
}

/// Peak of this process's resident memory, bytes.
func peakMemory() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10
}
