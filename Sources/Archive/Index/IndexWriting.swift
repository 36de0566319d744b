import GRDB
import LabCore

extension RunIndex {
    /// Puts a run in, in the place of what the index had of it; its acceptances stay.
    package func insert(_ entry: RunEntry, modified: Int64 = 0) throws(IndexFailure) {
        try write { db in try Self.insert(entry, modified: modified, in: db) }
    }

    static func insert(_ entry: RunEntry, modified: Int64, in db: Database) throws {
        let run = try row(for: entry, modified: modified, in: db)
        try db.execute(sql: "DELETE FROM cases WHERE run_id = ?", arguments: [run])
        try db.execute(sql: "DELETE FROM comparisons WHERE run_id = ?", arguments: [run])
        for (position, item) in entry.cases.enumerated() { try insert(item, of: run, at: position, in: db) }
        for (position, item) in entry.comparisons.enumerated() { try insert(item, of: run, at: position, in: db) }
    }

    /// - Returns: the run's id: that of before, if it was there.
    private static func row(for entry: RunEntry, modified: Int64, in db: Database) throws -> Int64 {
        let session = entry.session
        func count(_ verdict: Verdict) -> Int { entry.cases.count { $0.verdict == verdict } }
        try db.cachedStatement(sql: """
            INSERT INTO runs (name, folder, started_ns, modified_ns, world, seed, lab_version, label, machine, cpu, cores, kernel, memory_mib, exit_code,
              is_partial, case_count, "pass", "fail", flaky, unproven, blocked, skipped, quarantined)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (name, started_ns) DO UPDATE SET folder = excluded.folder, modified_ns = excluded.modified_ns, world = excluded.world,
              seed = excluded.seed, lab_version = excluded.lab_version, label = excluded.label, machine = excluded.machine, cpu = excluded.cpu,
              cores = excluded.cores, kernel = excluded.kernel, memory_mib = excluded.memory_mib, exit_code = excluded.exit_code,
              is_partial = excluded.is_partial, case_count = excluded.case_count, "pass" = excluded."pass", "fail" = excluded."fail",
              flaky = excluded.flaky, unproven = excluded.unproven, blocked = excluded.blocked, skipped = excluded.skipped,
              quarantined = excluded.quarantined
            """).execute(arguments: [
                entry.name, entry.folder, session.started, modified, entry.world, entry.seed, session.labVersion, session.label,
                session.machine?.fingerprint, session.machine?.cpu, session.machine?.cores, session.machine?.kernel, session.machine?.memoryMebibytes,
                session.exitCode, session.isPartial, entry.cases.count, count(.pass), count(.fail), count(.flaky), count(.unproven), count(.blocked),
                count(.skipped), count(.quarantined),
            ])
        let id = try Int64.fetchOne(db, sql: "SELECT id FROM runs WHERE name = ? AND started_ns = ?", arguments: [entry.name, session.started])
        guard let id else { throw DatabaseError(resultCode: .SQLITE_INTERNAL, message: "a row that was written is not there") }
        return id
    }

    private static func insert(_ item: RunEntry.Case, of run: Int64, at position: Int, in db: Database) throws {
        try db.cachedStatement(sql: """
            INSERT INTO cases (run_id, position, scenario, file, cell, cell_text, world, seed, verdict, reason, duration_ns, wall_clock_ns, is_flaky, place)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """).execute(arguments: [
                run, position, item.scenario, item.key.file, item.key.cell, item.cellText, item.key.world, item.seed, item.verdict.rawValue, item.reason,
                item.duration, item.wallClock, item.verdict == .flaky, item.place,
            ])
        let id = db.lastInsertedRowID
        for (position, objective) in item.objectives.enumerated() { try insert(objective, of: id, at: position, in: db) }
        for (position, measured) in item.measurements.enumerated() {
            try db.cachedStatement(sql: "INSERT INTO measurements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)").execute(arguments: [
                id, position, measured.name, measured.unit, measured.count, measured.min, measured.p50, measured.p90, measured.p99, measured.max,
                measured.mean,
            ])
        }
        for (position, load) in item.loads.enumerated() { try insert(load, of: id, at: position, in: db) }
    }

    private static func insert(_ item: RunEntry.Objective, of id: Int64, at position: Int, in db: Database) throws {
        try db.cachedStatement(sql: "INSERT INTO objectives VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)").execute(arguments: [
            id, position, item.id, item.file, item.line, item.require, item.verdict.rawValue, item.isVoid, item.isMarginal, item.figure,
            finite(item.value), finite(item.lower), finite(item.upper), finite(item.threshold), item.unit, item.better?.rawValue, item.samples, item.missing,
            item.reason,
        ])
    }

    private static func insert(_ item: RunEntry.Load, of id: Int64, at position: Int, in db: Database) throws {
        try db.cachedStatement(sql: "INSERT INTO loads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)").execute(arguments: [
            id, position, item.id, item.file, item.line, item.text, item.isModelled, item.samples, item.p50, item.p90, item.p99, item.p999, item.serviceP99,
            item.cloudCPU, item.labCPU, JSONWriter.text(.record(item.counts)), JSONWriter.text(.record(item.spectrum)),
            item.harness.map { JSONWriter.text(.record($0)) },
        ])
    }

    private static func insert(_ item: RunEntry.Comparison, of run: Int64, at position: Int, in db: Database) throws {
        try db.cachedStatement(sql: "INSERT INTO comparisons VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)").execute(arguments: [
            run, position, item.a, item.b, item.objective, item.file, item.line, item.metric, item.pairs, finite(item.ratio), finite(item.lower),
            finite(item.upper), finite(item.effect), finite(item.aMedian), finite(item.bMedian), finite(item.p), finite(item.adjusted), item.outcome,
            item.reason,
        ])
    }

    /// SQLite keeps no infinities that JSON could give back.
    private static func finite(_ value: Double?) -> Double? { value.flatMap { $0.isFinite ? $0 : nil } }
}
