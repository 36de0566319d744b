package import LabCore

/// A scenario file without errors.
package struct Scenario: Sendable {
    /// The path below `scenarios/` without its ending: `badge/register`.
    package let name: String
    package let file: String
    package let about: String
    package let tags: [String]
    /// Worlds in which it can run.
    package let fidelity: [WorldKind]
    package let needs: [Role]
    /// The cells of the matrix, the last name changing fastest; one empty cell without a matrix. Where values differ by
    /// world, those of the first world.
    package let cells: [Fields]
    private let plansByWorld: [WorldKind: [Plan]]

    /// `loss=20%`, or `–` without a matrix, in the order of `cells`.
    package var cellNames: [String] { cells.map(CellText.of(cell:)) }

    init?(plansByWorld: [WorldKind: [Plan]], fidelity: [WorldKind]) {
        guard let world = fidelity.first, let plans = plansByWorld[world], let first = plans.first else { return nil }
        (name, file, about, tags, needs) = (first.scenario, first.file, first.about, first.tags, first.roles)
        self.fidelity = fidelity
        cells = plans.map(\.cell)
        self.plansByWorld = plansByWorld
    }

    /// One plan for each cell, in the order of `cells`; none for a world in which the scenario cannot run.
    package func plans(world: WorldKind, seed: UInt64) -> [Plan] {
        (plansByWorld[world] ?? []).map { plan in
            var plan = plan
            plan.seed = seed
            return plan
        }
    }
}

package struct LoadResult: Sendable {
    /// In the order of the paths; files with errors, and files that hold only blocks, are left out.
    package let scenarios: [Scenario]
    /// Everything that is wrong, sorted by file and place.
    package let diagnostics: [Diagnostic]
}
