import LabCore
import LoadGenerator

/// A load of a scenario that can be sent to two builds: plain requests to the cloud, and what its objectives ask of a comparison.
struct ComparedLoad {
    let id: String
    private let load: Step.Load
    private let scope: Scope
    /// Requests a second: the mean of the load's own rate line.
    private let rate: Double
    let comparisons: [PairedComparison]
    var slice: Duration

    /// - Parameters:
    ///   - slice: overrules what the objectives say.
    ///   - pairs: to begin with.
    ///   - isFixed: no pairs are added where these do not tell.
    /// - Returns: the loads of a plan that can be compared, and why the others cannot.
    static func all(of plan: Plan, slice: Duration?, pairs: Int?, isFixed: Bool) -> (loads: [ComparedLoad], left: [String]) {
        var (loads, left): ([ComparedLoad], [String]) = ([], [])
        for (number, load) in plan.steps.compactMap({ step in if case .load(let load) = step.action { load } else { nil } }).enumerated() {
            let id = load.id ?? "load \(number + 1)"
            guard load.target.name == "request" else {
                left.append("\(id): only loads of cloud.request go to two builds")
                continue
            }
            do { loads.append(try ComparedLoad(load, id: id, plan: plan, slice: slice, pairs: pairs, isFixed: isFixed)) } catch {
                left.append("\(id): \(error)")
            }
        }
        return (loads, left)
    }

    private init(_ load: Step.Load, id: String, plan: Plan, slice: Duration?, pairs: Int?, isFixed: Bool) throws {
        self.id = id
        self.load = load
        scope = Scope(plan.variables)
        let rates = load.rates
        rate =
            rates.count < 2
            ? rates.first ?? 0 : zip(rates, rates.dropFirst()).reduce(0) { $0 + ($1.0 + $1.1) / 2 } / Double(rates.count - 1)
        var baselines = plan.limits.filter { limit in
            limit.baseline?.against == .interleaved
                && limit.requirement.allClaims.contains { $0.measurement == id || $0.measurement.hasPrefix(id + ".") }
        }.compactMap { limit in limit.baseline.map { (limit.id, limit.location as SourceLocation?, $0, limit.harness.foreignCPU) } }
        if baselines.isEmpty {
            let standard = Limit.Baseline(
                location: SourceLocation(file: plan.file, line: 1, column: 1),
                metrics: [.percentile(50_000), .percentile(99_000), .cpuPerRequest], atLeast: 200_000)
            baselines = [(id, nil, standard, 0.1)]
        }
        comparisons = baselines.map { objective, location, baseline, foreign in
            var baseline = baseline
            if let pairs { (baseline.pairs, baseline.pairsMaximum) = (pairs, isFixed ? pairs : max(pairs, baseline.pairsMaximum)) }
            return PairedComparison(objective: objective, location: location, baseline: baseline, foreignLimit: foreign)
        }
        self.slice = slice ?? baselines.map(\.2.slice).max() ?? .seconds(3)
        // What cannot be sent is found before anything runs.
        for index in 0..<max(1, load.variants.count) { _ = try Self.fields(load, index, scope) }
    }

    /// - Throws: `Unsendable` for a caller that the other build does not know.
    private static func fields(_ load: Step.Load, _ index: Int, _ scope: Scope) throws -> Fields {
        var scope = scope
        scope.values["k"] = .integer(Int64(index))
        let fields = try load.arguments(of: index).resolved(in: scope).record ?? [:]
        let caller = fields["as"]?.text ?? "admin"
        guard caller == "admin" || caller == "nobody" else { throw Unsendable(caller: caller) }
        return fields
    }

    struct Unsendable: Error, CustomStringConvertible {
        var caller: String
        var description: String { "requests as '\(caller)' cannot be sent to another build: use admin or nobody" }
    }

    /// One slice on one build.
    ///
    /// - Parameter pair: its number; both builds have the same arrivals.
    func settings(for build: ServedBuild, pair: Int, seed: UInt64) throws -> LoadSettings {
        let (load, scope, token) = (load, scope, build.token)
        let request = LoadRequest(label: id) { index, bytes in
            let fields = (try? Self.fields(load, index, scope)) ?? [:]
            let body: [UInt8] = fields["body"].map { body in body.text.map { Array($0.utf8) } ?? JSONWriter.bytes(body) } ?? []
            bytes += "\(fields["method"]?.text ?? "GET") \(fields["path"]?.text ?? "/") HTTP/1.1\r\nhost: cloud.lab\r\n".utf8
            if fields["as"]?.text != "nobody" { bytes += "authorization: Bearer \(token)\r\n".utf8 }
            if !body.isEmpty { bytes += "content-type: application/json\r\n".utf8 }
            bytes += "content-length: \(body.count)\r\n\r\n".utf8
            bytes += body
        }
        var generator = SeededGenerator(seed: seed, purpose: "pair \(pair) of \(id)")
        let arrivals = ArrivalPlan.Arrivals.poisson(seed: generator.next())
        let plan = try ArrivalPlan(rates: [rate], over: slice, arrivals: arrivals)
        var settings = LoadSettings(host: "127.0.0.1", port: build.port, shape: .arrivals(plan), requests: [(request, 1)])
        settings.connections = 256
        settings.opened = 8
        settings.timeout = load.timeout
        settings.drain = load.timeout
        return settings
    }
}
