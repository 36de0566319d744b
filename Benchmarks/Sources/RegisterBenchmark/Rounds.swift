import BenchTable
import Foundation
import LabCore
import LoadGenerator
import Statistics
import Synchronization

/// One load on one peer.
struct Round {
    /// ms, from the plan.
    var p50: Double
    var p99: Double
    /// Processor time of the peer for each registration, µs.
    var cost: Double
    var rate: Double

    /// Requests at a fixed rate, whatever the answers do.
    static func open(_ peer: any Peer, rate: Double, seconds: Double, from first: Int) throws -> Round {
        let plan = try ArrivalPlan(
            rates: [rate], over: .nanoseconds(Int64(seconds * 1e9)), arrivals: .poisson(seed: 7), exactCount: Int(rate * seconds))
        return try run(peer, .arrivals(plan), connections: 16, from: first, count: plan.count)
    }

    /// So many requests under way all the time.
    static func saturated(_ peer: any Peer, connections: Int, seconds: Double, from first: Int, to end: Int) throws -> Round {
        let held = LoadSettings.Held(count: connections, rate: 1_000, duration: .nanoseconds(Int64(seconds * 1e9)))
        return try run(peer, .heldRequests(held), connections: connections, from: first, count: end - first)
    }

    private static func run(_ peer: any Peer, _ shape: LoadSettings.Shape, connections: Int, from first: Int, count: Int) throws -> Round {
        // Signed before the load: the generator's time is not the signer's.
        let requests = (0..<count).map { Factory.registration(first + $0) }
        let request = LoadRequest(label: "POST /api/v1/devices/register") { index, bytes in bytes += requests[min(index, count - 1)] }
        var settings = LoadSettings(host: "127.0.0.1", port: peer.port, shape: shape, requests: [(request, 1)])
        settings.connections = connections
        settings.opened = connections
        let times = Mutex(LatencyHistogram())
        let load = try LoadGenerator(settings, processes: [peer.process.processIdentifier]) { rows in
            times.withLock { times in for row in rows { times.record(row.response ?? .max) } }
        }
        try load.start()
        let outcome = load.wait()
        let totals = outcome.totals
        guard totals.answered == totals.planned, totals.answered > 0, let cpu = outcome.targetCPU else {
            throw Problem("\(peer.name): not every registration was accepted: \(totals)")
        }
        let histogram = times.withLock { $0 }
        func time(_ percent: Int) -> Double { Double(histogram.percentile(thousandths: percent) ?? 0) / 1e6 }
        return Round(
            p50: time(50_000), p99: time(99_000), cost: Double(cpu) / Double(totals.answered) / 1_000,
            rate: Double(totals.answered) / (Double(outcome.duration) / 1e9))
    }
}
