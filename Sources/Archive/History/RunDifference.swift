import LabCore

/// How one figure of a cell moved between two runs.
package struct FigureChange: Sendable, Equatable {
    package enum Outcome: String, Sendable {
        case same, better, worse
        /// It moved, and neither way is the good one.
        case changed
        /// It moved by more than is tolerated, and the intervals of both overlap.
        case cannotTell = "cannot tell"
        case onlyA = "only in A"
        case onlyB = "only in B"
    }

    package var a: Figure?
    package var b: Figure?
    /// B/A − 1 as read from the figures; for shares that should be high of what is missing to 1. `nil` where A is 0 or one is missing.
    package var change: Double?
    package var outcome: Outcome

    package var name: String { (b ?? a)?.name ?? "" }

    /// `+11.6 %`, `new` where there was none before.
    package var changeText: String {
        guard let change else { return a?.value != nil && b?.value != nil ? "was 0" : "" }
        return (change < 0 ? "-" : "+") + FigureText.decimal(abs(change) * 100, places: 1) + " %"
    }

    /// - Parameters:
    ///   - tolerance: the share by which a figure may get worse.
    ///   - floor: differences below it, in the figure's unit, are no news.
    package init(a: Figure?, b: Figure?, tolerance: Double, floor: Double = 0) {
        self.a = a
        self.b = b
        guard let a, let b else {
            outcome = a == nil ? .onlyB : .onlyA
            return
        }
        guard let before = a.value, let after = b.value else {
            outcome = a.value == nil && b.value == nil ? .same : a.value == nil ? .onlyB : .onlyA
            return
        }
        // Of 99.9 % and 99 % nine in a thousand more are bad: that is ten times as many, not one in a hundred less.
        let isShare = a.unit == "share" && a.better == .higher && before <= 1 && after <= 1
        let (from, to) = isShare ? (1 - before, 1 - after) : (before, after)
        change = from == 0 ? (to == 0 ? 0 : nil) : to / from - 1
        let direction = isShare ? Better.lower : a.better ?? b.better
        outcome = Self.outcome(from, to, direction, tolerance: tolerance, floor: floor)
        if outcome == .worse || outcome == .better, Self.overlap(a, b) { outcome = .cannotTell }
    }

    private static func outcome(_ from: Double, _ to: Double, _ better: Better?, tolerance: Double, floor: Double) -> Outcome {
        // A hair of rounding is no change.
        if abs(to - from) <= max(abs(from), abs(to)) * 1e-12 || abs(to - from) < floor { return .same }
        switch better {
        case .lower: return to > from ? (exceeds(to, from, tolerance) ? .worse : .same) : (exceeds(from, to, tolerance) ? .better : .same)
        case .higher: return to < from ? (exceeds(from, to, tolerance) ? .worse : .same) : (exceeds(to, from, tolerance) ? .better : .same)
        case .equal, nil: return .changed
        }
    }

    /// Whether the larger one is above the smaller by more than the tolerated share of it; of nothing any share is nothing.
    private static func exceeds(_ larger: Double, _ smaller: Double, _ tolerance: Double) -> Bool {
        larger > smaller + abs(smaller) * tolerance * (1 + 1e-12)
    }

    private static func overlap(_ a: Figure, _ b: Figure) -> Bool {
        guard a.lower != nil || a.upper != nil, b.lower != nil || b.upper != nil else { return false }
        return (a.lower ?? -.infinity) <= (b.upper ?? .infinity) && (b.lower ?? -.infinity) <= (a.upper ?? .infinity)
    }
}

/// What is different between two runs, cell by cell.
package struct RunDifference: Sendable, Equatable {
    package struct Cell: Sendable, Equatable {
        package var a: PastCase?
        package var b: PastCase?
        package var changes: [FigureChange]

        package var row: CaseRow? { (b ?? a)?.row }
        /// The verdict of B is the severer one; a cell that B lacks is not worse.
        package var isVerdictWorse: Bool {
            guard let a, let b else { return false }
            return b.row.verdict > a.row.verdict && b.row.verdict > .quarantined
        }
        package var isWorse: Bool { isVerdictWorse || changes.contains { $0.outcome == .worse } }
        package var isSame: Bool { a?.row.verdict == b?.row.verdict && changes.allSatisfy { $0.outcome == .same } }
    }

    package var a: RunRow
    package var b: RunRow
    package var cells: [Cell]

    /// Cells in the order of B, then those that only A has.
    package init(_ a: (run: RunRow, cases: [PastCase]), _ b: (run: RunRow, cases: [PastCase]), tolerance: Double) {
        self.a = a.run
        self.b = b.run
        // The world is not asked: a run in sim may be compared with one in emu.
        func name(_ item: PastCase) -> String { "\(item.row.key.file) \(item.row.key.cell)" }
        var before: [String: PastCase] = [:]
        for item in a.cases { before[name(item)] = item }
        let after = Set(b.cases.map(name))
        cells =
            b.cases.map { Self.cell(before[name($0)], $0, tolerance) }
            + a.cases.filter { !after.contains(name($0)) }.map { Self.cell($0, nil, tolerance) }
    }

    package var isWorse: Bool { cells.contains(where: \.isWorse) }

    private static func cell(_ a: PastCase?, _ b: PastCase?, _ tolerance: Double) -> Cell {
        guard let a, let b else { return Cell(a: a, b: b, changes: []) }
        return Cell(a: a, b: b, changes: changes(a.figures, b.figures, tolerance: tolerance))
    }

    /// Figures in the order of B, then those that only A has.
    package static func changes(_ a: [Figure], _ b: [Figure], tolerance: Double) -> [FigureChange] {
        b.map { figure in FigureChange(a: a.first { $0.name == figure.name && $0.kind == figure.kind }, b: figure, tolerance: tolerance) }
            + a.filter { figure in !b.contains { $0.name == figure.name && $0.kind == figure.kind } }
            .map { FigureChange(a: $0, b: nil, tolerance: tolerance) }
    }
}
