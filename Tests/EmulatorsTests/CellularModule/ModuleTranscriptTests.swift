import Emulators
import LabCore
import Testing

/// A record of specs/rg500q-transcripts.jsonl: a command, and what came back from a module of this family.
struct TranscriptRecord: Sendable, CustomTestStringConvertible {
    /// What the record holds that the emulator has as a fact of its own is set from the record.
    enum Surroundings: Sendable {
        case lte, nonStandalone, standalone, nothing
        case noCard
    }

    enum Matching: Sendable {
        /// Every byte, with echo and blank lines.
        case exact
        /// The fields with these numbers (from 0, over all lines) are matched by their kind only: a number, or a text in quotation marks.
        case form([Int])
    }

    var id: Int
    var command: String
    /// Information lines and final result, as the record has them without blank lines.
    var lines: [String]
    var surroundings = Surroundings.nonStandalone
    var matching = Matching.exact
    var limit = Duration.milliseconds(300)
    /// Typed before, in this order.
    var before: [String] = []
    var setup: @Sendable (inout ModuleSetup) -> Void = { _ in }

    var testDescription: String { "\(id) \(command)" }

    init(
        _ id: Int, _ command: String, _ lines: [String], in surroundings: Surroundings = .nonStandalone, _ matching: Matching = .exact,
        limit: Duration = .milliseconds(300), after before: [String] = [], setup: @escaping @Sendable (inout ModuleSetup) -> Void = { _ in }
    ) {
        (self.id, self.command, self.lines, self.surroundings, self.matching) = (id, command, lines, surroundings, matching)
        (self.limit, self.before, self.setup) = (limit, before, setup)
    }

    func bench() -> ModuleBench {
        var bench = ModuleBench.ready { made in
            made.network.setOperator(name: "CHN-UNICOM", shortName: "UNICOM", plmn: "46001")
            made.card?.imsi = "460010123456780"
            switch surroundings {
            case .lte, .noCard: made.network.mode = .lte
            case .nonStandalone: made.network.mode = .nonStandalone
            case .standalone: made.network.mode = .standalone
            case .nothing: made.network.mode = .none
            }
            if surroundings == .noCard { made.card = nil }
            setup(&made)
        }
        for line in before { _ = bench.ask(line, within: .seconds(30)) }
        bench.forget()
        return bench
    }
}

@Suite("Transcripts of the profile rg500q-std, certain or likely (specs/rg500q-transcripts.jsonl)")
struct ModuleTranscriptTests {
    @Test("answers as the record does", arguments: identity + power + registration + radio + data + configuration + services)
    func record(_ record: TranscriptRecord) {
        var bench = record.bench()
        let answer = bench.ask(record.command, within: record.limit)
        switch record.matching {
        case .exact:
            #expect(answer == record.command + "\r" + Self.rendered(record.lines))
        case .form(let loose):
            let (found, expected) = (fields(ModuleBench.lines(answer).dropFirst()), fields(record.lines))
            #expect(found.count == expected.count, "\(answer)")
            for (position, pair) in zip(found, expected).enumerated() {
                if loose.contains(position) {
                    #expect(kind(pair.0) == kind(pair.1), "field \(position) of \(answer)")
                } else {
                    #expect(pair.0 == pair.1, "field \(position) of \(answer)")
                }
            }
        }
    }

    /// CR LF around the information and around the final result (§5.1).
    static func rendered(_ lines: [String]) -> String {
        let final = "\r\n\(lines.last ?? "")\r\n"
        return lines.count == 1 ? final : "\r\n" + lines.dropLast().joined(separator: "\r\n") + "\r\n" + final
    }

    private func fields(_ lines: some Sequence<String>) -> [String] {
        lines.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
    }

    private func kind(_ field: String) -> String {
        if field.hasPrefix("\"") { return "text" }
        return Double(field) == nil ? "word" : "number"
    }

    static let identity: [TranscriptRecord] = [
        TranscriptRecord(1, "AT", ["OK"]),
        TranscriptRecord(3, "ATI", ["Quectel", "RG500Q-EA", "Revision: RG500QEAAAR11A06M4G", "OK"]),
        TranscriptRecord(5, "AT+CGMI", ["Quectel", "OK"]), TranscriptRecord(7, "AT+CGMR", ["RG500QEAAAR11A06M4G", "OK"]),
        TranscriptRecord(8, "AT+QGMR", ["RG500QEAAAR13A01M4G_01.200.01.200", "OK"]) {
            $0.firmware = "RG500QEAAAR13A01M4G"
            $0.subVersion = "01.200.01.200"
        },
        TranscriptRecord(9, "AT+QGMR", ["RG500QEAAAR11A06M4G_01.001.01.001", "OK"]),
        TranscriptRecord(12, "AT+CGSN", ["860000000000009", "OK"]) { $0.imei = "860000000000009" },
        TranscriptRecord(15, "AT+CIMI", ["001010123456780", "OK"]) { $0.card?.imsi = "001010123456780" },
        TranscriptRecord(16, "AT+CIMI", ["+CME ERROR: 10"], in: .noCard),
        TranscriptRecord(17, "AT+QCCID", ["+QCCID: 89001010000000000018", "OK"]) { $0.card?.iccid = "89001010000000000018" },
        TranscriptRecord(19, "AT+GCAP", ["+GCAP: +CGSM", "OK"]),
        TranscriptRecord(
            20, "AT&V",
            [
                "&C: 1", "&D: 2", "&F: 0", "&W: 0", "E: 1", "Q: 0", "V: 1", "X: 4", "Z: 0", "S0: 0", "S3: 13", "S4: 10", "S5: 8", "S6: 2",
                "S7: 0",
                "S8: 2", "S10: 15", "OK",
            ]),
        TranscriptRecord(22, "AT+CMEE=2", ["OK"]),
        TranscriptRecord(251, "ATI", ["Quectel", "RM502Q-AE", "Revision: RM502QAEAAR13A02M4G", "OK"]) {
            $0.product = "RM502Q-AE"
            $0.firmware = "RM502QAEAAR13A02M4G"
        },
    ]

    static let power: [TranscriptRecord] = [
        TranscriptRecord(26, "AT+COPS?", ["+COPS: 0", "OK"], in: .nothing),
        TranscriptRecord(28, "AT+CFUN=1", ["+CME ERROR: 0"]) { $0.refusesFullFunctionality = true },
        TranscriptRecord(29, "AT+CFUN=1,1", ["OK"], limit: .milliseconds(200)),
        TranscriptRecord(30, "AT+CFUN=4", ["OK"], limit: .seconds(15)),
        TranscriptRecord(31, "AT+QPOWD", ["OK"]), TranscriptRecord(38, "AT+CPIN?", ["+CPIN: READY", "OK"], limit: .seconds(5)),
        TranscriptRecord(39, "AT+CPIN?", ["+CPIN: SIM PIN", "OK"], limit: .seconds(5)) { $0.card?.pin = "1234" },
        TranscriptRecord(42, "AT+CPIN=0000", ["+CME ERROR: 16"]) { $0.card?.pin = "1234" },
        TranscriptRecord(43, "AT+QINISTAT", ["+QINISTAT: 7", "OK"]), TranscriptRecord(44, "AT+QSIMSTAT?", ["+QSIMSTAT: 0,1", "OK"]),
        TranscriptRecord(45, "AT+QUIMSLOT?", ["+QUIMSLOT: 1", "OK"]),
        TranscriptRecord(260, "AT+CFUN=1", ["+CME ERROR: 0"]) { $0.refusesFullFunctionality = true },
    ]

    /// Record 49 shows WCDMA, which this network has not.
    static let registration: [TranscriptRecord] = [
        TranscriptRecord(46, "AT+CREG?", ["+CREG: 0,1", "OK"]),
        TranscriptRecord(50, "AT+CEREG?", ["+CEREG: 2,1,\"DE10\",\"5A29C0B\",7", "OK"], after: ["AT+CEREG=2"]) {
            $0.network.lte.id = "5A29C0B"
        },
        TranscriptRecord(51, "AT+C5GREG=2", ["OK"]), TranscriptRecord(53, "AT+C5GREG?", ["+C5GREG: 0,0", "OK"]),
        TranscriptRecord(55, "AT+COPS?", ["+COPS: 0,0,\"CHINA MOBILE\",13", "OK"]) { $0.network.setOperator(name: "CHINA MOBILE") },
        TranscriptRecord(56, "AT+COPS?", ["+COPS: 0,2,\"310260\",11", "OK"], in: .standalone, after: ["AT+COPS=3,2"]) {
            $0.network.setOperator(plmn: "310260")
        },
        TranscriptRecord(59, "AT+COPS=0", ["OK"], limit: .seconds(180)),
        TranscriptRecord(60, "AT+COPS=1,2,\"46001\",12", ["OK"], in: .standalone, limit: .seconds(180)),
        TranscriptRecord(61, "AT+COPS=1,2,\"99999\"", ["+CME ERROR: 30"], limit: .seconds(180)),
        TranscriptRecord(62, "AT+CGATT?", ["+CGATT: 1", "OK"]),
        TranscriptRecord(63, "AT+QSPN", ["+QSPN: \"CHN-UNICOM\",\"UNICOM\",\"\",0,\"46001\"", "OK"]),
        TranscriptRecord(64, "AT+QNWINFO", ["+QNWINFO: \"FDD LTE\",\"46001\",\"LTE BAND 3\",1650", "OK"], in: .lte),
        TranscriptRecord(65, "AT+QNWINFO", ["+QNWINFO: \"TDD NR5G\",\"46001\",\"NR5G BAND 78\",633984", "OK"], in: .standalone) {
            $0.network.nr.channel = 633_984
        },
        TranscriptRecord(
            66, "AT+QNWINFO",
            ["+QNWINFO: \"FDD LTE\",\"46001\",\"LTE BAND 3\",1650", "+QNWINFO: \"TDD NR5G\",\"46001\",\"NR5G BAND 78\",627264", "OK"]),
        TranscriptRecord(67, "AT+QNWINFO", ["+QNWINFO: No Service", "OK"], in: .nothing),
    ]

    static let radio: [TranscriptRecord] = [
        TranscriptRecord(69, "AT+CSQ", ["+CSQ: 99,99", "OK"], in: .standalone),
        TranscriptRecord(
            77, "AT+QENG=\"servingcell\"",
            [
                "+QENG: \"servingcell\",\"NOCONN\"", "+QENG: \"LTE\",\"FDD\",460,00,5F1EA15,12,1650,3,5,5,DE10,-99,-12,-67,11,9,230,-",
                "+QENG:\"NR5G-NSA\",460,00,65535,-32768,-32768,-32768", "OK",
            ]
        ) {
            $0.network.setOperator(plmn: "46000")
            $0.network.lte.rsrp = -99
            $0.network.nr.rsrp = -122
        },
        TranscriptRecord(79, "AT+QENG=\"servingcell\"", ["+QENG: \"servingcell\",\"SEARCH\"", "OK"], in: .nothing),
        // No SIM: camped, not registered.
        TranscriptRecord(
            80, "AT+QENG=\"servingcell\"",
            ["+QENG: \"servingcell\",\"LIMSRV\",\"LTE\",\"FDD\",460,01,5F1EA15,12,1650,3,5,5,DE10,-100,-12,-68,11,0,-32768,27", "OK"],
            in: .noCard),
        TranscriptRecord(81, "AT+QRSRP", ["+QRSRP: -101,-105,-105,-99,LTE", "OK"], in: .lte) { $0.network.lte.rsrp = -101 },
        TranscriptRecord(82, "AT+QRSRQ", ["+QRSRQ: -16,-19,-19,-15,LTE", "OK"], in: .lte) { $0.network.lte.rsrq = -16 },
        TranscriptRecord(83, "AT+QSINR", ["+QSINR: -3,-7,-1,-2,LTE", "OK"], in: .lte) { $0.network.lte.sinr = -3 },
        TranscriptRecord(84, "AT+QRSRP", ["+QRSRP: -101,-105,-105,-99,LTE", "+QRSRP: -71,-74,-32768,-32768,NR5G", "OK"]) {
            $0.network.lte.rsrp = -101
            $0.network.nr.rsrp = -71
        },
        TranscriptRecord(85, "AT+QCAINFO", ["+QCAINFO: \"PCC\",633984,12,\"NR5G BAND 78\",538", "OK"], in: .standalone) {
            $0.network.nr.channel = 633_984
            $0.network.nr.physicalID = 538
        },
    ]

    static let data: [TranscriptRecord] = [
        TranscriptRecord(97, "AT+CGDCONT=1,\"IPV4V6\",\"internet\"", ["OK"]), TranscriptRecord(98, "AT+CGACT?", ["+CGACT: 1,1", "OK"]),
        TranscriptRecord(99, "AT+CGACT=1,1", ["OK"], limit: .seconds(150)),
        TranscriptRecord(100, "AT+CGPADDR=1", ["+CGPADDR: 1,\"10.76.51.180\"", "OK"], .form([1])),
        TranscriptRecord(102, "AT+QIACT?", ["+QIACT: 1,1,1,\"10.76.51.180\"", "OK"], .form([3])),
        TranscriptRecord(104, "AT+QIACT=1", ["OK"], limit: .seconds(150)),
        TranscriptRecord(105, "AT+QIDEACT=1", ["OK"], limit: .seconds(40)),
        TranscriptRecord(107, "AT+QGDCNT=0", ["OK"]), TranscriptRecord(119, "AT+CGDCONT=99,\"IP\"", ["+CME ERROR: 50"]),
    ]

    static let configuration: [TranscriptRecord] = [
        TranscriptRecord(90, "AT+CCLK?", ["+CCLK: \"08/01/04,00:19:43+00\"", "OK"], after: ["AT+CCLK=\"08/01/04,00:19:13+00\""]),
        TranscriptRecord(91, "AT+QNWPREFCFG=\"mode_pref\"", ["+QNWPREFCFG: \"mode_pref\",AUTO", "OK"]),
        TranscriptRecord(93, "AT+QNWPREFCFG=\"mode_pref\",LTE:NR5G", ["OK"]),
        TranscriptRecord(94, "AT+QNWPREFCFG=\"nr5g_disable_mode\"", ["+QNWPREFCFG: \"nr5g_disable_mode\",0", "OK"]),
        TranscriptRecord(95, "AT+QNWPREFCFG=\"nr5g_band\"", ["+QNWPREFCFG: \"nr5g_band\",1:28:41:77:78:79", "OK"]),
        TranscriptRecord(108, "AT+QCFG=\"usbnet\"", ["+QCFG: \"usbnet\",0", "OK"]), TranscriptRecord(109, "AT+QCFG=\"usbnet\",2", ["OK"]),
        TranscriptRecord(110, "AT+QCFG=\"usbcfg\"", ["+QCFG: \"usbcfg\",0x2C7C,0x0800,1,1,1,1,1,0,0", "OK"]),
        TranscriptRecord(111, "AT+QCFG=\"data_interface\"", ["+QCFG: \"data_interface\",0,0", "OK"]),
        TranscriptRecord(113, "AT+QURCCFG=\"urcport\"", ["+QURCCFG: \"urcport\",\"usbat\"", "OK"]),
        TranscriptRecord(114, "AT+QURCCFG=\"urcport\",\"usbmodem\"", ["OK"]), TranscriptRecord(115, "AT+QINDCFG=\"all\",1", ["OK"]),
        TranscriptRecord(117, "AT+QPRTPARA=1", ["OK"], limit: .seconds(30)), TranscriptRecord(118, "AT+QNOSUCHCOMMAND", ["ERROR"]),
        TranscriptRecord(118, "AT+QNOSUCHCOMMAND", ["ERROR"], after: ["AT+CMEE=2"]),
        TranscriptRecord(253, "AT+QINDCFG=\"all\"", ["+QINDCFG: \"all\",1", "OK"]),
        TranscriptRecord(254, "AT+QINDCFG=\"smsincoming\"", ["+QINDCFG: \"smsincoming\",0", "OK"]),
        TranscriptRecord(255, "AT+QNWPREFCFG=\"mode_pref\"", ["+QNWPREFCFG: \"mode_pref\",AUTO", "OK"]),
        TranscriptRecord(
            256, "AT+QNWPREFCFG=\"nr5g_band\"", ["+QNWPREFCFG: \"nr5g_band\",1:2:3:5:7:8:12:20:25:28:38:40:41:48:66:71:77:78:79", "OK"],
            after: ["AT+QNWPREFCFG=\"nr5g_band\",1:2:3:5:7:8:12:20:25:28:38:40:41:48:66:71:77:78:79"]),
        TranscriptRecord(259, "AT+CPBR=?", ["+CPBR: (1-100),40,30", "OK"]),
        TranscriptRecord(261, "AT+QCFG=\"ims\"", ["+QCFG: \"ims\",1,0", "OK"]),
    ]

    /// The place and the time of records 123 and 124: 2019-01-14T14:27:48Z, 22°59.0881' S, 43°21.5515' W, 83 m below the sea.
    private static let rio: @Sendable (inout ModuleSetup) -> Void = { setup in
        setup.position = GeographicPosition(latitude: -(22 + 59.0881 / 60), longitude: -(43 + 21.5515 / 60))
        setup.position.altitude = -83
        // Asked 90 s of start and 30 s of satellites after the beginning.
        setup.epoch = 1_547_476_068 - 120
    }

    static let services: [TranscriptRecord] = [
        TranscriptRecord(120, "AT+QGPS=1", ["OK"]), TranscriptRecord(122, "AT+QGPS?", ["+QGPS: 1", "OK"], after: ["AT+QGPS=1"]),
        TranscriptRecord(
            123, "AT+QGPSLOC=0", ["+QGPSLOC: 142748.0,2259.0881S,04321.5515W,2.0,-83.0,2,0.00,0.0,0.0,140119,10", "OK"], .form([3, 5, 10]),
            after: ["AT+QGPS=1"], setup: rio),
        TranscriptRecord(
            124, "AT+QGPSLOC=2", ["+QGPSLOC: 142748.0,-22.98480,-43.35919,2.0,-83.0,2,0.00,0.0,0.0,140119,10", "OK"], .form([3, 5, 10]),
            after: ["AT+QGPS=1"], setup: rio),
        TranscriptRecord(125, "AT+QGPSLOC=2", ["+CME ERROR: 516"], after: ["AT+QGPS=1"]) { $0.fixTime = .seconds(60) },
        TranscriptRecord(126, "AT+QGPSEND", ["OK"], after: ["AT+QGPS=1"]), TranscriptRecord(127, "AT+QGPSEND", ["+CME ERROR: 505"]),
        TranscriptRecord(128, "AT+CMGF=1", ["OK"]),
        TranscriptRecord(129, "AT+CPMS?", ["+CPMS: \"ME\",0,255,\"ME\",0,255,\"ME\",0,255", "OK"]),
        TranscriptRecord(130, "AT+CPMS=\"ME\",\"ME\",\"ME\"", ["+CPMS: 0,255,0,255,0,255", "OK"]),
        TranscriptRecord(131, "AT+CNMI?", ["+CNMI: 2,1,0,0,0", "OK"]), TranscriptRecord(138, "AT+CMGD=0,4", ["OK"]),
        TranscriptRecord(139, "AT+QFLDS=\"UFS\"", ["+QFLDS: 41943040,67108864", "OK"], .form([0])),
        TranscriptRecord(140, "AT+QFUPL=\"UFS:a.zip\",5,60", ["CONNECT"]), TranscriptRecord(143, "AT+QFLST=\"*\"", ["OK"]),
    ]

    // MARK: Records that are more than one answer

    @Test("4: information of each command stands for itself")
    func chained() {
        var bench = ModuleBench.ready()
        let expected = "ATI;+CSUB\r\r\nQuectel\r\nRG500Q-EA\r\nRevision: RG500QEAAAR11A06M4G\r\n\r\nSubEdition: V01\r\n\r\nOK\r\n"
        #expect(bench.ask("ATI;+CSUB") == expected)
    }

    @Test("116: carrier profiles, the first line as in the record")
    func carrierProfiles() {
        var bench = ModuleBench.ready()
        let lines = bench.lines("AT+QMBNCFG=\"List\"")
        #expect(lines.first == "+QMBNCFG: \"List\",0,0,0,\"Telstra_Australia_Commercial\",0x0A010F00,202201111")
        #expect(lines.last == "OK")
    }

    @Test("31: OK, POWERED DOWN within 60 s, then the ports are gone and stay away")
    func powerDown() {
        var bench = ModuleBench.ready()
        #expect(bench.lines("AT+QPOWD") == ["OK"])
        #expect(bench.openPorts.count == 4)
        bench.run(for: .seconds(60))
        #expect(bench.text(on: .at).hasSuffix("\r\nPOWERED DOWN\r\n"))
        #expect(bench.openPorts.isEmpty)
        bench.run(for: .seconds(600))
        bench.give(.poweredOn)
        bench.run(for: .seconds(60))
        #expect(bench.openPorts.isEmpty)
        _ = bench.act("power_on")
        bench.run(for: .seconds(60))
        #expect(bench.openPorts.count == 4)
    }

    @Test("32: AT+QPOWD=0 is immediate")
    func immediatePowerDown() {
        var bench = ModuleBench.ready()
        #expect(bench.lines("AT+QPOWD=0", within: .milliseconds(40)) == ["OK"])
        bench.run(for: .seconds(1))
        #expect(bench.openPorts.isEmpty)
    }

    @Test("33: the power key")
    func powerKey() {
        var bench = ModuleBench.ready()
        _ = bench.act("power_key")
        bench.run(for: .seconds(60))
        #expect(bench.text(on: .at) == "\r\nNORMAL POWER DOWN\r\n\r\nPOWERED DOWN\r\n")
    }

    @Test("36: the SIM is taken out")
    func cardRemoved() {
        var bench = ModuleBench.ready()
        _ = bench.act("sim.remove")
        #expect(bench.text(on: .at) == "\r\n+CPIN: NOT READY\r\n")
        #expect(bench.lines("AT+CPIN?") == ["+CME ERROR: 10"])
    }

    @Test("37: no SIM at boot")
    func noCardAtBoot() {
        var bench = ModuleBench()
        bench.module = CellularModule(Self.withoutCard, generator: SeededGenerator(seed: 1))
        bench.give(.poweredOn)
        bench.run(for: .seconds(120))
        #expect(bench.text(on: .at) == "\r\n+CPIN: NOT INSERTED\r\n")
    }

    private static let withoutCard: ModuleSetup = {
        var setup = ModuleSetup()
        setup.card = nil
        return setup
    }()

    @Test("48 and 54: registration without <n>, searching as a bare number")
    func registrationReports() {
        var bench = ModuleBench.ready {
            $0.network.lte.trackingArea = "D509"
            $0.network.lte.id = "80D413D"
        }
        _ = bench.ask("AT+CREG=2")
        bench.forget()
        bench.fault("attach.lost")
        bench.fault("attach.lost", isActive: false)
        bench.run(for: .seconds(10))
        #expect(bench.text(on: .at) == "\r\n+CREG: 2\r\n\r\n+CREG: 1,\"D509\",\"80D413D\",7\r\n")

        var standalone = ModuleBench.ready { $0.network.mode = .standalone }
        _ = standalone.ask("AT+C5GREG=1")
        standalone.forget()
        standalone.fault("attach.lost")
        #expect(standalone.text(on: .at) == "\r\n+C5GREG: 2\r\n")
    }

    @Test("132 and 133: the prompt has no line end; the text ends with 0x1A")
    func sendMessage() {
        var bench = ModuleBench.ready()
        _ = bench.ask("AT+CMGF=1")
        #expect(bench.ask("AT+CMGS=\"+15551234567\"") == "AT+CMGS=\"+15551234567\"\r\r\n> ")
        let start = bench.said.count
        bench.type("hello\u{1a}")
        bench.run(for: .seconds(120))
        // The reference is the emulator's own; the record has 7.
        #expect(bench.text(on: .at, from: start) == "hello\r\n+CMGS: 1\r\n\r\nOK\r\n")
        #expect(bench.noted("sms.sent") == [["to": "+15551234567", "text": "hello", "reference": 1]])
    }

    @Test("132: 0x1B gives the text up and ends with OK")
    func cancelMessage() {
        var bench = ModuleBench.ready()
        _ = bench.ask("AT+CMGF=1")
        _ = bench.ask("AT+CMGS=\"+15551234567\"")
        let start = bench.said.count
        bench.type("hel\u{1b}")
        bench.run(for: .seconds(5))
        #expect(bench.text(on: .at, from: start) == "hel\r\nOK\r\n")
        #expect(bench.noted("sms.sent").isEmpty)
    }

    @Test("134: a message that the network does not take")
    func messageWithoutNetwork() {
        var bench = ModuleBench.ready()
        _ = bench.ask("AT+CMGF=1")
        bench.fault("attach.lost")
        _ = bench.ask("AT+CMGS=\"+15551234567\"")
        bench.forget()
        bench.type("hello\u{1a}")
        bench.run(for: .seconds(120))
        // The record has 500, unknown; here the reason is known.
        #expect(bench.text(on: .at) == "hello\r\n+CMS ERROR: 331\r\n")
    }

    @Test("135 and 137: a message comes in and is listed")
    func receiveMessage() {
        var bench = ModuleBench.ready { $0.epoch = 1_705_314_030 - 90 }
        _ = bench.act("sms.receive", ["from": "+15551234567", "text": "hello"])
        #expect(bench.text(on: .at) == "\r\n+CMTI: \"ME\",1\r\n")
        _ = bench.ask("AT+CMGF=1", within: .milliseconds(100))
        _ = bench.ask("AT+CMGR=1", within: .milliseconds(100))
        // The record's zone is +04; this network is in zone 0.
        #expect(
            bench.ask("AT+CMGL=\"ALL\"")
                == "AT+CMGL=\"ALL\"\r\r\n+CMGL: 1,\"REC READ\",\"+15551234567\",,\"24/01/15,10:20:30+00\"\r\nhello\r\n\r\nOK\r\n")
    }

    @Test("140, 141, 144: upload, checksum, delete")
    func upload() {
        var bench = ModuleBench.ready()
        #expect(bench.ask("AT+QFUPL=\"UFS:a.zip\",5,60") == "AT+QFUPL=\"UFS:a.zip\",5,60\r\r\nCONNECT\r\n")
        bench.forget()
        bench.type("hello")
        bench.run(for: .milliseconds(300))
        #expect(bench.text(on: .at) == "\r\n+QFUPL: 5,6b09\r\n\r\nOK\r\n")
        #expect(bench.lines("AT+QFLST=\"*\"") == ["+QFLST: \"UFS:a.zip\",5", "OK"])
        #expect(bench.lines("AT+QFDEL=\"UFS:a.zip\"") == ["OK"])
        #expect(bench.lines("AT+QFLST=\"*\"") == ["OK"])
    }

    @Test("228: a URC between echo and answer")
    func unsolicitedAfterEcho() {
        var bench = ModuleBench.ready { setup in
            setup.network.lte.trackingArea = "D509"
            setup.network.lte.id = "80D413D"
            setup.network.lte.rsrp = -96
            setup.attachTime = .milliseconds(1)
            setup.answerTime = .milliseconds(50)
        }
        _ = bench.ask("AT+CREG=2")
        bench.fault("attach.lost")
        bench.forget()
        bench.type("AT+CSQ\r")
        bench.fault("attach.lost", isActive: false)
        bench.run(for: .milliseconds(300))
        #expect(bench.text(on: .at) == "AT+CSQ\r\r\n+CREG: 1,\"D509\",\"80D413D\",7\r\n\r\n+CSQ: 24,99\r\n\r\nOK\r\n")
    }

    @Test("229: without echo")
    func withoutEcho() {
        var bench = ModuleBench.ready { $0.network.lte.rsrp = -96 }
        #expect(bench.ask("ATE0") == "ATE0\r\r\nOK\r\n")
        #expect(bench.ask("AT+CSQ") == "\r\n+CSQ: 24,99\r\n\r\nOK\r\n")
        #expect(bench.ask("ATE1") == "\r\nOK\r\n")
    }
}
