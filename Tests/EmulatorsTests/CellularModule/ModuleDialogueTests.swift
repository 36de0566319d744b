import Emulators
import LabCore
import Testing

@Suite("Dialogue on a port (specs/rg500q.md §2.1, §5)")
struct ModuleDialogueTests {
    @Test("byte by byte, with 1 ms between: the same echo and answer")
    func byteByByte() {
        var bench = ModuleBench.ready()
        for character in "AT+CSQ\r" {
            bench.type(String(character))
            bench.run(for: .milliseconds(1))
        }
        bench.run(for: .milliseconds(300))
        #expect(bench.text(on: .at) == "AT+CSQ\r\r\n+CSQ: 22,99\r\n\r\nOK\r\n")
    }

    @Test("CR LF is one line end; ESC CR before AT is no command; an empty line is not answered")
    func lineEnds() {
        var bench = ModuleBench.ready()
        bench.type("\u{1b}\r\r\nAT\r\n")
        bench.run(for: .seconds(1))
        #expect(bench.text(on: .at) == "\r\rAT\r\r\nOK\r\n")
    }

    @Test("backspace corrects, and is echoed")
    func backspace() {
        var bench = ModuleBench.ready()
        bench.type("AT+CGMN\u{8}M\r")
        bench.run(for: .seconds(1))
        #expect(bench.text(on: .at) == "AT+CGMN\u{8}M\r\r\nRG500Q-EA\r\n\r\nOK\r\n")
    }

    @Test("an answer takes time, but not more than the 300 ms of the note")
    func times() throws {
        var bench = ModuleBench.ready()
        let start = bench.now
        bench.type("AT+CSQ\r")
        bench.run(for: .seconds(1))
        let answer = try #require(bench.said.last)
        #expect(answer.at >= start.advanced(by: .milliseconds(4)))
        #expect(answer.at <= start.advanced(by: .milliseconds(300)))
    }

    @Test("with the answer time 0 the answer comes in the same moment")
    func noTime() {
        var bench = ModuleBench.ready { $0.answerTime = .zero }
        #expect(bench.ask("AT+CSQ;+CGMM", within: .zero) == "AT+CSQ;+CGMM\r\r\n+CSQ: 22,99\r\n\r\nRG500Q-EA\r\n\r\nOK\r\n")
    }

    @Test("what is typed ahead is taken after the answer")
    func typeAhead() {
        var bench = ModuleBench.ready()
        bench.type("AT+CGMM\rAT+CSQ\r")
        bench.run(for: .seconds(1))
        #expect(bench.text(on: .at) == "AT+CGMM\r\r\nRG500Q-EA\r\n\r\nOK\r\nAT+CSQ\r\r\n+CSQ: 22,99\r\n\r\nOK\r\n")
    }

    @Test("a chain ends at the first command that fails")
    func chain() {
        var bench = ModuleBench.ready()
        #expect(bench.lines("AT+CGMM;+NOPE;+CGMI") == ["RG500Q-EA", "ERROR"])
        #expect(bench.lines("AT+CGMM;\"") == ["RG500Q-EA", "ERROR"])
    }

    @Test("command lines are noted as they come in, without a PIN")
    func notes() {
        var bench = ModuleBench.ready()
        bench.type("at+csq\r")
        bench.type("AT+cpin=1234\r", on: .modem)
        #expect(bench.noted("command") == [["port": "at", "text": "at+csq"], ["port": "modem", "text": "AT+cpin=…"]])
    }

    @Test("both AT ports work at the same time")
    func twoPorts() {
        var bench = ModuleBench.ready()
        bench.type("AT+COPS=?\r")
        bench.run(for: .seconds(1))
        #expect(bench.lines("AT+CGMM", on: .modem) == ["RG500Q-EA", "OK"])
    }

    @Test("a URC waits while a line is being typed, and does not cut it; it does not wait for ever")
    func unsolicitedWhileTyping() {
        var bench = ModuleBench.ready()
        bench.type("AT+C")
        _ = bench.act("sms.receive", ["text": "x"])
        bench.type("SQ\r")
        bench.run(for: .seconds(1))
        #expect(bench.text(on: .at) == "AT+CSQ\r\r\n+CMTI: \"ME\",1\r\n\r\n+CSQ: 22,99\r\n\r\nOK\r\n")
        bench.forget()
        bench.type("AT+C")
        _ = bench.act("sms.receive", ["text": "x"])
        bench.run(for: .seconds(2))
        #expect(bench.text(on: .at) == "AT+C\r\n+CMTI: \"ME\",2\r\n")
    }

    @Test("a URC waits while text is taken at the prompt")
    func unsolicitedAtPrompt() {
        var bench = ModuleBench.ready()
        _ = bench.ask("AT+CMGF=1")
        _ = bench.ask("AT+CMGS=\"+1\"")
        bench.forget()
        _ = bench.act("sms.receive", ["text": "x"])
        bench.type("a")
        bench.run(for: .seconds(5))
        #expect(bench.text(on: .at) == "a")
        bench.type("\u{1b}")
        #expect(bench.text(on: .at) == "a\r\nOK\r\n\r\n+CMTI: \"ME\",1\r\n")
    }

    @Test("ATV0 and ATQ1 change how results are written")
    func resultForms() {
        var bench = ModuleBench.ready()
        #expect(bench.ask("ATV0") == "ATV0\r0\r")
        #expect(bench.ask("AT+CGMM") == "AT+CGMM\rRG500Q-EA\r\n0\r")
        #expect(bench.ask("AT+NOPE") == "AT+NOPE\r4\r")
        #expect(bench.ask("ATV1Q1") == "ATV1Q1\r")
        #expect(bench.ask("AT+CGMM") == "AT+CGMM\r\r\nRG500Q-EA\r\n")
    }

    @Test("A/ repeats the line before, without CR")
    func repetition() {
        var bench = ModuleBench.ready()
        _ = bench.ask("AT+CGMM")
        bench.forget()
        bench.type("A/")
        bench.run(for: .seconds(1))
        #expect(bench.text(on: .at) == "A/\r\nRG500Q-EA\r\n\r\nOK\r\n")
    }

    @Test("a line that is too long is an ERROR, and the next one is taken")
    func tooLong() {
        var bench = ModuleBench.ready()
        bench.type("AT+X=" + String(repeating: "1", count: 2_048) + "\rAT\r")
        bench.run(for: .seconds(1))
        #expect(bench.text(on: .at).hasSuffix("\r\nERROR\r\nAT\r\r\nOK\r\n"))
    }

    @Test("wrong forms are refused", arguments: ["AT+CSQ?", "AT+CGMI=1", "AT+CPIN", "AT+CFUN", "AT+QTEMP=1", "AT+CGDCONT", "AT+QNWINFO?"])
    func wrongForms(_ command: String) {
        var bench = ModuleBench.ready()
        #expect(bench.lines(command) == ["+CME ERROR: 3"])
    }

    @Test(
        "values out of range are refused",
        arguments: [
            "AT+CREG=3", "AT+CMEE=3", "AT+CFUN=5", "AT+CFUN=1,2", "AT+CGDCONT=0,\"IP\"", "AT+CGDCONT=43,\"IP\"", "AT+CGDCONT=1,\"PPP\"",
            "AT+CGDCONT=1,\"IP\",\"a b\"", "AT+CGACT=1,9", "AT+QCFG=\"usbnet\",4", "AT+QCFG=\"usbnet\",x", "AT+QURCCFG=\"urcport\",\"usb\"",
            "AT+QNWPREFCFG=\"mode_pref\",6G", "AT+CMGF=2", "AT+CNMI=3", "AT+IPR=12345", "AT+CCLK=\"99\"",
            "AT+QNWPREFCFG=\"nr5g_disable_mode\",3",
        ])
    func wrongValues(_ command: String) {
        var bench = ModuleBench.ready()
        #expect(bench.lines(command) == ["+CME ERROR: 50"])
        _ = bench.ask("AT+CMEE=0")
        #expect(bench.lines(command) == ["ERROR"])
        _ = bench.ask("AT+CMEE=2")
        #expect(bench.lines(command) == ["+CME ERROR: incorrect parameters"])
    }

    @Test(
        "commands of other series are a plain ERROR, whatever AT+CMEE says (§3)",
        arguments: [
            "AT+QMTCFG=?", "AT+QMTOPEN=0,\"h\",1883", "AT+QHTTPCFG=?", "AT+QHTTPGET=80", "AT+QSSLCFG=?", "AT+QIOPEN=?", "AT+QCFG=\"band\"",
            "AT+QCFG=\"nwscanmode\"", "AT+QABFOTA=?", "AT+CIND=?",
        ])
    func otherSeries(_ command: String) {
        var bench = ModuleBench.ready()
        for level in 0...2 {
            _ = bench.ask("AT+CMEE=\(level)")
            #expect(bench.lines(command) == ["ERROR"])
        }
    }
}
