import Emulators
import LabCore
import Testing

@Suite("Twin of a module: what a recording says, again")
struct TwinModuleTests {
    static func recording(_ text: String, isRedacted: Bool = false) throws -> PortRecording {
        let head = #"{"recording":1,"node":"m","kind":"rg500q","port":"at","settings":"","redacted":\#(isRedacted),"began":""}"# + "\n"
        return try PortRecording((head + text).utf8, file: "r.jsonl")
    }

    /// A session written by hand: echo on, a network that is found, a URC behind an answer, a reset.
    static let session = #"""
        {"t":2000000000,"state":"opened"}
        {"t":3000000000,"out":"AT\r"}
        {"t":3001000000,"in":"AT\r"}
        {"t":3010000000,"in":"\r\nOK\r\n"}
        {"t":4000000000,"out":"AT+CREG?\r"}
        {"t":4020000000,"in":"AT+CREG?\r\r\n+CREG: 0,2\r\n"}
        {"t":4050000000,"in":"\r\nOK\r\n"}
        {"t":5000000000,"out":"AT+CREG?\r"}
        {"t":5020000000,"in":"AT+CREG?\r\r\n+CREG: 0,1\r\n\r\nOK\r\n"}
        {"t":9000000000,"in":"\r\n+CMTI: \"ME\",1\r\n"}
        {"t":10000000000,"out":"AT+CFUN=1,1\r"}
        {"t":10100000000,"in":"AT+CFUN=1,1\r\r\nOK\r\n"}
        {"t":11000000000,"state":"closed","reason":"vanished","detail":"the port hung up"}
        {"t":12000000000,"state":"closed","reason":"not_found","detail":"there is no such port"}
        {"t":31000000000,"state":"opened"}
        {"t":32000000000,"in":"\r\n+QIND: PB DONE\r\n"}
        {"t":33000000000,"out":"AT+CREG?\r"}
        {"t":33020000000,"in":"AT+CREG?\r\r\n+CREG: 0,5\r\n\r\nOK\r\n"}

        """#

    private func bench() throws -> TwinBench<TwinModule> {
        var bench = TwinBench(TwinModule(recording: try Self.recording(Self.session), node: "modem"))
        bench.act("power_on")
        bench.run(for: .milliseconds(1_999))
        #expect(!bench.isOpen)
        bench.run(for: .milliseconds(1))
        #expect(bench.isOpen)
        return bench
    }

    @Test("answers come by command, several in their order, then the last again")
    func order() throws {
        var bench = try bench()
        #expect(bench.ask("AT+CREG?") == "AT+CREG?\r\r\n+CREG: 0,2\r\n\r\nOK\r\n")
        #expect(bench.ask("at+creg?") == "at+creg?\r\r\n+CREG: 0,1\r\n\r\nOK\r\n")
        #expect(bench.ask("AT+CREG?").hasSuffix("+CREG: 0,1\r\n\r\nOK\r\n"))
        #expect(bench.ask("AT") == "AT\r\r\nOK\r\n")
    }

    @Test("each piece comes after the time that was measured")
    func times() throws {
        var bench = try bench()
        let start = bench.now
        bench.send("AT+CREG?\r")
        bench.run(for: .seconds(1))
        let pieces = bench.recording.pieces.suffix(2)
        #expect(pieces.map { start.duration(to: $0.at) } == [.milliseconds(20), .milliseconds(50)])
        #expect(pieces.last?.content == .received(Array("\r\nOK\r\n".utf8)))
    }

    @Test("what nobody asked for comes at its time after the command before it, once")
    func unsolicited() throws {
        var bench = try bench()
        _ = bench.ask("AT+CREG?")
        let mark = bench.recording.pieces.count
        _ = bench.ask("AT+CREG?", wait: .milliseconds(3_999))
        #expect(!bench.heard(since: mark).contains("CMTI"))
        bench.run(for: .milliseconds(1))
        #expect(bench.heard(since: mark).hasSuffix("\r\n+CMTI: \"ME\",1\r\n"))
        #expect(!bench.ask("AT+CREG?", wait: .seconds(10)).contains("CMTI"))
    }

    @Test("the port vanishes after AT+CFUN=1,1 and comes back after the time of the recording, with what the next life says")
    func reset() throws {
        var bench = try bench()
        let start = bench.now
        #expect(bench.ask("AT+CFUN=1,1", wait: .milliseconds(999)).hasSuffix("\r\nOK\r\n"))
        #expect(bench.isOpen)
        bench.run(for: .milliseconds(1))
        #expect(!bench.isOpen)
        bench.run(for: .seconds(19) + .milliseconds(999))
        #expect(!bench.isOpen)
        bench.run(for: .milliseconds(1))
        #expect(bench.isOpen && start.duration(to: bench.now) == .seconds(21))
        let mark = bench.recording.pieces.count
        bench.run(for: .seconds(1))
        #expect(bench.heard(since: mark) == "\r\n+QIND: PB DONE\r\n")
        #expect(bench.ask("AT+CREG?") == "AT+CREG?\r\r\n+CREG: 0,5\r\n\r\nOK\r\n")
        // The second life never heard this one: as the first answered it last, and again with a reset.
        #expect(bench.ask("AT").hasSuffix("\r\nOK\r\n"))
        #expect(bench.ask("AT+CFUN=1,1", wait: .seconds(1)).hasSuffix("\r\nOK\r\n"))
        #expect(!bench.isOpen)
        bench.run(for: .seconds(20))
        #expect(bench.isOpen)
    }

    @Test("a command that the recording does not have is answered ERROR, told and counted")
    func unknown() throws {
        var bench = try bench()
        #expect(bench.ask("AT+QTEMP") == "AT+QTEMP\r\r\nERROR\r\n")
        #expect(bench.notes.last?.name == "twin.unknown" && bench.notes.last?.fields["command"] == "AT+QTEMP")
        #expect(try bench.device.answer("twin", [:], at: bench.now).get()["unknown"] == 1)
        #expect(throws: ActionFailure.self) { try bench.device.answer("truth", [:], at: bench.now).get() }
        bench.act("sim.remove")
        guard case .failure(let failure)? = bench.finished.last else { Issue.record("a twin has no SIM"); return }
        #expect(failure.reason == "not_in_recording")
    }

    @Test("two commands typed ahead are answered one after the other; a line without AT is not answered")
    func typedAhead() throws {
        var bench = try bench()
        let mark = bench.recording.pieces.count
        bench.send("AT+CREG?\rAT\rnothing\r")
        bench.run(for: .seconds(1))
        #expect(bench.heard(since: mark) == "AT+CREG?\r\r\n+CREG: 0,2\r\n\r\nOK\r\nAT\r\r\nOK\r\nnothing\r")
    }

    @Test("a message goes behind its prompt, and the answer's time counts from its end")
    func message() throws {
        let text = #"""
            {"t":0,"state":"opened"}
            {"t":0,"out":"ATE0\r"}
            {"t":1000000,"in":"ATE0\r\r\nOK\r\n"}
            {"t":10000000,"out":"AT+CMGS=\"+15551234567\"\r"}
            {"t":20000000,"in":"\r\n> "}
            {"t":30000000,"out":"hello\u001a"}
            {"t":1030000000,"in":"\r\n+CMGS: 7\r\n\r\nOK\r\n"}

            """#
        for isRedacted in [false, true] {
            var bench = TwinBench(TwinModule(recording: try Self.recording(text, isRedacted: isRedacted), node: "modem"))
            bench.give(.poweredOn)
            bench.run(for: .milliseconds(1))
            #expect(bench.ask("ATE0") == "ATE0\r\r\nOK\r\n")
            // Without the real number the twin of a redacted recording still knows the command.
            let number = isRedacted ? "+49301234567" : "+15551234567"
            #expect(bench.ask("AT+CMGS=\"\(number)\"") == "\r\n> ")
            let start = bench.now
            #expect(bench.ask("good evening\u{1a}", wait: .seconds(2)) == "\r\n+CMGS: 7\r\n\r\nOK\r\n")
            #expect(bench.recording.pieces.last.map { start.duration(to: $0.at) } == .seconds(1))
        }
        var other = TwinBench(TwinModule(recording: try Self.recording(text), node: "modem"))
        other.give(.poweredOn)
        #expect(other.ask("AT+CMGS=\"+49301234567\"").hasSuffix("\r\nERROR\r\n"))
    }

    @Test("without power it is silent, and power brings the next life")
    func power() throws {
        var bench = try bench()
        bench.act("power_off")
        #expect(!bench.isOpen)
        #expect(bench.ask("AT") == "")
        bench.act("power_on")
        bench.run(for: .seconds(20))
        #expect(bench.isOpen)
        bench.run(for: .seconds(2))
        #expect(bench.ask("AT+CREG?") == "AT+CREG?\r\r\n+CREG: 0,5\r\n\r\nOK\r\n")
    }

    @Test("a script that is damaged, or has nothing to say, is refused with its place")
    func refused() throws {
        #expect {
            try TwinModule(script: PlanFile(path: "t.jsonl", bytes: Array("{}\n".utf8)), node: "m")
        } throws: { "\($0)".contains("t.jsonl:1: error: this is no recording") }
        #expect {
            try TwinModule(script: PlanFile(path: "t.jsonl", bytes: try Self.recording("").bytes), node: "m")
        } throws: { "\($0)".contains("t.jsonl has no command with an answer") }
    }

    @Test("says of an emulated module's session what the module said, byte for byte at the same times", arguments: [1, 2, 3] as [UInt64])
    func ofAnEmulator(seed: UInt64) throws {
        func session<Subject: Device>(_ bench: inout TwinBench<Subject>) {
            bench.act("power_on")
            bench.run(for: .seconds(25))
            for command in ["AT", "ATE0", "ATI", "AT+CMEE=2", "AT+CPIN?", "AT+CREG=2", "AT+CREG?", "AT+CGSN;+CSQ", "AT+NONSENSE"] {
                bench.send(command + "\r")
                bench.run(for: .seconds(2))
            }
            for _ in 0..<10 {
                bench.send("AT+CREG?\r")
                bench.run(for: .seconds(1))
            }
            bench.send("AT+CMGF=1\r")
            bench.run(for: .seconds(1))
            bench.send("AT+CMGS=\"+15551234567\"\r")
            bench.run(for: .seconds(1))
            bench.send("hello\u{1a}")
            bench.run(for: .seconds(30))
            bench.send("AT+CFUN=1,1\r")
            bench.run(for: .seconds(60))
            bench.send("AT\r")
            bench.run(for: .seconds(1))
            bench.send("AT+CREG?\r")
            bench.run(for: .seconds(1))
        }
        var module = TwinBench(CellularModule(ModuleSetup(), generator: SeededGenerator(seed: seed, purpose: "module")))
        session(&module)
        var twin = TwinBench(TwinModule(recording: module.recording, node: "modem"))
        session(&twin)
        let original = flat(module.recording)
        let replayed = flat(twin.recording)
        #expect(original.count > 40)
        #expect(replayed == original, "seed \(seed)")
        #expect(try twin.device.answer("twin", [:], at: twin.now).get()["unknown"] == 0)
    }

    /// Pieces of one instant as one, so that only bytes and times count.
    private func flat(_ recording: PortRecording) -> [PortRecording.Piece] {
        var pieces: [PortRecording.Piece] = []
        for piece in recording.pieces {
            if let last = pieces.last, last.at == piece.at, case .received(let before) = last.content, case .received(let more) = piece.content {
                pieces[pieces.count - 1].content = .received(before + more)
            } else {
                pieces.append(piece)
            }
        }
        return pieces
    }
}
