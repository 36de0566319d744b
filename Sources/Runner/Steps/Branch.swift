import LabCore

/// The state of one line of steps: the names and ids that it knows, and the stimulus that its expectations count from.
///
/// `parallel` gives each branch a copy; what the branches saved is merged in their order when all have ended.
struct Branch {
    var scope: Scope
    /// Position in the log and time at the start of the last `do`, `fault`, `clear`, `load` or `wait` (semantics 2).
    var stimulus: (sequence: Int, at: RunInstant)
    /// The event behind each `id`, for `after`. A block has ids of its own, also where two branches use it at once.
    var events: [String: Int] = [:]
    /// The handles of the faults behind each `id`, for `clear`; several where a loop came by again.
    var faults: [String: [Int]] = [:]
    /// What stands behind a step's path inside a loop whose turns have the same paths: `[2]`.
    var turn = ""

    /// Takes over what a branch that began as a copy of `origin` has saved, named and done. The later stimulus counts.
    mutating func merge(_ other: Branch, from origin: Branch) {
        scope.values = scope.values.merging(other.scope.values.changes(from: origin.scope.values))
        for entry in origin.scope.values where other.scope.values[entry.name] == nil { scope.values[entry.name] = nil }
        // Each id is looked at by itself, so the order of a dictionary does not matter here.
        for (id, sequence) in other.events where origin.events[id] != sequence { events[id] = sequence }
        for (id, handles) in other.faults {
            let new = handles.filter { origin.faults[id]?.contains($0) != true }
            if !new.isEmpty { faults[id, default: []] += new }
        }
        if other.stimulus.sequence > stimulus.sequence { stimulus = other.stimulus }
    }
}

/// Why a line of steps does not go on.
enum StepStop: Error {
    /// The step failed; it is in the log.
    case failed(StepOutcome)
    /// Something outside of the line ended it: cancellation, in the log as well.
    case interrupted
}

extension Fields {
    /// The entries that are new or differ from those of `other`.
    func changes(from other: Fields) -> Fields {
        var result = Fields()
        for entry in self where other[entry.name] != entry.value { result[entry.name] = entry.value }
        return result
    }
}
