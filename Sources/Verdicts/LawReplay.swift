import LabCore

/// Watches every law of the plan over the whole log.
struct LawReplay: Sendable {
    private var monitors: [LawMonitor] = []
    private(set) var breaches: [(law: Law, breach: LawMonitor.Breach)] = []
    /// What the runner recorded: the law's text and its line.
    private var recorded: [(text: String, line: Int?, sequence: Int)] = []

    init(_ plan: Plan) {
        for law in plan.laws {
            // A law that cannot be evaluated does not hold: nobody watched it.
            do { monitors.append(LawMonitor(try law.resolved(in: Scope(plan.variables)), slack: plan.slack)) } catch {
                breaches.append((law, LawMonitor.Breach(sequence: nil, reason: error.description)))
            }
        }
    }

    mutating func observe(_ event: RunEvent) {
        for index in monitors.indices {
            if let breach = monitors[index].observe(event) { breaches.append((monitors[index].law, breach)) }
        }
        if event.node == LabEvents.node, event.name == LabEvents.lawBroken {
            recorded.append((event.fields["law"]?.text ?? "", event.fields["line"]?.integer.map { Int(clamping: $0) }, event.sequence))
        }
    }

    mutating func end(at now: RunInstant) {
        for index in monitors.indices {
            if let breach = monitors[index].end(at: now) { breaches.append((monitors[index].law, breach)) }
        }
    }

    func findings(in events: [RunEvent]) -> [Finding] {
        breaches.map { law, breach in
            let event = breach.sequence.flatMap { events.indices.contains($0 - 1) ? events[$0 - 1] : nil }
            return Finding(
                subject: .law, verdict: .fail, location: law.location, title: law.text, expected: law.rule.text,
                nearest: event.map { [NearMiss(event: $0, differences: [], note: law.rule.breachNote)] } ?? [],
                reason: breach.reason, sequence: breach.sequence, node: event?.node ?? law.rule.role)
        }
    }

    /// Breaches that only one of the runner and the replay saw.
    func disagreements() -> [Finding] {
        var unmatched = recorded
        var findings: [Finding] = []
        for (law, breach) in breaches {
            if let index = unmatched.firstIndex(where: { $0.text == law.text && ($0.line ?? law.location.line) == law.location.line }) {
                unmatched.remove(at: index)
            } else {
                findings.append(Self.disagreement(law.text, law.location, "by the log the law is broken: \(breach.reason)", breach.sequence))
            }
        }
        for record in unmatched {
            let law = monitors.map(\.law).first { $0.text == record.text }
            let location = law?.location ?? SourceLocation(file: "", line: record.line ?? 1, column: 1)
            findings.append(Self.disagreement(record.text, location, "the runner recorded a breach that the log does not show", record.sequence))
        }
        return findings
    }

    private static func disagreement(_ text: String, _ location: SourceLocation, _ reason: String, _ sequence: Int?) -> Finding {
        Finding(
            subject: .lab, verdict: .fail, location: location, title: "law: \(text)",
            expected: "the runner and the judge agree", reason: reason, sequence: sequence, node: LabEvents.node)
    }
}

extension Law.Rule {
    /// The rule as a sentence.
    var text: String {
        switch self {
        case .forbid(let event, let condition): "never \(Self.text(event, condition))"
        case .oncePer(let event, let condition, let field): "at most one \(Self.text(event, condition)) for each \(field)"
        case .leadsTo(let event, let condition, let target, let same, let within):
            "every \(Self.text(event, condition)) leads to \(target)"
                + (same.isEmpty ? "" : " with the same \(same.joined(separator: ", "))") + " within \(within)"
        case .balance(let left, let right): "\(left) and \(right) sum to the same at the end"
        }
    }

    /// What the event at which it broke has to do with it.
    var breachNote: String {
        switch self {
        case .forbid: "must not happen"
        case .oncePer: "is one too many"
        case .leadsTo: "was not followed up in time"
        case .balance: "broke the law"
        }
    }

    var role: String {
        switch self {
        case .forbid(let event, _), .oncePer(let event, _, _), .leadsTo(let event, _, _, _, _), .balance(let event, _): event.role
        }
    }

    private static func text(_ event: NodeReference, _ condition: Match) -> String {
        condition.isEmpty ? "\(event)" : "\(event) where \(condition)"
    }
}
