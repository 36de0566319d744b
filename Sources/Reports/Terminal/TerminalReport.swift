package import LabCore

/// What `lab run` prints (cli.md). Every function gives lines without line feeds; nothing is printed here.
package struct TerminalReport: Sendable {
    package let style: Style
    private let scenarioWidth: Int
    private let cellWidth: Int
    private let scenarios: Int
    private let cells: Int

    /// - Parameter plans: all cells of the run, which give the columns their widths before the first one ends.
    package init(style: Style, plans: [Plan]) {
        self.style = style
        scenarioWidth = min(48, max(24, plans.map { DisplayWidth.of($0.scenario) }.max() ?? 0))
        cellWidth = min(40, max(24, plans.map { DisplayWidth.of($0.cellText) }.max() ?? 0))
        scenarios = Set(plans.map(\.scenario)).count
        cells = plans.count
    }

    /// `lab 0.4 · 6 scenarios, 11 cells · sim · seed 0x5eed1a7e`
    package func header(version: String, world: WorldKind, seed: UInt64) -> String {
        let parts = [
            "lab \(version)", "\(Self.counted(scenarios, "scenario")), \(Self.counted(cells, "cell"))", world.rawValue, "seed \(SeedText.hex(seed))",
        ]
        return style.paint(parts[0], .strong) + " · " + parts.dropFirst().joined(separator: " · ")
    }

    /// One line for a cell that has ended.
    package func line(for result: CaseSummary) -> String {
        let word = style.paint(result.verdict.word, result.verdict.tone)
        let verdictWidth = max(9, DisplayWidth.of(result.verdict.word) + 1)
        let padding = String(repeating: " ", count: verdictWidth - DisplayWidth.of(result.verdict.word))
        // A longer word than usual takes its room from the name, so that the columns behind it stay.
        let name = DisplayWidth.padded(
            DisplayWidth.cut(VisibleText.clean(result.plan.scenario), to: scenarioWidth), to: scenarioWidth + 9 - verdictWidth)
        let cell = DisplayWidth.padded(DisplayWidth.cut(VisibleText.clean(result.plan.cellText), to: cellWidth), to: cellWidth)
        return "  \(word)\(padding)\(name)  \(cell)  \(remark(on: result))"
    }

    /// Times for what ran to its end, the reason for what did not.
    private func remark(on result: CaseSummary) -> String {
        if let reason = result.reason, result.verdict != .pass, result.verdict != .fail { return VisibleText.clean(reason) }
        let wall = took(result).map { SeedText.seconds($0, places: 2) } ?? "–"
        if result.plan.world != .sim { return DisplayWidth.aligned(wall, to: 9) }
        let virtual = DisplayWidth.aligned(SeedText.seconds(result.duration, places: 1), to: 9)
        return style.paint("\(DisplayWidth.aligned(wall, to: 9))   virtual \(virtual)", .quiet)
    }

    /// On the machine's clock; for a run that was read from its log, what its own clock says, where that is real time.
    private func took(_ result: CaseSummary) -> Duration? {
        if result.wallClock > .zero { return result.wallClock }
        return result.plan.world == .sim || result.duration == .zero ? nil : result.duration / (result.timing?.speed ?? 1)
    }

    /// Everything after the last cell: blocks for what went wrong, limits, totals; the last line is for machines.
    ///
    /// - Parameters:
    ///   - report: the path of report.html; `nil` where none was written.
    ///   - events: the log of a case, for the last lines of a node.
    package func closing(_ summary: Summary, report: String?, events: (CaseSummary) -> [RunEvent]) -> [String] {
        var lines: [String] = []
        for result in summary.cases where result.verdict > .quarantined {
            let block = FailureBlock(style: style).lines(result, events: events(result))
            if !block.isEmpty { lines += [""] + block }
        }
        let limits = LimitLines(style: style).lines(summary.cases)
        if !limits.isEmpty { lines += [""] + limits }
        let oracles = Self.oracles(summary)
        if !oracles.isEmpty { lines += [""] + oracles }
        let absences = Self.absences(summary)
        if !absences.isEmpty { lines += [""] + absences }
        if let timing = Self.timing(summary) { lines += [""] + [timing] }
        let quarantine = quarantine(summary)
        if !quarantine.isEmpty { lines += [""] + quarantine }
        return lines + [""] + totals(summary, report: report)
    }

    /// `quarantined charging/two-ports: 2 cells, li.wei, LAB-231, until 2026-12-01`, and entries that are over with what to do.
    private func quarantine(_ summary: Summary) -> [String] {
        summary.quarantine.filter { $0.isOver || $0.borne > 0 }.map { note in
            let what = VisibleText.clean("\(note.scenario): ")
            guard note.isOver else {
                return "\(style.paint("quarantined", .quiet)) \(what)\(Self.counted(note.borne, "cell")), \(VisibleText.clean(note.terms))"
            }
            return "\(style.paint("QUARANTINE OVER", Verdict.fail.tone)) \(what)since \(note.until); \(VisibleText.clean(note.owner)) mends it, or says in "
                + "\(VisibleText.clean("\(note.location)")) why it goes on (\(VisibleText.clean(note.issue)))"
        }
    }

    /// `charging oracle: 14 orders compared; not judged: 2 × order that is not over`, over all cells.
    private static func oracles(_ summary: Summary) -> [String] {
        var sums: [OracleReport] = []
        for report in summary.cases.flatMap(\.oracles) {
            guard let index = sums.firstIndex(where: { $0.oracle == report.oracle }) else {
                sums.append(report)
                continue
            }
            sums[index].judged += report.judged
            for gap in report.gaps {
                if let known = sums[index].gaps.firstIndex(where: { $0.reason == gap.reason }) {
                    sums[index].gaps[known].count += gap.count
                } else {
                    sums[index].gaps.append(gap)
                }
            }
        }
        return sums.map { VisibleText.clean("\($0.oracle) oracle: \($0.text)") }
    }

    /// `module/register: modem was off the bus from +3 s until +4.25 s`, for cases that passed all the same; failures say it themselves.
    private static func absences(_ summary: Summary) -> [String] {
        summary.cases.filter { $0.verdict == .pass || $0.verdict == .flaky }.flatMap { result in
            Set(result.absences.map(\.node)).sorted().map { node in
                let spans = result.absences.filter { $0.node == node }.map(\.span)
                let rest = spans.count > absenceLimit ? ", and \(spans.count - absenceLimit) times more" : ""
                let cell = result.plan.cell.isEmpty ? "" : " [\(result.plan.cellText)]"
                return VisibleText.clean("\(result.plan.scenario)\(cell): \(node) was off the bus \(spans.prefix(absenceLimit).joined(separator: ", "))\(rest)")
            }
        }
    }

    private static let absenceLimit = 3

    /// `lab timers 12,345, late p50 ≤ 61 µs, p99 ≤ 410 µs, worst 2.1 ms`: the worst of all cells, so that nobody takes the lab's
    /// jitter for the system's. `nil` where time was virtual.
    private static func timing(_ summary: Summary) -> String? {
        let reports = summary.cases.compactMap(\.timing).filter { $0.timers > 0 }
        guard let first = reports.first else { return nil }
        func worst(_ figure: (TimingReport) -> Int64) -> String { FigureText.duration(nanoseconds: Double(reports.map(figure).max() ?? 0)) }
        let speed = first.speed == 1 ? "" : ", speed \(FigureText.decimal(first.speed, places: 1))x"
        return "lab's own timers: \(reports.reduce(0) { $0 + $1.timers }), late p50 \(worst(\.median)), p99 \(worst(\.p99)), worst \(worst(\.worst))\(speed)"
    }

    /// `8 passed, 1 failed, 1 flaky — runs/0611-1/report.html` and the plain line below it.
    package func totals(_ summary: Summary, report: String?) -> [String] {
        let words: [(Verdict, String)] = [
            (.pass, "passed"), (.fail, "failed"), (.flaky, "flaky"), (.unproven, "unproven"), (.blocked, "blocked"),
            (.quarantined, "quarantined"), (.skipped, "skipped"),
        ]
        var counts = words.compactMap { verdict, word -> String? in
            let count = summary.count(verdict)
            return count == 0 ? nil : style.paint("\(count) \(word)", verdict.tone)
        }
        if let regressed = Tally.regressed(summary) { counts.append(style.paint(regressed, Verdict.fail.tone)) }
        if Tally.isComparedInVain(summary) { counts.append(style.paint(Tally.comparedInVain, Verdict.blocked.tone)) }
        if summary.isPartial { counts.append(style.paint(Tally.partial, Verdict.unproven.tone)) }
        let text = counts.isEmpty ? "nothing ran" : counts.joined(separator: ", ")
        return [text + (report.map { " — \($0)" } ?? ""), Tally(summary).line]
    }

    static func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
}

/// The three numbers that machines read: flaky counts as passed; blocked, unproven and quarantined as skipped.
package struct Tally: Sendable, Equatable {
    package let passed: Int
    package let failed: Int
    package let skipped: Int

    package init(_ summary: Summary) {
        passed = summary.count(.pass) + summary.count(.flaky)
        failed = summary.count(.fail)
        skipped = summary.cases.count - passed - failed
    }

    /// `2 objectives regressed`: beside the counts of the cases, which may all have passed; `nil` where nothing got worse.
    static func regressed(_ summary: Summary) -> String? {
        let count = summary.comparison?.regressions ?? 0
        return count == 0 ? nil : TerminalReport.counted(count, "objective") + " regressed"
    }

    /// Beside the counts of a run whose comparison with another build, which its exit code tells of, says nothing.
    static let comparedInVain = "nothing could be compared"
    static func isComparedInVain(_ summary: Summary) -> Bool { summary.comparison.map { !$0.rows.isEmpty && $0.isVoid } ?? false }

    /// Beside the counts of a run that did not come to its end.
    static let partial = "partial: it did not come to its end"

    /// All that stands beside the counts, for headings: `, 2 objectives regressed`.
    static func remarks(_ summary: Summary) -> String {
        [regressed(summary), isComparedInVain(summary) ? comparedInVain : nil, summary.isPartial ? partial : nil].compactMap(\.self).map { ", \($0)" }.joined()
    }

    /// ✗ where something failed or got worse, ? where something is neither passed nor failed: only what is proven has the ✓.
    static func symbol(_ summary: Summary) -> String {
        if summary.count(.fail) > 0 || regressed(summary) != nil { return "✗" }
        return summary.count(.unproven) + summary.count(.blocked) > 0 || isComparedInVain(summary) || summary.isPartial ? "?" : "✓"
    }

    /// `9 passed, 1 failed, 1 skipped`
    package var line: String { "\(passed) passed, \(failed) failed, \(skipped) skipped" }
}

/// Seeds and times as every report writes them.
package enum SeedText {
    /// `0x5eed1a7e`
    package static func hex(_ seed: UInt64) -> String { "0x" + String(seed, radix: 16) }

    /// Seconds for a column, so that points stand below each other: `0.31 s`, `241.00 s`; minutes and hours above 1,000 s.
    package static func seconds(_ duration: Duration, places: Int = 2) -> String {
        let seconds = Double(duration.nanoseconds) / 1e9
        if seconds >= 1000 { return FigureText.duration(nanoseconds: Double(duration.nanoseconds)) }
        return FigureText.decimal(seconds, places: places) + " s"
    }
}
