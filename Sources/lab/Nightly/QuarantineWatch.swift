import Foundation
import LabCore
import ScenarioLanguage

/// Bears the failures that the quarantine knows, and tells what it bore.
struct QuarantineWatch: Sendable {
    var quarantine: Quarantine
    var today: CalendarDay

    /// - Returns: `nil` where there is nothing to watch.
    init?(_ quarantine: Quarantine?, today: CalendarDay?) {
        guard let quarantine, let today, !quarantine.entries.isEmpty else { return nil }
        (self.quarantine, self.today) = (quarantine, today)
    }

    /// The result of a cell as the run counts it. A failure of the lab itself is never borne, nor is a sick bench: those are nobody's
    /// known failure.
    func borne(_ result: CaseSummary) -> CaseSummary {
        guard result.verdict == .fail || result.verdict == .flaky,
            !result.findings.contains(where: { $0.subject == .lab && $0.verdict == .fail }),
            let entry = quarantine.entry(for: result.plan, on: today)
        else { return result }
        var result = result
        let tries = result.verdict == .flaky ? result.reason.map { "; \($0)" } ?? "" : ""
        result.verdict = .quarantined
        result.reason = "\(entry.note(isOver: false).terms): \(entry.why)\(tries)"
        // Each objective is a test of its own in JUnit and SARIF.
        for index in result.limits.indices where result.limits[index].verdict == .fail { result.limits[index].verdict = .quarantined }
        return result
    }

    /// The entries that concern these cells, with how many failures each bore.
    func notes(_ cases: [CaseSummary]) -> [QuarantineNote] {
        let over = quarantine.over(among: cases.map(\.plan), on: today)
        var borne: [SourceLocation: Int] = [:]
        for result in cases where result.verdict == .quarantined {
            if let entry = quarantine.entry(for: result.plan, on: today) { borne[entry.location, default: 0] += 1 }
        }
        return quarantine.entries.compactMap { entry in
            if over.contains(where: { $0.location == entry.location }) { return entry.note(isOver: true) }
            guard cases.contains(where: { entry.holds(for: $0.plan) }) else { return nil }
            return entry.note(isOver: false, borne: borne[entry.location] ?? 0)
        }
    }
}

extension Quarantine.Entry {
    func note(isOver: Bool, borne: Int = 0) -> QuarantineNote {
        QuarantineNote(
            scenario: scenario, owner: owner, issue: issue, until: until.description, why: why, location: location, isOver: isOver, borne: borne)
    }
}

extension Today {
    /// Where the machine stands; only quarantines are compared with it.
    static var day: CalendarDay? {
        let parts = Calendar(identifier: .gregorian).dateComponents([.year, .month, .day], from: Today.now)
        return CalendarDay(year: parts.year ?? 0, month: parts.month ?? 0, day: parts.day ?? 0)
    }
}
