import Emulators
import LabCore
import Testing

@Suite("Drift: where a module did not do what its emulator would have done")
struct ModuleDriftTests {
    static let session = [
        "AT", "ATE0", "AT+CMEE=1", "ATI", "AT+CGMR", "AT+QGMR", "AT+CGSN", "AT+CIMI", "AT+QCCID", "AT+CPIN?", "AT+CFUN?", "AT+CREG=2", "AT+CREG?", "AT+CEREG?",
        "AT+COPS?", "AT+CSQ", "AT+QENG=\"servingcell\"", "AT+QTEMP", "AT+CGPADDR=1", "AT+NONSENSE", "AT+CSQ?", "AT+CGDCONT=99,\"IP\"", "AT+CMGF=1",
    ]

    /// A log of a run in which a device that is a module with this setup was asked all of that, restarted, and asked again.
    static func log(seed: UInt64 = 7, reset: Bool = true, _ change: (inout ModuleSetup) -> Void = { _ in }) -> [RunEvent] {
        var setup = ModuleSetup()
        change(&setup)
        var bench = TwinBench(CellularModule(setup, generator: SeededGenerator(seed: seed, purpose: "module")))
        bench.act("power_on")
        bench.run(for: .seconds(21))
        for command in session {
            bench.send(command + "\r")
            bench.run(for: .milliseconds(700))
        }
        bench.send("AT+CMGS=\"+15551234567\"\r")
        bench.run(for: .seconds(1))
        bench.send("hello\u{1a}")
        bench.run(for: .seconds(20))
        if reset {
            bench.send("AT+CFUN=1,1\r")
            bench.run(for: .seconds(45))
            for command in session {
                bench.send(command + "\r")
                bench.run(for: .milliseconds(700))
            }
        }
        return events(of: bench.recording)
    }

    static func events(of recording: PortRecording) -> [RunEvent] {
        recording.pieces.enumerated().map { index, piece in
            let (name, fields): (String, Fields) =
                switch piece.content {
                case .sent(let bytes): ("port.sent", ["port": "at", "bytes": .bytes(bytes)])
                case .received(let bytes): ("port.received", ["port": "at", "bytes": .bytes(bytes)])
                case .opened: ("port.opened", ["attempts": 1])
                case .closed(let reason, let detail): ("port.closed", ["port": "/run/modem.at", "reason": .text(reason.rawValue), "detail": .text(detail)])
                case .lines(let lines): ("port.lines", ["port": "at", "lines": .text(lines.description)])
                }
            return RunEvent(sequence: 100 + index, at: piece.at, node: "modem", name: name, fields: fields)
        }
    }

    private func report(_ events: [RunEvent], facts: Fields = [:]) throws -> DriftReport {
        try ModuleDrift.report(events, of: "modem", facts: facts, epoch: 0)
    }

    @Test("there is none between a module and its model, whatever its network, signal, numbers and times are", arguments: [1, 2, 3] as [UInt64])
    func none(seed: UInt64) throws {
        let events = Self.log(seed: seed) { setup in
            setup.imei = "490154203237518"
            setup.card?.imsi = "001019999999999"
            setup.attachTime = .seconds(Int64(seed) * 4)
            setup.answerTime = .milliseconds(Int64(seed) * 20)
        }
        let report = try report(events)
        #expect(report.drifts == [], "seed \(seed)")
        #expect(report.commands == 2 * Self.session.count + 2)
    }

    @Test("another firmware is the first event at which they disagree")
    func firmware() throws {
        let events = Self.log(reset: false) { $0.firmware = "RG500QEAAAR13A02M4G" }
        let report = try report(events)
        let first = try #require(report.drifts.first)
        #expect(first.command == "ATI" && first.what == "information")
        #expect(first.device == "Quectel | RG500Q-EA | Revision: RG500QEAAAR13A02M4G | OK")
        #expect(first.model == "Quectel | RG500Q-EA | Revision: RG500QEAAAR11A06M4G | OK")
        let event = try #require(events.first { $0.sequence == first.sequence })
        #expect(event.name == "port.received" && event.at == first.at)
        #expect(report.drifts.map(\.command) == ["ATI", "AT+CGMR", "AT+QGMR"])
        // With the fact of the node there is none.
        #expect(try self.report(events, facts: ["firmware": "RG500QEAAAR13A02M4G"]).drifts == [])
    }

    /// The log with one text in the place of another in what the device said.
    private func replacing(_ old: String, _ new: String, in events: [RunEvent]) -> [RunEvent] {
        events.map { event in
            guard event.name == "port.received", case .bytes(let bytes)? = event.fields["bytes"] else { return event }
            var event = event
            event.fields["bytes"] = .bytes(Array(String(decoding: bytes, as: UTF8.self).replacing(old, with: new).utf8))
            return event
        }
    }

    @Test("another answer to AT+CREG? is drift; another cell is none")
    func registration() throws {
        let events = Self.log(reset: false)
        let denied = try report(replacing("+CREG: 2,1,", "+CREG: 2,3,", in: events))
        #expect(denied.drifts.map(\.command) == ["AT+CREG?"])
        #expect(denied.drifts.first?.device.contains("+CREG: 2,3") == true)
        #expect(try report(replacing("DE10", "AB12", in: events)).drifts == [])
    }

    @Test("refused instead of done, another error number, and an answer that never came")
    func results() throws {
        let events = Self.log(reset: false)
        let refused = replacing("+CFUN: 1\r\n\r\nOK", "ERROR", in: events)
        #expect(try report(refused).drifts.map(\.what) == ["final result"])
        let number = replacing("+CME ERROR: 50", "+CME ERROR: 3", in: events)
        #expect(try report(number).drifts.map(\.command) == ["AT+CGDCONT=99,\"IP\""])
        let silent = replacing("\r\nRG500QEAAAR11A06M4G\r\n\r\nOK\r\n", "", in: events)
        #expect(try report(silent).drifts.map(\.device) == ["no answer"])
    }

    @Test("a line that the model never sends by itself")
    func unsolicited() throws {
        let events = replacing("+QIND: PB DONE", "+QIND: ODD THING", in: Self.log(reset: false))
        let drift = try #require(try report(events).drifts.first)
        #expect(drift.what == "unsolicited line" && drift.device == "+QIND: ODD THING")
    }

    @Test("a module that does not go away after AT+CFUN=1,1")
    func stays() throws {
        let events = Self.log().filter { $0.name != "port.closed" && !($0.name == "port.opened" && $0.sequence > 110) }
        #expect(try report(events).drifts.contains { $0.device == "the port stayed" })
    }

    @Test("after an update the firmware is not compared, since the model has nowhere to get one; everything else is")
    func update() throws {
        var setup = ModuleSetup()
        setup.firmware = "RG500QEAAAR13A02M4G"
        var bench = TwinBench(CellularModule(setup, generator: SeededGenerator(seed: 1, purpose: "module")))
        bench.act("power_on")
        bench.run(for: .seconds(90))
        _ = bench.ask("AT+QFOTADL=\"http://192.0.2.10/update.zip\"")
        for command in ["ATI", "AT+QGMR"] { _ = bench.ask(command) }
        let events = Self.events(of: bench.recording)
        #expect(try report(events).drifts == [])
        _ = bench.ask("AT+CFUN?")
        #expect(try report(replacing("+CFUN: 1", "+CFUN: 4", in: Self.events(of: bench.recording))).drifts.map(\.command) == ["AT+CFUN?"])
    }

    @Test("what a scenario did to the surroundings is done to the model as well")
    func surroundings() throws {
        var setup = ModuleSetup()
        setup.bootTime = .zero
        var bench = TwinBench(CellularModule(setup, generator: SeededGenerator(seed: 1, purpose: "module")))
        bench.act("power_on")
        bench.run(for: .seconds(90))
        bench.act("sim.remove")
        let removed = bench.now
        _ = bench.ask("AT+CIMI")
        var events = Self.events(of: bench.recording)
        let without = try report(events)
        #expect(without.drifts.map(\.command) == ["AT+CIMI"])
        events.insert(
            RunEvent(sequence: 99, at: removed, node: "lab", name: "step.started", fields: ["verb": "do", "action": "modem.sim.remove", "arguments": [:]]),
            at: events.firstIndex { $0.name == "port.sent" } ?? 0)
        #expect(try report(events).drifts == [])
    }

    @Test("a log without a port has nothing to compare; facts that cannot be are an error")
    func empty() throws {
        #expect(try report([]) == DriftReport())
        #expect(throws: ActionFailure.self) { try report(Self.log(reset: false), facts: ["imei": "12"]) }
    }
}

@Suite("Twin from transcripts: commands with their documented answers")
struct TwinTranscriptTests {
    static let text = #"""
        {"group": "boot", "command": null, "response": ["RDY", "+CFUN: 1"], "profile": "rg500q-std"}
        {"group": "identity", "command": "ATI", "response": ["Quectel", "RG500Q-EA", "Revision: RG500QEAAAR11A06M4G", "", "OK"], "final": "OK", "profile": "rg500q-std"}
        {"group": "sibling", "command": "AT+CGMM", "response": ["RM502Q-AE", "", "OK"], "profile": "rg500q-std"}
        {"group": "mqtt", "command": "AT+QMTOPEN=0", "response": ["OK"], "profile": "quectel-lte-mqtt"}
        {"group": "sim", "command": "AT+CPIN?", "response": ["+CPIN: READY", "", "OK"], "profile": "rg500q-std"}
        {"group": "sim", "command": "AT+CPIN?", "response": ["+CPIN: SIM PIN", "", "OK"], "profile": "rg500q-std"}
        {"group": "power", "command": "AT+CFUN=1,1", "response": ["OK"], "profile": "rg500q-std"}
        {"group": "sms", "command": "AT+CMGS=\"+15551234567\"", "response": ["> "], "profile": "rg500q-std"}
        {"group": "sms", "command": "hello\u001a", "response": ["+CMGS: 7", "", "OK"], "profile": "rg500q-std"}

        """#

    @Test("answers with the module's own framing, the first of several answers, the body behind its prompt, and the restart")
    func imports() throws {
        let bytes = Array(Self.text.utf8)
        #expect(TwinTranscripts.isTranscript(bytes))
        #expect(!TwinTranscripts.isTranscript(PortRecording(header: .init(node: "a", kind: "b", port: "c")).bytes))
        let recording = try TwinTranscripts.recording(bytes, file: "t.jsonl", node: "modem")
        #expect(try PortRecording(recording.bytes, file: "r") == recording)
        var bench = TwinBench(TwinModule(recording: recording, node: "modem"))
        bench.act("power_on")
        bench.run(for: .seconds(5))
        #expect(bench.heard() == "\r\nRDY\r\n\r\n+CFUN: 1\r\n")
        #expect(bench.ask("ATI") == "ATI\r\r\nQuectel\r\nRG500Q-EA\r\nRevision: RG500QEAAAR11A06M4G\r\n\r\nOK\r\n")
        #expect(bench.ask("ATE0").hasSuffix("ERROR\r\n"))
        for _ in 0..<2 { #expect(bench.ask("AT+CPIN?") == "\r\n+CPIN: READY\r\n\r\nOK\r\n") }
        #expect(bench.ask("AT+CGMM") == "\r\nERROR\r\n")
        #expect(bench.ask("AT+CMGS=\"+15551234567\"") == "\r\n> ")
        #expect(bench.ask("evening\u{1a}", wait: .seconds(3)) == "\r\n+CMGS: 7\r\n\r\nOK\r\n")
        #expect(bench.ask("AT+CFUN=1,1") == "\r\nOK\r\n")
        #expect(!bench.isOpen)
        bench.run(for: .seconds(20))
        #expect(bench.isOpen)
        #expect(bench.ask("ATI").hasSuffix("OK\r\n"))
    }

    @Test("a line that is none is told with its place")
    func refused() {
        #expect {
            try TwinTranscripts.recording(Array((Self.text + "{\"command\": \"AT\"}\n").utf8), file: "t.jsonl", node: "m")
        } throws: { "\($0)" == "t.jsonl:10: error: a transcript needs 'response' with a list of lines" }
    }
}
