import Emulators
import LabCore
import Testing

@Suite("Signal and cells agree with one another (specs/rg500q.md §2.5, §2.6)")
struct ModuleSignalTests {
    @Test("SA: the forms of the note, and CSQ 99,99")
    func standalone() {
        var bench = ModuleBench.ready { setup in
            setup.network.mode = .standalone
            setup.network.setOperator(plmn: "46001")
            setup.network.nr.physicalID = 299
            setup.network.nr.channel = 633_984
            (setup.network.nr.rsrp, setup.network.nr.rsrq, setup.network.nr.sinr) = (-107, -13, 2)
        }
        let cell = "+QENG: \"servingcell\",\"NOCONN\",\"NR5G-SA\",\"TDD\",460,01,19013B004,299,690E0F,633984,78,12,-107,-13,2,1,-"
        #expect(bench.lines("AT+QENG=\"servingcell\"") == [cell, "OK"])
        #expect(bench.lines("AT+QCSQ") == ["+QCSQ: \"NR5G\",-107,2,-13", "OK"])
        #expect(bench.lines("AT+CSQ") == ["+CSQ: 99,99", "OK"])
        #expect(bench.lines("AT+CESQ") == ["+CESQ: 99,99,255,255,255,255", "OK"])
        #expect(bench.lines("AT+QNWINFO") == ["+QNWINFO: \"TDD NR5G\",\"46001\",\"NR5G BAND 78\",633984", "OK"])
        #expect(bench.lines("AT+C5GREG=2;+C5GREG?") == ["+C5GREG: 2,5,\"690E0F\",\"9013B004\",11,4,\"01.000000\"", "OK"])
        #expect(bench.lines("AT+CEREG?;+CREG?") == ["+CEREG: 0,0", "+CREG: 0,0", "OK"])
        #expect(bench.truth["rsrp"] == -107)
    }

    @Test("NSA: three lines, the last one without a blank and with SINR before RSRQ")
    func nonStandalone() {
        var bench = ModuleBench.ready { setup in
            setup.network.setOperator(plmn: "46001")
            (setup.network.nr.rsrp, setup.network.nr.rsrq, setup.network.nr.sinr) = (-71, -11, 33)
        }
        let lines = bench.lines("AT+QENG=\"servingcell\"")
        #expect(lines.first == "+QENG: \"servingcell\",\"NOCONN\"")
        #expect(lines.dropFirst(2) == ["+QENG:\"NR5G-NSA\",460,01,747,-71,33,-11,627264,78,12,1", "OK"])
        #expect(bench.lines("AT+QENDC") == ["+QENDC: 1,1,0,1,0", "OK"])
        #expect(bench.lines("AT+COPS?").first?.hasSuffix(",13") == true)
    }

    @Test("LTE: RSSI, RSRP, RSRQ fit one another, and each command prints the same")
    func lte() {
        var bench = ModuleBench.ready { setup in
            setup.network.mode = .lte
            setup.network.setOperator(plmn: "46001")
        }
        let cell = "+QENG: \"servingcell\",\"NOCONN\",\"LTE\",\"FDD\",460,01,5F1EA15,12,1650,3,5,5,DE10,-100,-12,-68,11,0,-32768,27"
        #expect(bench.lines("AT+QENG=\"servingcell\"") == [cell, "OK"])
        // 11 dB are 155 in steps of 0.2 dB from -20 dB.
        #expect(bench.lines("AT+QCSQ") == ["+QCSQ: \"LTE\",-68,-100,155,-12", "OK"])
        // -68 dBm = -113 + 2 * 22.5; -100 dBm = -141 + 41; -12 dB = -20 + 16/2.
        #expect(bench.lines("AT+CSQ") == ["+CSQ: 22,99", "OK"])
        #expect(bench.lines("AT+CESQ") == ["+CESQ: 99,99,255,255,16,41", "OK"])
        #expect(bench.lines("AT+QRSRP").first?.hasPrefix("+QRSRP: -100,") == true)
        #expect(bench.lines("AT+QCAINFO") == ["+QCAINFO: \"PCC\",1650,100,\"LTE BAND 3\",1,12,-100,-12,-68,11", "OK"])
        #expect(bench.truth["rsrp"] == -100)
    }

    @Test("without a network: no service in every command's own words")
    func nothing() {
        var bench = ModuleBench.ready { $0.network.mode = .none }
        #expect(bench.lines("AT+QCSQ") == ["+QCSQ: \"NOSERVICE\"", "OK"])
        #expect(bench.lines("AT+CSQ") == ["+CSQ: 99,99", "OK"])
        #expect(bench.lines("AT+QNWINFO") == ["+QNWINFO: No Service", "OK"])
        #expect(bench.lines("AT+QENG=\"servingcell\"") == ["+QENG: \"servingcell\",\"SEARCH\"", "OK"])
        #expect(bench.lines("AT+CEREG?") == ["+CEREG: 0,2", "OK"])
        #expect(bench.lines("AT+COPS?") == ["+COPS: 0", "OK"])
        #expect(bench.lines("AT+CGPADDR=1") == ["+CGPADDR: 1", "OK"])
        #expect(bench.lines("AT+QIACT?") == ["OK"])
        #expect(bench.lines("AT+QRSRP") == ["OK"])
        #expect(bench.truth["attached"] == false)
        #expect(bench.truth["rsrp"] == .null)
    }

    @Test("QTEMP: 14 sensors, no blank after the colon, numbers in quotation marks")
    func temperatures() {
        var bench = ModuleBench.ready()
        let lines = bench.lines("AT+QTEMP")
        let names = [
            "qfe_wtr_pa0", "qfe_wtr_pa1", "qfe_wtr_pa2", "qfe_wtr_pa3", "aoss0-usr", "mdm-q6-usr", "ipa-usr", "cpu0-a7-usr", "mdm-5g-usr",
            "mdm-vpe-usr", "mdm-core-usr", "xo-therm-usr", "sdx-case-therm-usr", "ambient-therm-usr",
        ]
        #expect(lines.count == 15)
        for (line, name) in zip(lines, names) { #expect(line.hasPrefix("+QTEMP:\"\(name)\",\"") && line.hasSuffix("\"")) }
        #expect(lines.contains("+QTEMP:\"mdm-core-usr\",\"\(bench.truth["temperature"]?.integer ?? 0)\""))
    }
}

@Suite("Registration and networks (specs/rg500q.md §2.4)")
struct ModuleRegistrationTests {
    @Test("a port that did not ask gets no report; each port keeps its own setting")
    func perPort() {
        var bench = ModuleBench.ready()
        _ = bench.ask("AT+QURCCFG=\"urcport\",\"all\"")
        _ = bench.ask("AT+CEREG=1", on: .modem)
        bench.forget()
        bench.fault("attach.lost")
        #expect(bench.text(on: .at).isEmpty)
        #expect(bench.text(on: .modem) == "\r\n+CEREG: 2\r\n")
    }

    @Test(
        "URCs go where QURCCFG says; the UART is no port of USB",
        arguments: [("usbat", true, false), ("usbmodem", false, true), ("all", true, true), ("uart1", false, false)])
    func routing(_ port: String, _ at: Bool, _ modem: Bool) {
        var bench = ModuleBench.ready()
        _ = bench.ask("AT+QURCCFG=\"urcport\",\"\(port)\"")
        bench.forget()
        _ = bench.act("sms.receive", ["text": "x"])
        #expect(bench.text(on: .at).isEmpty != at)
        #expect(bench.text(on: .modem).isEmpty != modem)
    }

    @Test("a foreign network is roaming")
    func roaming() {
        var bench = ModuleBench.ready { $0.network.setOperator(plmn: "46001") }
        #expect(bench.lines("AT+CEREG?") == ["+CEREG: 0,5", "OK"])
        #expect(bench.noted("module.attached").isEmpty)
        #expect(bench.truth["roaming"] == true)
    }

    @Test("denied: stat 3, an event, and LIMSRV; afterwards it registers")
    func denied() {
        var bench = ModuleBench.ready()
        bench.fault("registration.denied")
        bench.run(for: .seconds(10))
        #expect(bench.lines("AT+CEREG?") == ["+CEREG: 0,3", "OK"])
        #expect(bench.noted("registration.denied").count == 1)
        #expect(bench.noted("module.detached") == [["reason": "denied"]])
        #expect(bench.lines("AT+QENG=\"servingcell\"").first == "+QENG: \"servingcell\",\"LIMSRV\"")
        bench.fault("registration.denied", isActive: false)
        bench.run(for: .seconds(10))
        #expect(bench.lines("AT+CEREG?") == ["+CEREG: 0,1", "OK"])
    }

    @Test("CFUN=0 and 4 end service; the SIM is off with 0 only")
    func functionality() {
        var bench = ModuleBench.ready()
        #expect(bench.lines("AT+CFUN=0", within: .seconds(15)) == ["OK"])
        #expect(bench.lines("AT+CPIN?") == ["+CME ERROR: 13"])
        #expect(bench.lines("AT+COPS?") == ["+COPS: 0", "OK"])
        #expect(bench.lines("AT+COPS=0") == ["+CME ERROR: 13"])
        bench.forget()
        _ = bench.ask("AT+CFUN=1", within: .seconds(30))
        let lines = ModuleBench.lines(bench.text(on: .at))
        for line in ["+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE", "+QIND: PB DONE"] { #expect(lines.contains(line)) }
        #expect(bench.noted("module.attached").count == 1)
        _ = bench.ask("AT+CFUN=4", within: .seconds(15))
        #expect(bench.lines("AT+CPIN?") == ["+CPIN: READY", "OK"])
        #expect(bench.lines("AT+COPS?") == ["+COPS: 0", "OK"])
        #expect(bench.lines("AT+CFUN=2") == ["+CME ERROR: 50"])
    }

    @Test("a network of another kind is another registration event without a gap")
    func modeChanges() {
        var bench = ModuleBench.ready()
        _ = bench.act("network", ["mode": "LTE"])
        bench.run(for: .seconds(1))
        #expect(bench.noted("module.attached").map { $0["rat"] } == ["LTE"])
        #expect(bench.noted("module.detached").isEmpty)
        _ = bench.act("network", ["mode": "none"])
        #expect(bench.noted("module.detached") == [["reason": "no_coverage"]])
        #expect(bench.act("network", ["mode": "6G"]) == .failure(ActionFailure("bad_argument", "mode is one of SA, NSA, LTE, none.")))
        #expect(bench.act("network", ["rsrp": -20]) == .failure(ActionFailure("bad_argument", "rsrp is a number of -140 to -44.")))
        #expect(bench.act("network", ["plmn": "1"]) == .failure(ActionFailure("bad_argument", "plmn needs 5 or 6 digits.")))
    }

    @Test("mode_pref and nr5g_disable_mode leave out parts of the network")
    func preferences() {
        var bench = ModuleBench.ready()
        _ = bench.ask("AT+QNWPREFCFG=\"mode_pref\",LTE")
        #expect(bench.truth["rat"] == "LTE")
        _ = bench.ask("AT+QNWPREFCFG=\"mode_pref\",AUTO")
        #expect(bench.truth["rat"] == "NSA")
        _ = bench.ask("AT+QNWPREFCFG=\"nr5g_disable_mode\",2")
        #expect(bench.truth["rat"] == "LTE")
        _ = bench.act("network", ["mode": "SA"])
        bench.run(for: .seconds(10))
        #expect(bench.truth["rat"] == "SA")
        _ = bench.ask("AT+QNWPREFCFG=\"nr5g_disable_mode\",1")
        #expect(bench.truth["rat"] == "none")
    }

    @Test("AT+COPS=? lists the network after a search in which there is no service")
    func scan() {
        var bench = ModuleBench.ready()
        bench.type("AT+COPS=?\r")
        bench.run(for: .seconds(5))
        #expect(bench.truth["attached"] == false)
        bench.run(for: .seconds(180))
        #expect(bench.text(on: .at).hasSuffix("\r\n+COPS: (2,\"Lab Mobile\",\"LAB\",\"00101\",7),,(0-4),(0-2)\r\n\r\nOK\r\n"))
        #expect(bench.truth["attached"] == true)
    }

    @Test("names of operators are written in the character set of AT+CSCS, numbers are not (3GPP TS 27.007 §5.5, §7.3)")
    func operatorCharacters() {
        var bench = ModuleBench.ready { $0.network.mode = .lte }
        _ = bench.ask("AT+CSCS=\"UCS2\"")
        #expect(bench.lines("AT+COPS?") == ["+COPS: 0,0,\"004C006100620020004D006F00620069006C0065\",7", "OK"])
        _ = bench.ask("AT+COPS=3,2")
        #expect(bench.lines("AT+COPS?") == ["+COPS: 0,2,\"00101\",7", "OK"])
    }

    @Test("the card says how many digits of the IMSI name the network (3GPP TS 31.102 §4.2.18)", arguments: [("001010123456780", "02"), ("310260123456780", "03")])
    func networkDigits(_ imsi: String, _ digits: String) {
        var bench = ModuleBench.ready { $0.card?.imsi = imsi }
        #expect(bench.lines("AT+CRSM=176,28589,0,0,4") == ["+CRSM: 144,0,\"000000\(digits)\"", "OK"])
        // The group identifier is not on it.
        #expect(bench.lines("AT+CRSM=176,28478,0,0,0") == ["+CRSM: 106,130,\"\"", "OK"])
    }

    @Test("AT+COPS=2 leaves, AT+COPS=0 comes back")
    func deregister() {
        var bench = ModuleBench.ready()
        _ = bench.ask("AT+COPS=2", within: .seconds(5))
        #expect(bench.lines("AT+COPS?") == ["+COPS: 2", "OK"])
        #expect(bench.lines("AT+COPS=0", within: .seconds(60)) == ["OK"])
        #expect(bench.truth["attached"] == true)
    }

    @Test("an APN is in use after the next registration; contexts lose their addresses with the network")
    func accessPoints() {
        var bench = ModuleBench.ready()
        _ = bench.ask("AT+CGDCONT=1,\"IP\",\"internet\"")
        #expect(bench.truth["apn"] == "internet")
        #expect(bench.truth["active_apn"] == "")
        #expect(bench.lines("AT+CGACT=0,1", within: .seconds(2)) == ["OK"])
        #expect(bench.lines("AT+CGPADDR=1") == ["+CGPADDR: 1", "OK"])
        #expect(bench.lines("AT+CGACT=1,1", within: .seconds(2)) == ["OK"])
        #expect(bench.truth["active_apn"] == "internet")
        bench.fault("attach.lost")
        #expect(bench.lines("AT+CGACT?") == ["+CGACT: 1,0", "OK"])
        #expect(bench.lines("AT+CGACT=1,1", within: .seconds(150)) == ["+CME ERROR: 30"])
    }

    @Test("PIN: asked for, refused, blocked after three, and accepted")
    func pin() {
        var bench = ModuleBench.ready { $0.card?.pin = "1234" }
        #expect(bench.truth["attached"] == false)
        #expect(bench.lines("AT+CIMI") == ["+CME ERROR: 11"])
        #expect(bench.lines("AT+CPIN=0000") == ["+CME ERROR: 16"])
        #expect(bench.lines("AT+CPIN=1234") == ["OK"])
        bench.run(for: .seconds(30))
        #expect(bench.truth["attached"] == true)
        var blocked = ModuleBench.ready { $0.card?.pin = "1234" }
        #expect(blocked.lines("AT+CPIN=\"1\"") == ["+CME ERROR: 16"])
        #expect(blocked.lines("AT+CPIN=\"2\"") == ["+CME ERROR: 16"])
        #expect(blocked.lines("AT+CPIN=\"3\"") == ["+CME ERROR: 12"])
        #expect(blocked.lines("AT+CPIN?") == ["+CPIN: SIM PUK", "OK"])
        #expect(blocked.lines("AT+CPIN=1234") == ["+CME ERROR: 12"])
    }
}
