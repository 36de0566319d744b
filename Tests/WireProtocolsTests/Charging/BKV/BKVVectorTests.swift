import LabCore
import Testing

@testable import WireProtocols

/// Names of the vectors' fields in the words of reports.
private let words: [String: String] = [
    "iccid": "iccid", "fw": "firmware", "rssi": "rssi", "socket_no": "socket", "port_no": "port", "business_no": "business",
    "charge_min": "minutes", "minutes": "minutes", "energy_Wh": "energy", "power_0.1W": "power", "current_mA": "current",
    "energy_0.01kWh": "energy", "voltage_0.1V": "voltage", "socket_temp_c": "temperature", "mcu_temp_c": "temperature", "result": "result",
    "card_no": "card", "server_time_bcd": "time", "device_time_bcd": "time", "target": "target", "ftp_port": "port", "file": "file",
    "switch": "switch", "card_type": "card_type", "billing_mode": "mode", "amount_cent": "amount", "ack": "result", "prepaid_cent": "prepaid",
    "charge_mode": "charge_mode", "control_type": "control", "service_fee_mode": "fee_mode", "tier_count": "tier_count",
    "full_delay_s": "full_top_up", "no_load_delay_s": "no_load_delay", "full_power_threshold_0.1W": "full_threshold",
    "no_load_power_threshold_0.1W": "no_load_threshold", "power_limit_0.1W": "power_limit", "max_charge_min": "maximum_minutes",
]

@Suite("BKV frames of the vendor, of captures and of the second platform (charging-protocols.md 2, 3)")
struct BKVVectorTests {
    @Test("every row says what it says in the file", arguments: FrameVector.of("bkv", "gn"))
    func decode(_ vector: FrameVector) throws {
        let frame = try BKVFrame(vector.bytes)
        #expect(hexadecimal(frame.command) == vector.text("cmd"))
        #expect(hexadecimal(frame.sequence) == vector.text("seq"))
        #expect(frame.gateway == vector.text("gateway_id"))
        #expect(Int64(frame.direction) == vector["dir"]?.integer)
        #expect(frame.isFromDevice == vector.fromDevice)
        let content = try frame.content()
        if case .unknown(let command, let sub, _) = content.message { Issue.record("\(command)/\(sub ?? 0) is not understood") }
        #expect(content.extra == [])
        #expect(vector["inner_length_ok"]?.bool == false ? content.warning != nil : content.warning == nil)

        let report = BKVReport.explain(vector.bytes)
        #expect(!report.isRefused, "\(report.problems)")
        #expect(report.length == vector.bytes.count)
        #expect(report.fields.allSatisfy { !$0.source.isEmpty && Array(vector.bytes[$0.offset..<$0.offset + $0.size]) == $0.bytes })
        try compare(vector.fields.merging(vector["bkv"]?.record ?? [:]), report)
    }

    @Test("every row comes out of the encoder as it went in", arguments: FrameVector.of("bkv", "gn"))
    func encode(_ vector: FrameVector) throws {
        let frame = try BKVFrame(vector.bytes)
        let content = try frame.content()
        let settings = BKVSettings(countsSubCommand: vector["inner_length_ok"]?.bool == false)
        let again = try BKVFrame(
            content.message, isFromDevice: frame.isFromDevice, gateway: frame.gateway, sequence: frame.sequence, settings: settings,
            extra: content.extra)
        #expect(try again.encoded() == vector.bytes)
        #expect(try frame.encoded() == vector.bytes)
    }

    @Test("every row can be made from the names of its report", arguments: FrameVector.of("bkv", "bkv-native", "gn"))
    func making(_ vector: FrameVector) throws {
        let report = BKVReport.explain(vector.bytes)
        var values = Fields()
        for field in report.fields { values[field.name] = field.value }
        let settings = BKVSettings(countsSubCommand: vector["inner_length_ok"]?.bool == false)
        let made = try BKVMaking.frame(
            report.command, isFromDevice: vector.fromDevice, isNative: vector.wire == "bkv-native", values: values, settings: settings)
        #expect(Hexadecimal.text(made) == Hexadecimal.text(vector.bytes))
    }

    @Test("rows with a wrong length or checksum are refused", arguments: FrameVector.of("bkv", good: false))
    func refuse(_ vector: FrameVector) {
        #expect(throws: BKVFrameError.self) { try BKVFrame(vector.bytes) }
        #expect(BKVReport.explain(vector.bytes).isRefused)
        var decoder = BKVStreamDecoder()
        decoder.append(vector.bytes)
        decoder.finish()
        while let item = decoder.next() {
            if case .frame(let frame, _, _) = item { Issue.record("\(frame) came out of \(vector.id)") }
        }
    }

    @Test("the printed checksum c8 of the vendor's start is wrong: d8 is right (2.12)")
    func vendorMisprint() throws {
        let row = try #require(FrameVector.all.first { $0.id == "bkv-011" })
        #expect(throws: BKVFrameError.checksum(expected: 0xd8, found: 0xc8, offset: 29)) { try BKVFrame(row.bytes) }
    }

    @Test("native frames: a row has no frame header, and its pairs come back", arguments: FrameVector.of("bkv-native"))
    func native(_ vector: FrameVector) throws {
        var decoder = BKVStreamDecoder()
        decoder.append(vector.bytes)
        guard case .native(let frame, let bytes, 0) = decoder.next() else {
            Issue.record("no native frame")
            return
        }
        #expect(bytes == vector.bytes)
        #expect(frame.isFromDevice == vector.fromDevice)
        let said = try #require(vector["bkv"]?.record)
        #expect(hexadecimal(frame.record.command) == said["bkv_cmd"]?.text)
        #expect(hexadecimal(frame.record.sequence) == said["bkv_seq"]?.text)
        #expect(frame.record.gateway == said["gateway_id"]?.text)
        #expect(try frame.encoded() == vector.bytes)
        try compare(said, BKVReport.explain(vector.bytes))
    }

    @Test("the reference vector of the open encoding has a number key, a text key and three values (2.9)")
    func encoding() throws {
        let row = try #require(FrameVector.all.first { $0.wire == "bkv-encoding" })
        let pairs = try BKVPairs.decode(row.bytes[...])
        #expect(
            pairs == [
                BKVPair(.number(0x02), Array("Hello, world".utf8)), BKVPair(.number(0x02), [3, 4, 5]),
                BKVPair(.text([0xdd]), [0x30, 0x31, 0x32]), BKVPair(.number(0x63), [3, 4, 5]),
            ] || row.fields["kv"]?.list?.count == pairs.count)
        #expect(BKVPairs.encode(pairs) == row.bytes)
    }

    @Test("the tag, length, value of the GN package is read in its dialect, and is no list of pairs in the vendor's", arguments: FrameVector.of("gn-middleware"))
    func tagLengthValue(_ vector: FrameVector) throws {
        let frame = try BKVFrame(vector.bytes)
        guard case .record(let record) = try frame.content(BKVSettings(dialect: .gnMiddleware)).message else {
            Issue.record("no record")
            return
        }
        let said = (vector["gn_tlv"]?.list ?? []).compactMap(\.record)
        #expect(record.pairs.map { Hexadecimal.text($0.value) } == said.compactMap { $0["value"]?.text })
        #expect(record.number(.firmware) == 0xffff)
        #expect(throws: BKVContentFault.self) { try frame.content() }
    }

    /// Every field of the row that has a name in reports.
    private func compare(_ fields: Fields, _ report: FrameReport) throws {
        for entry in fields {
            // In the native form a start's minutes have a key of their own.
            guard let word = entry.name == "minutes" && report["wanted_minutes"] != nil ? "wanted_minutes" : words[entry.name] else { continue }
            let field = report[word] ?? report["signal"]
            if word == "rssi", report["rssi"] == nil {
                #expect(report["signal"]?.value == entry.value)
            } else {
                let found = try #require(field, "no field \(word)")
                #expect(found.value == entry.value, "\(word)")
            }
        }
    }
}

@Suite("BKV frames that the text of charging-protocols.md prints")
struct BKVPrintedTests {
    @Test("each comes out as it went in", arguments: PrintedFrames.bkv.map(\.id))
    func bothWays(_ id: String) throws {
        let bytes = try PrintedFrames.bytes(id)
        let frame = try BKVFrame(bytes)
        let content = try frame.content()
        let again = try BKVFrame(content.message, isFromDevice: frame.isFromDevice, gateway: frame.gateway, sequence: frame.sequence)
        #expect(try again.encoded() == bytes)
    }

    @Test("bkv-039: the heartbeat of gateway 82241218000382, firmware 200.1.17, signal 17")
    func heartbeat() throws {
        let frame = try BKVFrame(try PrintedFrames.bytes("bkv-039"))
        #expect(frame.gateway == "82241218000382")
        #expect(try frame.content().message == .heartbeat(BKVHeartbeat(iccid: "898608551024D1988196", firmware: "200.1.17", signal: 17)))
    }

    @Test("bkv-040: the platform's time is 2025-11-22 22:03:36 in China, 14:03:36 UTC")
    func time() throws {
        let frame = try BKVFrame(try PrintedFrames.bytes("bkv-040"))
        guard case .clock(let clock) = try frame.content().message else {
            Issue.record("no time")
            return
        }
        // 20,414 days after 1970-01-01, and 50,616 s into the day.
        let expected: Int64 = 20_414 * 86_400 + 50_616
        #expect(clock.time.unixSeconds() == expected)
        #expect(BKVTime(unixSeconds: 1_763_820_216) == clock.time)
        #expect(BKVTime(digits: "22222201701000").unixSeconds() == nil)
        #expect(BKVTime(digits: "20250229000000").unixSeconds() == nil)
    }

    @Test("bkv-048: port A charges with business 9 at 229.5 V, 0.4 W, 42 mA; port B is idle")
    func status() throws {
        let frame = try BKVFrame(try PrintedFrames.bytes("bkv-048"))
        guard case .record(let record) = try frame.content().message else {
            Issue.record("no record")
            return
        }
        let socket = try #require(try record.sockets().first)
        #expect(record.name == "status" && socket.firmware == 0xffff && socket.temperature == 29 && socket.rssi == 30)
        #expect(socket.ports.map(\.status) == [.charging, .idle])
        #expect(socket.ports.map(\.status.isCharging) == [true, false])
        let first = try #require(socket.ports.first)
        #expect([first.business, first.voltage, first.power, first.current, first.minutes] == [9, 2295, 4, 42, 0])
        #expect(BKVRecord(status: [socket], gateway: "82241218000382") == record)
    }

    @Test("bkv-050: business 9 ended because its time was up, at 40.4 W and 345 mA after one minute")
    func end() throws {
        guard case .chargeEnd(let end) = try BKVFrame(try PrintedFrames.bytes("bkv-050")).content().message else {
            Issue.record("no end")
            return
        }
        #expect([end.business, end.power, end.current, end.energy, end.minutes] == [9, 404, 345, 0, 1])
        #expect(end.status == .timeUp && end.status.endCause == .timeUp)
    }

    @Test("bkv-054: 1013 is passed with its time and its unexplained word")
    func connected() throws {
        guard case .record(let record) = try BKVFrame(try PrintedFrames.bytes("bkv-054")).content().message else {
            Issue.record("no record")
            return
        }
        #expect(record == BKVRecord(connected: BKVTime(digits: "20251124112325"), word: 0x3111, gateway: "82241218000382"))
    }

    @Test("bkv-018: a start by fee with 1.00 yuan, one tier to 23:59 at 0.50 and 0.50")
    func feeStart() throws {
        let frame = try BKVFrame(try PrintedFrames.bytes("bkv-018"))
        guard case .record(let record) = try frame.content().message else {
            Issue.record("no record")
            return
        }
        let start = try BKVFeeStart(record)
        #expect(start == BKVFeeStart(socket: 1, port: 0, prepaid: 100, tiers: [BKVFeeTier(endHour: 23, endMinute: 59, electricity: 50, service: 50)]))
        #expect(start.record(gateway: frame.gateway, sequence: UInt64(frame.sequence)) == record)
    }
}
