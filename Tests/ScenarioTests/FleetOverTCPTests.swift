import Foundation
import Testing

@Suite("Of a fleet in emu so many devices have sockets as the scenario says; the others speak with the same broker in the process (SLA §2.3, FLEET-50K)")
struct FleetOverTCPTests {
    /// 20 badges, two of them with sockets; 40 heartbeats in turn, so each sends two.
    private static let scenario = """
        lab: 1
        about: A fleet of which two devices have sockets.
        needs:
          badges: {kind: badge, count: 20, where: {over_tcp: 2}}
          cloud: {kind: cloud, where: {rate_limits: false}}
        steps:
          - load: badges.heartbeat
            id: heartbeat
            rate: 20/s
            for: 2s

        """

    /// What a run of it tells, where its connected clients came from, and how many of its heartbeats arrived.
    private func run(_ scenario: String = FleetOverTCPTests.scenario, options: [String]) throws -> (outcome: LabProcess.Result, peers: [String], good: Int?) {
        let folder = try TemporaryFolder()
        try folder.write(scenario, to: "scenarios/fleet.yaml")
        let outcome = try LabProcess.run(["run", "--plain"] + options, in: folder.path)
        let events = folder.only("events.jsonl").flatMap(folder.read) ?? ""
        let peers = events.split(separator: "\n").compactMap { line -> String? in
            guard let event = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], event["event"] as? String == "broker.accepted" else { return nil }
            return (event["fields"] as? [String: Any])?["peer"] as? String
        }
        let result = folder.only("result.json").flatMap(folder.read).flatMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
        let load = ((result?["cases"] as? [[String: Any]])?.first?["loads"] as? [[String: Any]])?.first
        return (outcome, peers, (load?["counts"] as? [String: Int])?["good"])
    }

    @Test("two come from addresses of loopback, eighteen by their names; every heartbeat arrives")
    func mixed() throws {
        let found = try run(options: ["--on", "emu"])
        #expect(found.outcome.lastLine == "1 passed, 0 failed, 0 skipped" && found.good == 40, "\(found.outcome.all)")
        #expect(found.peers.filter { $0.hasPrefix("127.") }.count == 2)
        #expect(Set(found.peers.filter { !$0.hasPrefix("127.") }) == Set((3...20).map { "badges#\($0)" }))
    }

    @Test("another broker is reached over sockets only, which the case says before it begins")
    func otherBroker() throws {
        guard ["/usr/sbin/mosquitto", "/usr/bin/mosquitto"].contains(where: FileManager.default.isExecutableFile) else {
            return print("SKIPPED devices without sockets and another broker: mosquitto is not installed")
        }
        let found = try run(options: ["--on", "emu", "--broker", "mosquitto"])
        #expect(found.outcome.status == 3)
        #expect(found.outcome.all.contains("Of 'badges' only 2 have sockets (over_tcp), and the others reach no broker but the lab's own: --broker embedded."), "\(found.outcome.all)")
    }

    @Test("fewer than none is refused at its place")
    func negative() throws {
        let found = try run(Self.scenario.replacing("over_tcp: 2", with: "over_tcp: -1"), options: ["--on", "emu"])
        #expect(found.outcome.status == 2)
        #expect(found.outcome.all.contains("fleet.yaml:4:3: error: role 'badges': over_tcp is a number of devices, 0 or more"), "\(found.outcome.all)")
    }
}
