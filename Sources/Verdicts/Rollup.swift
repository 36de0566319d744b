package import LabCore

/// From single findings to the verdict of a case.
package enum Rollup {
    /// The severest of all; `pass` where there is nothing to say. Limits that were not measured because the run failed
    /// before are `skipped` and weigh nothing.
    package static func verdict(findings: [Finding], limits: [LimitResult]) -> Verdict {
        max(.pass, findings.map(\.verdict).max() ?? .pass, limits.map(\.verdict).max() ?? .pass)
    }

    /// The result of a case that was tried several times, the last try last.
    ///
    /// A pass after a failure is `flaky`: it keeps the findings of the tries that failed, so that nothing is hidden.
    /// - Returns: `nil` for no tries.
    package static func combining(tries: [CaseSummary]) -> CaseSummary? {
        guard var result = tries.last else { return nil }
        let failed = tries.dropLast().filter { $0.verdict > .flaky }
        guard result.verdict == .pass, !failed.isEmpty else { return result }
        result.verdict = .flaky
        result.findings = failed.flatMap(\.findings) + result.findings
        result.reason = "try \(tries.count) of \(tries.count)"
        return result
    }
}
