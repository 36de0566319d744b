import GRDB
package import LabCore

extension RunIndex {
    /// The latest runs, the latest last.
    package func runs(last count: Int) throws(IndexFailure) -> [RunRow] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM runs ORDER BY started_ns DESC, id DESC LIMIT ?", arguments: [count]).reversed().map(Self.run)
        }
    }

    /// The run with this name, the latest of several; the latest of all for `last`.
    package func run(named name: String) throws(IndexFailure) -> RunRow? {
        if name == "last" { return try runs(last: 1).first }
        return try read { db in
            try Row.fetchOne(db, sql: "SELECT * FROM runs WHERE name = ? ORDER BY started_ns DESC LIMIT 1", arguments: [name]).map(Self.run)
        }
    }

    /// The cells of a run with their figures, in the run's order.
    package func cases(of run: RunRow) throws(IndexFailure) -> [PastCase] {
        try read { db in
            let accepted = try Set(
                Row.fetchAll(db, sql: "SELECT world, file, cell FROM acceptances WHERE run_id = ?", arguments: [run.id]).map(Self.key))
            return try Row.fetchAll(db, sql: "SELECT * FROM cases WHERE run_id = ? ORDER BY position", arguments: [run.id]).compactMap(Self.cell).map { row in
                PastCase(run: run, row: row, figures: try Self.figures(of: row.id, in: db), isBaseline: accepted.contains(row.key))
            }
        }
    }

    /// Every cell that is in the index, by scenario and cell, those of the latest run first where names are the same.
    package func keys() throws(IndexFailure) -> [CaseKey] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT DISTINCT world, file, cell FROM cases ORDER BY file, cell, world").map(Self.key)
        }
    }

    /// The latest runs of one cell, the latest last.
    package func past(of key: CaseKey, last count: Int) throws(IndexFailure) -> [PastCase] {
        try read { db in
            let rows = try Row.fetchAll(
                db, sql: """
                    SELECT cases.*, cases.id AS case_id, runs.id AS run_number FROM cases JOIN runs ON runs.id = cases.run_id
                    WHERE cases.file = ? AND cases.cell = ? AND cases.world = ? ORDER BY runs.started_ns DESC, runs.id DESC LIMIT ?
                    """, arguments: [key.file, key.cell, key.world, count])
            let accepted = try Set(
                Int64.fetchAll(
                    db, sql: "SELECT run_id FROM acceptances WHERE world = ? AND file = ? AND cell = ?", arguments: [key.world, key.file, key.cell]))
            return try rows.reversed().compactMap { row in
                let number: Int64 = row["run_number"]
                guard let cell = Self.cell(row), let run = try Row.fetchOne(db, sql: "SELECT * FROM runs WHERE id = ?", arguments: [number]) else { return nil }
                return PastCase(run: Self.run(run), row: cell, figures: try Self.figures(of: cell.id, in: db), isBaseline: accepted.contains(number))
            }
        }
    }

    /// What became of each cell in the latest run that had it, in whatever world; by `file cell`.
    package func lastVerdicts() throws(IndexFailure) -> [LastVerdict] {
        try read { db in
            // SQLite takes the other columns from the row with the largest moment.
            try Row.fetchAll(
                db, sql: "SELECT file, cell, verdict, max(started_ns) FROM cases JOIN runs ON runs.id = run_id GROUP BY file, cell ORDER BY file, cell"
            ).compactMap { row in
                guard let verdict = Verdict(rawValue: row["verdict"]) else { return nil }
                return LastVerdict(file: row["file"], cell: row["cell"], verdict: verdict)
            }
        }
    }

    package struct LastVerdict: Sendable, Equatable {
        package var file: String
        package var cell: String
        package var verdict: Verdict
    }

    static func figures(of id: Int64, in db: Database) throws -> [Figure] {
        let statement = try db.cachedStatement(sql: "SELECT * FROM figures WHERE case_id = ?")
        let rows = try Row.fetchAll(statement, arguments: [id]).map { row -> (kind: Int, position: Int, figure: Figure) in
            let figure = Figure(
                kind: Figure.Kind(rawValue: row["kind"]) ?? .measurement, name: row["name"], unit: row["unit"],
                better: (row["better"] as String?).flatMap(Better.init), value: row["value"], lower: row["lower"], upper: row["upper"],
                samples: row["samples"], text: row["text"], verdict: (row["verdict"] as String?).flatMap(Verdict.init))
            return (figure.kind.rawValue, row["position"], figure)
        }
        // The rows of one load or measurement stay in the order of the view.
        return rows.enumerated().sorted { ($0.element.kind, $0.element.position, $0.offset) < ($1.element.kind, $1.element.position, $1.offset) }
            .map(\.element.figure)
    }

    static func run(_ row: Row) -> RunRow {
        RunRow(
            id: row["id"], name: row["name"], folder: row["folder"], started: row["started_ns"], world: row["world"], seed: row["seed"],
            labVersion: row["lab_version"], label: row["label"], machine: row["machine"], exitCode: row["exit_code"], isPartial: row["is_partial"],
            accepted: row["accepted_ns"])
    }

    /// - Returns: `nil` for a verdict that this lab does not know.
    static func cell(_ row: Row) -> CaseRow? {
        guard let verdict = Verdict(rawValue: row["verdict"]) else { return nil }
        return CaseRow(
            id: row["id"], key: key(row), scenario: row["scenario"], cellText: row["cell_text"], seed: row["seed"], verdict: verdict, reason: row["reason"],
            duration: row["duration_ns"], place: row["place"])
    }

    private static func key(_ row: Row) -> CaseKey { CaseKey(world: row["world"], file: row["file"], cell: row["cell"]) }
}
