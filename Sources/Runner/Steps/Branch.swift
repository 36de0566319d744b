import LabCore

/// The state of one line of steps: the names it knows and the stimulus that its expectations count from.
///
/// `parallel` gives each branch a copy; what the branches saved is merged in their order when all have ended.
struct Branch {
    var scope: Scope
    /// Position in the log and time at the start of the last `do`, `fault`, `clear`, `load` or `wait` (semantics 2).
    var stimulus: (sequence: Int, at: RunInstant)
    /// What stands behind the step's path inside loops: `[2]`.
    var turn = ""
}

/// Why a line of steps does not go on.
enum StepStop: Error {
    /// The step failed; it is in the log.
    case failed(StepOutcome)
    /// Something outside of the line ended it: cancellation, in the log as well.
    case interrupted
}
