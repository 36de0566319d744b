import GRDB

/// The tables of the index. A migration that has shipped is never changed: add another, and raise `version`.
enum IndexSchema {
    /// The number of migrations, in the file's `user_version`.
    static let version: Int64 = 1
    /// `LABi`, in the file's `application_id`, so that a database of another program is not taken for an index.
    static let applicationID: Int64 = 0x4C41_4269

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: runs and what they found") { db in
            try db.execute(sql: runs)
            try db.execute(sql: figures)
            try db.execute(sql: "PRAGMA application_id = \(applicationID)")
            try db.execute(sql: "PRAGMA user_version = 1")
        }
        return migrator
    }

    private static let runs = """
        CREATE TABLE runs (
          id INTEGER PRIMARY KEY,
          name TEXT NOT NULL,
          folder TEXT NOT NULL,
          started_ns INTEGER NOT NULL,
          modified_ns INTEGER NOT NULL,
          world TEXT NOT NULL,
          seed TEXT NOT NULL,
          lab_version TEXT NOT NULL,
          label TEXT NOT NULL,
          machine TEXT,
          cpu TEXT, cores INTEGER, kernel TEXT, memory_mib INTEGER,
          exit_code INTEGER,
          is_partial INTEGER NOT NULL,
          accepted_ns INTEGER,
          case_count INTEGER NOT NULL,
          "pass" INTEGER NOT NULL, "fail" INTEGER NOT NULL, flaky INTEGER NOT NULL, unproven INTEGER NOT NULL,
          blocked INTEGER NOT NULL, skipped INTEGER NOT NULL, quarantined INTEGER NOT NULL,
          UNIQUE (name, started_ns)
        ) STRICT;
        CREATE INDEX runs_by_time ON runs (started_ns);
        CREATE TABLE cases (
          id INTEGER PRIMARY KEY,
          run_id INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
          position INTEGER NOT NULL,
          scenario TEXT NOT NULL,
          file TEXT NOT NULL,
          cell TEXT NOT NULL,
          cell_text TEXT NOT NULL,
          world TEXT NOT NULL,
          seed TEXT NOT NULL,
          verdict TEXT NOT NULL,
          reason TEXT,
          duration_ns INTEGER NOT NULL,
          wall_clock_ns INTEGER NOT NULL,
          is_flaky INTEGER NOT NULL,
          place TEXT NOT NULL
        ) STRICT;
        CREATE INDEX cases_by_run ON cases (run_id, position);
        CREATE INDEX cases_by_cell ON cases (file, cell, world);
        CREATE TABLE objectives (
          case_id INTEGER NOT NULL REFERENCES cases ON DELETE CASCADE,
          position INTEGER NOT NULL,
          id TEXT NOT NULL,
          file TEXT NOT NULL, line INTEGER NOT NULL,
          require TEXT NOT NULL,
          verdict TEXT NOT NULL, is_void INTEGER NOT NULL, is_marginal INTEGER NOT NULL,
          figure TEXT NOT NULL,
          value REAL, lower REAL, upper REAL, threshold REAL, unit TEXT NOT NULL, better TEXT,
          samples INTEGER NOT NULL, missing INTEGER,
          reason TEXT,
          PRIMARY KEY (case_id, position)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE measurements (
          case_id INTEGER NOT NULL REFERENCES cases ON DELETE CASCADE,
          position INTEGER NOT NULL,
          name TEXT NOT NULL, unit TEXT NOT NULL, count INTEGER NOT NULL,
          min REAL NOT NULL, p50 REAL NOT NULL, p90 REAL NOT NULL, p99 REAL NOT NULL, max REAL NOT NULL, mean REAL NOT NULL,
          PRIMARY KEY (case_id, position)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE loads (
          case_id INTEGER NOT NULL REFERENCES cases ON DELETE CASCADE,
          position INTEGER NOT NULL,
          id TEXT NOT NULL,
          file TEXT NOT NULL, line INTEGER NOT NULL,
          text TEXT NOT NULL,
          is_modelled INTEGER NOT NULL,
          samples INTEGER NOT NULL,
          p50_ns REAL, p90_ns REAL, p99_ns REAL, p999_ns REAL, service_p99_ns REAL,
          cloud_cpu_ns REAL, lab_cpu_ns REAL,
          counts TEXT NOT NULL, spectrum TEXT NOT NULL, harness TEXT,
          PRIMARY KEY (case_id, position)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE comparisons (
          run_id INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
          position INTEGER NOT NULL,
          a_build TEXT NOT NULL, b_build TEXT NOT NULL,
          objective TEXT NOT NULL, file TEXT, line INTEGER,
          metric TEXT NOT NULL, pairs INTEGER NOT NULL,
          ratio REAL, lower REAL, upper REAL, effect REAL, a REAL, b REAL, p REAL, adjusted REAL,
          outcome TEXT NOT NULL, reason TEXT,
          PRIMARY KEY (run_id, position)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE acceptances (
          run_id INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
          world TEXT NOT NULL, file TEXT NOT NULL, cell TEXT NOT NULL,
          accepted_ns INTEGER NOT NULL,
          PRIMARY KEY (world, file, cell, accepted_ns, run_id)
        ) STRICT, WITHOUT ROWID;
        """

    /// Everything that can be compared from run to run, one number a row.
    private static let figures = """
        CREATE VIEW figures AS
        SELECT case_id, 0 AS kind, position, id AS name, unit, better, value, lower, upper, samples, figure AS text, verdict FROM objectives
        UNION ALL
        SELECT case_id, 1, position, iif(count = 1, name, name || ' p50'), unit, iif(unit = 'ns', 'lower', NULL), p50, NULL, NULL, count, NULL, NULL
          FROM measurements WHERE NOT EXISTS (
            SELECT 1 FROM loads WHERE loads.case_id = measurements.case_id AND substr(name, 1, length(loads.id) + 9) = loads.id || '.latency.')
        UNION ALL
        SELECT case_id, 1, position, name || ' p90', unit, iif(unit = 'ns', 'lower', NULL), p90, NULL, NULL, count, NULL, NULL
          FROM measurements WHERE count >= 20
        UNION ALL
        SELECT case_id, 1, position, name || ' p99', unit, iif(unit = 'ns', 'lower', NULL), p99, NULL, NULL, count, NULL, NULL
          FROM measurements WHERE count >= 200
        UNION ALL
        SELECT case_id, 2, position, id || ' p50', 'ns', 'lower', p50_ns, NULL, NULL, samples, NULL, NULL FROM loads WHERE p50_ns IS NOT NULL
        UNION ALL
        SELECT case_id, 2, position, id || ' p90', 'ns', 'lower', p90_ns, NULL, NULL, samples, NULL, NULL FROM loads WHERE p90_ns IS NOT NULL
        UNION ALL
        SELECT case_id, 2, position, id || ' p99', 'ns', 'lower', p99_ns, NULL, NULL, samples, NULL, NULL FROM loads WHERE p99_ns IS NOT NULL
        UNION ALL
        SELECT case_id, 2, position, id || ' p99.9', 'ns', 'lower', p999_ns, NULL, NULL, samples, NULL, NULL FROM loads WHERE p999_ns IS NOT NULL
        UNION ALL
        SELECT case_id, 2, position, id || ' cpu-per-request', 'ns', 'lower', cloud_cpu_ns, NULL, NULL, samples, NULL, NULL
          FROM loads WHERE cloud_cpu_ns IS NOT NULL
        UNION ALL
        SELECT case_id, 2, position, id || ' ' || column1, '', 'lower', counts ->> column2, NULL, NULL, samples, NULL, NULL
          FROM loads, (VALUES ('lost', '$.lost'), ('unanswered', '$.unanswered'), ('duplicates', '$.duplicates'), ('refused', '$.refused'));
        """
}
