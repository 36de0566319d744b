import Emulators
import LabCore
import Testing

@Suite("Short messages in PDU mode (3GPP TS 23.040, TS 27.005)")
struct ModuleMessageTests {
    @Test("a delivered message is the PDU that the standard makes of it")
    func deliveredPDU() {
        // 2024-01-15T10:20:30Z
        var bench = ModuleBench.ready { $0.epoch = 1_705_314_030 - 90 }
        _ = bench.act("sms.receive", ["from": "+15551234567", "text": "hello"])
        // SMSC +15550000000; DELIVER; 11 digits international; PID 0, DCS 0; 24/01/15 10:20:30 zone 0; 5 septets "hello" = E8329BFD06.
        let pdu = "07915155000000F0" + "04" + "0B915155214365F7" + "0000" + "42105101020300" + "05" + "E8329BFD06"
        #expect(bench.lines("AT+CMGL=4") == ["+CMGL: 1,0,,24", pdu, "OK"])
        #expect(bench.lines("AT+CMGR=1") == ["+CMGR: 1,,24", pdu, "OK"])
        #expect(bench.lines("AT+CMGL=0") == ["OK"])
    }

    @Test("a text beyond the GSM alphabet is UCS2")
    func wideText() {
        var bench = ModuleBench.ready()
        _ = bench.act("sms.receive", ["from": "Lab", "text": "Ж"])
        let pdu = bench.lines("AT+CMGL=4").dropFirst().first ?? ""
        // Three letters in 6 semi-octets, type D0: 4C 61 62 as septets are CC B0 18; DCS 8; two octets 0416.
        #expect(pdu.contains("06D0CCB018" + "0008"))
        #expect(pdu.hasSuffix("020416"))
        _ = bench.ask("AT+CMGF=1")
        _ = bench.ask("AT+CSCS=\"UCS2\"")
        #expect(bench.lines("AT+CMGR=1").dropFirst() == ["0416", "OK"])
    }

    @Test("sends a PDU: TEXT of the network's view, with or without a service centre", arguments: ["00", "07915155000000F0"])
    func sendPDU(_ centre: String) {
        var bench = ModuleBench.ready()
        #expect(bench.ask("AT+CMGS=18").hasSuffix("\r\n> "))
        bench.type(centre + "0100" + "0B915155214365F7" + "0000" + "05" + "E8329BFD06" + "\u{1a}")
        bench.run(for: .seconds(5))
        #expect(bench.text(on: .at).hasSuffix("\r\n+CMGS: 1\r\n\r\nOK\r\n"))
        #expect(bench.noted("sms.sent") == [["to": "+15551234567", "text": "hello", "reference": 1]])
    }

    @Test(
        "a PDU that is wrong is +CMS ERROR: 304",
        arguments: ["", "00", "zz", "0001000B915155214365F7000005E8329BFD", "00" + String(repeating: "F", count: 36)])
    func wrongPDU(_ pdu: String) {
        var bench = ModuleBench.ready()
        _ = bench.ask("AT+CMGS=18")
        bench.type(pdu + "\u{1a}")
        bench.run(for: .seconds(5))
        #expect(bench.text(on: .at).hasSuffix("\r\n+CMS ERROR: 304\r\n"))
        #expect(bench.noted("sms.sent").isEmpty)
        #expect(bench.lines("AT") == ["OK"])
    }

    @Test("a longer text goes with a header; the text is what follows it")
    func header() {
        var bench = ModuleBench.ready()
        // User data header 050003CC0201, then "hi" after one fill bit: 9 septets.
        let data = "050003CC0201" + "D0" + "69"
        _ = bench.ask("AT+CMGS=21")
        bench.type("00" + "4100" + "0B915155214365F7" + "0000" + "09" + data + "\u{1a}")
        bench.run(for: .seconds(5))
        #expect(bench.noted("sms.sent").first?["text"] == "hi")
    }

    @Test("text mode: numbers and characters that cannot be")
    func wrongText() {
        var bench = ModuleBench.ready()
        _ = bench.ask("AT+CMGF=1")
        #expect(bench.lines("AT+CMGS=\"hello\"") == ["+CMS ERROR: 305"])
        #expect(bench.lines("AT+CMGS=") == ["+CMS ERROR: 305"])
        _ = bench.ask("AT+CMGS=\"+15551234567\"")
        bench.type(String(repeating: "x", count: 161) + "\u{1a}")
        bench.run(for: .seconds(5))
        #expect(bench.text(on: .at).hasSuffix("\r\n+CMS ERROR: 305\r\n"))
        _ = bench.ask("AT+CMGS=\"+15551234567\"")
        bench.type(String(repeating: "x", count: 160) + "\u{1a}")
        bench.run(for: .seconds(5))
        #expect(bench.noted("sms.sent").count == 1)
    }

    @Test("a text of several lines: each line has its prompt")
    func lines() {
        var bench = ModuleBench.ready()
        _ = bench.ask("AT+CMGF=1")
        _ = bench.ask("AT+CMGS=\"+15551234567\"")
        bench.forget()
        bench.type("a\rb\u{1a}")
        bench.run(for: .seconds(5))
        #expect(bench.text(on: .at) == "a\r\n> b\r\n+CMGS: 1\r\n\r\nOK\r\n")
        #expect(bench.noted("sms.sent").first?["text"] == "a\rb")
    }

    @Test("CNMI: 0 keeps silent, 2 delivers directly and keeps nothing")
    func indications() {
        var bench = ModuleBench.ready()
        _ = bench.ask("AT+CMGF=1")
        _ = bench.ask("AT+CNMI=2,0")
        bench.forget()
        _ = bench.act("sms.receive", ["text": "x"])
        #expect(bench.said.isEmpty)
        _ = bench.ask("AT+CNMI=2,2,0,0,0")
        bench.forget()
        _ = bench.act("sms.receive", ["from": "+1555", "text": "now"])
        #expect(bench.text(on: .at).hasPrefix("\r\n+CMT: \"+1555\",,\"24/01/01,"))
        #expect(bench.text(on: .at).hasSuffix("\"\r\nnow\r\n"))
        #expect(bench.truth["messages"] == 1)
    }

    @Test("memories: SM is the SIM's, full is full, and places are taken again")
    func memories() {
        var bench = ModuleBench.ready()
        #expect(bench.lines("AT+CPMS=\"SM\",\"SM\",\"SM\"") == ["+CPMS: 0,50,0,50,0,50", "OK"])
        for _ in 0..<50 { _ = bench.act("sms.receive", ["text": "x"]) }
        let refusal = ActionFailure("memory_full", "The memory 'SM' for messages is full; delete some.")
        #expect(bench.act("sms.receive", ["text": "x"]) == .failure(refusal))
        #expect(bench.lines("AT+CMGD=7") == ["OK"])
        #expect(bench.act("sms.receive", ["text": "x"]) == .success(["index": 7]))
        #expect(bench.lines("AT+CMGR=51") == ["+CMS ERROR: 321"])
        #expect(bench.lines("AT+CPMS=\"XX\"") == ["+CMS ERROR: 302"])
        #expect(bench.lines("AT+CPMS=\"ME\"") == ["+CPMS: 0,255,50,50,50,50", "OK"])
    }

    @Test("255 messages fit into ME and outlive power")
    func full() {
        var bench = ModuleBench.ready()
        for number in 1...255 {
            let result = bench.act("sms.receive", ["text": .text("message \(number)")])
            #expect(result == .success(["index": .integer(Int64(number))]))
        }
        bench.cutPower()
        bench.give(.poweredOn)
        bench.run(for: .seconds(90))
        #expect(bench.lines("AT+CPMS?").first == "+CPMS: \"ME\",255,255,\"ME\",255,255,\"ME\",255,255")
        _ = bench.ask("AT+CMGF=1")
        #expect(bench.lines("AT+CMGR=200").dropFirst().first == "message 200")
        #expect(bench.lines("AT+CMGD=1,4", within: .seconds(2)) == ["OK"])
        #expect(bench.truth["messages"] == 0)
    }

    @Test("write, list, send from the memory")
    func stored() {
        var bench = ModuleBench.ready()
        _ = bench.ask("AT+CMGF=1")
        _ = bench.ask("AT+CMGW=\"+15551234567\"")
        bench.type("later\u{1a}")
        bench.run(for: .seconds(1))
        #expect(bench.text(on: .at).hasSuffix("\r\n+CMGW: 1\r\n\r\nOK\r\n"))
        #expect(bench.lines("AT+CMGL=\"STO UNSENT\"") == ["+CMGL: 1,\"STO UNSENT\",\"+15551234567\",,", "later", "OK"])
        #expect(bench.lines("AT+CMSS=1", within: .seconds(5)) == ["+CMSS: 1", "OK"])
        #expect(bench.noted("sms.sent").first?["text"] == "later")
        #expect(bench.lines("AT+CMGL=\"STO SENT\"").count == 3)
    }
}

@Suite("Files (specs/rg500q.md §3.1)")
struct ModuleFileTests {
    private func upload(_ bench: inout ModuleBench, _ name: String, _ bytes: [UInt8], mode: Int = 0) -> String {
        _ = bench.ask("AT+QFUPL=\"\(name)\",\(bytes.count),5,\(mode)")
        let start = bench.said.count
        bench.give(.link(.at, .bytes(bytes)))
        bench.run(for: .seconds(1))
        return bench.text(on: .at, from: start)
    }

    @Test("bytes are taken raw: CR, ESC, 0x1A and 0 are bytes like others, and are not echoed")
    func rawBytes() {
        var bench = ModuleBench.ready()
        // XOR of 0d1b, 1a00, 41ff.
        #expect(upload(&bench, "raw", [0x0d, 0x1b, 0x1a, 0x00, 0x41, 0xff]) == "\r\n+QFUPL: 6,56e4\r\n\r\nOK\r\n")
        #expect(bench.module.disk.contents("raw") == [0x0d, 0x1b, 0x1a, 0x00, 0x41, 0xff])
        #expect(bench.noted("file.stored") == [["name": "UFS:raw", "size": 6, "checksum": "56e4"]])
    }

    @Test("what follows the bytes is a command line again")
    func afterBytes() {
        var bench = ModuleBench.ready()
        _ = bench.ask("AT+QFUPL=\"a\",3")
        bench.forget()
        bench.type("abcAT\r")
        bench.run(for: .seconds(1))
        #expect(bench.text(on: .at).hasPrefix("\r\n+QFUPL: 3,"))
        #expect(bench.text(on: .at).hasSuffix("AT\r\r\nOK\r\n"))
    }

    @Test("timeout without all bytes: 421, no file, and commands again")
    func timeout() {
        var bench = ModuleBench.ready()
        _ = bench.ask("AT+QFUPL=\"a\",10,7")
        bench.forget()
        bench.type("12345")
        bench.run(for: .milliseconds(6_900))
        #expect(bench.said.isEmpty)
        bench.run(for: .milliseconds(200))
        #expect(bench.text(on: .at) == "\r\n+CME ERROR: 421\r\n")
        #expect(bench.lines("AT+QFLST=\"*\"") == ["OK"])
    }

    @Test("+++ after a second of silence ends the upload early; as a part of the bytes it does not")
    func escape() {
        var bench = ModuleBench.ready()
        _ = bench.ask("AT+QFUPL=\"a\",10,60")
        bench.type("+++")
        bench.run(for: .seconds(2))
        bench.forget()
        bench.type("+++")
        bench.run(for: .seconds(1))
        #expect(bench.text(on: .at).hasPrefix("\r\n+QFUPL: 3,"))
        #expect(bench.lines("AT") == ["OK"])
    }

    @Test("ack mode: an A after each 1 KB")
    func acknowledged() {
        var bench = ModuleBench.ready()
        let said = upload(&bench, "big", [UInt8](repeating: 1, count: 2_500), mode: 1)
        #expect(said.hasPrefix("AA\r\n+QFUPL: 2500,"))
    }

    @Test("download gives the bytes back between CONNECT and the sum")
    func download() {
        var bench = ModuleBench.ready()
        _ = upload(&bench, "a.txt", Array("hello".utf8))
        #expect(bench.ask("AT+QFDWL=\"UFS:a.txt\"") == "AT+QFDWL=\"UFS:a.txt\"\r\r\nCONNECT\r\nhello\r\n+QFDWL: 5,6b09\r\n\r\nOK\r\n")
        #expect(bench.lines("AT+QFDWL=\"b.txt\"") == ["+CME ERROR: 405"])
    }

    @Test("open, read, seek, write, close")
    func handles() {
        var bench = ModuleBench.ready()
        _ = upload(&bench, "a.txt", Array("hello".utf8))
        #expect(bench.lines("AT+QFOPEN=\"a.txt\",0") == ["+QFOPEN: 1", "OK"])
        #expect(bench.ask("AT+QFREAD=1,2") == "AT+QFREAD=1,2\r\r\nCONNECT 2\r\nhe\r\nOK\r\n")
        #expect(bench.lines("AT+QFPOSITION=1") == ["+QFPOSITION: 2", "OK"])
        #expect(bench.lines("AT+QFSEEK=1,4") == ["OK"])
        _ = bench.ask("AT+QFWRITE=1,3")
        bench.type("ium")
        bench.run(for: .seconds(1))
        #expect(bench.text(on: .at).hasSuffix("\r\n+QFWRITE: 3,7\r\n\r\nOK\r\n"))
        #expect(bench.lines("AT+QFDEL=\"a.txt\"") == ["+CME ERROR: 426"])
        #expect(bench.module.disk.contents("a.txt") == Array("hello".utf8))
        #expect(bench.lines("AT+QFCLOSE=1") == ["OK"])
        #expect(bench.module.disk.contents("a.txt") == Array("hellium".utf8))
        #expect(bench.lines("AT+QFREAD=1") == ["+CME ERROR: 416"])
        #expect(bench.lines("AT+QFOPEN=\"none\",2") == ["+CME ERROR: 405"])
    }

    @Test("UFS outlives power, RAM does not; a file that is there is not overwritten; no room is 420")
    func storages() {
        var bench = ModuleBench.ready()
        _ = upload(&bench, "UFS:keep", [1, 2, 3])
        _ = upload(&bench, "RAM:lose", [1, 2, 3])
        #expect(bench.lines("AT+QFLST=\"RAM:*\"") == ["+QFLST: \"RAM:lose\",3", "OK"])
        #expect(bench.lines("AT+QFUPL=\"keep\",3") == ["+CME ERROR: 407"])
        #expect(bench.lines("AT+QFUPL=\"more\",67108864") == ["+CME ERROR: 420"])
        #expect(bench.lines("AT+QFUPL=\"more\",0") == ["+CME ERROR: 400"])
        #expect(bench.lines("AT+QFLDS=\"UFS\"") == ["+QFLDS: 67092480,67108864", "OK"])
        bench.cutPower()
        bench.give(.poweredOn)
        bench.run(for: .seconds(60))
        #expect(bench.lines("AT+QFLST=\"*\"") == ["+QFLST: \"UFS:keep\",3", "OK"])
        #expect(bench.lines("AT+QFLST=\"RAM:*\"") == ["OK"])
        #expect(bench.module.disk.contents("keep") == [1, 2, 3])
        #expect(bench.lines("AT+QFDEL=\"*\"") == ["OK"])
        #expect(bench.lines("AT+QFDEL=\"keep\"") == ["+CME ERROR: 405"])
    }

    @Test("a file larger than a block comes back whole")
    func large() {
        var bench = ModuleBench.ready()
        var random = SeededGenerator(seed: 3)
        let bytes = random.bytes(40_000)
        _ = bench.ask("AT+QFUPL=\"big\",40000,60")
        for start in stride(from: 0, to: bytes.count, by: 1_000) { bench.give(.link(.at, .bytes(Array(bytes[start..<(start + 1_000)])))) }
        bench.run(for: .seconds(1))
        #expect(bench.module.disk.contents("big") == bytes)
    }
}

@Suite("Positioning (specs/rg500q.md §2.9, NMEA 0183)")
struct ModulePositioningTests {
    @Test("NMEA once a second while it is on, on the NMEA port only, with right checksums and whole sentences")
    func sentences() {
        var bench = ModuleBench.ready()
        bench.run(for: .seconds(5))
        #expect(bench.text(on: .nmea).isEmpty)
        _ = bench.ask("AT+QGPS=1")
        bench.forget()
        bench.run(for: .seconds(30))
        let lines = ModuleBench.lines(bench.text(on: .nmea))
        #expect(lines.filter { $0.hasPrefix("$GPRMC") }.count == 30)
        for line in lines {
            let parts = line.dropFirst().split(separator: "*")
            #expect(line.first == "$" && parts.count == 2)
            let sum = parts[0].utf8.reduce(0, ^)
            #expect(UInt8(parts[1], radix: 16) == sum, "\(line)")
            #expect(line.utf8.count <= 80)
            let fields = parts[0].split(separator: ",", omittingEmptySubsequences: false).count
            let expected = ["GPGGA": 15, "GPRMC": 13, "GPVTG": 10, "GPGSA": 18, "GPGSV": 20][String(parts[0].prefix(5))]
            #expect(fields == expected, "\(line)")
        }
        #expect(bench.text(on: .at).isEmpty)
        _ = bench.ask("AT+QGPSEND")
        bench.forget()
        bench.run(for: .seconds(10))
        #expect(bench.said.isEmpty)
    }

    @Test(
        "the place of RMC and QGPSLOC is where the module is, north and south, east and west",
        arguments: [
            (52.52, 13.405, "5231.2000N", "01324.3000E"), (-33.8568, 151.2153, "3351.4080S", "15112.9180E"),
            (40.6892, -74.0445, "4041.3520N", "07402.6700W"),
        ])
    func place(_ latitude: Double, _ longitude: Double, _ north: String, _ east: String) {
        var bench = ModuleBench.ready()
        _ = bench.ask("AT+QGPS=1")
        #expect(bench.lines("AT+QGPSLOC=0") == ["+CME ERROR: 516"])
        bench.run(for: .seconds(20))
        _ = bench.act("move", ["lat": .number(latitude), "lon": .number(longitude)])
        #expect(bench.lines("AT+QGPSLOC=0").first?.contains(",\(north),\(east),") == true)
        #expect(bench.lines("AT+QGPS=1") == ["+CME ERROR: 504"])
        bench.forget()
        bench.run(for: .seconds(1))
        let rmc = ModuleBench.lines(bench.text(on: .nmea)).first { $0.hasPrefix("$GPRMC") } ?? ""
        #expect(rmc.contains(",A,\(north.dropLast()),\(north.suffix(1)),\(east.dropLast()),\(east.suffix(1)),"))
    }

    @Test("places that are none are refused")
    func refused() {
        var bench = ModuleBench.ready()
        let refusal = ActionFailure("bad_argument", "move needs lat of -90 to 90 and lon of -180 to 180 degrees.")
        #expect(bench.act("move", ["lat": 91, "lon": 0]) == .failure(refusal))
        #expect(bench.act("move", ["lat": 0]) == .failure(refusal))
        #expect(bench.lines("AT+QGPSLOC=3") == ["+CME ERROR: 501"])
        #expect(bench.lines("AT+QGPSLOC=2") == ["+CME ERROR: 505"])
    }

    @Test("outport none keeps the NMEA port silent")
    func output() {
        var bench = ModuleBench.ready()
        #expect(bench.lines("AT+QGPSCFG=\"outport\"") == ["+QGPSCFG: \"outport\",\"usbnmea\"", "OK"])
        _ = bench.ask("AT+QGPSCFG=\"outport\",\"none\"")
        _ = bench.ask("AT+QGPS=1")
        bench.run(for: .seconds(10))
        #expect(bench.text(on: .nmea).isEmpty)
    }

    @Test("clocks: the network's once registered, with a four-digit year in QLTS")
    func clocks() {
        // 2026-01-01T00:00:00Z
        var bench = ModuleBench.ready { $0.epoch = 1_767_225_600 }
        #expect(bench.lines("AT+QLTS=1") == ["+QLTS: \"2026/01/01,00:01:30+00,0\"", "OK"])
        #expect(bench.lines("AT+CCLK?") == ["+CCLK: \"26/01/01,00:01:30+00\"", "OK"])
        bench.fault("attach.lost")
        #expect(bench.lines("AT+QLTS") == ["+QLTS: \"\"", "OK"])
    }
}
