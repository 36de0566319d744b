import Foundation
import LabCore
import LoadGenerator
import Simulation
import Statistics
import Synchronization

/// Sends a load of plain requests over sockets, from a generator with threads of its own, which does not wait for the cloud's thread.
///
/// `@unchecked Sendable`: its state is touched on the run's thread only; what the generator's threads give is posted there.
final class GeneratorRun: LoadWork, @unchecked Sendable {
    let id: String
    private let load: Step.Load
    private let setting: LoadRun.Setting
    private let target: RequestTarget
    private let settings: LoadSettings
    /// Of each kind of item.
    private let routes: [String]
    private var log: LoadLog
    /// Where the plan's 0 lies, in the run and on the monotonic clock.
    private let origin: RunInstant
    private let start: Int64
    private var generator: LoadGenerator?
    private var outcome: LoadOutcome?
    private var cpuBefore: Int64 = 0
    private var answered = 0
    private var isAbandoned = false
    /// What is planned from here on does not belong to the load any more.
    private var stopped: RunInstant?
    private var ended: CheckedContinuation<Void, Never>?

    /// Connections at most; each costs the system some memory only while it is used.
    private static let connections = 20_000
    /// Time for the generator to begin, ns.
    private static let lead: Int64 = 50_000_000
    /// How long the same plan is tried against a target that does nothing.
    private static let floorTime = Duration.seconds(3)

    private var world: any World { setting.world }
    var standing: String { log.standing }

    /// - Throws: `LoadFailure`, `ArrivalPlanError` for a plan that cannot be sent.
    init(_ load: Step.Load, id: String, setting: LoadRun.Setting, target: RequestTarget, step: String) throws {
        self.id = id
        self.load = load
        self.setting = setting
        self.target = target
        routes = (load.variants.isEmpty ? [load.arguments] : load.variants).map { $0.route ?? "/" }
        settings = try Self.settings(load, setting, target)
        start = MachineClock.monotonic + Self.lead
        origin = setting.world.instant.advanced(byNanoseconds: Int64(Double(Self.lead) * target.speed))
        log = LoadLog(load: id, plan: setting.plan, origin: origin, warmup: load.warmup, world: setting.world)
        log.began(load, step: step, end: origin.advanced(by: setting.plan.duration))
    }

    /// The plan in real time: the run's clock may go faster.
    private static func settings(_ load: Step.Load, _ setting: LoadRun.Setting, _ target: RequestTarget) throws -> LoadSettings {
        let plan = setting.plan
        let real = target.speed == 1 ? plan : try ArrivalPlan(
            rates: plan.rates.map { $0 * target.speed }, over: plan.duration / target.speed, arrivals: plan.arrivals, exactCount: plan.exactCount)
        var settings = LoadSettings(
            host: target.host, port: target.port, shape: .arrivals(real), requests: [(request(load, setting, target), 1)])
        settings.connections = connections
        settings.timeout = load.timeout / target.speed
        settings.drain = settings.timeout
        return settings
    }

    private static func request(_ load: Step.Load, _ setting: LoadRun.Setting, _ target: RequestTarget) -> LoadRequest {
        let (scope, number) = (setting.scope, setting.number)
        let headers = target.headers.map { kind in kind.map { "\($0.name): \($0.value)\r\n" }.joined() }
        return LoadRequest(label: load.id ?? "load") { index, bytes in
            var scope = scope
            scope.values["k"] = .integer(Int64(index))
            let fields = (try? load.arguments(of: index).resolved(in: scope))?.record ?? [:]
            let body: [UInt8] = fields["body"].map { body in body.text.map { Array($0.utf8) } ?? JSONWriter.bytes(body) } ?? []
            bytes += "\(fields["method"]?.text ?? "GET") \(fields["path"]?.text ?? "/") HTTP/1.1\r\n\(headers[index % headers.count])".utf8
            bytes += "x-request-id: \(LoadTracer.requestName(number, index))\r\ncontent-length: \(body.count)\r\n\r\n".utf8
            bytes += body
        }
    }

    func begin() throws {
        let generator = try LoadGenerator(settings) { [weak self, post = target.post] rows in post { self?.take(rows) } }
        self.generator = generator
        cpuBefore = MachineClock.processCPU
        try generator.start(at: start)
        // Rows were posted before the end is, so they come before it.
        Thread.detachNewThread { [weak self, post = target.post] in
            let outcome = generator.wait()
            post { self?.over(outcome) }
        }
    }

    private func take(_ rows: [LoadRow]) {
        for row in rows {
            var item = row.scaled(by: target.speed).item(origin: origin, labels: labels(of: row))
            if row.outcome == .unsent, let stopped, item.planned >= stopped { continue }
            if item.isAnswered { answered += 1 }
            if let good = load.good, item.isAnswered {
                item.outcome = good.holds(for: ["status": .integer(Int64(row.status))]) ? .good : .refused
            }
            complete(&item)
            log.append(item)
        }
    }

    private func labels(of row: LoadRow) -> [Requirement.Label] {
        var labels = [Requirement.Label(name: "route", value: routes[row.index % routes.count])]
        if row.status > 0 { labels.append(Requirement.Label(name: "status", value: String(row.status))) }
        switch row.outcome {
        case .unanswered: labels.append(Requirement.Label(name: "reason", value: "timeout"))
        case .connectionLost: labels.append(Requirement.Label(name: "reason", value: "connection_lost"))
        case .unsent: labels.append(Requirement.Label(name: "reason", value: "not_sent"))
        case .answered, .refused: break
        }
        return labels
    }

    /// The cloud's side of the way, which the generator does not see. Its clock is read on other threads: a place is never before the one
    /// that leads to it.
    private func complete(_ item: inout LoadItem) {
        guard let marks = target.marks(setting.number, item.index) else {
            item.hasArrived = item.isAnswered
            return
        }
        item.hasArrived = true
        for place in [LoadPlace.accepted, .received, .handled, .committed, .answered] { item[place] = marks[place] }
        var last = item.planned
        for place in LoadPlace.allCases where place != .planned {
            guard let moment = item[place] else { continue }
            item[place] = place == .seen ? moment : min(max(moment, last), item[.seen] ?? .distantFuture)
            last = max(last, moment)
        }
    }

    private func over(_ outcome: LoadOutcome) {
        self.outcome = outcome
        stopped = stopped ?? world.instant
        ended?.resume()
        ended = nil
    }

    func finish() async {
        if outcome == nil, !isAbandoned { await withCheckedContinuation { ended = $0 } }
        world.forget(load: setting.number)
        guard let outcome else { return log.end(at: stopped, harness: nil) }
        let spent = MachineClock.processCPU - cpuBefore
        let count = Double(max(1, answered))
        log.end(at: stopped, harness: outcome.harness, cost: (Double(spent - outcome.totals.cpu) / count, outcome.totals.cpuPerItem))
    }

    func measureFloor() async {
        if !isAbandoned, let floor = await floor() { log.note(floor: floor) }
    }

    func stop() {
        stopped = stopped ?? world.instant
        generator?.finish()
    }

    func abandon() {
        isAbandoned = true
        stop()
        generator?.stop()
        ended?.resume()
        ended = nil
    }

    /// The same plan against a target that does nothing; `nil` where it cannot be had.
    private func floor() async -> LoadReport.Spectrum? {
        guard let null = try? NullTarget() else { return nil }
        var settings = self.settings
        settings.host = "127.0.0.1"
        settings.port = null.port
        let plan = setting.plan
        let time = min(plan.duration / target.speed, Self.floorTime)
        let rate = plan.expectedCount / (Double(plan.duration.nanoseconds) / 1e9) * target.speed
        guard let short = try? ArrivalPlan(rates: [max(rate, 1)], over: time, arrivals: plan.arrivals) else { return nil }
        settings.shape = .arrivals(short)
        let times = Mutex<[Int64]>([])
        guard let generator = try? LoadGenerator(settings, rows: { rows in times.withLock { $0 += rows.compactMap(\.response) } }),
            (try? generator.start()) != nil
        else { return nil }
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [post = target.post] in
                _ = generator.wait()
                null.stop()
                post { continuation.resume() }
            }
        }
        let sorted = times.withLock { $0.sorted() }
        guard !sorted.isEmpty else { return nil }
        let points = LoadFloor.percentiles.map { thousandths in
            let rank = NearestRank.rank(thousandths: thousandths, count: sorted.count)
            return LoadReport.Spectrum.Point(thousandths: thousandths, value: sorted[rank - 1])
        }
        return LoadReport.Spectrum(samples: sorted.count, points: points)
    }
}

extension LoadRow {
    /// In the time of a run whose clock goes faster.
    fileprivate func scaled(by speed: Double) -> LoadRow {
        guard speed != 1 else { return self }
        var row = self
        func scaled(_ time: Int64) -> Int64 { time < 0 ? time : Int64(Double(time) * speed) }
        row.planned = scaled(planned)
        row.taken = scaled(taken)
        row.written = scaled(written)
        row.firstByte = scaled(firstByte)
        row.answered = scaled(answered)
        return row
    }
}
