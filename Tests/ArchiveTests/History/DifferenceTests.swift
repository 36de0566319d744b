import Archive
import LabCore
import Testing

@Suite("What is different between two runs (cli.md, lab diff)")
struct DifferenceTests {
    private func figure(_ value: Double?, _ better: Better?, _ interval: (Double, Double)? = nil, unit: String = "ns") -> Figure {
        Figure(kind: .objective, name: "x", unit: unit, better: better, value: value, lower: interval?.0, upper: interval?.1)
    }

    private func outcome(_ a: Figure?, _ b: Figure?, tolerance: Double = 0.1, floor: Double = 0) -> FigureChange.Outcome {
        FigureChange(a: a, b: b, tolerance: tolerance, floor: floor).outcome
    }

    @Test("a time is worse when it is longer by more than is tolerated, a rate when it is lower")
    func directions() {
        #expect(outcome(figure(100, .lower), figure(111, .lower)) == .worse)
        #expect(outcome(figure(100, .lower), figure(110, .lower)) == .same, "10 % of 100 are tolerated")
        #expect(outcome(figure(100, .lower), figure(90, .lower)) == .better, "100 is 11 % more than 90")
        #expect(outcome(figure(100, .lower), figure(95, .lower)) == .same)
        #expect(outcome(figure(111, .higher), figure(100, .higher)) == .worse)
        #expect(outcome(figure(110, .higher), figure(100, .higher)) == .same)
        #expect(outcome(figure(100, .higher), figure(120, .higher)) == .better)
        #expect(outcome(figure(100, .lower), figure(100.000000000001, .lower), tolerance: 0) == .same, "a hair of rounding")
        #expect(outcome(figure(100, .lower), figure(101, .lower), tolerance: 0) == .worse)
    }

    @Test("what should be equal, or has no good side, has changed")
    func neither() {
        #expect(outcome(figure(100, .equal), figure(101, .equal)) == .changed)
        #expect(outcome(figure(100, nil), figure(101, nil)) == .changed)
        #expect(outcome(figure(100, nil), figure(100, nil)) == .same)
    }

    @Test("of a share that should be high what is missing counts: 99.9 % to 99 % is ten times as bad")
    func shares() {
        let change = FigureChange(a: figure(0.999, .higher, unit: "share"), b: figure(0.99, .higher, unit: "share"), tolerance: 1)
        #expect(change.outcome == .worse)
        #expect(abs((change.change ?? 0) - 9) < 1e-9)
        #expect(outcome(figure(1, .higher, unit: "share"), figure(0.9999, .higher, unit: "share")) == .worse)
        #expect(outcome(figure(0.99, .higher, unit: "share"), figure(0.999, .higher, unit: "share")) == .better)
    }

    @Test("where the intervals overlap it cannot be told")
    func intervals() {
        #expect(outcome(figure(100, .lower, (90, 112)), figure(120, .lower, (110, 130))) == .cannotTell)
        #expect(outcome(figure(100, .lower, (90, 109)), figure(120, .lower, (110, 130))) == .worse)
        #expect(outcome(figure(100, .lower, (90, 109)), figure(120, .lower)) == .worse, "one interval alone overlaps nothing")
    }

    @Test("something where nothing was is worse, whatever the share; differences below the floor are none")
    func nothing() {
        #expect(outcome(figure(0, .lower, unit: ""), figure(1, .lower, unit: "")) == .worse)
        #expect(FigureChange(a: figure(0, .lower), b: figure(1, .lower), tolerance: 0.1).changeText == "was 0")
        #expect(outcome(figure(0, .lower), figure(0, .lower)) == .same)
        #expect(outcome(figure(100, .lower), figure(150, .lower), floor: 51) == .same)
        #expect(outcome(figure(100, .lower), figure(150, .lower), floor: 50) == .worse)
        #expect(outcome(nil, figure(1, .lower)) == .onlyB)
        #expect(outcome(figure(1, .lower), nil) == .onlyA)
        #expect(outcome(figure(1, .lower), figure(nil, .lower)) == .onlyA)
        #expect(outcome(figure(nil, .lower), figure(nil, .lower)) == .same)
    }

    @Test("texts of changes", arguments: [(100.0, 111.6, "+11.6 %"), (100, 50, "-50.0 %"), (100, 100, "+0.0 %")])
    func texts(_ a: Double, _ b: Double, _ text: String) {
        #expect(FigureChange(a: figure(a, .lower), b: figure(b, .lower), tolerance: 0).changeText == text)
    }

    private func run(_ number: Int64, _ cells: [(String, String, [Double])]) throws -> (run: RunRow, cases: [PastCase]) {
        let index = try RunIndex(path: nil)
        let all = cells.map { Entries.oneCase(Entries.result(scenario: $0.0, verdict: $0.1, latencies: $0.2)) }
        var result = Entries.result(run: "0611-\(number)")
        result["cases"] = .list(all)
        try index.insert(Entries.entry(number, result))
        let run = try #require(try index.run(named: "last"))
        return (run, try index.cases(of: run))
    }

    @Test("cells are compared by file and values; what only one run has is told and not worse")
    func cells() throws {
        let a = try run(1, [("a", "pass", [100]), ("b", "fail", [100]), ("gone", "pass", [1])])
        let b = try run(2, [("new", "fail", [1]), ("a", "pass", [100]), ("b", "pass", [100])])
        let difference = RunDifference(a, b, tolerance: 0.1)
        #expect(difference.cells.map { $0.row?.scenario } == ["new", "a", "b", "gone"])
        #expect(difference.cells.map { $0.a == nil } == [true, false, false, false])
        #expect(difference.cells.map { $0.b == nil } == [false, false, false, true])
        #expect(!difference.isWorse)
        #expect(difference.cells[1].isSame && !difference.cells[2].isSame)
    }

    @Test("a severer verdict is worse, and so is a figure", arguments: [
        ("pass", "fail", true), ("pass", "flaky", true), ("flaky", "blocked", true), ("fail", "pass", false), ("skipped", "pass", false),
        ("pass", "quarantined", false),
    ])
    func verdicts(_ a: String, _ b: String, _ isWorse: Bool) throws {
        #expect(try RunDifference(run(1, [("a", a, [100])]), run(2, [("a", b, [100])]), tolerance: 0.1).isWorse == isWorse)
    }

    @Test("a longer latency is worse")
    func latency() throws {
        let difference = try RunDifference(run(1, [("a", "pass", [100])]), run(2, [("a", "pass", [120])]), tolerance: 0.1)
        #expect(difference.isWorse)
        #expect(difference.cells[0].changes.map(\.name) == ["registered.latency"])
        #expect(try !RunDifference(run(1, [("a", "pass", [100])]), run(2, [("a", "pass", [120])]), tolerance: 0.2).isWorse)
    }
}
