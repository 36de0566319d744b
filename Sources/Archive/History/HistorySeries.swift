package import LabCore
import Statistics

/// One figure of one cell over runs, the oldest first, with the places where its level changed (sla.md §1.4).
package struct HistorySeries: Sendable, Equatable {
    package struct Point: Sendable, Equatable {
        package var run: RunRow
        package var row: CaseRow
        package var figure: Figure
        package var value: Double
        package var isBaseline: Bool
    }

    package var row: CaseRow
    package var name: String
    package var unit: String
    package var points: [Point]
    package var changes: [HistoryReport.Change]

    /// sla.md §2.2: `history: {p: 0.001, magnitude: 5%, confirm: 2}`.
    private static let level = 0.001
    private static let magnitude = 0.05
    private static let confirmingRuns = 2

    /// The series of a cell, in the order of its newest figures.
    ///
    /// Runs that were interrupted or not judged have no say. Where time is real, runs on other machines than the newest
    /// one's have none either: times of two machines are no history.
    package static func all(of past: [PastCase]) -> [HistorySeries] {
        let sound = comparable(past)
        guard let newest = sound.last else { return [] }
        var names: [(kind: Figure.Kind, name: String)] = newest.figures.map { ($0.kind, $0.name) }
        for item in sound.reversed() {
            for figure in item.figures where !names.contains(where: { $0.kind == figure.kind && $0.name == figure.name }) {
                names.append((figure.kind, figure.name))
            }
        }
        return names.compactMap { kind, name in
            let points = sound.compactMap { item -> Point? in
                guard let figure = item.figures.first(where: { $0.kind == kind && $0.name == name }), let value = figure.value else { return nil }
                return Point(run: item.run, row: item.row, figure: figure, value: value, isBaseline: item.isBaseline)
            }
            guard let last = points.last else { return nil }
            return HistorySeries(row: newest.row, name: name, unit: last.figure.unit, points: points, changes: changes(in: points.map(\.value)))
        }
    }

    package static func comparable(_ past: [PastCase]) -> [PastCase] {
        let sound = past.filter { !$0.run.isPartial && $0.row.hasFigures }
        guard let newest = sound.last, newest.row.key.world != WorldKind.sim.rawValue else { return sound }
        return sound.filter { $0.run.machine == newest.run.machine }
    }

    static func changes(in values: [Double]) -> [HistoryReport.Change] {
        // A failure here means a value beyond all measure; a history without change points is still one.
        let found = (try? ChangePoints.eDivisive(values, level: level, magnitude: magnitude)) ?? []
        return found.map {
            HistoryReport.Change(
                index: $0.index, before: $0.meanBefore, after: $0.meanAfter, p: $0.pValue,
                isConfirmed: $0.isConfirmed(by: confirmingRuns, in: values.count))
        }
    }

    package var report: HistoryReport {
        HistoryReport(
            metric: "\(row.title) \(name)", unit: unit, points: points.map { HistoryReport.Point(run: $0.run.name, label: $0.run.title, value: $0.value) },
            changes: changes)
    }

    /// A picture of one line: the lowest value `▁`, the highest `█`.
    package var sparkline: String { Self.sparkline(points.map(\.value)) }

    package static func sparkline(_ values: [Double]) -> String {
        let bars = Array("▁▂▃▄▅▆▇█")
        guard let low = values.min(), let high = values.max() else { return "" }
        // Values that differ by less than people could see are one level.
        guard high - low > max(abs(high), abs(low)) * 1e-9 else { return String(repeating: bars[0], count: values.count) }
        return String(values.map { bars[min(bars.count - 1, Int(($0 - low) / (high - low) * Double(bars.count)))] })
    }
}

/// How often a cell changed its mind.
package struct FlakeRate: Sendable, Equatable {
    package var runs: Int
    /// Passed after a retry, or passed and failed at one commit.
    package var flaky: Int
    package var share: Double { runs == 0 ? 0 : Double(flaky) / Double(runs) }

    package init(_ past: [PastCase]) {
        let judged = past.filter { !$0.run.isPartial && $0.row.hasFigures }
        runs = judged.count
        // A commit that nobody named cannot be the same one.
        let verdicts = Dictionary(grouping: judged.filter { !$0.run.label.isEmpty }) { $0.run.label }
            .mapValues { Set($0.map(\.row.verdict)) }
        flaky = judged.count { item in
            if item.row.verdict == .flaky { return true }
            guard let others = verdicts[item.run.label] else { return false }
            return item.row.verdict == .fail && others.contains { $0 == .pass || $0 == .flaky }
        }
    }
}
