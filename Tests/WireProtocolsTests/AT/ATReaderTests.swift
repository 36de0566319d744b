import Testing

@testable import WireProtocols

@Suite("AT: registration and operator (rg500q.md §2.4)")
struct ATRegistrationTests {
    @Test(
        "read answers",
        arguments: [
            ("+CREG: 0,1", ATRegistration.Domain.circuit, 0, ATRegistration.Status.home, nil, nil, nil),
            (#"+CGREG: 2,1,"D5D5","8054BBF",2,"0""#, .packet, 2, .home, "D5D5", "8054BBF", .wcdma),
            (#"+CEREG: 2,1,"DE10","5A29C0B",7"#, .eps, 2, .home, "DE10", "5A29C0B", .lte),
            (#"+C5GREG: 2,1,"690E0F","9013B004",11,4,"01.000000""#, .fiveG, 2, .home, "690E0F", "9013B004", .nr),
            ("+C5GREG: 0,0", .fiveG, 0, .off, nil, nil, nil), ("+CEREG: 1,3", .eps, 1, .denied, nil, nil, nil),
            ("+CEREG: 2,5,,,7", .eps, 2, .roaming, nil, nil, .lte),
        ] as [(String, ATRegistration.Domain, Int, ATRegistration.Status, String?, String?, ATAccess?)])
    func answers(
        line: String, domain: ATRegistration.Domain, mode: Int, status: ATRegistration.Status, area: String?, cell: String?,
        access: ATAccess?
    ) throws {
        let found = try ATRegistration(answer: [line], domain)
        #expect(found.mode == mode)
        #expect(found.status == status)
        #expect(found.area == area)
        #expect(found.cell == cell)
        #expect(found.access == access)
    }

    @Test("unsolicited lines have no <n>")
    func unsolicited() throws {
        let line = try ATRegistration(unsolicited: #"+CREG: 1,"D509","80D413D",7"#)
        #expect(
            line.domain == .circuit && line.mode == nil && line.status == .home && line.area == "D509" && line.cell == "80D413D"
                && line.access == .lte)
        #expect(try ATRegistration(unsolicited: "+C5GREG: 2").status == .searching)
        #expect(ATURC("+CEREG: 3").kind == .registration(try ATRegistration(unsolicited: "+CEREG: 3")))
        #expect(ATURC("+CEREG: 77").kind == .other)
    }

    @Test("1 and 5 are registered, 8 and the others are not")
    func registered() {
        #expect(ATRegistration.Status.allCases.filter(\.isRegistered) == [.home, .roaming])
    }

    @Test("what is wrong is told with its place")
    func wrong() {
        #expect(throws: ATReadingError(line: 1, offset: 9, "no answer to a read command: <n>,<stat> is wanted")) {
            try ATRegistration(answer: ["+CEREG:  "], .eps)
        }
        #expect(throws: ATReadingError(line: 0, offset: 0, "the answer has no line +CEREG")) {
            try ATRegistration(answer: ["x", "+CREG: 0,1"], .eps)
        }
        #expect(throws: ATReadingError(line: 1, offset: 7, "<stat> must be a whole number")) { try ATRegistration(unsolicited: "+CREG: x") }
        #expect(throws: ATReadingError(line: 1, offset: 7, "<stat> 11 has no meaning")) { try ATRegistration(unsolicited: "+CREG: 11") }
    }

    @Test(
        "the operator, with its technology",
        arguments: [
            (#"+COPS: 0,0,"CHINA MOBILE",13"#, "CHINA MOBILE", false, ATAccess.dualConnectivity),
            (#"+COPS: 0,2,"310260",11"#, "310260", true, .nr),
            ("+COPS: 0", nil, false, nil),
        ] as [(String, String?, Bool, ATAccess?)])
    func operators(line: String, name: String?, isNumeric: Bool, access: ATAccess?) throws {
        let found = try ATOperator(answer: [line])
        #expect(found.name == name)
        #expect(found.isNumeric == isNumeric)
        #expect(found.access == access)
    }

    @Test("the network of each cell; none without service")
    func networks() throws {
        let lines = [#"+QNWINFO: "FDD LTE","46001","LTE BAND 3",1650"#, #"+QNWINFO: "TDD NR5G","46001","NR5G BAND 78",627264"#]
        let found = try ATNetworkInformation.read(lines)
        #expect(found.map(\.band) == ["LTE BAND 3", "NR5G BAND 78"])
        #expect(found.last == ATNetworkInformation(access: "TDD NR5G", network: "46001", band: "NR5G BAND 78", channel: 627_264))
        #expect(try ATNetworkInformation.read(["+QNWINFO: No Service"]) == [])
        #expect(throws: ATReadingError(line: 1, offset: 27, "<band> is missing, the line has 2 fields")) {
            try ATNetworkInformation.read([#"+QNWINFO: "FDD LTE","46001""#])
        }
    }

    @Test("the SIM", arguments: [("READY", ATPINState.ready), ("SIM PIN", .pin), ("SIM PUK", .puk)])
    func pin(word: String, state: ATPINState) throws {
        #expect(try ATPINState(answer: ["+CPIN: \(word)"]) == state)
        #expect(ATURC("+CPIN: \(word)").kind == .pin(state))
        #expect(throws: ATReadingError.self) { try ATPINState(answer: ["+CPIN: \(word)X"]) }
    }
}

@Suite("AT: signal and cell (rg500q.md §2.5, §2.6)")
struct ATSignalTests {
    @Test("CSQ is -113 + 2n dBm, 99 is unknown", arguments: [(0, -113), (24, -65), (31, -51), (99, nil)] as [(Int, Int?)])
    func strength(level: Int, dBm: Int?) throws { #expect(try ATSignalQuality(answer: ["+CSQ: \(level),99"]).dBm == dBm) }

    @Test("levels that do not exist are refused", arguments: ["32,99", "98,99", "-1,99", "x,99", ""])
    func noStrength(rest: String) { #expect(throws: ATReadingError.self) { try ATSignalQuality(answer: ["+CSQ: \(rest)"]) } }

    @Test("QCSQ has other fields for each technology")
    func quick() throws {
        // 195 / 5 - 20 = 19 dB
        let lte = try #require(try ATCellSignal.read([#"+QCSQ: "LTE",-52,-81,195,-10"#]).first)
        #expect(lte.access == "LTE" && lte.rssi == -52 && lte.rsrp == -81 && lte.sinr == 19 && lte.rsrq == -10)
        let nr = try #require(try ATCellSignal.read([#"+QCSQ: "NR5G",-75,4,-11"#]).first)
        #expect(nr.access == "NR5G" && nr.rssi == nil && nr.rsrp == -75 && nr.sinr == 4 && nr.rsrq == -11)
        let none = try #require(try ATCellSignal.read([#"+QCSQ: "NOSERVICE""#]).first)
        #expect(none.access == nil && none.rsrp == nil)
    }

    @Test("the readings of the antennas, -32768 is none")
    func antennas() throws {
        let found = try ATAntennaReadings.read("+QRSRP", ["+QRSRP: -101,-105,-105,-99,LTE", "+QRSRP: -71,-74,-32768,-32768,NR5G"])
        #expect(
            found == [
                ATAntennaReadings(antennas: [-101, -105, -105, -99], access: "LTE"),
                ATAntennaReadings(antennas: [-71, -74, nil, nil], access: "NR5G"),
            ])
    }

    @Test("5G SA: RSRQ before SINR")
    func standalone() throws {
        let serving = try ATServingCell(answer: [
            #"+QENG: "servingcell","NOCONN","NR5G-SA","TDD",460,01,19013B004,299,690E0F,633984,78,12,-107,-13,2,1,-"#
        ])
        let cell = try #require(serving.main)
        #expect(serving.state == .idle && serving.cells.count == 1)
        #expect(
            cell.access == .standalone && cell.duplex == "TDD" && cell.network == "46001" && cell.cellID == "19013B004"
                && cell.physicalCell == 299)
        #expect(cell.area == "690E0F" && cell.channel == 633_984 && cell.band == 78 && cell.bandwidth == 100)
        #expect(cell.rsrp == -107 && cell.rsrq == -13 && cell.sinr == 2 && cell.subcarrierSpacing == 30)
    }

    @Test("LTE, with an index for each bandwidth")
    func lte() throws {
        let serving = try ATServingCell(
            answer: [#"+QENG: "servingcell","NOCONN","LTE","FDD",460,01,5F1EA15,12,1650,3,5,5,DE10,-100,-12,-68,11,0,-32768,27"#])
        let cell = try #require(serving.main)
        #expect(
            cell.access == .lte && cell.mnc == "01" && cell.cellID == "5F1EA15" && cell.area == "DE10" && cell.band == 3
                && cell.bandwidth == 20)
        #expect(cell.rsrp == -100 && cell.rsrq == -12 && cell.rssi == -68 && cell.sinr == 11 && cell.cqi == 0 && cell.transmitPower == nil)
    }

    @Test("NSA: three lines, SINR before RSRQ, no blank after the colon")
    func nonStandalone() throws {
        let serving = try ATServingCell(answer: [
            #"+QENG: "servingcell","NOCONN""#,
            #"+QENG: "LTE","FDD",460,01,5F1EA15,12,1650,3,5,5,DE10,-99,-12,-67,11,9,230,-"#,
            #"+QENG:"NR5G-NSA",460,01,747,-71,33,-11,627264,78,12,1"#,
        ])
        #expect(serving.cells.map(\.access) == [.lte, .nonStandalone])
        #expect(serving.cells.first?.transmitPower == 23)
        let cell = try #require(serving.main)
        #expect(
            cell.physicalCell == 747 && cell.rsrp == -71 && cell.sinr == 33 && cell.rsrq == -11 && cell.channel == 627_264
                && cell.band == 78)
        #expect(cell.bandwidth == 100 && cell.subcarrierSpacing == 30)
    }

    @Test("NSA without a measured NR cell: the LTE cell counts")
    func unmeasured() throws {
        let serving = try ATServingCell(answer: [
            #"+QENG: "servingcell","NOCONN""#, #"+QENG: "LTE","FDD",460,00,5F1EA15,12,1650,3,5,5,DE10,-99,-12,-67,11,9,230,-"#,
            #"+QENG:"NR5G-NSA",460,00,65535,-32768,-32768,-32768"#,
        ])
        #expect(serving.cells.count == 2)
        #expect(serving.cells.last?.rsrp == nil && serving.cells.last?.physicalCell == nil)
        #expect(serving.main?.rsrp == -99)
    }

    @Test("blanks after commas, '-' and missing fields are taken")
    func quirks() throws {
        let serving = try ATServingCell(answer: [#"+QENG: "servingcell","CONNECT","NR5G-SA","TDD", 515,66,A,1,B,633984,78,12,-,-"#])
        let cell = try #require(serving.main)
        #expect(
            serving.state == .connected && cell.mcc == "515" && cell.mnc == "66" && cell.rsrp == nil && cell.rsrq == nil && cell.sinr == nil
        )
        #expect(
            try ATServingCell(answer: [#"+QENG: "servingcell","SEARCH""#]) == ATServingCell(answer: [#"+QENG: "servingcell", "SEARCH""#]))
        #expect(try ATServingCell(answer: [#"+QENG: "servingcell","SEARCH""#]).cells == [])
    }

    @Test("a state or technology that does not exist is refused with its place")
    func wrongCell() {
        #expect(throws: ATReadingError(line: 1, offset: 21, "'IDLE' is no state of a cell")) {
            try ATServingCell(answer: [#"+QENG: "servingcell","IDLE""#])
        }
        #expect(throws: ATReadingError(line: 2, offset: 6, "'6G' is no access technology")) {
            try ATServingCell(answer: [#"+QENG: "servingcell","NOCONN""#, #"+QENG:"6G",1"#])
        }
        #expect(throws: ATReadingError(line: 0, offset: 0, "the answer has no line with the state of the serving cell")) {
            try ATServingCell(answer: [#"+QENG: "LTE","FDD""#])
        }
    }

    @Test("temperatures: quoted, without a blank, -273 is absent; and the form of LTE modules")
    func temperatures() throws {
        let lines = [
            #"+QTEMP:"qfe_wtr_pa0","-273""#, #"+QTEMP:"aoss0-usr","38""#, #"+QTEMP:"mdm-q6-usr","41""#, #"+QTEMP:"ambient-therm-usr","0""#,
        ]
        let found = try ATTemperatures(answer: lines)
        #expect(found.sensors.count == 3)
        #expect(found.hottest == ATTemperatures.Sensor(name: "mdm-q6-usr", celsius: 41))
        #expect(try ATTemperatures(answer: ["+QTEMP: 30,28,29"]).hottest?.celsius == 30)
        #expect(throws: ATReadingError(line: 1, offset: 13, "the temperature must be a number")) {
            try ATTemperatures(answer: [#"+QTEMP:"cpu","x""#])
        }
    }
}

@Suite("AT: packet data, messages, files, position (rg500q.md §2.7 to §2.10, §3.1)")
struct ATFurtherReaderTests {
    @Test("contexts with their long tail of empty fields")
    func contexts() throws {
        let line = #"+CGDCONT: 1,"IPV4V6","internet","0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0",0,0,0,0,,,,,,,,,"",,,,0"#
        #expect(try ATPacketContext.read([line]) == [ATPacketContext(id: 1, kind: "IPV4V6", apn: "internet")])
        #expect(try ATPacketContext.read([]) == [])
        #expect(throws: ATReadingError.self) { try ATPacketContext.read(["+CGDCONT: x"]) }
    }

    @Test("addresses; none while the context is not active")
    func addresses() throws {
        #expect(try ATPacketAddress.read([#"+CGPADDR: 1,"10.76.51.180""#]) == [ATPacketAddress(id: 1, addresses: ["10.76.51.180"])])
        #expect(try ATPacketAddress.read(["+CGPADDR: 1"]) == [ATPacketAddress(id: 1, addresses: [])])
        #expect(try ATPacketAddress.read([#"+CGPADDR: 1,"0.0.0.0","::""#]) == [ATPacketAddress(id: 1, addresses: [])])
        #expect(try ATContextActivity.read(["+CGACT: 1,1", "+CGACT: 2,0"]).map(\.isActive) == [true, false])
    }

    @Test("messages in text mode, of several lines")
    func messages() throws {
        let lines = [
            #"+CMGL: 1,"REC READ","+15551234567",,"24/01/15,10:20:30+04""#, "hello",
            #"+CMGL: 2,"REC UNREAD","+1555",,"24/01/15,10:20:31+04""#, "a", "b",
        ]
        let found = try ATStoredMessage.read(lines)
        #expect(found.map(\.index) == [1, 2])
        #expect(found.map(\.text) == ["hello", "a\nb"])
        #expect(found.first?.address == "+15551234567" && found.first?.time == "24/01/15,10:20:30+04" && found.first?.state == "REC READ")
        #expect(try ATStoredMessage.read([#"+CMGR: "REC UNREAD","+1555",,"24/01/15,10:20:30+04""#, "x"]).first?.text == "x")
        #expect(ATURC(#"+CMTI: "ME",1"#).kind == .messageStored(memory: "ME", index: 1))
    }

    @Test("the checksum of a stored file: hello gives 6b09")
    func checksum() throws {
        #expect(ATStoredFile.checksum(of: Array("hello".utf8)) == 0x6b09)
        #expect(try ATStoredFile(answer: ["+QFUPL: 5,6b09"]).checksum == 0x6b09)
        #expect(throws: ATReadingError(line: 1, offset: 10, "<checksum> must be at most four hexadecimal digits")) {
            try ATStoredFile(answer: ["+QFUPL: 5,6b091"])
        }
    }

    @Test("positions: degrees and minutes, and decimal degrees, are the same place")
    func position() throws {
        let minutes = try ATPosition(answer: ["+QGPSLOC: 142748.0,2259.0881S,04321.5515W,2.0,-83.0,2,0.00,0.0,0.0,140119,10"])
        let decimal = try ATPosition(answer: ["+QGPSLOC: 142748.0,-22.98480,-43.35919,2.0,-83.0,2,0.00,0.0,0.0,140119,10"])
        // 22 + 59.0881 / 60 = 22.984802, 43 + 21.5515 / 60 = 43.359192
        #expect(abs(minutes.latitude + 22.984_802) < 1e-6 && abs(minutes.longitude + 43.359_192) < 1e-6)
        #expect(abs(minutes.latitude - decimal.latitude) < 1e-5 && abs(minutes.longitude - decimal.longitude) < 1e-5)
        #expect(minutes.utc == "2019-01-14T14:27:48Z" && minutes.satellites == 10 && minutes.altitude == -83 && minutes.hdop == 2)
        #expect(throws: ATReadingError.self) { try ATPosition(answer: ["+QGPSLOC: 142748.0,9959.0881S,04321.5515W"]) }
        #expect(throws: ATReadingError.self) { try ATPosition(answer: ["+QGPSLOC: 142748.0,2259.0881S"]) }
    }

    /// The first is the example of the NMEA 0183 standard's common descriptions; its checksum is 47.
    @Test("NMEA sentences with their checksum")
    func sentences() throws {
        let sentence = try NMEASentence.read("$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47")
        #expect(sentence.talker == "GP" && sentence.kind == "GGA" && sentence.fields.count == 14 && sentence.fields[1] == "4807.038")
        #expect(throws: ATReadingError(line: 1, offset: 63, "the checksum is 47, not 48")) {
            try NMEASentence.read("$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*48")
        }
        for wrong in ["", "GPGGA*00", "$GPGGA", "$GPGGA*4", "$*00", "$GPGGA,*5G", String(repeating: "$", count: 300)] {
            #expect(throws: ATReadingError.self, "\(wrong)") { try NMEASentence.read(wrong) }
        }
    }

    @Test(
        "errors as numbers and as text mean the same",
        arguments: [
            ("+CME ERROR: 10", 10, "SIM not inserted"), ("+CME ERROR: SIM not inserted", 10, "SIM not inserted"),
            ("+CME ERROR: 516", 516, "no fix yet"),
            ("+CMS ERROR: 500", 500, "unknown error"), ("+CME ERROR: 0", 0, "phone failure"), ("+CME ERROR: sim BUSY", 14, "SIM busy"),
            ("+CME ERROR: 58", 58, "58"), ("+CME ERROR: something else", nil, "something else"),
        ] as [(String, Int?, String)])
    func errors(line: String, code: Int?, meaning: String) throws {
        let error = try #require(ATError(line))
        #expect(error.code == code)
        #expect(error.meaning == meaning)
        #expect(error.description == line)
    }

    @Test("unsolicited lines are told apart")
    func unsolicited() {
        #expect(ATURC("RDY").kind == .ready)
        #expect(ATURC("+CFUN: 1").kind == .functionality(1))
        #expect(ATURC("+QIND: SMS DONE").kind == .indication("SMS DONE"))
        #expect(ATURC(#"+QIND: "FOTA","END",0"#).kind == .indication(#""FOTA","END",0"#))
        #expect(ATURC("POWERED DOWN").kind == .poweredDown)
        #expect(ATURC("NORMAL POWER DOWN").kind == .poweringDown)
        #expect(ATURC("+CGEV: NW DETACH").kind == .packetEvent("NW DETACH"))
        #expect(ATURC("+CPIN: NOT READY").kind == .pin(.notReady))
        #expect(ATURC("+QUSIM: 1").kind == .other)
    }
}
