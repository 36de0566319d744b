package import LabCore

/// The exit codes of `lab` (cli.md). Raw values are what the process returns.
package enum ExitCode: Int32, Sendable, CaseIterable {
    /// Passed; flaky and quarantined cases are counted and named.
    case passed = 0
    /// A scenario failed; also a flaky one where that is asked for, or a quarantine that is over.
    case failed = 1
    /// Wrong usage, or an error in a scenario or the configuration; nothing ran.
    case wrongInput = 2
    /// Nothing failed, but something could not be run.
    case blocked = 3
    case nothingSelected = 4
    /// Nothing failed, but an objective is neither held nor broken.
    case unproven = 5
    /// Everything passed, but a baseline regressed.
    case regressed = 6
    /// A bug of the lab, or a simulation that did not replay.
    case labBug = 70
    /// Ctrl-C; the teardown is done.
    case interrupted = 130
    case terminated = 143

    /// What a summary does not show.
    package struct Circumstances: Sendable, Equatable {
        package enum Interruption: Sendable { case interrupt, terminate }
        package var labFailed = false
        package var inputIsWrong = false
        package var interruption: Interruption?
        /// `--strict-flaky`
        package var flakyFails = false
        package var quarantineExpired = false
        package var baselineRegressed = false
        /// Two builds were to be compared, and the machine was too busy for it.
        package var comparisonIsVoid = false
        package init() {}
    }

    /// The first code of the table, from the top, that applies.
    package init(_ summary: Summary?, _ circumstances: Circumstances = Circumstances()) {
        let cases = summary?.cases ?? []
        let disagrees = cases.contains { $0.findings.contains { $0.subject == .lab && $0.verdict == .fail } }
        let fails = cases.contains { $0.verdict == .fail || circumstances.flakyFails && $0.verdict == .flaky }
        let isUnproven = cases.contains { $0.verdict != .quarantined && ($0.verdict == .unproven || $0.limits.contains { $0.verdict == .unproven }) }
        self =
            if circumstances.labFailed || disagrees { .labBug }
            else if circumstances.inputIsWrong { .wrongInput }
            else if circumstances.interruption == .interrupt { .interrupted }
            else if circumstances.interruption == .terminate { .terminated }
            else if fails || circumstances.quarantineExpired { .failed }
            else if circumstances.baselineRegressed { .regressed }
            else if isUnproven { .unproven }
            else if circumstances.comparisonIsVoid || cases.contains(where: { $0.verdict == .blocked }) { .blocked }
            else if cases.isEmpty { .nothingSelected }
            else { .passed }
    }
}
