import Archive
import LabCore

/// What tells one cell from another, in one run and from run to run.
enum CaseNames {
    /// The names of the cells' folders. Where two cells differ only in signs that folder names leave out, or are cut off,
    /// the second is called `name.2`.
    static func unique(_ plans: [Plan]) -> [String] {
        var taken: Set<String> = []
        return plans.map { plan in
            let name = RunFolder.caseName(scenario: plan.scenario, cell: plan.cell)
            var unique = name
            var number = 1
            while !taken.insert(unique).inserted {
                number += 1
                unique = "\(name).\(number)"
            }
            return unique
        }
    }

    /// The same for the same cell of the same file, as stored documents spell it.
    static func key(file: String, cell: Fields) -> String { file + " " + JSONWriter.text(.record(cell)) }

    static func key(of plan: Plan) -> String { key(file: plan.file, cell: plan.cell) }
}
