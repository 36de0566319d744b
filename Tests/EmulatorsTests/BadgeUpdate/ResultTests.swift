import FirmwareImages
import LabCore
import Testing

@testable import Emulators

@Suite("Badge update: cancelling and the one result (specs/ota.md §4, M4 to M6, P5, O5)")
struct ResultTests {
    @Test("a cancellation is obeyed until activation (M4)")
    func cancelled() {
        var bench = BadgeBench.updating()
        bench.run(until: "ota.block_written")
        bench.deliver("update", #"{"version":"2.4.0","execution_id":"ex_0001","action":"cancel"}"#)
        bench.runToEnd()
        #expect(bench.centre?.result == "cancelled")
        #expect(bench.firmware["other"] == nil)
        #expect(bench.firmware["version"] == "2.3.0")
        #expect(bench.count("ota.installed") == 0)
        var other = BadgeBench.updating()
        other.run(until: "ota.block_written")
        other.deliver("update", #"{"version":"2.4.0","execution_id":"ex_0099","action":"cancel"}"#)
        other.runToEnd()
        #expect(other.centre?.result == "succeeded")
    }

    @Test("after activation it is rejected with the present state, and the update goes on; with the bug it is obeyed (M4)")
    func tooLate() {
        for bugs in [[], [.cancelAfterInstall]] as [Set<SeededBug>] {
            for moment in ["ota.installed", "boot.done"] {
                var bench = BadgeBench.updating(settings: Release.settings(bugs))
                bench.run(until: "ota.installed")
                if moment != "ota.installed" { bench.run(until: moment) }
                bench.deliver("update", #"{"version":"2.4.0","execution_id":"ex_0001","action":"cancel"}"#)
                bench.runToEnd()
                #expect(bench.centre?.result == (bugs.isEmpty ? "succeeded" : "cancelled"), "\(moment)")
                guard bugs.isEmpty else { continue }
                #expect(bench.count("ota.cancel_rejected") == 1)
                #expect(bench.centre?.reports.contains { $0.text("reason") == "cancel_rejected" } == true)
            }
        }
    }

    @Test("the cloud may say it in the answer to a report, or to a check")
    func cancelledByAnswer() {
        var bench = BadgeBench.updating()
        bench.run(until: "ota.started")
        bench.centre?.cancelled = "ex_0001"
        bench.runToEnd()
        #expect(bench.centre?.result == "cancelled")
        var resumed = BadgeBench.updating()
        resumed.run(until: "ota.block_written")
        resumed.give(.powerLost)
        resumed.centre?.cancelled = "ex_0001"
        resumed.give(.poweredOn)
        resumed.runToEnd()
        #expect(resumed.centre?.result == "cancelled")
    }

    @Test("a result that the cloud did not acknowledge is repeated until it has, also after a reboot; with the bug it is not (M6)")
    func repeated() {
        for bugs in [[], [.reportNotRepeated]] as [Set<SeededBug>] {
            var bench = BadgeBench.updating(settings: Release.settings(bugs))
            bench.centre?.resultStatuses = [500, 0, 503, 500, 500]
            bench.run(until: "ota.confirmed")
            bench.run(for: .seconds(5))
            bench.give(.powerLost)
            bench.give(.poweredOn)
            bench.runToEnd()
            #expect(bench.centre?.results.count == (bugs.isEmpty ? 1 : 0))
            #expect(bench.count("ota.confirmed") == 1)
            #expect(bench.centre?.downloads.count == 3)
        }
    }

    @Test("an execution that the cloud does not know, or has ended, is given up without another report")
    func unknown() {
        for status in [404, 409] {
            var bench = BadgeBench.updating()
            bench.centre?.resultStatuses = [status]
            bench.run(until: "ota.confirmed")
            bench.centre?.isOffering = false
            bench.run(for: .seconds(600))
            #expect(bench.notes.count { $0.name == "ota.reported" && $0.fields.text("state") == "succeeded" } == 1)
        }
        var early = BadgeBench.updating()
        early.centre?.reportStatuses = [404]
        early.run(for: .seconds(100))
        #expect(early.count("ota.cancelled") == 1)
        #expect(early.count("ota.installed") == 0)
    }

    @Test("another execution ends the one that was begun: one after the other, each with its result (M5)")
    func superseded() {
        var bench = BadgeBench.updating()
        bench.run(until: "ota.block_written")
        bench.give(.powerLost)
        let image = Release.image("2.5.0")
        bench.centre?.image = image
        bench.centre?.manifest = Release.manifest(of: image, version: 3, firmware: "2.5.0")
        bench.centre?.version = "2.5.0"
        bench.centre?.execution = "ex_0002"
        bench.give(.poweredOn)
        bench.runToEnd()
        #expect(bench.centre?.results.map(\.execution) == ["ex_0001", "ex_0002"])
        #expect(bench.centre?.results.map(\.state) == ["cancelled", "succeeded"])
    }

    @Test("it reports the version that runs, never the one that was wanted, unless the bug is in (O4)")
    func runningVersion() {
        for bugs in [[], [.reportsWantedVersion]] as [Set<SeededBug>] {
            let image = Release.image(behaviour: .crash)
            var bench = BadgeBench.updating(
                centre: VersionCentre(image: image, manifest: Release.manifest(of: image)), settings: Release.settings(bugs))
            bench.runToEnd()
            #expect(bench.centre?.reports.last?.text("running_version") == (bugs.isEmpty ? "2.3.0" : "2.4.0"))
            #expect(bench.messages("status").last?.json.text("firmware") == (bugs.isEmpty ? "2.3.0" : "2.4.0"))
        }
    }
}
