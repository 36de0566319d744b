import LabCore

/// Puts what the replay found into the words of a report.
struct FindingWriter: Sendable {
    let plan: Plan
    let records: [StepRecord]
    /// The whole log; the event with number n stands at n - 1.
    let events: [RunEvent]

    /// A finding for each step that failed or could not be done. Failures of the teardown are marks on the bench, not on
    /// the product (semantics 8).
    func stepFindings() -> [Finding] {
        records.compactMap { record in
            let outcome = record.judged.outcome
            switch outcome {
            case .passed: return nil
            case .interrupted where !record.isTeardown: return nil
            case .failed, .blocked, .interrupted: return finding(record, outcome)
            }
        }
    }

    private func finding(_ record: StepRecord, _ outcome: StepOutcome) -> Finding {
        var finding = Finding(
            subject: record.isTeardown ? .teardown : .step, verdict: record.isTeardown || outcome == .blocked ? .blocked : .fail,
            location: record.location, title: record.text, expected: expected(of: record), nearest: record.nearest,
            reason: reason(of: record, outcome), sequence: record.ended?.sequence, node: record.node)
        if finding.verdict == .fail {
            let start = min(record.expectation?.stimulusAt ?? record.started.at, record.started.at)
            finding.addReasons(absences(from: start, to: record.ended?.at ?? .start))
        }
        if record.expectation?.polarity == .forbidden, case .notMet(let events)? = record.replayed, let first = events.first {
            finding.sequence = first
            finding.nearest = [event(first)].compactMap { $0.map { NearMiss(event: $0, differences: [], note: "was forbidden") } }
        }
        return finding
    }

    /// Devices that were off the bus in a part of the run: what they said meanwhile nobody heard, and what they took includes it.
    private func absences(from start: RunInstant, to end: RunInstant) -> [String] {
        BusAbsence.all(in: events).filter { $0.touches(start, end) }.map { $0.text(at: end) }
    }

    private func event(_ sequence: Int) -> RunEvent? {
        events.indices.contains(sequence - 1) ? events[sequence - 1] : nil
    }

    private func expected(of record: StepRecord) -> String {
        if let expectation = record.expectation {
            let window = expectation.stimulusAt.duration(to: expectation.deadline)
            switch expectation.polarity {
            case .expected:
                let count = expectation.count.map { " count \(Match([Match.Condition(field: "", test: $0)]))" } ?? ""
                return "\(expectation.text)\(count)   within \(FigureText.exact(window)) of \(stimulus(of: expectation))"
            case .forbidden: return "no \(expectation.text)   for \(FigureText.exact(window))"
            }
        }
        guard let condition = record.condition else { return "" }
        if record.verb == "check" { return "\(record.started.fields["query"]?.text ?? record.text) where \(condition)" }
        return "a failure" + (condition.isEmpty ? "" : " where \(condition)")
    }

    /// The step from which an expectation counts: `line 42 (cloud.ota.start)`. Its stimulus is the last event before it.
    private func stimulus(of expectation: Expectation) -> String {
        let verbs = ["do", "fault", "clear", "load", "wait"]
        if let record = records.first(where: { $0.started.sequence == expectation.stimulus + 1 && verbs.contains($0.verb) }) {
            let words = record.text.split(separator: " ", maxSplits: 1)
            return "line \(record.location.line) (\(words.count == 2 && words[0] == "do" ? String(words[1]) : record.text))"
        }
        if let next = event(expectation.stimulus + 1), next.name == LabEvents.phaseStarted {
            return "the start of the \(next.fields["phase"]?.text ?? "run")"
        }
        return expectation.stimulusAt.figure
    }

    private func reason(of record: StepRecord, _ outcome: StepOutcome) -> String? {
        if record.ended == nil { return "the log ends while the step was running" }
        if outcome == .interrupted { return record.recordedReason ?? "the teardown was stopped before the step came to its end" }
        if let expectation = record.expectation, outcome == .failed {
            if expectation.polarity == .expected, expectation.deadline < record.started.at {
                return "its window was over when the step began, at \(record.started.at.figure); "
                    + "'within' counts from the last do, fault, clear, load or wait"
            }
            if expectation.count != nil, case .notMet(let events)? = record.replayed {
                return events.isEmpty ? "none was seen" : "it was seen \(events.count) times"
            }
            return expectation.polarity == .expected && record.nearest.isEmpty ? "nothing of this kind was seen" : nil
        }
        if record.verb == "check", let answer = record.answer, let condition = record.condition {
            let differences = condition.differences(in: answer)
            return "the answer was \(Self.shortened(FieldValue.record(answer).description))"
                + (differences.isEmpty ? "" : ", which differs in \(differences.joined(separator: ", "))")
        }
        return record.recordedReason
    }

    /// Steps for which the runner recorded something else than the log gives: the lab's own bug.
    func disagreements(ending: RunEvent?, breaches: Int) -> [Finding] {
        var findings: [Finding] = records.compactMap { record in
            guard let conflict = record.judged.conflict else { return nil }
            return Finding(
                subject: .lab, verdict: .fail, location: record.location, title: record.text, expected: "the runner and the judge agree",
                reason: "step \(record.step): \(conflict)", sequence: record.ended?.sequence, node: LabEvents.node)
        }
        let isClean = records.allSatisfy { $0.isTeardown || $0.judged.outcome == .passed }
        let ended = ending?.fields["reason"]?.text
        let isStopped = ended == "failed" || ended == "blocked"
        if ended == "done" && !isClean || isStopped && isClean || ended == "law_broken" && breaches == 0, findings.isEmpty {
            findings.append(Finding(
                subject: .lab, verdict: .fail, location: start, title: "end of the run", expected: "the runner and the judge agree",
                reason: "the runner ended the run as '\(ended ?? "")', which its steps and laws do not show", sequence: ending?.sequence,
                node: LabEvents.node))
        }
        return findings
    }

    /// What the end of the run adds: a deadline that was over, an interruption, a log that was cut off.
    func endings(_ course: RunCourse) -> [Finding] {
        guard let reason = course.reason(deadline: plan.deadline) else { return [] }
        let step = course.unfinished.first
        var finding = Finding(
            subject: .step, verdict: .blocked, location: step?.location ?? start, title: step?.text ?? plan.scenario,
            expected: step.map(expected(of:)) ?? "", reason: reason, sequence: step?.ended?.sequence, node: step?.node)
        switch course.ending {
        case "deadline": finding.verdict = .fail
        case nil: finding.subject = .lab
        default: break
        }
        return [finding]
    }

    /// One finding for each violation; a run that is wrong throughout need not say it a thousand times.
    func findings(of report: OracleReport, atMost limit: Int = 100) -> [Finding] {
        func finding(_ reason: String, _ violation: OracleReport.Violation? = nil) -> Finding {
            Finding(
                subject: .oracle, verdict: .fail, location: start, title: "\(report.oracle) oracle", reason: reason, sequence: violation?.sequence,
                node: violation?.node)
        }
        let told = report.violations.prefix(limit).map { finding($0.sentence, $0) }
        return report.violations.count > limit ? told + [finding("\(report.violations.count - limit) more violations")] : told
    }

    /// A limit that is not simply held.
    func finding(for result: LimitResult) -> Finding? {
        guard result.verdict > .pass else { return nil }
        var finding = Finding(
            subject: .limit, verdict: result.verdict, location: result.limit.location, title: result.limit.id,
            expected: result.limit.demand, reason: [result.figure, result.reason].compactMap { $0 }.joined(separator: ": "))
        if result.verdict == .fail { finding.addReasons(absences(from: .start, to: events.last?.at ?? .start)) }
        return finding
    }

    private var start: SourceLocation { SourceLocation(file: plan.file, line: 1, column: 1) }

    private static func shortened(_ text: String) -> String { text.count > 400 ? text.prefix(400) + "…" : text }
}

extension Finding {
    fileprivate mutating func addReasons(_ reasons: [String]) {
        guard !reasons.isEmpty else { return }
        reason = ([reason].compactMap(\.self) + reasons).joined(separator: "; ")
    }
}
