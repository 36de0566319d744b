import Archive
import LabCore
import Testing

@Suite("Histories (sla.md §1.4, §2.2)")
struct HistoryTests {
    /// Runs of one cell with one latency each; some accepted.
    private func past(_ values: [Double], world: String = "emu", accepted: Range<Int> = 0..<0, machines: [Machine]? = nil, verdicts: [String]? = nil,
        labels: [String]? = nil, partial: Set<Int> = [], from first: Int64 = 1) throws -> [PastCase] {
        let index = try RunIndex(path: nil)
        for (offset, value) in values.enumerated() {
            let number = first + Int64(offset)
            let result = Entries.result(run: "0611-\(number)", world: world, verdict: verdicts?[offset] ?? "pass", latencies: [value])
            try index.insert(
                Entries.entry(number, result, label: labels?[offset] ?? "c\(number)", machine: machines?[offset] ?? Entries.machine, isPartial: partial.contains(offset)))
            let run = try #require(try index.run(named: "last"))
            if accepted.contains(offset) { try index.accept(Acceptance(at: number, cells: index.cases(of: run).map(\.row.key)), of: run) }
        }
        return try index.past(of: CaseKey(world: world, file: "scenarios/badge/register.yaml", cell: #"{"loss":"20%"}"#), last: 100)
    }

    /// 20 runs at about 100, then at about 115 (sla.md §3.9: a step of +15 % at 20 is found at 20).
    private func step(after: Int) -> [Double] {
        let wobble = [0.0, 0.7, -0.6, 0.3, -0.9, 0.8, -0.2, 0.5, -0.7, 0.1]
        return (0..<20).map { 100 + wobble[$0 % 10] } + (0..<after).map { 115 + wobble[($0 + 3) % 10] }
    }

    @Test("a step is found at the first run of the new level, and believed after two more", arguments: [(3, true), (20, true)])
    func step(after: Int, isConfirmed: Bool) throws {
        let series = try #require(HistorySeries.all(of: try past(step(after: after))).first)
        #expect(series.name == "registered.latency" && series.unit == "ns")
        #expect(series.changes.map(\.index) == [20])
        let change = try #require(series.changes.first)
        #expect(abs(change.before - 100) < 1 && abs(change.after - 115) < 1 && change.p <= 0.001)
        #expect(change.isConfirmed == isConfirmed)
        #expect(series.report.metric == "badge/register [loss=20%] registered.latency")
        #expect(series.report.points[20] == HistoryReport.Point(run: "0611-21", label: "c21", value: 115.3))
    }

    @Test("a level that stays has no change, nor has one that never moved")
    func quiet() throws {
        #expect(try HistorySeries.all(of: past(Array(step(after: 0)))).first?.changes == [])
        #expect(try HistorySeries.all(of: past(Array(repeating: 5, count: 30))).first?.changes == [])
    }

    @Test("runs that were interrupted, blocked or on another machine have no say; in sim every machine is the same")
    func comparable() throws {
        let other = Machine(cpu: "Other", cores: 2, kernel: "6.1.0", memoryMebibytes: 8_000)
        let machines = [other, Entries.machine, Entries.machine, Entries.machine]
        let verdicts = ["pass", "blocked", "pass", "pass"]
        #expect(try HistorySeries.comparable(past([1, 2, 3, 4], machines: machines, verdicts: verdicts, partial: [2])).map(\.run.name) == ["0611-4"])
        #expect(try HistorySeries.comparable(past([1, 2, 3, 4], world: "sim", machines: machines)).count == 4)
    }

    @Test("pictures of one line", arguments: [
        ([1.0, 2, 3, 4, 5, 6, 7, 8], "▁▂▃▄▅▆▇█"), ([5, 5, 5], "▁▁▁"), ([0, 100, 0], "▁█▁"), ([], ""), ([-3, 3], "▁█"),
    ])
    func sparkline(_ values: [Double], _ picture: String) { #expect(HistorySeries.sparkline(values) == picture) }

    @Test("flaky is what passed after a retry, and what failed where the same commit passed")
    func flaky() throws {
        let runs = try past(
            [1, 1, 1, 1, 1, 1], verdicts: ["pass", "flaky", "fail", "pass", "fail", "blocked"], labels: ["a", "a", "a", "b", "c", "b"])
        #expect(FlakeRate(runs).runs == 5 && FlakeRate(runs).flaky == 2)
        #expect(FlakeRate(runs).share == 0.4)
        let nameless = try past([1, 1], verdicts: ["pass", "fail"], labels: ["", ""])
        #expect(FlakeRate(nameless).flaky == 0, "a commit that nobody named cannot be the same")
    }

    @Test("a run gets the histories of its cells, itself at their end, whether or not the index has it")
    func reports() throws {
        let index = try RunIndex(path: nil)
        for number in Int64(1)...4 { try index.insert(Entries.entry(number, Entries.result(run: "0611-\(number)", latencies: [Double(number)]))) }
        let current = try Entries.entry(4, Entries.result(run: "0611-4", latencies: [4])).pastCases()
        let reports = try index.history(for: current)
        #expect(reports.map(\.metric) == ["badge/register [loss=20%] registered.latency"])
        #expect(reports[0].points.map(\.value) == [1, 2, 3, 4])
        let first = try Entries.entry(1).pastCases()
        #expect(try index.history(for: first) == [], "runs after it are not its history, and one run is none")
    }

    // MARK: Against the history

    private func limit(worseBy: Double = 0.05, atLeast: Int64 = 0, alpha: Double = 0.05, metrics: [Limit.Baseline.Metric] = [.percentile(50_000)]) -> Limit {
        let place = SourceLocation(file: "a.yaml", line: 7, column: 3)
        let claim = Requirement.Claim(
            statistic: .percentile(thousandths: 50_000), measurement: "registered.latency", comparison: .less,
            threshold: Requirement.Quantity(dimension: .time, value: 1e9, source: "1s"))
        return Limit(
            id: "REG", location: place, requirement: Requirement(source: "p50(registered.latency) < 1s", claims: [claim]),
            baseline: Limit.Baseline(location: place, against: .history, metrics: metrics, worseBy: worseBy, atLeast: atLeast, alpha: alpha))
    }

    private func rows(_ values: [Double], accepted: Int, _ limit: Limit) throws -> [ComparisonReport.Row] {
        let all = try past(values, accepted: 0..<accepted)
        return HistoryComparison.rows([limit], past: Array(all.dropLast()), current: try #require(all.last))
    }

    @Test("fewer than four accepted or four later runs are refused, and it says so")
    func refused() throws {
        let row = try #require(try rows([100, 101, 102, 103, 120, 121, 122], accepted: 4, limit()).first)
        #expect(row.outcome == .cannotTell && row.p == 1)
        #expect(row.reason == "4 accepted and 3 later runs on this machine have registered.latency p50; 4 + 4 are needed")
        #expect(try rows([100, 101, 102, 120, 121, 122, 123], accepted: 3, limit()).first?.reason?.hasPrefix("3 accepted and 4 later") == true)
        #expect(try rows([100, 101, 102, 120], accepted: 0, limit()).first?.reason?.hasPrefix("0 accepted and 0 later") == true)
    }

    @Test("five accepted and five later runs that are all slower: p is 1/126 exactly (sla.md §3.4)")
    func regressed() throws {
        let row = try #require(try rows([100, 101, 102, 103, 104, 120, 121, 122, 123, 124], accepted: 5, limit()).first)
        #expect(abs(row.p - 1.0 / 126) < 1e-12)
        #expect(row.outcome == .regressed)
        #expect(row.a == 102 && row.b == 122)
        #expect(abs(row.ratio - 122.0 / 102) < 0.003)
        #expect(row.lower > 1.15 && row.upper < 1.25 && row.lower < row.ratio && row.ratio < row.upper)
        #expect(row.location?.line == 7 && row.metric == "p50" && row.pairs == 0)
    }

    @Test("the same runs are no regression when less matters, when the floor is higher, or when the runs are faster")
    func notRegressed() throws {
        let slower: [Double] = [100, 101, 102, 103, 104, 120, 121, 122, 123, 124]
        #expect(try rows(slower, accepted: 5, limit(worseBy: 0.3)).first?.outcome == .same)
        #expect(try rows(slower, accepted: 5, limit(worseBy: 0.19)).first?.outcome == .cannotTell)
        #expect(try rows(slower, accepted: 5, limit(atLeast: 21)).first?.outcome == .same)
        #expect(try rows([120, 121, 122, 123, 124, 100, 101, 102, 103, 104], accepted: 5, limit()).first?.outcome == .improved)
        #expect(try rows(Array(repeating: 7, count: 10), accepted: 5, limit()).first?.outcome == .same)
    }

    @Test("four and four runs cannot show anything at 1 %: their smallest p is 2/70")
    func few() throws {
        let row = try #require(try rows([100, 101, 102, 103, 120, 121, 122, 123], accepted: 4, limit(alpha: 0.01)).first)
        #expect(abs(row.p - 2.0 / 70) < 1e-12)
        #expect(row.outcome == .cannotTell && row.lower.isNaN && row.upper.isNaN)
        #expect(row.reason == "4 + 4 runs are too few for an interval at alpha 0.01; more runs will do")
    }

    @Test("a regressed run moves no baseline: later runs are compared with the accepted ones alone")
    func frozen() throws {
        let values: [Double] = [100, 101, 102, 103, 104] + (0..<20).map { 120 + Double($0 % 5) }
        let row = try #require(try rows(values, accepted: 5, limit()).first)
        #expect(row.a == 102 && row.outcome == .regressed)
    }

    @Test("after Holm's correction fewer differences are left")
    func holm() throws {
        let row = try #require(try rows([100, 101, 102, 103, 104, 120, 121, 122, 123, 124], accepted: 5, limit(alpha: 0.01)).first)
        #expect(row.outcome == .regressed)
        let one = HistoryComparison.adjusted([row], alpha: { _ in 0.01 })
        #expect(one.first?.outcome == .regressed && one.first?.adjusted == row.p)
        let two = HistoryComparison.adjusted([row, row], alpha: { _ in 0.01 })
        #expect(two.map(\.outcome) == [.cannotTell, .cannotTell])
        #expect(abs(two[0].adjusted - 2.0 / 126) < 1e-12)
    }

    // MARK: Against one run

    private func one(_ value: Double, _ number: Int64, world: String = "emu", machine: Machine = Entries.machine) throws -> PastCase {
        try #require(try past([value], world: world, machines: [machine], from: number).first)
    }

    @Test("one run in sim against another: worse by more than matters is regressed, and nothing is called tested")
    func gate() throws {
        func rows(_ limits: [Limit], _ value: Double) throws -> [ComparisonReport.Row] {
            try BaselineGate.rows(limits, baseline: one(100, 1, world: "sim"), current: one(value, 2, world: "sim"), source: "run 0611-1")
        }
        let worse = try rows([], 111)
        #expect(worse.map(\.outcome) == [.regressed])
        #expect(worse[0].metric == "registered.latency" && worse[0].effect == 0.1 && worse[0].a == 100 && worse[0].b == 111)
        #expect(worse[0].reason == "one run against run 0611-1: +11.0 %, not tested")
        #expect(try rows([], 109).map(\.outcome) == [.same])
        #expect(try rows([], 80).map(\.outcome) == [.improved])
        #expect(try rows([limit(worseBy: 0.2)], 111).map(\.outcome) == [.same])
        #expect(try rows([limit(atLeast: 12)], 111).map(\.outcome) == [.same])
    }

    @Test("in real time a figure without an interval cannot tell; one with an interval can, and so can a count")
    func realTime() throws {
        let bare = try BaselineGate.rows([], baseline: one(100, 1), current: one(200, 2), source: "x")
        #expect(bare.map(\.outcome) == [.cannotTell])
        #expect(bare[0].reason?.hasPrefix("1 time or rate has no interval, and one run in real time says too little of it") == true)
        func figures(_ value: Double, _ lost: Double) throws -> PastCase {
            var item = try one(1, 1)
            item.figures = [
                Figure(kind: .objective, name: "P95", unit: "ns", better: .lower, value: value, lower: value - 5, upper: value + 5),
                Figure(kind: .load, name: "nominal lost", better: .lower, value: lost),
            ]
            return item
        }
        let both = try BaselineGate.rows([], baseline: figures(100, 0), current: figures(120, 1), source: "x")
        #expect(both.map(\.outcome) == [.regressed, .regressed])
        #expect(both.map(\.unit) == ["ns", ""])
        #expect(try BaselineGate.rows([], baseline: figures(100, 0), current: figures(105, 0), source: "x").map(\.outcome) == [.same, .same])
    }

    @Test("times of another machine are not compared, virtual ones are")
    func machines() throws {
        let other = Machine(cpu: "Other", cores: 2, kernel: "6.1.0", memoryMebibytes: 8_000)
        let refused = try BaselineGate.rows([], baseline: one(100, 1), current: one(200, 2, machine: other), source: "run 0611-1")
        #expect(refused.map(\.outcome) == [.cannotTell])
        #expect(refused[0].reason == "run 0611-1 was measured on another machine (\(Entries.machine.fingerprint))")
        let virtual = try BaselineGate.rows([], baseline: one(100, 1, world: "sim"), current: one(200, 2, world: "sim", machine: other), source: "x")
        #expect(virtual.map(\.outcome) == [.regressed])
    }

    @Test("a pinned file gives the figures back that were put in")
    func pinned() throws {
        let cases = try Entries.entry(1, Entries.result(limits: [Entries.limit], loads: [Entries.load]), label: "c1").pastCases()
        let read = try PinnedBaseline(PinnedBaseline(cases: cases).bytes, path: "baseline.json")
        let cell = try #require(read.cell(cases[0].row.key))
        // What is for people stays in the run.
        #expect(cell.figures.map(\.value) == cases[0].figures.map(\.value) && cell.figures.map(\.lower) == cases[0].figures.map(\.lower))
        #expect(cell.figures.map(\.name) == cases[0].figures.map(\.name) && cell.figures.map(\.better) == cases[0].figures.map(\.better))
        #expect(cell.run.name == "0611-1" && cell.run.machine == Entries.machine.fingerprint && cell.run.label == "c1")
        #expect(read.cell(CaseKey(world: "sim", file: "x", cell: "{}")) == nil)
    }

    @Test("a pinned file that is none is refused", arguments: ["", "{}", "[]", #"{"schema":2,"cases":[]}"#, #"{"schema":1,"cases":[{}]}"#])
    func notPinned(text: String) {
        #expect(failure { _ = try PinnedBaseline(Array(text.utf8), path: "baseline.json") }?.hasPrefix("baseline.json is damaged: ") == true)
    }
}
