import Emulators
import LabCore
import Testing

@testable import Drivers

@Suite("Agent of a module: losses in the middle of an update (specs/rg500q.md §4.4)")
struct ModuleUpdatePowerTests {
    @Test(
        "the module loses its power at each point: the update comes through, and the command is given again only where it has to be",
        arguments: ["download", "start", "updating", "end"], [1, 2])
    func power(point: String, times: Int) {
        var bench = UpdateSamples.bench()
        bench.fault("update.power_loss", ["at": .text(point), "times": .integer(Int64(times))])
        bench.runUntilFinished()
        #expect(bench.last("ota.finished")?["result"] == "succeeded")
        #expect(bench.commands == (point == "download" ? 1 + times : 1))
        #expect(bench.states.last == "succeeded")
        #expect(bench.count("ota.finished") == 1)
    }

    @Test("five times in a row: the module goes back, and the cloud is told that it did")
    func fiveTimes() {
        var bench = UpdateSamples.bench()
        bench.fault("update.power_loss", ["at": "updating", "percent": 5, "times": 5])
        bench.runUntilFinished()
        let end = bench.last("ota.finished")
        #expect(end?["result"] == "rolled_back" || end?["result"] == "failed")
        #expect(end?["reason"] == "dfota_502" && end?["running"] == .text(UpdateSamples.old))
        #expect(bench.commands == 1)
    }

    @Test("the worst case: the module never comes back; the agent says that it stalls and gives the command to nobody")
    func ruined() {
        var bench = UpdateSamples.bench()
        bench.fault("update.power_loss", ["at": "updating", "ruins": true])
        bench.run(for: .seconds(3_600))
        #expect(bench.count("ota.finished") == 0)
        #expect(bench.count("ota.stalled") == 1)
        #expect(bench.commands == 1)
        bench.actModule("rescue")
        bench.runUntilFinished()
        #expect(bench.last("ota.finished")?["result"] == "rolled_back" && bench.last("ota.finished")?["reason"] == "power")
    }

    @Test(
        "the program is killed and started again at any moment: the command is never sent while it may be at work, and the result is right",
        arguments: 0..<24)
    func programRestarts(step: Int) {
        var bench = UpdateSamples.bench(facts: ["download_rate": 50])
        bench.run(for: .milliseconds(3_100 * Int64(step)))
        bench.restartProgram()
        bench.runUntilFinished()
        #expect(bench.last("ota.finished")?["result"] == "succeeded")
        #expect(bench.commands == 1, "\(bench.all("ota.started"))")
        #expect(bench.states.last == "succeeded")
        #expect(bench.moduleNotes.count { $0.name == "update.started" } == 1)
    }

    @Test("the program is away for the whole update: the version tells how it went", arguments: [true, false])
    func programAway(isGood: Bool) {
        var bench = UpdateSamples.bench(facts: ["download_rate": 50])
        if !isGood { bench.fault("update.fail", ["code": 510]) }
        bench.run(for: .seconds(8))
        bench.loseHostPower()
        bench.run(for: .seconds(300))
        bench.give(.poweredOn)
        bench.fault("update.fail", isActive: false)
        bench.downloadReplies = [UpdateSamples.found(UpdateSamples.package())]
        bench.runUntilFinished()
        #expect(bench.last("ota.finished")?["result"] == "succeeded")
        // Nobody heard the 510; the module was restarted before the command went out again.
        #expect(bench.commands == (isGood ? 1 : 2))
        #expect(bench.sent.contains("AT+CFUN=1,1") == !isGood)
    }

    @Test("a download that never ends is broken off by a restart of the module, and tried again")
    func endlessDownload() {
        var bench = UpdateSamples.bench(facts: ["download_rate": 1])
        bench.run(for: .seconds(330))
        #expect(bench.all("ota.stalled").map { $0["phase"] } == ["downloading"])
        #expect(bench.all("reset.sent") == [["reason": "update"]])
        bench.run(for: .seconds(120))
        #expect(bench.all("ota.retry").map { $0["reason"] } == ["power"])
    }

    @Test("a port that vanishes in the download is no reason to give the command again while the module downloads on")
    func portVanishes() {
        var bench = UpdateSamples.bench(facts: ["download_rate": 20])
        bench.run(for: .seconds(10))
        bench.fault("port.vanish", ["port": "at"])
        bench.run(for: .seconds(5))
        bench.fault("port.vanish", ["port": "at"], isActive: false)
        bench.runUntilFinished()
        #expect(bench.last("ota.finished")?["result"] == "succeeded")
        #expect(bench.moduleNotes.filter { $0.name == "update.finished" && $0.fields["result"] == "succeeded" }.count == 1)
    }

    @Test("both lose their power")
    func bothLosePower() {
        var bench = UpdateSamples.bench()
        for _ in 0..<400 where bench.query("update")["percent"] != 30 { bench.run(for: .milliseconds(100)) }
        bench.loseHostPower()
        bench.cutModulePower()
        bench.run(for: .seconds(5))
        bench.giveModule(.poweredOn)
        bench.give(.poweredOn)
        bench.runUntilFinished()
        #expect(bench.last("ota.finished")?["result"] == "succeeded")
        #expect(bench.commands == 1)
    }
}
