import LabCore

/// `baseline.json`: the figures of a run in a file of their own, for `baseline: {against: pinned}`. It can be kept with the
/// scenarios, and nothing but a person changes it.
package struct PinnedBaseline: Sendable, Equatable {
    package static let fileName = "baseline.json"

    package var cases: [PastCase]

    package init(cases: [PastCase]) { self.cases = cases }

    package func cell(_ key: CaseKey) -> PastCase? { cases.first { $0.row.key == key } }

    package var bytes: [UInt8] {
        let fields: Fields = ["schema": 1, "cases": .list(cases.map(Self.value))]
        return JSONWriter.bytes(.record(fields)) + [0x0a]
    }

    /// - Throws: `.damaged` for a document that is none of the lab's.
    package init(_ bytes: [UInt8], path: String) throws(RunArchive.Failure) {
        let document: FieldValue
        do throws(JSONReader.Failure) { document = try JSONReader.read(bytes) } catch { throw .damaged(path, reason: error.description) }
        guard let fields = document.record, fields["schema"]?.integer == 1, let cases = fields["cases"]?.list else {
            throw .damaged(path, reason: "'schema' must be 1 and 'cases' a list; `lab baseline accept RUN --pin` writes it")
        }
        self.cases = cases.compactMap(\.record).compactMap(Self.cell)
        guard self.cases.count == cases.count else { throw .damaged(path, reason: "a case of it cannot be read; `lab baseline accept RUN --pin` writes it") }
    }

    private static func value(_ item: PastCase) -> FieldValue {
        [
            "run": .text(item.run.name), "started_ns": .integer(item.run.started), "label": .text(item.run.label),
            "machine": item.run.machine.map { .text($0) } ?? .null, "world": .text(item.row.key.world), "scenario": .text(item.row.scenario),
            "file": .text(item.row.key.file), "cell": .text(item.row.key.cell), "cell_text": .text(item.row.cellText),
            "verdict": .text(item.row.verdict.rawValue), "figures": .list(item.figures.map(value)),
        ]
    }

    private static func value(_ figure: Figure) -> FieldValue {
        func number(_ value: Double?) -> FieldValue { value.map { .number($0) } ?? .null }
        return [
            "kind": .integer(Int64(figure.kind.rawValue)), "name": .text(figure.name), "unit": .text(figure.unit),
            "better": figure.better.map { .text($0.rawValue) } ?? .null, "value": number(figure.value), "lower": number(figure.lower),
            "upper": number(figure.upper), "samples": .integer(Int64(figure.samples)),
        ]
    }

    private static func cell(_ fields: Fields) -> PastCase? {
        guard let world = fields["world"]?.text, let file = fields["file"]?.text, let cell = fields["cell"]?.text,
            let verdict = fields["verdict"]?.text.flatMap(Verdict.init), let figures = fields["figures"]?.list
        else { return nil }
        let run = RunRow(
            id: 0, name: fields["run"]?.text ?? "", folder: "", started: fields["started_ns"]?.integer ?? 0, world: world, seed: "", labVersion: "",
            label: fields["label"]?.text ?? "", machine: fields["machine"]?.text, exitCode: nil, isPartial: false, accepted: nil)
        let row = CaseRow(
            id: 0, key: CaseKey(world: world, file: file, cell: cell), scenario: fields["scenario"]?.text ?? file, cellText: fields["cell_text"]?.text ?? "",
            seed: "", verdict: verdict, reason: nil, duration: 0, place: "")
        return PastCase(run: run, row: row, figures: figures.compactMap(\.record).compactMap(figure), isBaseline: true)
    }

    private static func figure(_ fields: Fields) -> Figure? {
        guard let name = fields["name"]?.text, let kind = fields["kind"]?.integer.flatMap({ Figure.Kind(rawValue: Int(clamping: $0)) }) else { return nil }
        return Figure(
            kind: kind, name: name, unit: fields["unit"]?.text ?? "", better: fields["better"]?.text.flatMap(Better.init), value: fields["value"]?.asNumber,
            lower: fields["lower"]?.asNumber, upper: fields["upper"]?.asNumber, samples: Int(clamping: fields["samples"]?.integer ?? 0))
    }
}
