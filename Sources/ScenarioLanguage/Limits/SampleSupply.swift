import LabCore

/// The samples that loads, probes and gauges of a plan give under one name.
struct SampleSupply {
    private enum Source {
        /// The load's plans: one for each time that it comes by in a loop.
        case loads([(load: Step.Load, plan: ArrivalPlan)])
        /// Every so often in at most this time.
        case regular(every: Duration, time: Duration, isProbe: Bool)
    }

    private let name: String
    private let source: Source

    /// - Returns: `nil` for what only the run can count.
    init?(_ name: String, in plan: Plan) {
        self.name = name
        switch plan.metrics.first(where: { $0.name == name })?.source {
        case .gauge(let gauge)?:
            guard let time = plan.longestTimeOfSteps else { return nil }
            source = .regular(every: gauge.every, time: time, isProbe: false)
        case .probe(let load)?:
            guard let time = plan.longestTimeOfSteps, let rate = load.rates.first, rate > 0 else { return nil }
            source = .regular(every: .nanoseconds(Int64((1e9 / rate).rounded())), time: time, isProbe: true)
        case .latency?: return nil
        case nil:
            let loads = plan.measuredSteps.compactMap { step -> (Step.Load, ArrivalPlan)? in
                guard case .load(let load) = step.action, load.id == name else { return nil }
                return (try? load.arrivalPlan(over: load.duration.knownTime ?? .zero, seed: 0)).map { (load, $0) }
            }
            guard !loads.isEmpty else { return nil }
            source = .loads(loads)
        }
    }

    var isLoad: Bool { if case .loads = source { true } else { false } }

    var text: String {
        switch source {
        case .loads: "load '\(name)'"
        case .regular(_, _, let isProbe): isProbe ? "probe '\(name)'" : "gauge '\(name)'"
        }
    }

    /// What a longer one is written as.
    var lengthWord: String { isLoad ? "'for'" : "the steps" }

    /// The time in which it is measured: of one load without its warm-up, the longest of several.
    var measured: Duration {
        switch source {
        case .loads(let loads): loads.map { $0.plan.duration - $0.load.warmup }.max() ?? .zero
        case .regular(_, let time, _): time
        }
    }

    /// The samples of all of it; the mean for Poisson arrivals.
    var total: Double {
        switch source {
        case .loads(let loads): loads.reduce(0) { $0 + $1.plan.expectedCount(before: $1.plan.duration) - $1.plan.expectedCount(before: $1.load.warmup) }
        case .regular(let every, let time, _): Double((time.nanoseconds + every.nanoseconds - 1) / every.nanoseconds)
        }
    }

    /// Whether so many are planned, no more and no fewer.
    var isExact: Bool {
        guard case .loads(let loads) = source else { return false }
        return loads.allSatisfy { $0.load.arrivals == .even || ($0.load.count != nil && $0.load.warmup == .zero) }
    }

    /// The samples that each whole window has at least; `nil` for more windows than anybody could look at.
    func counts(in length: Duration) -> [Double]? {
        switch source {
        case .loads(let loads):
            var counts: [Double] = []
            for (load, plan) in loads {
                guard let more = try? plan.windowCounts(length: length, from: load.warmup) else { return nil }
                counts += more
                guard counts.count <= ArrivalPlan.largestWindowCount else { return nil }
            }
            return counts
        case .regular(let every, let time, _):
            let windows = Int(time.nanoseconds / length.nanoseconds)
            guard windows <= ArrivalPlan.largestWindowCount else { return nil }
            return Array(repeating: Double(length.nanoseconds / every.nanoseconds), count: windows)
        }
    }

    // MARK: advice

    func advice(for needed: Int) -> String {
        switch source {
        case .loads(let loads):
            if loads.count == 1, let load = loads.first?.load, load.count != nil { return "count: \(needed) would do" }
            let rate = total / max(seconds(measured), 1e-9)
            let warmup = loads.first?.load.warmup ?? .zero
            let time = rate > 0 ? "for: \(Self.seconds(Double(needed) / rate + seconds(warmup))) at this rate, or " : ""
            return "\(time)a mean rate of \(Self.rate(Double(needed) / seconds(measured))), would do"
        case .regular(let every, let time, _):
            let needed = Double(max(needed, 1))
            return "every: \(Self.period(seconds(time) / needed)), or steps of \(Self.seconds(seconds(every) * needed)), would do"
        }
    }

    func advice(for needed: Int, in length: Duration) -> String {
        switch source {
        case .loads: return "\(Self.rate(Double(needed) / seconds(length))) in every window would do"
        case .regular: return "every: \(Self.period(seconds(length) / Double(max(needed, 1)))) would do"
        }
    }

    private func seconds(_ duration: Duration) -> Double { Double(duration.nanoseconds) / 1e9 }

    private static func seconds(_ value: Double) -> String {
        DurationText.format(nanoseconds: Int64(exactly: (value - 1e-9).rounded(.up)).map { max($0, 1) * 1_000_000_000 } ?? .max)
    }

    private static func rate(_ value: Double) -> String {
        let rounded = value >= 10 ? (value - 1e-9).rounded(.up) : ((value - 1e-9) * 100).rounded(.up) / 100
        return "\(FigureText.number(rounded))/s"
    }

    /// Rounded down to whole milliseconds, so that it is enough.
    private static func period(_ value: Double) -> String {
        DurationText.format(nanoseconds: max(1, Int64(value * 1_000)) * 1_000_000)
    }
}

extension Plan {
    /// The most that the steps can take as they are written, where loads are answered; `nil` where a time is known only in the run.
    var longestTimeOfSteps: Duration? {
        var sum = Duration.zero
        for step in steps {
            guard let time = step.longestTime(in: self) else { return nil }
            sum += time
        }
        return sum
    }
}

extension Step {
    var isFault: Bool { if case .fault = action { true } else { false } }

    fileprivate func longestTime(in plan: Plan) -> Duration? {
        switch action {
        case .act, .fault, .clear: return .zero
        case .wait(let time): return time.knownTime
        case .expect(let expect): return (expect.within.map(\.knownTime) ?? plan.defaultWithin).map(plan.stretched)
        case .check(let check): return (check.within.map(\.knownTime) ?? .zero).map(plan.stretched)
        case .forbid(let forbid): return forbid.duration.knownTime.map(plan.stretched)
        // Where an item has no answer the step waits for its timeout, too; a plan that has its samples only then has too few.
        case .load(let load): return load.duration.knownTime
        case .sequence(let turns): return Self.sum(turns.flatMap(\.steps), in: plan)
        case .parallel(let branches):
            var longest = Duration.zero
            for branch in branches {
                guard let time = Self.sum(branch, in: plan) else { return nil }
                longest = max(longest, time)
            }
            return longest
        }
    }

    private static func sum(_ steps: [Step], in plan: Plan) -> Duration? {
        var sum = Duration.zero
        for step in steps {
            guard let time = step.longestTime(in: plan) else { return nil }
            sum += time
        }
        return sum
    }
}

extension Template {
    fileprivate var knownTime: Duration? {
        guard case .constant(let value) = self else { return nil }
        return value.durationNanoseconds.map { .nanoseconds($0) }
    }
}
