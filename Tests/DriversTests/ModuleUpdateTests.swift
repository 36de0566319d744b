import Emulators
import LabCore
import Testing
import WireProtocols

@testable import Drivers

/// Benches with an update on offer.
enum UpdateSamples {
    static let old = "RG500QEAAAR11A06M4G_01.001.01.001"
    static let new = "RG500QEAAAR11A08M4G_01.002.01.002"
    static let path = "/api/v1/versions/\(new)/download?device=QT_001&expires=1767312000&signature=\(String(repeating: "5f", count: 32))"

    static func package(base: String = "RG500QEAAAR11A06M4G") -> [UInt8] {
        UpdatePackage(
            base: base, target: "RG500QEAAAR11A08M4G", targetSubVersion: "01.002.01.002", payload: [UInt8](repeating: 7, count: 500)
        )
        .encoded
    }

    static func offer(_ execution: String = "ex_1", version: String = new, path: String = path) -> Fields {
        [
            "execution_id": .text(execution), "action": "install", "version": .text(version), "file_size": 500, "format": "dfota",
            "download_url": .text(path), "checksum": "sha256:00",
        ]
    }

    static func found(_ bytes: [UInt8]) -> Result<HTTPAnswer, HTTPFailure> { .success(HTTPAnswer(status: 200, body: bytes)) }

    /// Online, with a notice just arrived.
    static func bench(
        facts: Fields = [:], offer: Fields? = offer(), package: [UInt8] = package(), seed: UInt64 = 1
    ) -> ModuleBench {
        var bench = ModuleBench.started(facts: (["update_time": "20s", "recovery_time": "5s"] as Fields).merging(facts), seed: seed)
        bench.forget()
        (bench.offer, bench.downloadReplies) = (offer, [found(package)])
        bench.message("update", #"{"version":"x","action":"install","execution_id":"ex_1"}"#)
        return bench
    }
}

extension ModuleBench {
    /// Until the update has ended, at most 40 minutes.
    mutating func runUntilFinished() {
        for _ in 0..<2_400 where count("ota.finished") == 0 { run(for: .seconds(1)) }
        run(for: .seconds(20))
    }

    var states: [String] { reports.compactMap { $0.fields["state"]?.text } }
    var commands: Int { sent.components(of: "AT+QFOTADL=") }
}

extension String {
    fileprivate func components(of word: String) -> Int { ranges(of: word).count }
}

@Suite("Agent of a module: update (specs/rg500q.md §4; badge protocol, \"Firmware\")")
struct ModuleUpdateTests {
    @Test("a notice leads to a check, the check to the command, the module does the rest, and the new version is reported")
    func goodWay() throws {
        var bench = UpdateSamples.bench()
        bench.runUntilFinished()
        #expect(bench.count("ota.finished") == 1)
        let end = try #require(bench.last("ota.finished"))
        #expect(end["result"] == "succeeded" && end["version"] == .text(UpdateSamples.new) && end["running"] == .text(UpdateSamples.new))
        #expect(
            bench.course.filter { $0 != "network.changed" } == [
                "ota.started", "ota.reported", "ota.downloaded", "ota.reported", "port.lost", "detached", "offline", "port.opened",
                "ota.ended", "port.lost",
                "port.opened", "identified", "module.ready", "recovered", "sim.ready", "attached", "registered", "online", "ota.reported",
                "ota.finished", "ota.reported",
            ])
        #expect(
            bench.checks.first?.contains(
                "current_version=\(UpdateSamples.old)&hardware_version=RG500Q-EA&format=dfota&security_counter=0&confirmed=true") == true)
        #expect(bench.states == ["downloading", "installing", "testing", "succeeded"])
        let last = try #require(bench.reports.last?.fields)
        #expect(last["version"] == .text(UpdateSamples.new) && last["running_version"] == .text(UpdateSamples.new))
        #expect(bench.reports.compactMap { $0.fields["sequence"]?.integer } == [1, 2, 3, 4])
        #expect(bench.downloads.map(\.path) == [UpdateSamples.path])
        #expect(bench.downloads.first?.header("host") == "cloud.lab")
    }

    @Test("the command goes out once, with the address at the cloud's host, and the signature stays out of every event")
    func command() {
        var bench = UpdateSamples.bench()
        bench.runUntilFinished()
        #expect(bench.commands == 1)
        #expect(bench.sent.contains("AT+QFOTADL=\"https://cloud.lab\(UpdateSamples.path)\"\r"))
        #expect(
            bench.all("at.sent").contains([
                "command": .text("AT+QFOTADL=\"https://cloud.lab/api/v1/versions/\(UpdateSamples.new)/download?***\"")
            ]))
        for note in bench.notes { #expect(!JSONWriter.text(.record(note.fields)).contains("5f5f"), "\(note.name)") }
    }

    @Test("nothing else uses the port while the module downloads, and AT on the other port is answered")
    func quietPort() {
        var bench = UpdateSamples.bench(facts: ["download_rate": 8])
        bench.run(for: .seconds(10))
        #expect(bench.query("update")["phase"] == "downloading")
        let sent = bench.sent
        bench.run(for: .seconds(60))
        #expect(bench.query("update")["phase"] == "downloading")
        #expect(bench.sent == sent)
        // The cloud hears of it all the same.
        #expect(bench.messages("heartbeat").count >= 2)
        for action in ["at", "report", "sms.send", "locate"] {
            let token = bench.act(action, ["command": "AT", "to": "1", "text": "x"])
            #expect(bench.failure(token)?.reason == "updating", "\(action)")
        }
        bench.giveModule(.link(LinkName(rawValue: 3), .bytes(Array("AT+CSQ\r".utf8))))
        bench.run(for: .seconds(1))
        #expect(bench.moduleNotes.last?.fields["port"] == "modem")
    }

    @Test("START that is lost does no harm: UPDATING is the first line", arguments: [false, true])
    func lostStart(isLost: Bool) {
        var bench = UpdateSamples.bench()
        bench.fault("update.start_lost", isActive: isLost)
        bench.runUntilFinished()
        #expect(bench.last("ota.finished")?["result"] == "succeeded")
    }

    @Test("END as the first line is enough, whatever was lost before")
    func endOnly() {
        var bench = UpdateSamples.bench()
        bench.line = { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            return text.contains("START") || text.contains("UPDATING") || text.contains("HTTPEND") ? [] : bytes
        }
        bench.runUntilFinished()
        #expect(bench.last("ota.finished")?["result"] == "succeeded")
        #expect(bench.commands == 1)
    }

    @Test("not one line of the update comes through: the version tells")
    func deaf() {
        var bench = UpdateSamples.bench()
        bench.line = { String(decoding: $0, as: UTF8.self).contains("FOTA") ? [] : $0 }
        bench.runUntilFinished()
        #expect(bench.last("ota.finished")?["result"] == "succeeded")
        #expect(bench.commands == 1)
    }

    @Test(
        "each code of the updater is reported with its number, and the old version goes on",
        arguments: [1, 501, 502, 504, 505, 506, 510, 511, 520, 530, 540, 546])
    func updateCodes(code: Int) {
        var bench = UpdateSamples.bench()
        bench.fault("update.fail", ["code": .integer(Int64(code))])
        bench.runUntilFinished()
        let end = bench.last("ota.finished")
        #expect(end?["result"] == "failed" && end?["reason"] == .text("dfota_\(code)") && end?["running"] == .text(UpdateSamples.old))
        #expect(bench.reports.last?.fields["state"] == "failed" && bench.reports.last?.fields["reason"] == .text("dfota_\(code)"))
        #expect(bench.reports.last?.fields["running_version"] == .text(UpdateSamples.old))
        #expect(bench.commands == 1)
        #expect(bench.query("module")["online"] == true)
    }

    @Test("a package for another version: 510")
    func wrongBase() {
        var bench = UpdateSamples.bench(package: UpdateSamples.package(base: "RG500QEAAAR11A05M4G"))
        bench.runUntilFinished()
        #expect(bench.last("ota.finished")?["reason"] == "dfota_510")
    }

    @Test("what fails after it was written in part is rolled back")
    func failsLate() {
        var bench = UpdateSamples.bench()
        bench.fault("update.fail", ["code": 520, "percent": 40])
        bench.runUntilFinished()
        #expect(bench.last("ota.finished")?["result"] == "rolled_back")
        #expect(bench.states.last == "rolled_back")
    }

    @Test(
        "601, 701 and 702 are tried again, with waits that grow, each after a check that gives a fresh address", arguments: [701, 702, 601])
    func downloadCodes(code: Int) {
        var bench = UpdateSamples.bench()
        bench.fault("update.fail", ["code": .integer(Int64(code)), "times": 2])
        if code == 601 { bench.offer = UpdateSamples.offer(path: "ftp://192.0.2.10/update.zip") }
        bench.run(for: .seconds(8))
        bench.offer = UpdateSamples.offer()
        bench.runUntilFinished()
        #expect(bench.all("ota.started").map { $0["attempt"] }.prefix(2) == [1, 2])
        if code == 601 {
            // Over http the fault's code is none of a download over http; the module says it all the same.
            #expect(bench.all("ota.retry").map { $0["reason"] } == ["dfota_601", "dfota_601"])
        } else {
            #expect(bench.all("ota.retry").map { $0["reason"] } == [.text("dfota_\(code)"), .text("dfota_\(code)")])
        }
        let waits = bench.all("ota.retry").compactMap { $0["wait"]?.durationNanoseconds }
        #expect(
            waits.count == 2 && (15_000_000_000...30_000_000_000).contains(waits[0]) && (30_000_000_000...60_000_000_000).contains(waits[1])
        )
        #expect(bench.checks.count >= 3)
        #expect(bench.last("ota.finished")?["result"] == "succeeded")
    }

    @Test("after four tries it has failed, and 602 is not tried again", arguments: [(702, 4), (602, 1)])
    func givesUp(code: Int, tries: Int) {
        var bench = UpdateSamples.bench()
        bench.fault("update.fail", ["code": .integer(Int64(code))])
        bench.runUntilFinished()
        #expect(bench.commands == tries)
        #expect(bench.last("ota.finished")?["result"] == "failed" && bench.last("ota.finished")?["reason"] == .text("dfota_\(code)"))
    }

    @Test("the network is cut in the download: the module says 702, and the next try works")
    func networkCut() {
        var bench = UpdateSamples.bench(facts: ["download_rate": 20, "update_patience": "40s"])
        bench.run(for: .seconds(10))
        bench.fault("attach.lost")
        bench.run(for: .seconds(120))
        #expect(bench.all("ota.retry").map { $0["reason"] } == ["dfota_702"])
        #expect(bench.count("ota.started") == 1)
        bench.fault("attach.lost", isActive: false)
        bench.runUntilFinished()
        #expect(bench.last("ota.finished")?["result"] == "succeeded")
        #expect(bench.commands == 2)
    }

    @Test("a version that runs already is refused, and blocks nothing")
    func alreadyInstalled() {
        var bench = UpdateSamples.bench(offer: UpdateSamples.offer(version: UpdateSamples.old))
        bench.run(for: .seconds(10))
        #expect(bench.commands == 0)
        #expect(bench.states == ["rejected"])
        #expect(bench.reports.last?.fields["reason"] == "already_installed")
    }

    @Test("an address that the command cannot hold is refused")
    func longAddress() {
        var bench = UpdateSamples.bench(offer: UpdateSamples.offer(path: "/" + String(repeating: "a", count: 240)))
        bench.run(for: .seconds(10))
        #expect(bench.commands == 0)
        #expect(bench.reports.last?.fields["reason"] == "url_too_long")
    }

    @Test(
        "an offer that lacks something is none",
        arguments: ["execution_id", "version", "download_url"])
    func malformed(missing: String) {
        var offer = UpdateSamples.offer()
        offer[missing] = nil
        var bench = UpdateSamples.bench(offer: offer)
        bench.run(for: .seconds(10))
        #expect(bench.last("ota.checked")?["error"] == "malformed_offer")
        #expect(bench.commands == 0)
    }

    @Test("a result is repeated until the cloud has it, and the execution is not carried out again when it is offered again")
    func repeatsResult() {
        var bench = UpdateSamples.bench()
        bench.fault("update.fail", ["code": 510])
        bench.resultReplies = [.failure(.timedOut), .refusal(503, "UNAVAILABLE")]
        bench.runUntilFinished()
        bench.run(for: .seconds(60))
        #expect(bench.states.filter { $0 == "failed" }.count == 3)
        #expect(bench.query("update")["reported"] == true)
        let told = bench.reports.filter { $0.fields["state"] == "failed" }.map(\.fields)
        #expect(told.allSatisfy { $0 == told.first })
        bench.offer = UpdateSamples.offer()
        bench.act("check_update")
        bench.run(for: .seconds(300))
        #expect(bench.commands == 1)
        #expect(bench.states.filter { $0 == "failed" }.count == 4)
    }

    @Test("a cancellation before the command is obeyed, one after it is not", arguments: [false, true])
    func cancel(isCommanded: Bool) {
        var bench = UpdateSamples.bench(facts: ["download_rate": 20])
        if !isCommanded {
            bench.fault("update.fail", ["code": 702, "times": 1])
            for _ in 0..<100 where bench.count("ota.retry") == 0 { bench.run(for: .milliseconds(100)) }
        } else {
            bench.run(for: .seconds(10))
        }
        bench.offer = nil
        bench.message("update", #"{"version":"x","action":"cancel","execution_id":"ex_1"}"#)
        bench.runUntilFinished()
        if isCommanded {
            #expect(bench.count("ota.cancel_rejected") == 1)
            #expect(bench.reports.contains { $0.fields["state"] == "downloading" && $0.fields["reason"] == "cancel_rejected" })
            #expect(bench.last("ota.finished")?["result"] == "succeeded")
        } else {
            #expect(bench.states.last == "cancelled")
            #expect(bench.commands == 1)
        }
    }

    @Test("the module of another maker's dialect refuses the command: failed")
    func refused() {
        var bench = UpdateSamples.bench(offer: UpdateSamples.offer(path: "gopher://x"))
        bench.run(for: .seconds(20))
        #expect(bench.last("ota.finished")?["reason"] == "command_refused")
    }

    @Test("commands and configuration of the cloud wait for the end of the update")
    func othersWait() {
        var bench = UpdateSamples.bench(facts: ["download_rate": 20])
        bench.run(for: .seconds(10))
        bench.message("command", #"{"command_id":"c1","command":"reboot"}"#)
        bench.message("config/update", #"{"config":{"cellular":{"apn":"iot.example"}},"config_version":3}"#)
        bench.run(for: .seconds(2))
        #expect(bench.last("command.executed")?["reason"] == "updating")
        #expect(!bench.sent.contains("CFUN=1,1") && !bench.sent.contains("iot.example"))
        bench.runUntilFinished()
        #expect(bench.last("ota.finished")?["result"] == "succeeded")
    }

    @Test("a rollback is another package, to the version before")
    func rollback() {
        var offer = UpdateSamples.offer("ex_2", version: "RG500QEAAAR11A06M4G_01.001.01.001")
        offer["action"] = "rollback"
        let back = UpdatePackage(base: "RG500QEAAAR11A08M4G", target: "RG500QEAAAR11A06M4G", payload: [1]).encoded
        var bench = UpdateSamples.bench()
        bench.runUntilFinished()
        bench.forget()
        (bench.offer, bench.downloadReplies) = (offer, [UpdateSamples.found(back)])
        bench.message("update", #"{"version":"x","action":"rollback","execution_id":"ex_2"}"#)
        bench.runUntilFinished()
        #expect(bench.last("ota.finished")?["result"] == "succeeded")
        #expect(bench.truth["firmware"] == "RG500QEAAAR11A06M4G")
    }
}
