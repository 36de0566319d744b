import LabCore

extension CaseSummary {
    /// What to type to see it again: a run in `sim` repeats exactly, one in real time is only run again.
    ///
    /// - Parameter sequence: the event at which to stop.
    package func repeatCommand(until sequence: Int? = nil) -> (label: String, command: String) {
        guard plan.world == .sim else {
            let cell = plan.cell.isEmpty ? "" : " --cell \(ShellText.quoted(plan.cellText))"
            return ("again", "lab run \(plan.file)\(cell) --on \(plan.world.rawValue) --seed \(SeedText.hex(plan.seed))" + (options.isEmpty ? "" : " " + options))
        }
        return ("replay", "lab replay \(run)" + (sequence.map { " --until \($0)" } ?? ""))
    }
}

extension String {
    var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
