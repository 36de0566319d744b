import LabCore
import Testing

@testable import WireProtocols

@Suite("AT dialogue: answers and what comes in between (rg500q.md §2.1, §5.2)")
struct ATDialogueTests {
    @Test("an answer has its information lines and its final result, without the echo")
    func answer() {
        var bench = DialogueBench()
        bench.begin("AT+CSQ")
        bench.receive("AT+CSQ\r\r\n+CSQ: 24,99\r\n\r\nOK\r\n")
        #expect(bench.responses == [ATResponse(command: "AT+CSQ", information: [ATLine("+CSQ: 24,99", offset: 9)], final: .ok)])
        #expect(bench.dialogue.echoes)
    }

    @Test("a URC may come before the echo, before and between information lines, and behind them", arguments: 0..<5)
    func unsolicited(place: Int) {
        let parts = [
            "AT+QENG=\"servingcell\"\r", "\r\n+QENG: \"servingcell\",\"NOCONN\"\r\n", "+QENG: \"LTE\",\"FDD\",460\r\n", "\r\nOK\r\n",
        ]
        let urc = "\r\n+CREG: 1,\"D509\",\"80D413D\",7\r\n"
        let text = (parts[..<place] + [urc] + parts[place...]).joined()
        var bench = DialogueBench()
        bench.begin(#"AT+QENG="servingcell""#)
        bench.receive(text)
        #expect(bench.responses.map(\.lines) == [[#"+QENG: "servingcell","NOCONN""#, #"+QENG: "LTE","FDD",460"#]])
        #expect(bench.unsolicited == [#"+CREG: 1,"D509","80D413D",7"#])
        #expect(bench.stray == [])
    }

    @Test("the read answer of a registration has <n> before <stat>; a line without is a URC, also while it is asked for")
    func registration() {
        var bench = DialogueBench()
        bench.begin("AT+CREG?")
        bench.receive(
            "\r\n+CREG: 1\r\n\r\n+CREG: 1,\"D509\",\"80D413D\",7\r\n\r\n+CREG: 2,1,\"D509\",\"80D413D\",7\r\n\r\n+CREG: 2,5,\"D509\",\"80D413D\",7\r\n\r\nOK\r\n"
        )
        #expect(bench.responses.map(\.lines) == [[#"+CREG: 2,1,"D509","80D413D",7"#]])
        #expect(bench.unsolicited.count == 3)
    }

    @Test("a URC with the name of a command that only writes is no answer to it")
    func writes() {
        var bench = DialogueBench()
        bench.begin("AT+CEREG=2")
        bench.receive("\r\n+CEREG: 2\r\n\r\nOK\r\n")
        #expect(bench.responses.map(\.lines) == [[]])
        #expect(bench.unsolicited == ["+CEREG: 2"])

        bench.begin(#"AT+QIOPEN=1,0,"TCP","192.0.2.10",8009,0,0"#)
        bench.receive("\r\n+QIOPEN: 0,0\r\n\r\nOK\r\n")
        #expect(bench.unsolicited.last == "+QIOPEN: 0,0")
    }

    @Test("NOT READY and NOT INSERTED are never the answer to CPIN?; READY is, the first time")
    func pin() {
        var bench = DialogueBench()
        bench.begin("AT+CPIN?")
        bench.receive("\r\n+CPIN: NOT READY\r\n\r\n+CPIN: READY\r\n\r\n+CPIN: READY\r\n\r\nOK\r\n")
        #expect(bench.responses.map(\.lines) == [["+CPIN: READY"]])
        #expect(bench.unsolicited == ["+CPIN: NOT READY", "+CPIN: READY"])
    }

    @Test("NO CARRIER and BUSY end a call; in between other commands they come by themselves")
    func carrier() {
        var bench = DialogueBench()
        bench.begin("AT+CSQ")
        bench.receive("\r\nNO CARRIER\r\n\r\n+CSQ: 1,99\r\n\r\nOK\r\n")
        #expect(bench.unsolicited == ["NO CARRIER"])
        bench.begin("ATD*99#")
        bench.receive("\r\nNO CARRIER\r\n")
        #expect(bench.responses.map(\.final) == [.ok, .noCarrier])
    }

    @Test(
        "every final result ends the command",
        arguments: [
            ("OK", ATFinal.ok), ("ERROR", .error), ("+CME ERROR: 10", .failure(ATError(.equipment, code: 10))),
            ("+CMS ERROR: 500", .failure(ATError(.message, code: 500))), ("SEND OK", .sendOK), ("SEND FAIL", .sendFailed),
            ("CONNECT", .connect("")),
            ("CONNECT 115200", .connect("115200")),
        ])
    func finals(line: String, final: ATFinal) {
        var bench = DialogueBench()
        bench.begin("AT+X")
        bench.receive("\r\n\(line)\r\n")
        #expect(bench.responses.map(\.final) == [final])
        #expect(final.text == line)
    }

    @Test("what only begins like a final result is none", arguments: ["OKAY", "ERRORS", "CONNECTED", "+CME ERROR:", "ok", " OK"])
    func noFinals(line: String) {
        var bench = DialogueBench()
        bench.begin("ATI")
        bench.receive("\r\n\(line)\r\n")
        #expect(bench.responses.isEmpty)
    }

    @Test("a message is sent after the prompt, ended by 0x1A, and its echo is not an answer")
    func message() {
        var bench = DialogueBench()
        bench.begin(ATCommand(#"AT+CMGS="+15551234567""#, body: .text(Array("hello".utf8))))
        bench.receive("AT+CMGS=\"+15551234567\"\r\r\n> ")
        #expect(bench.events == [.wantsBody])
        let body = bench.dialogue.body()
        #expect(body == Array("hello\u{1a}".utf8))
        bench.receive("hello\u{1a}\r\n+CMGS: 7\r\n\r\nOK\r\n")
        #expect(bench.responses.map(\.lines) == [["+CMGS: 7"]])
    }

    @Test("a file is uploaded after CONNECT; the answer follows the bytes")
    func upload() {
        var bench = DialogueBench()
        bench.begin(ATCommand(#"AT+QFUPL="UFS:a.zip",5,60"#, body: .upload(Array("hello".utf8))))
        bench.receive("\r\nCONNECT\r\n")
        #expect(bench.events == [.wantsBody])
        bench.receive("\r\n+QFUPL: 5,6b09\r\n\r\nOK\r\n")
        #expect(bench.responses.map(\.lines) == [["+QFUPL: 5,6b09"]])
    }

    @Test("bytes behind a length are data, also if they look like an end", arguments: [1, 3, 1_000])
    func payload(pieces: Int) {
        var bench = DialogueBench()
        bench.begin(ATCommand("AT+QIRD=0,1500", payload: .announced))
        bench.receive("\r\n+QIRD: 8\r\n\r\nOK\r\n\r\n\r\nOK\r\n", pieces: pieces)
        #expect(bench.responses.map(\.data) == [Array("\r\nOK\r\n\r\n".utf8)])
        bench.begin(ATCommand("AT+QFREAD=1,4", payload: .announced))
        bench.receive("\r\nCONNECT 4\r\nOK\r\n\r\nOK\r\n", pieces: pieces)
        #expect(bench.responses.last?.data == Array("OK\r\n".utf8))
    }

    @Test("data pushed by a socket belong to their URC")
    func pushed() {
        var bench = DialogueBench()
        bench.receive("\r\n+QIURC: \"recv\",0,4\r\nOK\r\n\r\n+QIURC: \"recv\",0\r\n", pieces: 1)
        #expect(
            bench.events == [
                .unsolicited(ATURC(#"+QIURC: "recv",0,4"#, data: Array("OK\r\n".utf8))), .unsolicited(ATURC(#"+QIURC: "recv",0"#)),
            ])
    }

    @Test("a message that is shown at once has two lines")
    func shownMessage() {
        var bench = DialogueBench()
        bench.receive("\r\n+CMT: \"+15551234567\",,\"24/01/15,10:20:30+04\"\r\nOK\r\n")
        guard case .unsolicited(let urc)? = bench.events.first else {
            Issue.record("no URC")
            return
        }
        #expect(urc.lines == [#"+CMT: "+15551234567",,"24/01/15,10:20:30+04""#, "OK"])
    }

    @Test("garbage between the lines is told and does no harm")
    func garbage() {
        var bench = DialogueBench()
        bench.begin("AT+CSQ")
        bench.receive([0xff, 0xfe, 0x00, 0x80, 0x0d, 0x0a] + Array("\r\n+CSQ: 24,99\r\n\r\nOK\r\n".utf8))
        #expect(bench.damaged == 1)
        #expect(bench.responses.map(\.lines) == [["+CSQ: 24,99"]])
    }

    @Test("lines of other commands are not taken into an answer")
    func foreign() {
        var bench = DialogueBench()
        bench.begin("AT+QNWINFO")
        bench.receive("\r\n+CSQ: 24,99\r\n\r\n+QNWINFO: No Service\r\n\r\nOK\r\n")
        #expect(bench.stray == ["+CSQ: 24,99"])
        #expect(bench.responses.map(\.lines) == [["+QNWINFO: No Service"]])
    }

    @Test("with echo, everything before the echo of a command belongs to those that were given up")
    func lateWithEcho() {
        var bench = DialogueBench()
        bench.begin("AT+CSQ")
        bench.receive("AT+CSQ\r\r\n+CSQ: 24,99\r\n\r\nOK\r\n")
        bench.begin("AT+COPS?")
        bench.receive("AT+COPS?\r")
        bench.dialogue.abandon()
        bench.begin("AT+CGATT=1")
        bench.receive("\r\n+COPS: 0\r\n\r\nOK\r\nAT+CGATT=1\r\r\nERROR\r\n")
        #expect(bench.responses.map(\.final) == [.ok, .error])
        #expect(bench.stray == ["+COPS: 0", "OK"])
    }

    @Test("without echo, an OK without the information that must be there belongs to a command that was given up")
    func lateWithoutEcho() {
        var bench = DialogueBench()
        bench.begin("AT+CGATT=1")
        bench.dialogue.abandon()
        bench.begin("AT+CSQ", needsInformation: true)
        bench.receive("\r\nOK\r\n\r\n+CSQ: 24,99\r\n\r\nOK\r\n")
        #expect(bench.responses == [ATResponse(command: "AT+CSQ", information: [ATLine("+CSQ: 24,99", offset: 8)], final: .ok)])
        #expect(bench.stray == ["OK"])
    }

    @Test("a module whose echo was switched off by a reset is not waited for in vain")
    func echoGone() {
        var bench = DialogueBench()
        bench.begin("AT")
        bench.receive("AT\r\r\nOK\r\n")
        bench.begin("AT+CFUN=1,1")
        bench.dialogue.abandon()
        bench.begin("AT")
        bench.receive("\r\nOK\r\n")
        #expect(bench.responses.count == 2)
    }

    @Test("chained commands answer in one, with the names of all")
    func chained() {
        var bench = DialogueBench()
        bench.begin("ATI;+CSUB")
        bench.receive("\r\nQuectel\r\nRG500Q-EA\r\nRevision: RG500QEAAAR11A06M4G\r\n\r\nSubEdition: V01\r\n\r\nOK\r\n")
        #expect(bench.responses.first?.lines == ["Quectel", "RG500Q-EA", "Revision: RG500QEAAAR11A06M4G", "SubEdition: V01"])
        #expect(
            ATCommand(#"AT+QENG="servingcell";+QCAINFO"#).parts == [
                .init(name: "+QENG", form: .write), .init(name: "+QCAINFO", form: .execute),
            ])
        #expect(ATCommand(#"AT+CMGS="a;b""#).parts == [.init(name: "+CMGS", form: .write)])
        #expect(ATCommand("at+creg=?").parts == [.init(name: "+CREG", form: .test)])
        #expect(ATCommand("AT&V").parts == [.init(name: "&V", form: .execute)])
    }

    @Test(
        "times are those of the manuals",
        arguments: [
            ("AT+CPIN?", 5), ("AT+CFUN=1,1", 15), ("AT+COPS?", 180), ("AT+COPS=?", 300), ("AT+CGACT=1,1", 150), ("AT+CGATT=1", 140),
            ("AT+CMGS=\"1\"", 120),
            ("AT+QMBNCFG=\"List\"", 30), ("AT+QIDEACT=1", 40), ("AT+QICLOSE=0", 10), ("AT+CSQ", 1), ("AT+CSQ;+CPIN?", 6),
        ])
    func limits(command: String, seconds: Int64) { #expect(ATCommand(command).limit == .seconds(seconds)) }

    @Test("random bytes never end a command by chance of their splitting, and never crash", arguments: UInt64(0)..<40)
    func fuzz(seed: UInt64) {
        var generator = SeededGenerator(seed: seed, purpose: "AT dialogue fuzz")
        let words = [
            "OK", "ERROR", "\r\n", "\r", "\n", "> ", "+CREG: ", "1,\"A\"", "+CME ERROR: ", "10", "CONNECT", "AT+QIRD=0,9", "+QIRD: ", "5",
            "\u{1a}",
            "+CMT: ", "+QIURC: \"recv\",0,3", "+CMTI: \"ME\",1", "\0", ",,,\"", "NO CARRIER",
        ]
        let text = (0..<120).map { _ in words[Int(generator.integer(below: UInt64(words.count)))] }.joined()
        var whole = DialogueBench()
        whole.begin(ATCommand("AT+QIRD=0,9", body: .text([0x61]), payload: .announced))
        whole.receive(text)
        var split = DialogueBench()
        split.begin(ATCommand("AT+QIRD=0,9", body: .text([0x61]), payload: .announced))
        split.receive(text, pieces: 1)
        #expect(whole.events == split.events, "seed \(seed)")
    }
}
