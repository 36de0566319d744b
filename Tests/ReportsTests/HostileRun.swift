import LabCore

/// A run in which every text that comes from outside tries to break out of its report.
enum HostileRun {
    static let text = "<script>alert(1)</script>\"'&]]>\u{0}\u{1b}[2J\u{202e}gpj.exe\u{85}\u{fffe} ``` | **x** \n::error::"

    static let summary: Summary = {
        let location = SourceLocation(file: text, line: 3, column: 1)
        let event = RunEvent(sequence: 2, at: .start, node: text, name: text, fields: [text: .text(text), "b": .bytes([0, 255])])
        let finding = Finding(
            subject: .step, verdict: .fail, location: location, title: text, expected: text,
            nearest: [NearMiss(event: event, differences: [text], note: text)], reason: text, sequence: 2, node: text)
        let limit = Limit(
            id: text, location: location, text: text,
            requirement: Requirement(
                source: text + "!",
                claims: [
                    Requirement.Claim(
                        statistic: .worst, measurement: text, comparison: .less,
                        threshold: Requirement.Quantity(dimension: .time, value: 1, source: text))
                ]))
        let plan = Plan(scenario: text, file: text, about: text, tags: [text], cell: [text: .text(text)])
        let result = CaseSummary(
            plan: plan, run: text, verdict: .fail, findings: [finding],
            limits: [LimitResult(limit: limit, verdict: .fail, figure: text, samples: 1, reason: text)],
            measurements: [Measurement(name: text, at: .start, value: 2, isTime: true, labels: [text: .text(text)])],
            eventCount: 3, duration: .seconds(1), reason: text)
        var unproven = result
        unproven.verdict = .flaky
        return Summary(run: text, labVersion: text, world: .sim, seed: .max, cases: [result, unproven])
    }()

    static let events: [RunEvent] = [
        RunEvent(sequence: 1, at: .start, node: "lab", name: "step.started", fields: ["step": .text(text), "text": .text(text), "line": .integer(.max)]),
        RunEvent(sequence: 2, at: .start, node: text, name: text, fields: [text: .text(text)], cause: 1),
        RunEvent(
            sequence: 3, at: RunInstant(nanoseconds: .max), node: "lab", name: "fault.started",
            fields: ["fault": .text(text), "arguments": [text: .text(text)]], cause: 2),
    ]
}

/// The runs that every report is made from.
enum SampleSummary: String, CaseIterable {
    case everyVerdict, hostile, empty

    var summary: Summary {
        switch self {
        case .everyVerdict: SampleRun.summary
        case .hostile: HostileRun.summary
        case .empty: Summary(run: "r", labVersion: "0", world: .sim, seed: 0, cases: [])
        }
    }
}
