import LabCore
import Testing

@testable import Drivers

@Suite("Agent of a module: checks for updates (badge protocol, \"Check\", \"Report\")")
struct ModuleVersionCentreTests {
    @Test("it asks some seconds after each connection, and once a day")
    func daily() {
        var bench = ModuleBench.started()
        #expect(bench.checks.count == 1)
        bench.run(for: .seconds(20 * 3_600))
        #expect(bench.checks.count == 1)
        bench.run(for: .seconds(4 * 3_600 + 60))
        #expect(bench.checks.count == 2)
    }

    @Test("the token lives 15 minutes; a check after that fetches a new one first")
    func token() {
        var bench = ModuleBench.started()
        #expect(bench.renewals == 0)
        bench.run(for: .seconds(900))
        bench.message("update", #"{"version":"x","action":"install","execution_id":"ex_1"}"#)
        bench.run(for: .seconds(5))
        #expect(bench.renewals == 1 && bench.checks.count == 2)
    }

    @Test(
        "a check that fails is repeated soon; where there is no version centre, once a day",
        arguments: [(503, true), (429, true), (404, false), (403, false)])
    func failures(status: Int, isSoon: Bool) {
        var bench = ModuleBench.started()
        bench.forget()
        let before = bench.checks.count
        bench.checkReplies = [.refusal(status, "SOME_ERROR")]
        bench.act("check_update")
        bench.run(for: .seconds(60))
        #expect(bench.all("ota.checked").first?["error"] == "SOME_ERROR")
        #expect(bench.checks.count == before + (isSoon ? 2 : 1))
    }

    @Test("where the cloud says when to come again, it does")
    func retryAfter() {
        var bench = ModuleBench.started()
        let before = bench.checks.count
        bench.checkReplies = [.success(200, ["has_update": false, "retry_after": 300])]
        bench.act("check_update")
        bench.run(for: .seconds(299))
        #expect(bench.checks.count == before + 1)
        bench.run(for: .seconds(5))
        #expect(bench.checks.count == before + 2)
    }

    @Test("check_update gives what the cloud said; without a connection it fails")
    func action() {
        var bench = ModuleBench.started()
        let token = bench.act("check_update")
        bench.run(for: .seconds(1))
        #expect(bench.given(token) == ["has_update": false])
        bench.fault("attach.lost")
        bench.run(for: .seconds(60))
        let offline = bench.act("check_update")
        #expect(bench.failure(offline)?.reason == "not_connected")
    }

    @Test(
        "notices that say nothing do nothing",
        arguments: ["", "{", "[]", #"{"action":"cancel"}"#, #"{"action":"cancel","execution_id":"ex_9"}"#])
    func notices(payload: String) {
        var bench = ModuleBench.started()
        bench.message("update", payload)
        bench.run(for: .seconds(10))
        #expect(bench.commands == 0 && bench.reports.isEmpty)
    }

    @Test("a cloud that answers every report with a cancellation is told once that it is too late")
    func cancelled() {
        var bench = UpdateSamples.bench(facts: ["download_rate": 20])
        bench.stateReplies = Array(repeating: .success(200, ["state": "downloading", "cancel": true, "terminal": false]), count: 20)
        bench.runUntilFinished()
        let told = bench.reports.filter { $0.fields["reason"] == "cancel_rejected" }
        // Once for each of the states downloading, installing and testing.
        #expect(told.count == 3)
        #expect(bench.last("ota.finished")?["result"] == "succeeded")
    }

    @Test("an execution that the cloud does not know is given up", arguments: [404, 409])
    func unknown(status: Int) {
        var bench = UpdateSamples.bench()
        bench.fault("update.fail", ["code": 510])
        bench.resultReplies = [.refusal(status, "OTA_EXECUTION_FINISHED")]
        bench.run(for: .seconds(5))
        bench.offer = nil
        bench.runUntilFinished()
        #expect(bench.states.filter { $0 == "failed" }.count == 1)
        #expect(bench.query("update")["reported"] == true)
    }
}
