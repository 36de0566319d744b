import Emulators
import LabCore
import Testing

@Suite("Update over the air: loss of power (specs/rg500q.md §4.4)")
struct ModuleUpdatePowerTests {
    private static let ended = "+QIND: \"FOTA\",\"END\",0"

    /// An update under way until a line has come on the AT port.
    private static func bench(until line: String, change: (inout ModuleSetup) -> Void = { _ in }) -> ModuleBench {
        var bench = UpdateSamples.bench(
            UpdateSamples.found(UpdateSamples.package()), UpdateSamples.found(UpdateSamples.package()), change: change)
        _ = bench.ask(UpdateSamples.command)
        // In steps that are shorter than everything that follows a line.
        var seen = 0
        for _ in 0..<4_000 {
            let text = bench.text(on: .at, from: seen)
            if ModuleBench.lines(text).contains("+QIND: \"FOTA\",\(line)") { break }
            seen = bench.said.count
            bench.run(for: .milliseconds(100))
        }
        return bench
    }

    private static func cut(_ bench: inout ModuleBench, for time: Duration = .seconds(10)) {
        bench.cutPower()
        bench.run(for: time)
        bench.forget()
        bench.give(.poweredOn)
    }

    @Test("in the download: normal boot, old firmware, and the command works again")
    func download() {
        var bench = Self.bench(until: "\"HTTPSTART\"") { $0.update.downloadRate = 100 }
        bench.run(for: .seconds(10))
        bench.cutPower()
        #expect(bench.noted("update.finished").map { $0["result"] } == ["aborted"])
        bench.run(for: .seconds(10))
        bench.forget()
        bench.give(.poweredOn)
        bench.run(for: .seconds(90))
        #expect(bench.noted("module.booted").map { $0["firmware"] } == [.text(UpdateSamples.old)])
        #expect(!bench.text(on: .at).contains("FOTA"))
        #expect(bench.lines(UpdateSamples.command) == ["OK"])
        bench.run(for: .seconds(400))
        #expect(bench.truth["firmware"] == .text(UpdateSamples.new))
    }

    @Test(
        "at START and while UPDATING: the next power-up goes on by itself, START, UPDATING, END, boot to the new firmware",
        arguments: ["\"START\"", "\"UPDATING\",1", "\"UPDATING\",50", "\"UPDATING\",99"])
    func recovery(line: String) {
        var bench = Self.bench(until: line)
        Self.cut(&bench)
        bench.run(for: .seconds(300))
        let course = UpdateSamples.course(bench)
        #expect(course.first == "(appeared)" && course.dropFirst().first == "+QIND: \"FOTA\",\"START\"")
        #expect(course.filter { $0.contains("END") } == [Self.ended])
        #expect(course.suffix(4).sorted() == UpdateSamples.bootLines)
        #expect(bench.noted("update.recovery").map { $0["attempt"] } == [2])
        #expect(bench.truth["firmware"] == .text(UpdateSamples.new))
    }

    @Test("it goes on where it was, in tens of percent")
    func resumes() {
        var bench = Self.bench(until: "\"UPDATING\",57")
        Self.cut(&bench)
        bench.run(for: .seconds(300))
        #expect(UpdateSamples.course(bench)[2] == "+QIND: \"FOTA\",\"UPDATING\",51")
    }

    @Test("at END,0 before the restart: boots new, and END,0 comes once more without UPDATING")
    func end() {
        var bench = Self.bench(until: "\"END\",0")
        Self.cut(&bench)
        bench.run(for: .seconds(90))
        let course = UpdateSamples.course(bench)
        #expect(course.filter { $0.contains("FOTA") } == [Self.ended])
        #expect(bench.noted("module.booted").map { $0["firmware"] } == [.text(UpdateSamples.new)])
        // Once, and not at every start from now on.
        Self.cut(&bench)
        bench.run(for: .seconds(90))
        #expect(!bench.text(on: .at).contains("FOTA"))
    }

    @Test("between HTTPEND,0 and the restart: the recovery system runs at the next power-up")
    func beforeRestart() {
        var bench = Self.bench(until: "\"HTTPEND\",0")
        Self.cut(&bench)
        bench.run(for: .seconds(300))
        #expect(UpdateSamples.course(bench).contains(Self.ended))
        #expect(bench.truth["firmware"] == .text(UpdateSamples.new))
    }

    @Test("five tries that are lost: with a backup the old firmware runs again")
    func fiveTimes() {
        var bench = Self.bench(until: "\"UPDATING\",3")
        for _ in 0..<5 {
            Self.cut(&bench)
            bench.run(for: .seconds(25))
        }
        bench.run(for: .seconds(200))
        #expect(bench.noted("update.finished").map { $0["result"] } == ["rolled_back"])
        #expect(bench.noted("update.finished").map { $0["error"] } == [502])
        #expect(bench.truth["firmware"] == .text(UpdateSamples.old))
        #expect(bench.noted("module.booted").map { $0["firmware"] } == [.text(UpdateSamples.old)])
    }

    @Test("without a backup it tries for ever, and comes through once the power stays")
    func withoutBackup() {
        var bench = Self.bench(until: "\"UPDATING\",3") { $0.update.hasBackup = false }
        for _ in 0..<12 {
            Self.cut(&bench)
            bench.run(for: .seconds(25))
        }
        #expect(bench.noted("update.recovery").map { $0["attempt"] } == [13])
        bench.run(for: .seconds(300))
        #expect(bench.truth["firmware"] == .text(UpdateSamples.new))
    }

    @Test("the worst case: the download mode, one port that never answers, until the module is rescued")
    func ruined() throws {
        var bench = Self.bench(until: "\"START\"")
        bench.fault("update.power_loss", ["at": "updating", "percent": 20, "ruins": true])
        bench.run(for: .seconds(120))
        #expect(bench.openPorts == [.diagnosis])
        #expect(bench.noted("update.stuck").count == 1)
        #expect(bench.firmware["update"] == "ruined")
        Self.cut(&bench)
        bench.run(for: .seconds(120))
        #expect(bench.openPorts == [.diagnosis])
        _ = try #require(try bench.act("rescue")?.get())
        bench.run(for: .seconds(120))
        #expect(bench.openPorts.count == 4)
        #expect(bench.lines("AT+QGMR") == ["RG500QEAAAR11A06M4G_01.001.01.001", "OK"])
        #expect(throws: ActionFailure.self) { try bench.act("rescue")?.get() }
    }

    @Test(
        "the fault takes the power at its point and gives it back, and the module comes through",
        arguments: ["start", "updating", "end"], [1, 3])
    func fault(point: String, times: Int) {
        var bench = UpdateSamples.bench(UpdateSamples.found(UpdateSamples.package()))
        bench.fault("update.power_loss", ["at": .text(point), "times": .integer(Int64(times))])
        _ = bench.ask(UpdateSamples.command)
        bench.run(for: .seconds(900))
        // After the end there is nothing more to lose.
        #expect(bench.noted("power.lost").count == (point == "end" ? 1 : times))
        #expect(bench.noted("power.restored").count == bench.noted("power.lost").count)
        #expect(bench.noted("update.finished").map { $0["result"] } == ["succeeded"])
        #expect(bench.truth["firmware"] == .text(UpdateSamples.new))
    }

    @Test("a cut at any moment of the update leaves the old version or the new one, and one that can be updated", arguments: 0..<24)
    func anyMoment(step: Int) {
        var bench = UpdateSamples.bench(UpdateSamples.found(UpdateSamples.package()), UpdateSamples.found(UpdateSamples.package())) {
            $0.update.updateTime = .seconds(20)
        }
        _ = bench.ask(UpdateSamples.command)
        bench.run(for: .milliseconds(2_800 * Int64(step)))
        Self.cut(&bench)
        bench.run(for: .seconds(200))
        let firmware = bench.truth["firmware"]
        #expect(firmware == .text(UpdateSamples.old) || firmware == .text(UpdateSamples.new))
        #expect(bench.lines("ATI").last == "OK")
        if firmware == .text(UpdateSamples.old) {
            bench.answers = [UpdateSamples.found(UpdateSamples.package())]
            #expect(bench.lines(UpdateSamples.command) == ["OK"])
            bench.run(for: .seconds(300))
            #expect(bench.truth["firmware"] == .text(UpdateSamples.new))
        }
    }

    @Test("the reset line in the recovery system counts as a lost try, and the module comes through")
    func resetLine() {
        var bench = Self.bench(until: "\"UPDATING\",30")
        _ = bench.act("reset")
        bench.run(for: .seconds(400))
        #expect(bench.truth["firmware"] == .text(UpdateSamples.new))
    }
}
