import Foundation
import LabCore
import Testing

@Suite("lab plan --on hw: what would run, what not and why, and how long the hardware is busy", .serialized)
struct BenchPlanTests {
    private static let bench = """
        lab: 1
        about: A bench with one badge and one module.
        nodes:
          badge_7: {kind: badge, facts: {serial_no: BDG-0007}, hw: {mqtt: {client_id: BDG-0007}}}
          modem_1: {kind: rg500q, hw: {serial: {match: {vid: "2c7c", interface: 2}}, power: {authorized: 2-1}}}
        slack: {hw: 3}

        """

    private func lab(_ bench: String = Self.bench) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write(bench, to: "lab.yaml")
        try folder.write("lab: 1\nabout: A.\nneeds: {modem: {kind: rg500q}}\nsteps: [{wait: 2m}, {expect: modem.port.opened, within: 1m}]\n", to: "scenarios/modem.yaml")
        try folder.write("lab: 1\nabout: S.\nneeds: {modem: {kind: rg500q}}\nsteps: [{do: modem.sim.remove}, {wait: 1m}]\n", to: "scenarios/sim.yaml")
        try folder.write("lab: 1\nabout: P.\nneeds: {pile: {kind: pile}}\nsteps: [{wait: 4m}]\n", to: "scenarios/pile.yaml")
        try folder.write("lab: 1\nabout: O.\nfidelity: [sim]\nneeds: {badge: {kind: badge}}\nsteps: [{wait: 1s}]\n", to: "scenarios/only.yaml")
        return folder
    }

    @Test("cells with their nodes and times with slack, and the reason of each that would be skipped")
    func plan() throws {
        let folder = try lab()
        let result = try LabProcess.run(["plan", "--on", "hw"], in: folder.path)
        #expect(result.status == 0, "\(result.all)")
        let lines = result.output.split(separator: "\n").map(String.init)
        // 2 min and 1 min, three times.
        #expect(lines.contains { $0.hasPrefix("  runs     modem ") && $0.hasSuffix("modem = modem_1; at most 9.0 min") }, "\(result.output)")
        #expect(lines.contains { $0.hasPrefix("  skipped  sim ") && $0.contains("needs modem.sim.remove (") && $0.contains("modem_1") })
        #expect(lines.contains { $0.hasPrefix("  skipped  pile ") && $0.contains("needs a real pile for 'pile'") })
        #expect(lines.contains { $0.hasPrefix("  skipped  only ") && $0.hasSuffix("runs only on sim") })
        #expect(lines.contains { $0.hasPrefix("  node     modem_1 ") && $0.hasSuffix("1 cell, at most 9.0 min") })
        #expect(lines.suffix(2) == ["1 cell runs on hw, 3 skipped; one after the other at most 9.0 min", "hardware minutes: at most 9.0"])
    }

    @Test("an emulated device stands in with --node, and takes no hardware")
    func mixed() throws {
        let folder = try lab()
        let result = try LabProcess.run(["plan", "--on", "hw", "--node", "pile=emu", "--json"], in: folder.path)
        #expect(result.status == 0, "\(result.all)")
        let plan = try #require(try JSONReader.read(result.output).record)
        let cells = (plan["cells"]?.list ?? []).compactMap(\.record)
        let pile = try #require(cells.first { $0["scenario"] == "pile" })
        #expect(pile["runs"] == true && pile["nodes"] == .list([]) && pile["longest_ns"] == .integer(720_000_000_000))
        #expect(plan.value(at: "hardware_minutes.longest")?.asNumber == 9)
        #expect(plan["nodes"]?.list?.count == 1)
    }

    @Test("a relay without an entry is a warning for the simulation, and refused where the bench is taken")
    func missingRelay() throws {
        let bench = Self.bench.replacing("{authorized: 2-1}", with: "{relay: {serial: relay_1, channel: 1}}")
        let folder = try lab(bench)
        #expect(try LabProcess.run(["check"], in: folder.path).status == 0)
        let result = try LabProcess.run(["run", "--on", "hw", "modem"], in: folder.path)
        #expect(result.status == 2, "\(result.all)")
        #expect(result.error.contains("lab.yaml:5:102: error: there is no relay 'relay_1'"))
    }
}
