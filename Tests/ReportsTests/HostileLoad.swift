import LabCore

/// Loads whose texts try to break out, and loads whose numbers do not fit together.
enum HostileLoad {
    static let summary: Summary = {
        let text = HostileRun.text
        var result = LoadRun.charging
        result.loads[0].id = text
        result.loads[0].text = text
        result.loads[0].parts[0].label = Requirement.Label(name: text, value: text)
        result.faults[0].name = text
        result.limits[3].charges[0].event = text
        result.limits[0].limit.requirement.claims[0].measurement = text
        var summary = Summary(run: text, labVersion: text, world: .emu, seed: 0, cases: [result, result])
        summary.comparison = LoadRun.comparison
        summary.comparison?.a = text
        summary.comparison?.rows[0].objective = text
        summary.comparison?.rows[0].reason = text
        summary.history = LoadRun.history
        summary.history[0].metric = text
        summary.history[0].points[0].label = text
        return summary
    }()

    /// What no honest run gives.
    static let extremes: [LoadReport] = {
        let sound = LoadRun.modelled.loads[0]
        func changed(_ change: (inout LoadReport) -> Void) -> LoadReport {
            var load = sound
            change(&load)
            return load
        }
        return [
            changed { $0.response.points = [] },
            changed { $0.response.points = [.init(thousandths: -5, value: .min), .init(thousandths: 99_999_999, value: .max)] },
            changed { load in load.response.points = load.response.points.map { .init(thousandths: $0.thousandths, value: nil) } },
            changed { load in load.response.points = load.response.points.map { .init(thousandths: $0.thousandths, value: 0) } },
            changed { $0.heat.counts = [] },
            changed { $0.heat.planned = [1] },
            changed { $0.heat.counts[0] = [] },
            changed { $0.heat.bounds = Array($0.heat.bounds.reversed()) },
            changed { $0.heat.columnWidth = 0 },
            changed { $0.heat.columnWidth = .max },
            changed { $0.heat.start = .distantFuture },
            changed { load in load.heat.counts = load.heat.counts.map { $0.map { _ in 0 } } },
            changed { $0.heat.counts[0][0] = .max / 4 },
            changed { $0.measuredFrom = .distantFuture },
            changed { $0.hops = LoadReport.HopReport(hops: [], slowestCount: 0) },
            changed { $0.hops?.hops[0].median = .max },
            changed { $0.hops?.hops[1].slowest = .nan },
            changed { $0.hops?.hops[1].median = -5 },
            changed { $0.raster = LoadReport.FleetRaster(start: .start, columnWidth: 0, membersPerRow: 0, rows: [[], [.lost, .good]]) },
            changed { $0.raster = LoadReport.FleetRaster(start: .start, columnWidth: 1, membersPerRow: 1, rows: []) },
            changed { $0.cloudCPU = .infinity },
        ]
    }()
}
