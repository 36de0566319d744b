package import LabCore

extension RunEntry {
    /// Its cells with their figures, as the index would give them.
    package func pastCases() throws(IndexFailure) -> [PastCase] {
        let index = try RunIndex(path: nil)
        try index.insert(self)
        guard let run = try index.runs(last: 1).first else { return [] }
        return try index.cases(of: run)
    }
}

extension RunIndex {
    /// Runs of a history at most (sla.md §2.2: `history: {runs: 60}`).
    package static let historyLength = 60
    private static let mostReports = 100
    private static let fewestPoints = 3

    /// Earlier runs of a cell, without the run itself where the index has it already.
    package func past(before current: PastCase, last count: Int = RunIndex.historyLength) throws(IndexFailure) -> [PastCase] {
        try past(of: current.row.key, last: count).filter { $0.run.name != current.run.name || $0.run.started != current.run.started }
            .filter { $0.run.started <= current.run.started }
    }

    /// The histories of the figures of a run's cells, that run included: objectives first, then loads, then other measurements; at most
    /// 100, each with three runs or more.
    package func history(for cases: [PastCase]) throws(IndexFailure) -> [HistoryReport] {
        var reports: [(order: Int, report: HistoryReport)] = []
        for current in cases where current.row.hasFigures && !current.run.isPartial {
            let past = try past(before: current)
            for series in HistorySeries.all(of: past + [current]) where series.points.count >= Self.fewestPoints {
                let kind = series.points.last?.figure.kind ?? .measurement
                reports.append((kind == .objective ? 0 : kind == .load ? 1 : 2, series.report))
            }
        }
        // Sorting keeps no order of equals, so the place decides.
        let sorted = reports.enumerated().sorted { ($0.element.order, $0.offset) < ($1.element.order, $1.offset) }
        return sorted.prefix(Self.mostReports).map(\.element.report)
    }
}
