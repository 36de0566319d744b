package import LabCore

/// A run as the index has it.
package struct RunRow: Sendable, Equatable {
    package var id: Int64
    package var name: String
    package var folder: String
    /// Nanoseconds since 1970.
    package var started: Int64
    package var world: String
    package var seed: String
    package var labVersion: String
    package var label: String
    /// The fingerprint; `nil`: not known.
    package var machine: String?
    package var exitCode: Int?
    package var isPartial: Bool
    /// When it was last accepted as a baseline, whole or in part.
    package var accepted: Int64?

    /// The commit; the lab's version where no commit is known.
    package var title: String { label.isEmpty ? labVersion : label }
}

/// A cell of a run as the index has it.
package struct CaseRow: Sendable, Equatable {
    package var id: Int64
    package var key: CaseKey
    package var scenario: String
    package var cellText: String
    package var seed: String
    package var verdict: Verdict
    package var reason: String?
    /// ns
    package var duration: Int64
    package var place: String

    /// `badge/register [loss=20%]`
    package var title: String { cellText.isEmpty || cellText == "–" ? scenario : "\(scenario) [\(cellText)]" }
    /// Whether its figures say something: it ran to its end and was judged.
    package var hasFigures: Bool { verdict != .skipped && verdict != .blocked }
}

/// One number of a cell that can be compared from run to run.
package struct Figure: Sendable, Equatable {
    package enum Kind: Int, Sendable { case objective, measurement, load }

    package var kind: Kind
    /// An objective's id, `registered.latency` where there was one sample, else `registered.latency p50`, `nominal cpu-per-request`.
    package var name: String
    /// `ns`, `/s`, `share` or empty.
    package var unit: String
    package var better: Better?
    /// `nil` where there was nothing to measure.
    package var value: Double?
    package var lower: Double?
    package var upper: Double?
    package var samples: Int
    /// The objective's figure for people.
    package var text: String?
    package var verdict: Verdict?

    package init(
        kind: Kind, name: String, unit: String = "", better: Better? = nil, value: Double?, lower: Double? = nil, upper: Double? = nil, samples: Int = 1,
        text: String? = nil, verdict: Verdict? = nil
    ) {
        self.kind = kind
        self.name = name
        self.unit = unit
        self.better = better
        self.value = value
        self.lower = lower
        self.upper = upper
        self.samples = samples
        self.text = text
        self.verdict = verdict
    }

    /// For people: `12.4 s`, `99.9 %`, `250 /s`, `3`.
    package var valueText: String { value.map { Self.text($0, unit: unit) } ?? text ?? "–" }

    package static func text(_ value: Double, unit: String) -> String {
        switch unit {
        case "ns": FigureText.duration(nanoseconds: value)
        case "share": FigureText.share(value)
        case "": FigureText.number(value)
        default: "\(FigureText.number(value)) \(unit)"
        }
    }
}

/// A cell of a run with the run and its figures.
package struct PastCase: Sendable, Equatable {
    package var run: RunRow
    package var row: CaseRow
    package var figures: [Figure]
    package var isBaseline: Bool
}
