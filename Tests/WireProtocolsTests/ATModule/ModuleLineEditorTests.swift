import Testing
import WireProtocols

@Suite("Module's line editor (ITU-T V.250 §5.2)")
struct ModuleLineEditorTests {
    private func steps(_ text: String) -> [ModuleLineEditor.Step] {
        var editor = ModuleLineEditor()
        return text.utf8.map { editor.take($0) }
    }

    private func lines(_ text: String) -> [String] {
        steps(text).compactMap { if case .line(let line) = $0 { String(decoding: line, as: UTF8.self) } else { nil } }
    }

    @Test("takes CR, CR LF, and single bytes alike")
    func lineEnds() {
        #expect(lines("AT\rATI\r\nAT+CSQ\r") == ["AT", "ATI", "AT+CSQ"])
        #expect(steps("AT\r\n") == [.kept, .kept, .line(Array("AT".utf8)), .ignored])
    }

    @Test("ESC takes the line back, and is not echoed")
    func escape() {
        #expect(lines("garbage\u{1b}AT\r") == ["AT"])
        #expect(steps("\u{1b}\r") == [.ignored, .line([])])
    }

    @Test("backspace takes one character back; at the start of a line there is none")
    func backspace() {
        #expect(lines("ATX\u{8}I\r") == ["ATI"])
        #expect(steps("\u{8}A") == [.ignored, .kept])
    }

    @Test("A/ repeats at once; in the middle of a line it is text", arguments: ["A/", "a/"])
    func repetition(_ text: String) {
        #expect(steps(text).last == .repetition)
        #expect(lines("AT+A/\r") == ["AT+A/"])
    }

    @Test("other control characters do not count", arguments: [0, 1, 0x07, 0x0a, 0x11, 0x1a, 0x1f, 0x7f] as [UInt8])
    func controlCharacters(_ byte: UInt8) {
        var editor = ModuleLineEditor()
        #expect(editor.take(byte) == .ignored)
        #expect(!editor.isBusy)
    }

    @Test("2,048 bytes are a line, one more is too long, and the next line is whole again")
    func length() {
        var editor = ModuleLineEditor()
        for _ in 0..<2_048 { _ = editor.take(0x41) }
        #expect(editor.take(0x0d) == .line([UInt8](repeating: 0x41, count: 2_048)))
        for _ in 0..<2_049 { _ = editor.take(0x41) }
        #expect(editor.take(0x0d) == .tooLong)
        #expect(editor.take(0x0d) == .line([]))
    }
}

@Suite("Command lines as a module reads them (ITU-T V.250 §5.3, §5.4)")
struct ModuleCommandLineTests {
    struct Vector: Sendable, CustomTestStringConvertible {
        var line: String
        var commands: [ModuleCommand]
        var isMalformed = false
        var testDescription: String { line }
    }

    static let vectors: [Vector] = [
        Vector(line: "AT", commands: []), Vector(line: "at+csq", commands: [ModuleCommand("+CSQ")]),
        Vector(line: "ATE0", commands: [ModuleCommand("E", .execute, [.bare("0")])]), Vector(line: "ATI", commands: [ModuleCommand("I")]),
        Vector(
            line: "AT&C1&D2E1",
            commands: [
                ModuleCommand("&C", .execute, [.bare("1")]), ModuleCommand("&D", .execute, [.bare("2")]),
                ModuleCommand("E", .execute, [.bare("1")]),
            ]),
        Vector(line: "ATS0?", commands: [ModuleCommand("S0", .read)]),
        Vector(line: "ATS7=60", commands: [ModuleCommand("S7", .write, [.bare("60")])]),
        Vector(line: "ATD*99#", commands: [ModuleCommand("D", .write, [.bare("*99#")])]),
        Vector(line: "AT+CREG?", commands: [ModuleCommand("+CREG", .read)]),
        Vector(line: "AT+CREG=?", commands: [ModuleCommand("+CREG", .test)]),
        Vector(line: "AT+CFUN=1,1", commands: [ModuleCommand("+CFUN", .write, [.bare("1"), .bare("1")])]),
        Vector(line: "ATI;+CSUB", commands: [ModuleCommand("I"), ModuleCommand("+CSUB")]),
        Vector(
            line: "AT+QENG=\"servingcell\";+QCAINFO",
            commands: [ModuleCommand("+QENG", .write, [.quoted("servingcell")]), ModuleCommand("+QCAINFO")]),
        Vector(line: "AT+X=\"a;b,c\",,3", commands: [ModuleCommand("+X", .write, [.quoted("a;b,c"), .absent, .bare("3")])]),
        Vector(line: "AT+X=", commands: [ModuleCommand("+X", .write, [.absent])]),
        Vector(line: "AT + CSQ ", commands: [], isMalformed: true), Vector(line: "AT +CSQ ; ", commands: [ModuleCommand("+CSQ")]),
        Vector(line: "AT$TSSPCSW=?", commands: [ModuleCommand("$TSSPCSW", .test)]),
        Vector(line: "AT*CNTI=2", commands: [ModuleCommand("*CNTI", .write, [.bare("2")])]),
        // What stands before AT does not count: the rest of a probe in another language.
        Vector(line: "~x\u{1}~AT+CSQ", commands: [ModuleCommand("+CSQ")]),
        Vector(line: "AT+X=\"open", commands: [], isMalformed: true), Vector(line: "AT+X=\"a\"b", commands: [], isMalformed: true),
        Vector(line: "ATI;+", commands: [ModuleCommand("I")], isMalformed: true), Vector(line: "AT+CSQ?x", commands: [], isMalformed: true),
        Vector(line: "AT7", commands: [], isMalformed: true),
    ]

    @Test("reads each form", arguments: vectors)
    func read(_ vector: Vector) {
        #expect(ModuleCommandLine(Array(vector.line.utf8)) == ModuleCommandLine(commands: vector.commands, isMalformed: vector.isMalformed))
    }

    @Test("a line without AT is none", arguments: ["", "A", "hello", "aT", "A T", "\u{fffd}"])
    func silence(_ line: String) {
        #expect(ModuleCommandLine(Array(line.utf8)) == nil)
    }

    @Test("numbers are whole and without quotation marks")
    func numbers() {
        #expect(ModuleCommand.Argument.bare("12").number == 12)
        #expect(ModuleCommand.Argument.quoted("12").number == nil)
        #expect(ModuleCommand.Argument.bare("1x").number == nil)
        #expect(ModuleCommand.Argument.bare("99999999999999999999").number == nil)
    }
}

@Suite("Answers as a module writes them (specs/rg500q.md §5.1)")
struct ModuleRenderingTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test("information has CR LF before, between and after its lines; the final result its own")
    func verbose() {
        let rendering = ModuleRendering()
        #expect(text(rendering.information(["Quectel", "RG500Q-EA"])) == "\r\nQuectel\r\nRG500Q-EA\r\n")
        #expect(text(rendering.information([])).isEmpty)
        #expect(text(rendering.final(.ok)) == "\r\nOK\r\n")
        #expect(text(ModuleRendering.unsolicited("+CREG: 1")) == "\r\n+CREG: 1\r\n")
        #expect(text(ModuleRendering.prompt) == "\r\n> ")
    }

    @Test("AT+CMEE 0, 1 and 2; a plain ERROR is one in any case")
    func errors() {
        var rendering = ModuleRendering()
        #expect(text(rendering.final(.equipmentError(10))) == "\r\n+CME ERROR: 10\r\n")
        rendering.errors = .plain
        #expect(text(rendering.final(.equipmentError(10))) == "\r\nERROR\r\n")
        #expect(text(rendering.final(.messageError(310))) == "\r\n+CMS ERROR: 310\r\n")
        rendering.errors = .text
        #expect(text(rendering.final(.equipmentError(10))) == "\r\n+CME ERROR: SIM not inserted\r\n")
        #expect(text(rendering.final(.messageError(310))) == "\r\n+CMS ERROR: SIM not inserted\r\n")
        #expect(text(rendering.final(.error)) == "\r\nERROR\r\n")
    }

    @Test("ATV0 gives numbers, ATQ1 nothing")
    func numbersAndSilence() {
        var rendering = ModuleRendering()
        rendering.isVerbose = false
        #expect([ModuleResult.ok, .connect, .noCarrier, .error].map { text(rendering.final($0)) } == ["0\r", "1\r", "3\r", "4\r"])
        #expect(text(rendering.information(["Quectel"])) == "Quectel\r\n")
        rendering.isQuiet = true
        #expect(rendering.final(.ok).isEmpty)
    }
}
