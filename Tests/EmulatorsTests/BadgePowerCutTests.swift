import LabCore
import Testing

@testable import Emulators

/// Power goes at every flash operation of a stretch of life, torn in every way; when it is back, the badge must be as if the
/// stretch had not begun or had been done, and must end where it would have ended.
@Suite("Badge: power cut at every flash operation (issue point 6, specs/ota.md P1 and P2)")
struct BadgePowerCutTests {
    private static let tears: [VirtualFlash.Tear] =
        [.nothing, .oneByte, .half, .allButOneByte, .everything, .scattered(seed: 1), .scattered(seed: 2)]

    /// Does `work` on copies of `bench`, each with power going one operation later, and looks at each after power came back.
    ///
    /// - Returns: the number of cuts.
    @discardableResult
    private func cutEverywhere(
        _ bench: BadgeBench, _ work: (inout BadgeBench) -> Void, _ look: (inout BadgeBench) -> Void
    ) -> Int {
        for tear in Self.tears {
            for operation in UInt64(1)..<200 {
                var copy = bench
                copy.forget()
                copy.badge.flash.cutPower(atOperation: operation, tear: tear)
                work(&copy)
                let isCut = copy.count("power.lost") > 0
                copy.badge.flash.cancelCut()
                copy.run(for: .seconds(30))
                if isCut {
                    #expect(copy.notes.first { $0.name == "power.lost" }?.fields["reason"] == "flash_cut")
                    #expect(copy.count("power.restored") == copy.count("power.lost"))
                }
                look(&copy)
                if !isCut {
                    if tear == Self.tears.last { return Int(operation) - 1 }
                    break
                }
            }
        }
        Issue.record("the work never ended")
        return 0
    }

    @Test("during the first boot and registration: the badge ends up registered, online, with a boot count of the boots it made")
    func registration() {
        let cuts = cutEverywhere(BadgeBench()) { bench in
            bench.give(.poweredOn)
            bench.run(for: .seconds(1))
        } _: { bench in
            #expect(bench.state["registered"] == true)
            #expect(bench.state["online"] == true)
            #expect(bench.badge.credentials == BadgeCredentials(deviceID: "luna_badge_0007", secret: BadgeBench.secret, keyEpoch: 1))
            let count = bench.state["boot_count"]?.integer ?? 0
            #expect((Int64(bench.count("boot.started")) - 1...Int64(bench.count("boot.started"))).contains(count))
        }
        #expect(cuts == 4)  // boot count: erase, record, header; credentials: record
    }

    @Test("while a configuration is applied: the old one or the new one is in force, and the version says which")
    func configuration() {
        var bench = BadgeBench.online()
        bench.deliver("config/update", #"{"config":{"volume":10,"brightness":10},"config_version":1}"#)
        #expect(cutConfiguration(bench) == 1)  // one record
        // So full that the next configuration, a record of 40 bytes, moves the store to its other sector.
        var number = 0
        while bench.badge.ram.store.end + 40 <= 2_048 {
            number += 1
            bench.deliver("command", #"{"command_id":"\#(number)","command":"identify"}"#)
        }
        #expect(number > 16)
        #expect(cutConfiguration(bench) == 21)  // erase; credentials, configuration, boot count, 16 commands; header
    }

    private func cutConfiguration(_ bench: BadgeBench) -> Int {
        cutEverywhere(bench) { bench in
            bench.deliver("config/update", #"{"config":{"volume":20,"brightness":20},"config_version":2}"#)
        } _: { bench in
            let found = [bench.setting("volume"), bench.setting("brightness"), bench.state["config_version"].map { "\($0)" }]
            #expect(found == ["10", "10", "1"] || found == ["20", "20", "2"])
            #expect(bench.state["online"] == true)
            if bench.count("config.applied") > 0 { #expect(found[2] == "2") }
            if let known = bench.messages("status").last?.json["config_version"] { #expect("\(known)" == found[2]) }
            bench.deliver("config/update", #"{"config":{"volume":30,"brightness":30},"config_version":3}"#)
            #expect(bench.setting("volume") == "30")
        }
    }

    @Test("while a command is taken on: it is carried out once at most, and its result reaches the cloud if it was")
    func command() {
        let text = #"{"command_id":"c1","command":"report_status"}"#
        cutEverywhere(BadgeBench.online()) { bench in
            bench.deliver("command", text)
            bench.run(for: .seconds(1))
        } _: { bench in
            let executed = bench.count("command.executed")
            #expect(executed <= 1)
            bench.deliver("command", text)
            bench.run(for: .seconds(1))
            #expect(bench.count("command.executed") <= 1)
            #expect(bench.messages("command/result").contains { $0.json["command_id"] == "c1" && $0.json["status"] == "done" })
        }
    }

    @Test("during a factory reset: credentials and configuration are both there or both gone")
    func factoryReset() {
        var bench = BadgeBench.online()
        bench.deliver("config/update", #"{"config":{"volume":10},"config_version":1}"#)
        cutEverywhere(bench) { bench in
            let action = bench.act("factory_reset")
            bench.run(for: .milliseconds(100))
            if bench.count("power.lost") > 0 {
                #expect(bench.failure(action) == "power_lost")
                let isKept = bench.state["registered"] == true
                #expect(bench.setting("volume") == (isKept ? "10" : "60"))
            }
        } _: { bench in
            #expect(bench.state["online"] == true)
            #expect(bench.state["serial_no"] == "BDG-0007")
            // Registered anew exactly where the settings are gone.
            #expect((bench.count("registered") == 1) == (bench.setting("volume") == "60"))
        }
    }

    @Test("at any moment from outside, between flash operations: the badge comes back online", arguments: 0..<120)
    func anyMoment(step: Int) {
        var bench = BadgeBench(seed: 9)
        bench.give(.poweredOn)
        bench.run(for: .milliseconds(step * 5))
        bench.give(.powerLost)
        #expect(bench.last("power.lost") == ["reason": "cut"])
        bench.run(for: .seconds(10))
        #expect(bench.state["power"] == "off")
        bench.give(.poweredOn)
        bench.run(for: .seconds(2))
        #expect(bench.state["online"] == true)
        #expect(bench.state["boot_count"] == 2)
    }

    @Test("the fault flash.cut takes power at the operation that it names, for the time that it names")
    func fault() {
        var bench = BadgeBench.online()
        bench.forget()
        bench.fault("flash.cut", ["at_operation": 2, "tear": "nothing", "away": .duration(60_000_000_000)])
        bench.deliver("command", #"{"command_id":"c1","command":"identify"}"#)
        #expect(bench.count("power.lost") == 0)
        bench.deliver("command", #"{"command_id":"c2","command":"identify"}"#)
        #expect(bench.last("power.lost")?["reason"] == "flash_cut")
        bench.run(for: .seconds(59))
        #expect(bench.state["power"] == "off")
        bench.run(for: .seconds(3))
        #expect(bench.state["online"] == true)
        bench.fault("flash.cut", ["at_operation": 1])
        bench.fault("flash.cut", isActive: false)
        bench.deliver("command", #"{"command_id":"c3","command":"identify"}"#)
        #expect(bench.state["online"] == true)
    }
}
