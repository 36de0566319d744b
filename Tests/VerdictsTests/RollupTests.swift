import LabCore
import Testing

@testable import Verdicts

private func finding(_ subject: Finding.Subject, _ verdict: Verdict) -> Finding {
    Finding(subject: subject, verdict: verdict, location: place(1), title: "t")
}

private func summary(_ cases: [CaseSummary]) -> Summary { Summary(run: "0611-1", labVersion: "0.4", world: .sim, seed: 1, cases: cases) }
private func result(_ verdict: Verdict, _ findings: [Finding] = []) -> CaseSummary {
    CaseSummary(plan: plan(), run: "r", verdict: verdict, findings: findings)
}

@Suite("Verdict of a case (cli.md: skipped < pass < quarantined < flaky < unproven < blocked < fail)")
struct RollupTests {
    @Test("the severest finding or limit decides; none is a pass")
    func severest() {
        let unproven = LimitResult(limit: limit(), verdict: .unproven, figure: "", samples: 0)
        let skipped = LimitResult(limit: limit(), verdict: .skipped, figure: "", samples: 0)
        #expect(Rollup.verdict(findings: [], limits: []) == .pass)
        #expect(Rollup.verdict(findings: [], limits: [skipped]) == .pass)
        #expect(Rollup.verdict(findings: [], limits: [unproven]) == .unproven)
        #expect(Rollup.verdict(findings: [finding(.teardown, .blocked)], limits: [unproven]) == .blocked)
        #expect(Rollup.verdict(findings: [finding(.teardown, .blocked), finding(.law, .fail)], limits: []) == .fail)
    }

    @Test("a pass after a failure is flaky and keeps what failed")
    func flaky() {
        let failed = result(.fail, [finding(.step, .fail)])
        let combined = Rollup.combining(tries: [failed, result(.pass)])
        #expect(combined?.verdict == .flaky)
        #expect(combined?.findings == failed.findings)
        #expect(combined?.reason == "try 2 of 2")
        #expect(Rollup.combining(tries: [failed, failed])?.verdict == .fail)
        #expect(Rollup.combining(tries: [result(.pass)])?.verdict == .pass)
        #expect(Rollup.combining(tries: []) == nil)
    }
}

@Suite("Exit codes: the first of the table that applies (cli.md)")
struct ExitCodeTests {
    @Test("one kind of result each", arguments: [
        (Verdict.pass, 0), (.fail, 1), (.flaky, 0), (.unproven, 5), (.blocked, 3), (.skipped, 0), (.quarantined, 0),
    ] as [(Verdict, Int32)])
    func single(verdict: Verdict, code: Int32) {
        #expect(ExitCode(summary([result(.pass), result(verdict)])).rawValue == code)
    }

    @Test("nothing selected is 4, no summary too")
    func nothing() {
        #expect(ExitCode(summary([])).rawValue == 4)
        #expect(ExitCode(nil).rawValue == 4)
    }

    @Test("each cause hides those below it in the table")
    func order() {
        var all = ExitCode.Circumstances()
        all.labFailed = true
        all.inputIsWrong = true
        all.interruption = .interrupt
        all.baselineRegressed = true
        let cases = [result(.fail), result(.unproven), result(.blocked)]
        #expect(ExitCode(summary(cases), all) == .labBug)
        all.labFailed = false
        #expect(ExitCode(summary(cases), all) == .wrongInput)
        all.inputIsWrong = false
        #expect(ExitCode(summary(cases), all) == .interrupted)
        all.interruption = .terminate
        #expect(ExitCode(summary(cases), all) == .terminated)
        all.interruption = nil
        #expect(ExitCode(summary(cases), all) == .failed)
        #expect(ExitCode(summary(Array(cases.dropFirst())), all) == .regressed)
        all.baselineRegressed = false
        #expect(ExitCode(summary(Array(cases.dropFirst())), all) == .unproven)
        #expect(ExitCode(summary(Array(cases.dropFirst(2))), all) == .blocked)
    }

    @Test("a flaky case fails where that is asked for, and so does a quarantine that is over")
    func strict() {
        var strict = ExitCode.Circumstances()
        strict.flakyFails = true
        #expect(ExitCode(summary([result(.flaky)]), strict) == .failed)
        var expired = ExitCode.Circumstances()
        expired.quarantineExpired = true
        #expect(ExitCode(summary([result(.quarantined)]), expired) == .failed)
    }

    @Test("an objective of a quarantined case is not waited for")
    func quarantinedObjective() {
        var borne = result(.quarantined)
        borne.limits = [LimitResult(limit: limit(), verdict: .unproven, figure: "", samples: 0)]
        #expect(ExitCode(summary([result(.pass), borne])) == .passed)
        borne.verdict = .pass
        #expect(ExitCode(summary([borne])) == .unproven)
    }

    @Test("the codes are those of the table")
    func values() {
        #expect(ExitCode.allCases.map(\.rawValue).sorted() == [0, 1, 2, 3, 4, 5, 6, 70, 130, 143])
    }
}
