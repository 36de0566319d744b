import Foundation
import LabCore
import LoadGenerator
import Verdicts

/// `lab run … --against BUILD`: this build and another one side by side, slices of the same load in turns (ABBA), judged in pairs.
struct BuildComparison {
    /// A path or a command line of the other build; `self` for the A/A self-test.
    var against: String
    /// The same of the build that is compared with it; `nil` for this one.
    var candidate: String?
    var seed: UInt64
    /// Overrule what the scenario's objectives say.
    var pairs: Int?
    var slice: Duration?
    /// Comparisons of the self-test.
    var comparisons = 200
    /// What is told while it runs.
    var tell: (String) -> Void = { _ in }
    var isInterrupted: () -> Bool = { false }

    /// - Throws: `Stop` with 2 for a build that is not there, before anything runs.
    static func refuseMissing(_ build: String, option: String) throws {
        guard build != "self", let program = build.split(separator: " ").first.map(String.init) else { return }
        guard program.contains("/") else { return }
        guard FileManager.default.isExecutableFile(atPath: program) else {
            throw Stop(.wrongInput, "\(option) '\(build)': there is no program \(program)")
        }
    }

    var isSelfTest: Bool { against == "self" }

    /// - Throws: `Stop` with 2 where no load can be compared, 3 where a build does not start.
    func run(_ plan: Plan) throws -> ComparisonReport {
        let (loads, left) = ComparedLoad.all(of: plan, slice: slice, pairs: pairs ?? (isSelfTest ? Self.selfTestPairs : nil), isFixed: isSelfTest)
        for line in left { tell("not compared: \(line)") }
        guard !loads.isEmpty else {
            throw Stop(
                .wrongInput, "\(plan.file) has no load that can be sent to two builds: use a `load: cloud.request` as admin or nobody")
        }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "lab-against-\(ProcessInfo.processInfo.processIdentifier)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        // The accepted build is A, this one is B.
        let a = try ServedBuild(isSelfTest ? "self" : against, name: isSelfTest ? "this build" : against, seed: seed, in: folder.path)
        let b = try ServedBuild(candidate ?? "self", name: candidate ?? "this build", seed: seed, in: folder.path)
        try warm(loads, a, b)
        guard isSelfTest else { return ComparisonReport(a: a.name, b: b.name, try loads.flatMap { try measure($0, a, b, first: 0) }) }
        var reports: [ComparisonReport] = []
        while reports.count < comparisons, !isInterrupted() {
            let first = reports.count * 10_000
            reports.append(ComparisonReport(a: a.name, b: b.name, try loads.flatMap { try measure($0, a, b, first: first) }))
            if reports.count % 20 == 0 { tell("\(reports.count) of \(comparisons) comparisons of this build with itself") }
        }
        var report = reports.last ?? ComparisonReport(a: a.name, b: b.name, rows: [])
        report.selfTest = ComparisonReport.SelfTest(reports)
        return report
    }

    /// As many as the interval at 99 % needs, and one more.
    private static let selfTestPairs = 9

    /// What is slow the first time is not compared.
    private func warm(_ loads: [ComparedLoad], _ a: ServedBuild, _ b: ServedBuild) throws {
        for load in loads {
            for build in [a, b] {
                _ = try LoadSlice.measure(load.settings(for: build, pair: -1, seed: seed), process: build.process, others: [])
            }
        }
    }

    private func measure(_ load: ComparedLoad, _ a: ServedBuild, _ b: ServedBuild, first: Int) throws -> [PairedComparison] {
        var comparisons = load.comparisons
        var pair = first
        while !isInterrupted(), comparisons.contains(where: { $0.wantsMore() }) {
            var slices: [LoadSlice?] = [nil, nil]
            // A B, then B A: what drifts evenly is in both alike.
            for turn in 0..<2 {
                let index = (pair + turn) % 2
                let (build, other) = index == 0 ? (a, b) : (b, a)
                slices[index] = try LoadSlice.measure(
                    load.settings(for: build, pair: pair, seed: seed), process: build.process, others: [other.process])
            }
            if let a = slices[0], let b = slices[1] { for index in comparisons.indices { comparisons[index].add(a, b) } }
            pair += 1
        }
        return comparisons
    }
}

extension ComparisonReport {
    /// For the terminal: a line for each row, and that of the self-test.
    var lines: [String] {
        var lines = ["against   A \(a)", "          B \(b)"]
        for row in rows {
            let hasInterval = row.lower.isFinite && row.upper.isFinite
            let interval = hasInterval ? " [\(Self.figure(row.lower)), \(Self.figure(row.upper))]" : ""
            let figures =
                row.outcome == .void || row.pairs == 0
                ? "" : "B/A \(Self.figure(row.ratio))\(interval)  A \(time(row.a))  B \(time(row.b))  p \(Self.figure(row.adjusted, digits: 4))  "
            lines.append(
                "  \(row.objective)  \(row.metric)  \(figures)\(counted(row.pairs, "pair"))  \(row.outcome.rawValue)\(row.reason.map { ": \($0)" } ?? "")"
            )
        }
        if let selfTest, selfTest.comparisons == 0 {
            lines.append("  A/A: nothing could be compared, so nothing is known of the gate; try again on a quiet machine")
        } else if let selfTest {
            let rate = selfTest.comparisons == 0 ? 0 : Double(selfTest.alarms) / Double(selfTest.comparisons)
            lines.append(
                "  A/A: \(selfTest.alarms) false alarms in \(selfTest.comparisons) comparisons (\(FigureText.share(rate))); smallest effect that shows: \(selfTest.effectText)"
            )
        }
        return lines
    }

    private func time(_ nanoseconds: Double) -> String { FigureText.duration(nanoseconds: nanoseconds) }

    private static func figure(_ value: Double, digits: Int = 3) -> String {
        !value.isFinite ? "–" : value >= 1e6 ? "∞" : String(format: "%.\(digits)f", value)
    }
}
