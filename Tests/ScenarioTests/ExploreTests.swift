import Foundation
import Testing

@Suite("lab explore (cli.md)")
struct ExploreTests {
    /// A scenario whose law is broken by any reboot.
    private static let scenario = """
        lab: 1
        about: A badge goes online once; any reboot breaks that.
        needs:
          badge: {kind: badge}
          cloud: {kind: cloud}
        laws:
          - law: online once
            event: cloud.mqtt.online
            once_per: device
        blocks:
          rest:
            takes: [time]
            steps:
              - wait: "${time}"
          reboot:
            steps:
              - do: badge.reboot
                may_fail: true
        explore:
          moves:
            rest: {time: [1s, 2s, 1m]}
            reboot: {}
          draws: 10
          counts: [cloud.mqtt.online]
        setup:
          - do: cloud.factory.provision
            with: {serial_no: BDG-0001}
          - do: badge.boot
            with: {factory_new: true}
          - expect: cloud.mqtt.online
        steps:
          - wait: 1m

        """

    private func folder() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path + "/scenarios", withIntermediateDirectories: true)
        try folder.write(Self.scenario, to: "scenarios/once.yaml")
        return folder
    }

    @Test("a failing seed becomes a scenario file with nothing in it that could be left out, and that file fails by itself")
    func failureBecomesShort() throws {
        let folder = try folder()
        let explored = try LabProcess.run(["explore", "--runs", "6", "--keep", "1"], in: folder.path)
        #expect(explored.status == 1, "\(explored.all)")
        #expect(explored.lastLine == "6 runs, 6 failed")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/scenarios/found")
        let name = try #require(names.first)
        let found = try #require(folder.read("scenarios/found/\(name)"))
        #expect(found.contains("steps:\n  - use: reboot\n  - wait: 1m\n"), "\(found)")
        #expect(!found.contains("explore:"))
        let run = try LabProcess.run(["run", "scenarios/found/\(name)"], in: folder.path)
        #expect(run.status == 1)
        #expect(run.output.contains("online once"))
    }

    @Test("the same seeds draw the same, and other seeds something else")
    func seedsDecide() throws {
        let folder = try folder()
        func explore(_ seed: String) throws -> String {
            try LabProcess.run(["explore", "--runs", "3", "--keep", "0", "--seed", seed], in: folder.path).output
        }
        #expect(try explore("7") == explore("7"))
        #expect(try explore("7") != explore("70"))
    }

    @Test("what holds under everything that is drawn passes, and its events are counted")
    func holds() throws {
        let result = try LabProcess.run(["explore", "badge/wander", "--runs", "5"])
        #expect(result.status == 0, "\(result.all)")
        #expect(result.lastLine == "5 runs, 0 failed")
        #expect(result.output.contains("  cloud.mqtt.online: "))
    }

    @Test("a scenario without explore is not selected")
    func nothingToExplore() throws {
        let result = try LabProcess.run(["explore", "badge/register"])
        #expect(result.status == 4)
        #expect(result.error.contains("Nothing is selected that has 'explore'"))
    }
}
