import Foundation
import LabCore
import Testing

@testable import Statistics

/// Against programs that we did not write. A failure names the seed or the question.
@Suite("SciPy, Otava and HdrHistogram give the same", .serialized)
struct ComparisonTests {
    private static func isNear(_ found: Double?, _ expected: Double?, relative: Double = 1e-9, absolute: Double = 1e-13) -> Bool {
        guard let found, let expected else { return found == nil && expected == nil }
        return abs(found - expected) <= max(absolute, relative * abs(expected))
    }

    private static func normal(_ generator: inout SeededGenerator) -> Double {
        NormalDistribution.quantile((Double(generator.next() >> 11) + 0.5) * 0x1p-53) ?? 0
    }

    @Test("beta, normal and Student's t distribution")
    func distributions() throws {
        var generator = SeededGenerator(seed: 1, purpose: "distributions")
        var questions: [[String: Any]] = []
        var expected: [[Double?]] = []
        for _ in 0..<200 {
            let (a, b) = (exp(generator.unitInterval() * 14 - 1), exp(generator.unitInterval() * 14 - 1))
            // Around the mean, where the answer is neither 0 nor 1.
            let (mean, spread) = (a / (a + b), (a * b / (a + b + 1)).squareRoot() / (a + b))
            let x = min(max(mean + (generator.unitInterval() * 12 - 6) * spread, 1e-9), 1 - 1e-9)
            let tails = BetaDistribution.tails(x, a, b)
            questions.append(["kind": "beta", "x": x, "a": a, "b": b])
            expected.append([tails.lower, tails.upper])
        }
        for _ in 0..<200 {
            let (z, p) = (generator.unitInterval() * 16 - 8, exp(-generator.unitInterval() * 60))
            questions.append(["kind": "normal", "z": z, "p": p])
            expected.append([NormalDistribution.cumulative(z), NormalDistribution.quantile(p)])
            let (t, freedom) = (exp(generator.unitInterval() * 12 - 5), 1 + Double(generator.integer(below: 300)))
            questions.append(["kind": "student", "t": t, "freedom": freedom, "p": p])
            expected.append([StudentDistribution.twoSided(t, freedom: freedom), StudentDistribution.twoSidedQuantile(p, freedom: freedom)])
        }
        guard let answers = try ForeignAnswers.ask(questions, for: "distributions against SciPy") else { return }
        for (index, answer) in answers.enumerated() {
            for (found, right) in zip(expected[index], answer) {
                #expect(Self.isNear(found, right, relative: 1e-8, absolute: 1e-200), "\(questions[index])")
            }
        }
    }

    @Test("Clopper-Pearson and the interval of a percentile by order statistics")
    func proportions() throws {
        var generator = SeededGenerator(seed: 2, purpose: "proportions")
        var questions: [[String: Any]] = []
        var expected: [[Double?]] = []
        for _ in 0..<200 {
            let count = 1 + Int(exp(generator.unitInterval() * 15))
            let good =
                generator.chance(0.2)
                ? count - Int(generator.integer(below: UInt64(min(count, 3) + 1))) : Int(generator.integer(below: UInt64(count + 1)))
            let confidence = [0.8, 0.95, 0.99, 0.9999][Int(generator.integer(below: 4))]
            let proportion = BinomialProportion(good: good, of: count, confidence: confidence)
            questions.append(["kind": "proportion", "good": good, "count": count, "confidence": confidence])
            expected.append([proportion.lower, proportion.upper])
            let thousandths = [50_000, 90_000, 95_000, 99_000, 99_900, 99_990][Int(generator.integer(below: 6))]
            let ranks = BinomialProportion.ranks(ofPercentile: thousandths, count: count, confidence: confidence)
            questions.append(["kind": "ranks", "thousandths": thousandths, "count": count, "confidence": confidence])
            expected.append([ranks.lower.map(Double.init), ranks.upper.map(Double.init)])
        }
        guard let answers = try ForeignAnswers.ask(questions, for: "proportions against SciPy") else { return }
        for (index, answer) in answers.enumerated() {
            for (found, right) in zip(expected[index], answer) { #expect(Self.isNear(found, right), "\(questions[index])") }
        }
    }

    @Test("Mann-Whitney over all splits with ties, in its normal form, and the Hodges-Lehmann shift")
    func mannWhitney() throws {
        var generator = SeededGenerator(seed: 3, purpose: "Mann-Whitney")
        var questions: [[String: Any]] = []
        var expected: [[Double?]] = []
        for round in 0..<90 {
            let isExact = round < 60
            let counts = (0..<2).map { _ in isExact ? 2 + Int(generator.integer(below: 6)) : 15 + Int(generator.integer(below: 60)) }
            let levels = 2 + generator.integer(below: 12)
            var samples = counts.map { count in (0..<count).map { _ in Double(generator.integer(below: levels)) } }
            // Never all equal.
            samples[0][0] = -1
            let test = try MannWhitney(samples[0], samples[1])
            #expect(test.isExact == isExact)
            questions.append(["kind": "mann-whitney", "first": samples[0], "second": samples[1], "exact": isExact])
            expected.append([test.u1, test.shift, test.pValue])
        }
        guard let answers = try ForeignAnswers.ask(questions, for: "Mann-Whitney against SciPy") else { return }
        for (index, answer) in answers.enumerated() {
            for (found, right) in zip(expected[index], answer) { #expect(Self.isNear(found, right), "\(questions[index])") }
        }
    }

    @Test("Wilcoxon's signed rank test, the sign test, and the interval as what the test does not refute")
    func wilcoxon() throws {
        var generator = SeededGenerator(seed: 4, purpose: "Wilcoxon")
        var questions: [[String: Any]] = []
        var expected: [[Double?]] = []
        for round in 0..<60 {
            let method = ["permutation", "exact", "asymptotic"][round % 3]
            let count =
                method == "permutation"
                ? 3 + generator.integer(below: 8)
                : (method == "exact" ? 3 + generator.integer(below: 40) : 101 + generator.integer(below: 100))
            var differences = (0..<count).map { _ in
                method == "exact"
                    ? Self.normal(&generator) + 0.3 : Double(generator.integer(below: 13)) - (method == "asymptotic" ? 5.5 : 5)
            }
            differences[0] = 1.5
            let test = try WilcoxonSignedRank(differences)
            questions.append(["kind": "wilcoxon", "differences": differences, "method": method])
            expected.append([test.positiveSum, test.estimate, SignTest(differences).pValue, test.pValue])
        }
        // Inside of the interval the p-value of the shifted differences is above α, outside it is not.
        var intervals: [Int: Double] = [:]
        for _ in 0..<20 {
            let differences = (0..<8 + generator.integer(below: 30)).map { _ in Self.normal(&generator) }
            for confidence in [0.9, 0.95, 0.99] {
                guard let interval = try WilcoxonSignedRank(differences).interval(confidence: confidence) else { continue }
                let step = 1e-9
                intervals[questions.count] = 1 - confidence
                questions.append([
                    "kind": "shifted", "differences": differences,
                    "shifts": [
                        interval.lowerBound - step, interval.lowerBound + step, interval.upperBound - step, interval.upperBound + step,
                    ],
                ])
                expected.append([])
            }
            let pairs = try PairedRatio(before: differences.map { _ in 1 }, after: differences.map { exp($0) })
            questions.append(["kind": "student-interval", "differences": differences, "confidence": 0.95])
            expected.append([pairs.studentInterval.map { log($0.lowerBound) }, pairs.studentInterval.map { log($0.upperBound) }])
        }
        guard let answers = try ForeignAnswers.ask(questions, for: "Wilcoxon against SciPy") else { return }
        for (index, answer) in answers.enumerated() {
            if let alpha = intervals[index] {
                let isAbove = answer.map { ($0 ?? 0) > alpha }
                #expect(isAbove == [false, true, true, false], "\(questions[index]) \(answer)")
            }
            for (found, right) in zip(expected[index], answer) { #expect(Self.isNear(found, right), "\(questions[index])") }
        }
    }

    @Test("the bootstrap to the last bit, and the false discovery rate")
    func bootstrap() throws {
        var generator = SeededGenerator(seed: 5, purpose: "bootstrap")
        var questions: [[String: Any]] = []
        var expected: [[Double?]] = []
        for seed in [0, 42, 123_456_789] as [UInt64] {
            let samples = (0..<200).map { _ in (generator.unitInterval() * 500).rounded() / 10 }
            let interval = try Bootstrap.interval(ofPercentile: 90_000, samples: samples, seed: seed, replicates: 500)
            questions.append(["kind": "bootstrap", "samples": samples, "seed": seed, "thousandths": 90_000, "replicates": 500])
            expected.append([interval.estimate, interval.lower, interval.upper])
        }
        for _ in 0..<20 {
            let pValues = (0..<1 + generator.integer(below: 50)).map { _ in generator.chance(0.2) ? 0.01 : generator.unitInterval() }
            questions.append(["kind": "discovery", "p": pValues])
            expected.append(try MultipleComparisons.benjaminiHochberg(pValues))
        }
        guard let answers = try ForeignAnswers.ask(questions, for: "the bootstrap and the false discovery rate against Python") else {
            return
        }
        for (index, answer) in answers.enumerated() {
            let bits = index < 3 ? 0 : 1e-12
            for (found, right) in zip(expected[index], answer) {
                #expect(Self.isNear(found, right, relative: bits, absolute: bits), "\(questions[index])")
            }
        }
    }

    /// Histories of nights: steps, drifts, spikes, outliers, and nothing but noise.
    private static func history(_ generator: inout SeededGenerator) -> [Double] {
        let count = 2 + Int(generator.integer(below: 150))
        var level = 100.0
        let noise = [0.5, 2, 5][Int(generator.integer(below: 3))]
        let drift = generator.chance(0.2) ? generator.unitInterval() * 0.5 : 0
        let isRounded = generator.chance(0.3)
        return (0..<count).map { _ in
            if generator.chance(0.04) { level *= 0.8 + generator.unitInterval() * 0.4 }
            level += drift
            let value = level + noise * Self.normal(&generator) + (generator.chance(0.02) ? 40 : 0)
            return isRounded ? value.rounded() : value
        }
    }

    @Test("change points as Otava finds them, in 300 histories")
    func otava() throws {
        var generator = SeededGenerator(seed: 6, purpose: "change points")
        var questions: [[String: Any]] = []
        var expected: [[Double?]] = []
        for round in 0..<300 {
            let series = Self.history(&generator)
            let (window, level, magnitude) = ([50, 30, 20][round % 3], [0.001, 0.01, 0.05][round / 3 % 3], [0, 0.05][round % 2])
            let points = try ChangePoints.eDivisive(series, level: level, magnitude: magnitude, window: window)
            questions.append(["kind": "otava", "series": series, "window": window, "level": level, "magnitude": magnitude])
            expected.append(points.map { Double($0.index) })
            if series.count > 12 {
                let start = round % 2 == 0 ? 0 : series.count / 3
                let split = EnergyDivergence(series).bestSplit(in: start..<series.count)
                questions.append(["kind": "split", "series": series, "start": start, "end": series.count])
                expected.append([split.map { Double($0.index) }, split?.q])
            }
        }
        guard let answers = try ForeignAnswers.ask(questions, for: "change points against Apache Otava") else { return }
        #expect(expected.count { $0.count > 2 } > 20)
        for (index, answer) in answers.enumerated() { #expect(expected[index] == answer, "\(questions[index])") }
    }

    @Test("the counters as Python's HdrHistogram reads them, and its value at each rank")
    func histogram() throws {
        var generator = SeededGenerator(seed: 7, purpose: "histograms")
        var questions: [[String: Any]] = []
        var expected: [[Double?]] = []
        for _ in 0..<20 {
            var histogram = LatencyHistogram()
            let values = (0..<1000).map { _ in 1 + Int(exp(generator.unitInterval() * 27)) }
            for value in values { histogram.record(Int64(value)) }
            let counters = Data(HistogramBytes.encode(histogram)).base64EncodedString()
            let probes = values.prefix(30)
            questions.append(["kind": "histogram", "counters": counters, "values": Array(probes)])
            let buckets = histogram.buckets
            func count(_ value: Int) -> Double? { buckets.first { $0.nanoseconds.contains(Int64(value)) }.map { Double($0.count) } }
            expected.append([1000, buckets.last.map { Double($0.nanoseconds.upperBound) }] + probes.map(count))
            // Multiples of the interval: of others Python's adds one more, below the interval.
            let corrected = [1_000_000, 77_000]
            for value in corrected { histogram.recordCorrected(Int64(value), interval: 1000) }
            let percentiles = [0.5, 10, 50, 90, 99, 99.9, 100]
            questions.append([
                "kind": "percentiles", "values": values, "corrected": corrected, "interval": 1000, "percentiles": percentiles,
            ])
            // Python's rounds the rank to the nearest and does not clamp to the longest time.
            let found = percentiles.map { percentile in
                histogram.value(atRank: max(1, Int(percentile * Double(histogram.count) / 100 + 0.5))).map {
                    Double(HistogramBytes.range(HistogramBytes.index($0)).upperBound)
                }
            }
            expected.append([Double(histogram.count)] + found)
        }
        guard let answers = try ForeignAnswers.ask(questions, for: "histograms against Python's HdrHistogram") else { return }
        for (index, answer) in answers.enumerated() { #expect(expected[index] == answer, "\(index)") }
    }
}
