import Archive
import LabCore
import Reports

/// A difference of two runs as `lab diff` prints it.
struct DifferenceText {
    private(set) var lines: [String] = []
    private let style: Style
    private let all: Bool

    init(_ difference: RunDifference, _ partings: [EventParting], all: Bool, style: Style) {
        self.style = style
        self.all = all
        lines.append("\(Self.name(difference.a)) → \(Self.name(difference.b))")
        if difference.a.world != "sim" || difference.b.world != "sim", difference.a.machine != difference.b.machine {
            lines.append(style.paint("the machines differ: \(difference.a.machine ?? "not known") and \(difference.b.machine ?? "not known")", .warning))
        }
        var same = 0
        for (cell, parting) in zip(difference.cells, partings) {
            if cell.isSame, parting.sequence == nil, !all { same += 1 } else { add(cell, parting) }
        }
        if same > 0 { lines.append("\(counted(same, "case")) the same") }
    }

    /// `1121-1 (4f2a9c1, sim, seed 0x1)`
    private static func name(_ run: RunRow) -> String {
        "\(run.name) (\(([run.label, run.world].filter { !$0.isEmpty } + ["seed \(run.seed)"]).joined(separator: ", ")))"
    }

    private mutating func add(_ cell: RunDifference.Cell, _ parting: EventParting) {
        guard let row = cell.row else { return }
        let verdicts: String
        switch (cell.a?.row.verdict, cell.b?.row.verdict) {
        case (let a?, let b?): verdicts = a == b ? b.rawValue : "\(a.rawValue) → \(b.rawValue)"
        case (nil, let b?): verdicts = "only in B, \(b.rawValue)"
        case (let a?, nil): verdicts = "only in A, \(a.rawValue)"
        case (nil, nil): verdicts = ""
        }
        lines.append("  \(row.title)  \(style.paint(verdicts, cell.isVerdictWorse ? .bad : .plain))")
        let shown = cell.changes.filter { all || $0.outcome != .same }
        let width = min(40, (shown.map(\.name.count).max() ?? 0) + 2)
        for change in shown { lines.append("    \(change.name.padded(to: width))\(text(change))") }
        if let sequence = parting.sequence {
            lines.append("    logs part at event \(sequence)")
            lines.append("      A  \(parting.a ?? "")")
            lines.append("      B  \(parting.b ?? "")")
        } else if let remark = parting.remark, all || !cell.isSame {
            lines.append(style.paint("    logs not compared: \(remark)", .quiet))
        }
    }

    private func text(_ change: FigureChange) -> String {
        let (a, b) = (change.a.map(Self.text), change.b.map(Self.text))
        switch change.outcome {
        case .onlyA: return "\(a ?? "–")  only in A"
        case .onlyB: return "\(b ?? "–")  only in B"
        default:
            let tone: Style.Tone = change.outcome == .worse ? .bad : change.outcome == .better ? .good : .quiet
            return "\(a ?? "–") → \(b ?? "–")  \(change.changeText)  \(style.paint(change.outcome.rawValue, tone))"
        }
    }

    /// `12.4 s [11.9 s, 12.9 s]`
    private static func text(_ figure: Figure) -> String {
        guard figure.value != nil, figure.lower != nil || figure.upper != nil else { return figure.valueText }
        func end(_ value: Double?) -> String { value.map { Figure.text($0, unit: figure.unit) } ?? "…" }
        return "\(figure.valueText) [\(end(figure.lower)), \(end(figure.upper))]"
    }
}

/// The same as JSON.
enum DifferenceRecord {
    static func value(_ difference: RunDifference, _ partings: [EventParting]) -> FieldValue {
        [
            "schema": 1, "a": run(difference.a), "b": run(difference.b), "is_worse": .bool(difference.isWorse),
            "cases": .list(zip(difference.cells, partings).map(cell)),
        ]
    }

    static func run(_ run: RunRow) -> FieldValue {
        [
            "run": .text(run.name), "started": .text(CalendarText.timestamp(nanoseconds: run.started)), "label": .text(run.label),
            "lab_version": .text(run.labVersion), "world": .text(run.world), "seed": .text(run.seed), "machine": text(run.machine),
        ]
    }

    static func figure(_ figure: Figure) -> Fields {
        ["value": number(figure.value), "lower": number(figure.lower), "upper": number(figure.upper), "samples": .integer(Int64(figure.samples))]
    }

    private static func cell(_ cell: RunDifference.Cell, _ parting: EventParting) -> FieldValue {
        [
            "scenario": text(cell.row?.scenario), "file": text(cell.row?.key.file), "cell_text": text(cell.row?.cellText),
            "a": text(cell.a?.row.verdict.rawValue), "b": text(cell.b?.row.verdict.rawValue), "is_worse": .bool(cell.isWorse),
            "figures": .list(cell.changes.map { change in
                [
                    "name": .text(change.name), "unit": text((change.b ?? change.a)?.unit), "a": change.a.map { .record(figure($0)) } ?? .null, "b": change.b.map { .record(figure($0)) } ?? .null,
                    "change": number(change.change), "outcome": .text(change.outcome.rawValue),
                ]
            }),
            "first_different_event": parting.sequence.map { .integer(Int64($0)) } ?? .null,
        ]
    }

    static func text(_ text: String?) -> FieldValue { text.map { .text($0) } ?? .null }
    static func number(_ value: Double?) -> FieldValue { value.flatMap { $0.isFinite ? .number($0) : nil } ?? .null }
}
