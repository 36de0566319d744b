import Foundation
import LabCore
import ScenarioLanguage
import Testing

@Suite("lab.yaml: hw, emu and relays of the bench")
struct LabFileBenchTests {
    private func load(_ text: String, _ others: [String: String] = [:]) -> (lab: LabFile?, diagnostics: [Diagnostic]) {
        LabFile.load("bench/lab.yaml", catalogue: TestCatalogue.catalogue, files: MemoryFiles(others.merging(["bench/lab.yaml": text]) { $1 }))
    }

    private func forms() throws -> LabFile {
        let files = FolderFiles(folder: "\(testFolder)/Corpus/good")
        return try #require(LabFile.load("lab-forms.yaml", catalogue: TestCatalogue.catalogue, files: files).lab)
    }

    private func hardware(_ name: String) throws -> HardwareSide { try #require(try forms().nodes.first { $0.name == name }?.hardware) }

    @Test("a match takes udev's names and short words for them; the number of an interface becomes udev's two hexadecimal digits")
    func match() throws {
        let modem = try hardware("modem_1")
        #expect(modem.port(.serial)?.place == .match(PortMatch([.init("ID_SERIAL_SHORT", "3a5f21c7"), .init("ID_USB_INTERFACE_NUM", "02")])))
        #expect(modem.port(.console)?.place == .match(PortMatch([.init("ID_SERIAL_SHORT", "3a5f21c7"), .init("ID_USB_INTERFACE_NUM", "01")])))
        #expect(modem.port(.serial)?.baud == 115_200 && modem.port(.serial)?.framing == "8N1")
        let lab = try #require(load("lab: 1\nabout: b\nnodes: {m: {kind: rg500q, hw: {serial: {match: {interface: 10}}}}}\n").lab)
        // Ten interfaces further the two ways of counting part.
        #expect(lab.nodes[0].hardware?.port(.serial)?.place == .match(PortMatch([.init("ID_USB_INTERFACE_NUM", "0a")])))
    }

    @Test("a port is a path, an address of RFC 2217 or of a bare connection, or a place of labgrid")
    func places() throws {
        #expect(try hardware("modem_2").port(.serial)?.place == .rfc2217(host: "fe80::1", port: 4001))
        #expect(try hardware("modem_3").port(.console)?.place == .labgrid(place: "rg500q-3", resource: "console"))
        #expect(try hardware("pile_c").port(.serial)?.place == .labgrid(place: "pile-c", resource: nil))
        let pile = try #require(try hardware("pile_a").port(.serial))
        #expect(pile.place == .path("/dev/serial/by-path/pci-0000:00:14.0-usb-0:2.3:1.0-port0"))
        #expect(pile.baud == 9_600 && pile.location == SourceLocation(file: "lab-forms.yaml", line: 30, column: 15))
        #expect(try hardware("pile_b").port(.serial)?.place == .tcp(host: "bench-2", port: 4003))
        #expect(try hardware("badge_7").client == "BDG-0007")
    }

    @Test("power is a relay with its board, a port of a hub, a flag in sysfs, or programs; text is for the shell")
    func power() throws {
        let relay = try #require(try hardware("pile_a").power)
        guard case .relay(let board, let channel) = relay.kind else { throw Missing() }
        #expect(channel == 3 && relay.pause == .milliseconds(500) && board.name == "relay_1" && board.wire == .lcus)
        // LCUS boards have a fixed rate of 9600.
        #expect(board.port.baud == 9_600)
        guard case .relay(let modbus, _) = try hardware("pile_b").power?.kind else { throw Missing() }
        #expect(modbus.wire == .modbus && modbus.port.baud == 19_200 && modbus.port.framing == "8E1")
        #expect(try hardware("modem_1").power?.kind == .hubPort(hub: "1-1.4", port: 2))
        #expect(try hardware("modem_1").power?.pause == .seconds(5))
        #expect(try hardware("modem_2").power?.kind == .authorized(device: "2-1.4"))
        #expect(try hardware("modem_2").power?.pause == .seconds(2))
        #expect(
            try hardware("modem_3").power?.kind
                == .command(on: ["/bin/sh", "-c", "outlet on 3"], off: ["outlet", "off", "3"], state: ["/bin/sh", "-c", "outlet state 3"]))
    }

    @Test("a fixture offers what it says, or all; health is what the doctor expects")
    func fixtureAndHealth() throws {
        let modem = try hardware("modem_1")
        #expect(modem.fixture?.command == ["sim-switch", "--slot", "3"])
        #expect(modem.fixture?.offers("sim.remove") == true && modem.fixture?.offers("antenna.detached") == false)
        #expect(modem.health == HealthExpectation(firmware: "RG500QEAAAR11A06M4G", identity: "867034050000017", signal: -100, needsSIM: true))
        #expect(try hardware("modem_2").health.signal == -95)
        #expect(try hardware("badge_7").fixture?.offers("app.hang") == true)
    }

    @Test("the recording of an emulated side is read with the file, relative to it")
    func script() throws {
        let text = "lab: 1\nabout: b\nnodes: {modem_1: {kind: rg500q, emu: {serial: pty, script: twins/attach.jsonl}}}\n"
        let lab = try #require(load(text, ["bench/twins/attach.jsonl": "{}"]).lab)
        #expect(lab.nodes[0].emulated?.script == PlanFile(path: "bench/twins/attach.jsonl", bytes: Array("{}".utf8)))
        #expect(lab.nodes[0].hardware == nil)
    }

    @Test("a relay without an entry is a warning, and an error for whoever takes the bench; the node has no power")
    func missingRelay() throws {
        let text = "lab: 1\nabout: b\nnodes: {p: {kind: pile, hw: {serial: {path: /dev/a}, power: {relay: {serial: relay_1, channel: 3}}}}}\n"
        let result = load(text)
        let lab = try #require(result.lab)
        #expect(lab.nodes[0].hardware?.power == nil)
        let message = "there is no relay 'relay_1'; write it under 'relays' with its port and its wire"
        #expect(result.diagnostics.map(\.description) == ["bench/lab.yaml:3:78: warning: \(message)"])
        #expect(lab.benchProblems.map(\.description) == ["bench/lab.yaml:3:78: error: \(message)"])
    }

    @Test("matches that nothing in the file proves to be one port are for the bench to tell apart")
    func undecided() {
        let text = """
            lab: 1
            about: b
            nodes:
              a: {kind: pile, hw: {serial: {match: {path: "pci-0000:00:14.0-usb-0:2.3:1.0"}}}}
              b: {kind: pile, hw: {serial: {match: {vid: "1a86", interface: 0}}}}
              c: {kind: pile, hw: {serial: {match: {vid: "1a86", interface: 1}}}}

            """
        #expect(load(text).diagnostics == [])
    }

    @Test("a file of thousands of overlapping matches is refused in bounded time")
    func bounded() {
        let nodes = (0..<900).map { "  p\($0): {kind: pile, hw: {serial: {match: {vid: \"1a86\", ID_A\($0): one, ID_B\($0 % 7): two}}}}\n" }
        let started = ContinuousClock.now
        let result = load("lab: 1\nabout: b\nnodes:\n  all: {kind: pile, hw: {serial: {match: {vid: \"1a86\"}}}}\n" + nodes.joined())
        #expect(result.diagnostics.contains { $0.message.contains("this port is also ID_VENDOR_ID=1a86, which is 'serial' of all") }, "\(result.diagnostics.prefix(3))")
        #expect(ContinuousClock.now - started < .seconds(20))
    }

    @Test("the example of Docs/bench-lab-yaml.md loads without a word")
    func documented() throws {
        let page = try String(contentsOfFile: "\(testFolder)/../../Docs/bench-lab-yaml.md", encoding: .utf8)
        let parts = page.components(separatedBy: "```")
        let example = try #require(parts.first { $0.hasPrefix("yaml\n") }).dropFirst("yaml\n".count)
        let result = load(String(example), ["bench/transcripts/rg500q-attach.jsonl": "{}"])
        #expect(result.diagnostics == [])
        #expect(result.lab?.nodes.count == 3)
    }

    private struct Missing: Error {}
}
