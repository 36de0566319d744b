import GRDB
import LabCore

/// That a person took the figures of some cells of a run as the baseline. It holds until the next one of the same cell.
package struct Acceptance: Sendable, Equatable {
    /// `accepted.json` in the run's folder, so that an index made again knows it, too.
    package static let fileName = "accepted.json"

    /// Nanoseconds since 1970.
    package var at: Int64
    package var cells: [CaseKey]

    package init(at: Int64, cells: [CaseKey]) {
        self.at = at
        self.cells = cells
    }

    var asValue: FieldValue {
        [
            "accepted": .text(CalendarText.timestamp(nanoseconds: at)), "accepted_ns": .integer(at),
            "cells": .list(cells.map { ["world": .text($0.world), "file": .text($0.file), "cell": .text($0.cell)] }),
        ]
    }

    init?(_ fields: Fields) {
        guard let at = fields["accepted_ns"]?.integer, let cells = fields["cells"]?.list else { return nil }
        self.init(
            at: at,
            cells: cells.compactMap(\.record).compactMap { cell in
                guard let world = cell["world"]?.text, let file = cell["file"]?.text, let values = cell["cell"]?.text else { return nil }
                return CaseKey(world: world, file: file, cell: values)
            })
    }
}

extension RunFolder {
    func acceptances() throws(RunArchive.Failure) -> [Acceptance] {
        guard Files.exists("\(path)/\(Acceptance.fileName)") else { return [] }
        return (try document(Acceptance.fileName)["acceptances"]?.list ?? []).compactMap(\.record).compactMap { Acceptance($0) }
    }

    /// Notes it in the run's folder.
    package func add(_ acceptance: Acceptance) throws(RunArchive.Failure) {
        let all = try acceptances() + [acceptance]
        try write(JSONWriter.bytes(["schema": 1, "acceptances": .list(all.map(\.asValue))]) + [0x0a], to: Acceptance.fileName)
    }
}

extension RunIndex {
    /// Takes the figures of cells of a run as the baseline.
    package func accept(_ acceptance: Acceptance, of run: RunRow) throws(IndexFailure) {
        try write { db in try Self.insert(acceptance, run: run.id, in: db) }
    }

    /// The accepted run of each cell that has one.
    package func baselines() throws(IndexFailure) -> [PastCase] {
        try read { db in
            let rows = try Row.fetchAll(
                db, sql: """
                    SELECT acceptances.world, acceptances.file, acceptances.cell, run_id, max(accepted_ns) AS moment FROM acceptances
                    GROUP BY acceptances.world, acceptances.file, acceptances.cell ORDER BY acceptances.file, acceptances.cell, acceptances.world
                    """)
            return try rows.compactMap { row in
                let number: Int64 = row["run_id"]
                let cell = try Row.fetchOne(
                    db, sql: "SELECT * FROM cases WHERE run_id = ? AND world = ? AND file = ? AND cell = ?",
                    arguments: [number, row["world"] as String, row["file"] as String, row["cell"] as String])
                guard let found = cell.flatMap(Self.cell), let run = try Row.fetchOne(db, sql: "SELECT * FROM runs WHERE id = ?", arguments: [number]) else {
                    return nil
                }
                var past = PastCase(run: Self.run(run), row: found, figures: try Self.figures(of: found.id, in: db), isBaseline: true)
                past.run.accepted = row["moment"]
                return past
            }
        }
    }

    static func insert(_ acceptance: Acceptance, of entry: RunEntry, in db: Database) throws {
        let id = try Int64.fetchOne(db, sql: "SELECT id FROM runs WHERE name = ? AND started_ns = ?", arguments: [entry.name, entry.session.started])
        if let id { try insert(acceptance, run: id, in: db) }
    }

    private static func insert(_ acceptance: Acceptance, run: Int64, in db: Database) throws {
        for cell in acceptance.cells {
            try db.execute(
                sql: "INSERT OR IGNORE INTO acceptances (run_id, world, file, cell, accepted_ns) VALUES (?, ?, ?, ?, ?)",
                arguments: [run, cell.world, cell.file, cell.cell, acceptance.at])
        }
        try db.execute(sql: "UPDATE runs SET accepted_ns = max(coalesce(accepted_ns, 0), ?) WHERE id = ?", arguments: [acceptance.at, run])
    }
}
