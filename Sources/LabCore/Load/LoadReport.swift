/// What one load came to: all that reports draw and the archive keeps, computed from its items after the run.
package struct LoadReport: Sendable, Equatable {
    /// The step's id, or the name of the probe.
    package var id: String
    package var location: SourceLocation
    /// `load badges.heartbeat, 10/s to 400/s for 4m, arrivals poisson`
    package var text: String
    /// The time of the load on the run's clock, the warm-up included.
    package var span: Range<RunInstant>
    /// Items planned before this moment are drawn, and excluded from figures.
    package var measuredFrom: RunInstant
    /// Times are those of a model, not of a machine (`sim`).
    package var isModelled: Bool
    /// Counts of items in the measured time.
    package var counts: Counts
    /// From the plan to the answer.
    package var response: Spectrum
    /// From the sending to the answer.
    package var service: Spectrum
    /// By the values of each label that occurs, in the order in which they appear; at most 50.
    package var parts: [Part]
    package var heat: HeatMap
    package var hops: HopReport?
    package var raster: FleetRaster?
    package var harness: HarnessReport?
    /// The same plan against a target that does nothing.
    package var floor: Spectrum?
    /// CPU time for each answered item, ns, where it was measured.
    package var cloudCPU: Double?
    package var labCPU: Double?

    package init(
        id: String, location: SourceLocation, text: String, span: Range<RunInstant>, measuredFrom: RunInstant, isModelled: Bool, counts: Counts,
        response: Spectrum, service: Spectrum, parts: [Part], heat: HeatMap, hops: HopReport? = nil, raster: FleetRaster? = nil,
        harness: HarnessReport? = nil, floor: Spectrum? = nil, cloudCPU: Double? = nil, labCPU: Double? = nil
    ) {
        self.id = id
        self.location = location
        self.text = text
        self.span = span
        self.measuredFrom = measuredFrom
        self.isModelled = isModelled
        self.counts = counts
        self.response = response
        self.service = service
        self.parts = parts
        self.heat = heat
        self.hops = hops
        self.raster = raster
        self.harness = harness
        self.floor = floor
        self.cloudCPU = cloudCPU
        self.labCPU = labCPU
    }

    package struct Counts: Sendable, Equatable {
        package var planned = 0
        /// Planned before `measuredFrom`.
        package var warmup = 0
        package var sent = 0
        package var good = 0
        package var refused = 0
        package var unanswered = 0
        /// The far end never had them.
        package var lost = 0
        package var duplicates = 0
        package var outOfOrder = 0
        package init() {}
    }

    /// Percentiles of one distribution, ascending.
    package struct Spectrum: Sendable, Equatable {
        package struct Point: Sendable, Equatable {
            /// Percent in thousandths: 99950 is p99.95; 100000 is the largest.
            package var thousandths: Int
            /// ns; `nil` where the percentile lands on an item without an answer.
            package var value: Int64?
            package init(thousandths: Int, value: Int64?) {
                self.thousandths = thousandths
                self.value = value
            }
        }

        /// Unanswered ones included.
        package var samples: Int
        package var points: [Point]
        package init(samples: Int, points: [Point]) {
            self.samples = samples
            self.points = points
        }
    }

    package struct Part: Sendable, Equatable {
        package var label: Requirement.Label
        package var samples: Int
        package var p50: Int64?
        package var p99: Int64?
        package var refused: Int
        package init(label: Requirement.Label, samples: Int, p50: Int64?, p99: Int64?, refused: Int) {
            self.label = label
            self.samples = samples
            self.p50 = p50
            self.p99 = p99
            self.refused = refused
        }
    }

    /// Counts of items over time of the plan (columns) and response time (rows).
    package struct HeatMap: Sendable, Equatable {
        package var start: RunInstant
        /// ns of one column.
        package var columnWidth: Int64
        /// Upper ends of the rows, ns, ascending; one more row above them holds what was not answered.
        package var bounds: [Int64]
        /// `counts[column][row]`, `bounds.count + 1` rows.
        package var counts: [[Int]]
        /// What the plan wanted in each column.
        package var planned: [Int]
        package init(start: RunInstant, columnWidth: Int64, bounds: [Int64], counts: [[Int]], planned: [Int]) {
            self.start = start
            self.columnWidth = columnWidth
            self.bounds = bounds
            self.counts = counts
            self.planned = planned
        }
    }

    /// Where the time goes, from `made` to `seen`; places that no item passed are left out.
    package struct HopReport: Sendable, Equatable {
        package struct Hop: Sendable, Equatable {
            package var place: LoadPlace
            /// ns
            package var p50: Int64
            package var p99: Int64
            /// Of the item that ranks in the middle.
            package var median: Int64
            /// The mean over the slowest 1 %.
            package var slowest: Double
            package init(place: LoadPlace, p50: Int64, p99: Int64, median: Int64, slowest: Double) {
                self.place = place
                self.p50 = p50
                self.p99 = p99
                self.median = median
                self.slowest = slowest
            }
        }

        package var hops: [Hop]
        /// Items of the slowest 1 %.
        package var slowestCount: Int
        package init(hops: [Hop], slowestCount: Int) {
            self.hops = hops
            self.slowestCount = slowestCount
        }
    }

    /// One row for each member of a fleet; for fleets above 500 each row is the worst of several.
    package struct FleetRaster: Sendable, Equatable {
        package enum Cell: UInt8, Sendable {
            case nothing, good
            /// Later than a second, or than the load's timeout / 10 where that is less.
            case late
            case refused, lost
        }

        package var start: RunInstant
        package var columnWidth: Int64
        package var membersPerRow: Int
        package var rows: [[Cell]]
        package init(start: RunInstant, columnWidth: Int64, membersPerRow: Int, rows: [[Cell]]) {
            self.start = start
            self.columnWidth = columnWidth
            self.membersPerRow = membersPerRow
            self.rows = rows
        }
    }
}

/// A fault's time in the run, for the axes of pictures.
package struct FaultSpan: Sendable, Equatable {
    package var name: String
    package var start: RunInstant
    /// `nil`: to the end.
    package var end: RunInstant?
    package init(name: String, start: RunInstant, end: RunInstant?) {
        self.name = name
        self.start = start
        self.end = end
    }
}
