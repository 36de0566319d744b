import Foundation
import Testing

@Suite("lab twin and lab show: a recording in the place of an emulator (Docs/bench-twins.md)", .serialized)
struct TwinCommandTests {
    private let folder: TemporaryFolder

    /// A lab with the scenario of twins, in a folder of its own.
    init() throws {
        folder = try TemporaryFolder()
        try folder.write(try String(contentsOfFile: "\(Repository.root)/scenarios/module/twin.yaml", encoding: .utf8), to: "scenarios/module/twin.yaml")
        try writeLab(script: nil)
    }

    private func writeLab(script: String?, facts: String = "serial_no: \"QT_001\", boot_time: 1s, start_time: 200ms, attach_time: 500ms") throws {
        let side = script.map { "{serial: pty, script: \($0)}" } ?? "{serial: pty}"
        try folder.write("lab: 1\nabout: A module.\nnodes:\n  modem_1:\n    kind: rg500q\n    facts: {\(facts)}\n    emu: \(side)\n", to: "lab.yaml")
    }

    private func read(_ name: String) -> String { folder.read(name) ?? "" }

    private func lab(_ arguments: String...) throws -> LabProcess.Result { try LabProcess.run(arguments, in: folder.path) }

    @Test("a twin made of a run passes the scenario of that run, in sim and behind a real pseudo terminal, with every command known")
    func passes() throws {
        let first = try lab("run", "module/twin")
        #expect(first.status == 0, "\(first.all)")
        let made = try lab("twin", "last", "modem", "--out", "modem-twin.jsonl")
        #expect(made.status == 0, "\(made.all)")
        #expect(made.lastLine == "use it in lab.yaml: modem: {kind: rg500q, emu: {serial: pty, script: modem-twin.jsonl}}")
        // The numbers of the emulated module are not in the twin.
        let twin = read("modem-twin.jsonl")
        for number in ["860000000000009", "001010123456780", "89001010000000000018"] { #expect(!twin.contains(number)) }
        try writeLab(script: "modem-twin.jsonl")
        for world in ["sim", "emu"] {
            let again = try lab("run", "module/twin", "--on", world)
            #expect(again.status == 0, "\(again.all)")
            let events = try lab("show", "last", "--grep", "modem.twin.unknown")
            #expect(!events.output.contains("command"), "\(events.all)")
        }
        // What answered was the twin: the emulator says what it boots.
        #expect(!(try lab("show", "last", "--grep", "modem.module.booted").output.contains("firmware")))
        // A run with a twin replays: the recording is kept with the run.
        _ = try lab("run", "module/twin")
        let replay = try lab("replay", "last")
        #expect(replay.status == 0, "\(replay.all)")
    }

    @Test("without redaction the numbers stay; a file is never written over")
    func redaction() throws {
        _ = try lab("run", "module/twin")
        #expect(try lab("twin", "last", "modem", "--no-redact").status == 0)
        #expect(read("modem-twin.jsonl").contains("860000000000009"))
        let again = try lab("twin", "last", "modem")
        #expect(again.status == 2 && again.error.contains("'modem-twin.jsonl' is there already"))
        #expect(try lab("twin", "last", "modem", "--redact", "maybe", "--out", "b").error.contains("--redact 'maybe' is yes or no"))
    }

    @Test("what no twin can be made of is refused: another node, a file that is none, a damaged one")
    func refused() throws {
        _ = try lab("run", "module/twin")
        #expect(try lab("twin", "last", "mdoem").error.contains("has bytes of a port of 'mdoem'"))
        try folder.write("{\"recording\":1}\n", to: "a.jsonl")
        #expect(try lab("twin", "a.jsonl", "--out", "b").error.contains("a.jsonl:1: error: the header needs 'redacted'"))
        try folder.write("nodes\n", to: "broken.jsonl")
        try writeLab(script: "broken.jsonl")
        let run = try lab("run", "module/twin")
        #expect(run.status != 0 && run.all.contains("broken.jsonl:1: error"), "\(run.all)")
    }

    @Test("drift: none between an emulator and itself; another firmware than lab.yaml says is shown with its event")
    func drift() throws {
        let run = try lab("run", "module/twin", "--on", "emu")
        #expect(run.status == 0, "\(run.all)")
        let none = try lab("show", "last")
        #expect(none.output.contains("drift   modem  none in "), "\(none.all)")
        // A twin of a module with other firmware stands for a device that is not what lab.yaml says.
        _ = try lab("twin", "last", "modem", "--out", "twin.jsonl")
        try folder.write(read("twin.jsonl").replacingOccurrences(of: "RG500QEAAAR11A06M4G", with: "RG500QEAAAR13A02M4G"), to: "twin.jsonl")
        try writeLab(script: "twin.jsonl")
        #expect(try lab("run", "module/twin", "--on", "emu").status == 0)
        let drift = try lab("show", "last")
        #expect(drift.output.contains(": ATI: information differs"), "\(drift.all)")
        #expect(drift.output.contains("device  Quectel | RG500Q-EA | Revision: RG500QEAAAR13A02M4G | OK"))
        #expect(try lab("show", "last", "--drift").output.contains("AT+QGMR: information differs"))
        // What lab.yaml knows of the device is no drift.
        try writeLab(script: "twin.jsonl", facts: "serial_no: \"QT_001\", boot_time: 1s, firmware: \"RG500QEAAAR13A02M4G\"")
        #expect(try lab("run", "module/twin", "--on", "emu").status == 0)
        #expect(try lab("show", "last").output.contains("drift   modem  none in "))
    }

    @Test("twins of the boards of piles come online as the boards did, and drift shows one that is not what lab.yaml says", arguments: ["dny", "bkv", "ee66"])
    func piles(wire: String) throws {
        try folder.write(
            """
            lab: 1
            about: A board comes online through the program at its port, and stays there.
            needs:
              pile: {kind: pile}
              cloud: {kind: cloud}
            steps:
              - do: pile.power_on
              - expect: cloud.pile.online
                within: 30s
              - forbid: cloud.pile.offline
                for: 10m
            """, to: "scenarios/board.yaml")
        func writeBench(ports: Int, script: String?) throws {
            let side = script.map { "\n    emu: {serial: pty, script: \($0)}" } ?? ""
            try folder.write("lab: 1\nabout: A pile.\nnodes:\n  pile_a:\n    kind: pile\n    facts: {protocol: \(wire), line: serial, ports: \(ports)}\(side)\n", to: "lab.yaml")
        }
        try writeBench(ports: 2, script: nil)
        #expect(try lab("run", "board").lastLine == "1 passed, 0 failed, 0 skipped")
        let made = try lab("twin", "last", "pile", "--out", "twin.jsonl")
        #expect(made.status == 0, "\(made.all)")
        try writeBench(ports: 2, script: "twin.jsonl")
        let again = try lab("run", "board")
        #expect(again.lastLine == "1 passed, 0 failed, 0 skipped", "\(again.all)")
        #expect(!(try lab("show", "last", "--grep", "pile.twin.unknown").output.contains("command")))
        guard wire == "ee66" else { return }
        #expect(try lab("show", "last", "--drift").output.hasPrefix("drift   pile  none in "))
        try writeBench(ports: 10, script: "twin.jsonl")
        #expect(try lab("run", "board").lastLine == "1 passed, 0 failed, 0 skipped")
        let drift = try lab("show", "last", "--drift")
        #expect(drift.output.contains(": 01: ports_count differs"), "\(drift.all)")
        #expect(drift.output.contains("device  01 ports_count=2 ") && drift.output.contains("model   01 ports_count=10 "))
    }

    @Test("what only a model can do skips the case before it runs")
    func skipped() throws {
        _ = try lab("run", "module/twin")
        _ = try lab("twin", "last", "modem", "--out", "twin.jsonl")
        try writeLab(script: "twin.jsonl")
        try folder.write(
            "lab: 1\nabout: A network.\nneeds:\n  modem: {kind: rg500q}\n  cloud: {kind: cloud}\nsteps:\n  - do: modem.network\n    with: {operator: \"Lab\"}\n", to: "scenarios/network.yaml")
        for world in ["sim", "emu"] {
            let run = try lab("run", "network", "--on", world)
            #expect(run.lastLine == "0 passed, 0 failed, 1 skipped", "\(run.all)")
            #expect(run.output.contains("needs modem.network (modem_1 is a twin: it answers as its recording does)"), "\(run.all)")
        }
    }

    @Test("the shipped twin of the transcripts passes the scenario")
    func transcripts() throws {
        let twin = try String(contentsOfFile: "\(Repository.root)/scenarios/module/twins/rg500q-transcripts.jsonl", encoding: .utf8)
        try folder.write(twin, to: "transcripts.jsonl")
        try writeLab(script: "transcripts.jsonl")
        let run = try lab("run", "module/twin")
        #expect(run.status == 0, "\(run.all)")
    }
}
