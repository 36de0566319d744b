package import LabCore

/// All that the index keeps of one run; see Docs/archive.md for the meaning of each column.
package struct RunEntry: Sendable, Equatable {
    package var name: String
    /// The path of its folder as it was when the run was indexed.
    package var folder: String
    package var session: SessionRecord
    package var world: String
    package var seed: String
    package var cases: [Case]
    package var comparisons: [Comparison]

    /// One cell.
    package struct Case: Sendable, Equatable {
        package var key: CaseKey
        package var scenario: String
        package var cellText: String
        package var seed: String
        package var verdict: Verdict
        package var reason: String?
        /// ns on the run's own clock, and on the machine's.
        package var duration: Int64
        package var wallClock: Int64
        /// `0611-1/badge-register.loss-20`; empty where it did not run.
        package var place: String
        package var objectives: [Objective]
        package var measurements: [Measured]
        package var loads: [Load]
    }

    package struct Objective: Sendable, Equatable {
        package var id: String
        package var file: String
        package var line: Int
        package var require: String
        package var verdict: Verdict
        package var isVoid: Bool
        package var isMarginal: Bool
        /// For people.
        package var figure: String
        package var value: Double?
        package var lower: Double?
        package var upper: Double?
        package var threshold: Double?
        /// `ns`, `/s`, `share` or empty.
        package var unit: String
        package var better: Better?
        package var samples: Int
        package var missing: Int?
        package var reason: String?
    }

    /// A measurement over all of its samples in the case.
    package struct Measured: Sendable, Equatable {
        package var name: String
        /// `ns` or empty.
        package var unit: String
        package var count: Int
        package var min: Double
        package var p50: Double
        package var p90: Double
        package var p99: Double
        package var max: Double
        package var mean: Double
    }

    package struct Load: Sendable, Equatable {
        package var id: String
        package var file: String
        package var line: Int
        package var text: String
        package var isModelled: Bool
        /// ns from the plan; `nil` where it lands on an item without an answer.
        package var p50: Double?
        package var p90: Double?
        package var p99: Double?
        package var p999: Double?
        package var serviceP99: Double?
        /// ns for each answered item.
        package var cloudCPU: Double?
        package var labCPU: Double?
        package var samples: Int
        /// As in result.json.
        package var counts: Fields
        package var spectrum: Fields
        package var harness: Fields?
    }

    /// A row of the comparison of two builds, or with earlier runs.
    package struct Comparison: Sendable, Equatable {
        package var a: String
        package var b: String
        package var objective: String
        package var file: String?
        package var line: Int?
        package var metric: String
        package var pairs: Int
        package var ratio: Double?
        package var lower: Double?
        package var upper: Double?
        package var effect: Double?
        package var aMedian: Double?
        package var bMedian: Double?
        package var p: Double?
        package var adjusted: Double?
        package var outcome: String
        package var reason: String?
    }
}

/// Which way a figure should go.
package enum Better: String, Sendable { case lower, higher, equal }

/// What tells one cell from another, from run to run.
package struct CaseKey: Sendable, Hashable {
    package var world: String
    package var file: String
    /// The values of the matrix as JSON: `{"loss":"20%"}`.
    package var cell: String

    package init(world: String, file: String, cell: String) {
        self.world = world
        self.file = file
        self.cell = cell
    }
}
