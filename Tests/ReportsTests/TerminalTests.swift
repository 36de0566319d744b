import LabCore
import Testing

@testable import Reports

@Suite("What the terminal shows (cli.md)")
struct TerminalTests {
    private let report = TerminalReport(style: .plain, plans: SampleRun.summary.cases.map(\.plan))

    @Test("the header counts scenarios and cells and names the seed")
    func header() {
        #expect(report.header(version: "0.4", world: .sim, seed: 0x5eed_1a7e) == "lab 0.4 · 7 scenarios, 8 cells · sim · seed 0x5eed1a7e")
        let one = TerminalReport(style: .plain, plans: [SampleRun.rollback.plan])
        #expect(one.header(version: "0.4", world: .hw, seed: 0) == "lab 0.4 · 1 scenario, 1 cell · hw · seed 0x0")
    }

    @Test("one line for a cell, in columns")
    func lines() {
        #expect(
            SampleRun.summary.cases.map(report.line(for:)) == [
                "  pass     badge/register            loss=0%                      0.31 s   virtual    12.4 s",
                "  pass     badge/register            loss=20%                     0.35 s   virtual     3.3 s",
                "  FAIL     ota/rollback              injected=badge.app.hang      0.52 s   virtual   182.4 s",
                "  flaky    charging/two-ports        port=2                    try 2 of 2",
                "  unproven sla/ramp                  –                            1.84 s   virtual   240.0 s",
                "  blocked  charging/power-loss       –                         bench pile-b: no answer to AT in 5 s",
                "  quarantined badge/clone-alarm      –                         quarantined until 2027-01-31 (issue 41)",
                "  skipped  badge/antenna             –                         needs fault badge.antenna.detune",
            ])
    }

    @Test("a failure names place, expectation, nearest misses, the node's last lines and the command that replays it")
    func failure() {
        let block = FailureBlock(style: .plain).lines(SampleRun.rollback, events: SampleLog.rollback())
        #expect(
            block == [
                "FAIL ota/rollback [injected=badge.app.hang]   scenarios/ota/rollback.yaml:44",
                "  expected  badge.boot.done where firmware = 2.3.0   within 3 m of line 42 (cloud.ota.start)",
                "  nearest   badge.boot.done  firmware = 2.4.0                               at +61.2 s   ← differs in firmware",
                "            badge.boot.done  slot = A, firmware = 2.3.0, signature = valid  at +2.05 s   ← before the step that it counts from",
                "  last      badge |  +121.2 s  watchdog.reset  after=1m",
                "            badge |  +121.7 s  boot.started  slot=B firmware=2.4.0 attempts=2",
                "            badge |  +121.7 s  log | boot: slot B, attempt 2/3, confirm pending",
                "  replay    lab replay 0611-1/ota-rollback.injected-badge.app.hang --until 221",
            ])
    }

    @Test("a law and a limit have words of their own")
    func lawAndLimit() {
        #expect(
            FailureBlock(style: .plain).lines(SampleRun.flaky, events: []) == [
                "flaky charging/two-ports [port=2]   scenarios/charging/two-ports.yaml:14",
                "  law       one settlement per order",
                "  expected  at most one cloud.order.settled for each order",
                "  because   a second cloud.order.settled with order = o_17, the first is event 212",
                "  replay    lab replay 0611-1/charging-two-ports --until 240",
            ])
        #expect(
            FailureBlock(style: .plain).lines(SampleRun.ramp, events: []) == [
                "unproven sla/ramp   scenarios/sla/ramp.yaml:31",
                "  limit     HB-P99",
                "  required  p99(heartbeat) < 150ms",
                "  measured  p99 131 ms [≥ 118 ms]: 412 of 1000 samples, 588 more needed",
                "  replay    lab replay 0611-1/sla-ramp",
            ])
    }

    @Test("the last line is for machines: flaky counts as passed; blocked, unproven and quarantined as skipped")
    func totals() {
        #expect(
            report.totals(SampleRun.summary, report: "runs/0611-1/report.html") == [
                "2 passed, 1 failed, 1 flaky, 1 unproven, 1 blocked, 1 quarantined, 1 skipped — runs/0611-1/report.html",
                "3 passed, 1 failed, 4 skipped",
            ])
        let nothing = Summary(run: "r", labVersion: "0.4", world: .sim, seed: 0, cases: [])
        #expect(report.totals(nothing, report: nil) == ["nothing ran", "0 passed, 0 failed, 0 skipped"])
    }

    @Test("limits are listed with their figures; of many, only those that are not simply held")
    func limits() {
        let few = LimitLines(style: .plain).lines([SampleRun.registration])
        #expect(
            few == [
                "limits  registered.latency <= 2s  1.35 s  marginal",
                "        online.latency <= 4s      1.48 s  pass",
            ])
        let many = LimitLines(style: .plain).lines(Array(repeating: SampleRun.registration, count: 7))
        #expect(many.count == 8)
        #expect(many.last == "        and 7 limits held")
    }

    @Test("what oracles compared and could not judge is one line over all cells")
    func oracles() {
        let summary = Summary(run: "0611-1", labVersion: "0.4", world: .sim, seed: 1, cases: [SampleRun.flaky, SampleRun.flaky])
        let lines = report.closing(summary, report: nil, events: SampleRun.events)
        #expect(lines.contains("charging oracle: 4 orders compared; not judged: 2 × order that is not over"))
    }

    @Test("a real run that is read from its log took what its own clock says, at its speed; a virtual one took nothing that is known")
    func tookOfStored() {
        var result = SampleRun.registration
        (result.wallClock, result.duration) = (.zero, .seconds(50))
        #expect(report.line(for: result).contains(" –   virtual    50.0 s"))
        result.plan.world = .hw
        #expect(report.line(for: result).hasSuffix("50.00 s"))
        result.timing = TimingReport(timers: 1, median: 0, p99: 0, worst: 0, speed: 10)
        #expect(report.line(for: result).hasSuffix("5.00 s"))
    }

    @Test("a failure in real time names the command that runs its cell once more, in words that a shell takes as they are meant")
    func again() {
        var result = SampleRun.rollback
        result.plan.world = .hw
        result.options = "--speed 10x"
        result.plan.cell = ["case": ["id": "F11, rider's bill"], "port": 2]
        #expect(
            result.repeatCommand().command
                == #"lab run scenarios/ota/rollback.yaml --cell 'case=F11, rider'\''s bill port=2' --on hw --seed 0x5eed1a7e --speed 10x"#)
        result.plan.cell = ["loss": "20%"]
        #expect(result.repeatCommand().command == "lab run scenarios/ota/rollback.yaml --cell loss=20% --on hw --seed 0x5eed1a7e --speed 10x")
    }

    @Test("a record of the matrix goes by its id; one without an id is shown whole")
    func cells() {
        #expect(SampleRun.plan("s", ["case": ["estimate": 15, "id": "F11 for ever"], "port": 2], about: "").cellText == "case=F11 for ever port=2")
        #expect(SampleRun.plan("s", ["case": ["estimate": 15, "id": 3]], about: "").cellText == #"case={"estimate":15,"id":3}"#)
    }

    @Test("a case that passed says when a device was off the bus, one that failed says it in its finding")
    func absences() {
        var failed = SampleRun.rollback
        failed.absences = SampleRun.flaky.absences
        let summary = Summary(run: "0611-1", labVersion: "0.4", world: .hw, seed: 1, cases: [SampleRun.flaky, failed])
        let lines = report.closing(summary, report: nil, events: SampleRun.events)
        #expect(lines.filter { $0.contains("off the bus") } == ["charging/two-ports [port=2]: pile was off the bus from +3 s until +4.25 s"])
        // One line for a device, however often it resets.
        var often = SampleRun.flaky
        often.absences = (1...5).map { BusAbsence(node: "pile", from: .start.advanced(by: .seconds($0 * 10)), until: .start.advanced(by: .seconds($0 * 10 + 1))) }
        let many = report.closing(Summary(run: "0611-1", labVersion: "0.4", world: .hw, seed: 1, cases: [often]), report: nil, events: SampleRun.events)
        #expect(
            many.filter { $0.contains("off the bus") } == [
                "charging/two-ports [port=2]: pile was off the bus from +10 s until +11 s, from +20 s until +21 s, from +30 s until +31 s, and 2 times more"
            ])
    }

    @Test("the whole closing ends with the machine's line, whatever happened")
    func closing() {
        let lines = report.closing(SampleRun.summary, report: "report.html", events: SampleRun.events)
        #expect(lines.last == "3 passed, 1 failed, 4 skipped")
        #expect(lines.contains("FAIL ota/rollback [injected=badge.app.hang]   scenarios/ota/rollback.yaml:44"))
        #expect(!lines.contains { $0.contains("\u{1b}") })
    }

    @Test("colour stands only around words, and only where it is wanted", arguments: [
        (true, nil, "xterm-256color", true), (false, nil, "xterm-256color", false), (true, "1", "xterm", false), (true, "", "xterm", true),
        (true, nil, "dumb", false),
    ] as [(Bool, String?, String, Bool)])
    func colour(isTerminal: Bool, noColor: String?, type: String, isColoured: Bool) {
        let style = Style(isTerminal: isTerminal, noColor: noColor, terminalType: type)
        #expect(style.isColoured == isColoured)
        let report = TerminalReport(style: style, plans: [])
        #expect(report.line(for: SampleRun.rollback).contains("\u{1b}[1;31mFAIL\u{1b}[0m") == isColoured)
    }

    @Test("without colour the text is the same")
    func sameText() {
        let coloured = TerminalReport(style: .coloured, plans: SampleRun.summary.cases.map(\.plan))
        let lines = coloured.closing(SampleRun.summary, report: nil, events: SampleRun.events).map(withoutEscapes)
        #expect(lines == report.closing(SampleRun.summary, report: nil, events: SampleRun.events))
    }

    @Test("a device cannot move the cursor or turn text around")
    func hostile() {
        let report = TerminalReport(style: .plain, plans: HostileRun.summary.cases.map(\.plan))
        let lines = HostileRun.summary.cases.map(report.line(for:)) + report.closing(HostileRun.summary, report: nil) { _ in HostileRun.events }
        for scalar in lines.joined().unicodeScalars {
            #expect(scalar.value >= 0x20 && !(0x7f..<0xa0).contains(scalar.value) && scalar != "\u{202e}")
        }
    }

    private func withoutEscapes(_ line: String) -> String {
        line.split(separator: "\u{1b}", omittingEmptySubsequences: false).enumerated().map { index, part in
            index == 0 ? String(part) : String(part.drop { $0 != "m" }.dropFirst())
        }.joined()
    }
}

@Suite("Progress: where the time goes (cli.md)")
struct ProgressLineTests {
    private var line: ProgressLine {
        let event = RunEvent(
            sequence: 9, at: RunInstant(nanoseconds: 61_200_000_000), node: "badge", name: "boot.done", fields: ["firmware": "2.4.0"])
        return ProgressLine(
            scenario: "ota/rollback", cell: "injected=hang", step: "expect badge.boot.done", elapsed: .milliseconds(3200), limit: .seconds(180),
            nearest: NearMiss(event: event, differences: ["firmware"]))
    }

    @Test("step, time of its deadline, and what almost matched")
    func text() {
        #expect(
            line.text(width: 200, style: .plain)
                == "  ota/rollback [injected=hang] · expect badge.boot.done · 3.2 s of 3 m · badge.boot.done firmware = 2.4.0 ← differs in firmware")
        let bare = ProgressLine(scenario: "a", step: "wait 20m", elapsed: .seconds(5))
        #expect(bare.text(width: 80, style: .plain) == "  a · wait 20m · 5 s")
    }

    @Test("it never wraps", arguments: [1, 10, 20, 40, 60, 79, 80, 120])
    func width(columns: Int) {
        #expect(DisplayWidth.of(line.text(width: columns, style: .plain)) <= max(2, columns - 1))
    }
}

@Suite("Columns of a terminal")
struct DisplayWidthTests {
    @Test("wide characters take two columns, marks none", arguments: [
        ("abc", 3), ("–≤µ", 3), ("配置", 4), ("e\u{301}", 1), ("✓", 1), ("🔋", 2), ("\u{1b}", 0), ("한", 2), ("", 0),
    ])
    func width(text: String, columns: Int) {
        #expect(DisplayWidth.of(text) == columns)
    }

    @Test("text is cut between characters and says so", arguments: [("abcdef", 4, "abc…"), ("配置推送", 5, "配置…"), ("ab", 2, "ab"), ("abc", 0, "")])
    func cut(text: String, columns: Int, expected: String) {
        #expect(DisplayWidth.cut(text, to: columns) == expected)
    }
}
