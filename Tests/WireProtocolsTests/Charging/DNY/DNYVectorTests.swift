import LabCore
import Testing

@testable import WireProtocols

@Suite("DNY frames of documents and captures (charging-frames.jsonl, ap3000)")
struct DNYVectorTests {
    @Test("the file has all its rows: 37 frames, three wrong ones, one without a frame")
    func rows() {
        #expect(DNYVector.good.count == 37)
        #expect(DNYVector.wrong.map(\.id) == ["ap3000-064", "ap3000-066", "ap3000-067"])
        #expect(DNYVector.unframed.map(\.id) == ["ap3000-002"])
    }

    @Test("a frame has the physical ID, the message ID, the command and the data of its row", arguments: DNYVector.good)
    func decode(_ row: DNYVector) throws {
        let frame = try DNYFrame.decode(row.bytes)
        #expect(DNYPhysicalID(frame.physicalID).text == row.fields["physical_id"]?.text)
        #expect(Int64(frame.messageID) == row.fields["msg_id"]?.integer)
        #expect(Hexadecimal.text([frame.command]) == row.fields["cmd"]?.text)
        #expect(frame.data.count + 9 == row.fields["length"]?.integer.map(Int.init))
        #expect(Int64(DNYPhysicalID(frame.physicalID).number) == row.fields["device_no"]?.integer)
        #expect(Hexadecimal.text([DNYPhysicalID(frame.physicalID).code.rawValue]) == row.fields["id_code"]?.text)
    }

    @Test("what was decoded becomes the same bytes", arguments: DNYVector.good)
    func encode(_ row: DNYVector) throws {
        #expect(try DNYFrame.decode(row.bytes).encoded() == row.bytes)
    }

    @Test("its message becomes the same bytes, too", arguments: DNYVector.good)
    func message(_ row: DNYVector) throws {
        let frame = try DNYFrame.decode(row.bytes)
        let message = try DNYMessage(frame, from: row.sender)
        #expect(try message.frame(to: frame.physicalID, messageID: frame.messageID).encoded() == row.bytes)
    }

    @Test("the sender is known by command and length", arguments: DNYVector.good)
    func sender(_ row: DNYVector) throws {
        let frame = try DNYFrame.decode(row.bytes)
        #expect(DNYCommand.sender(of: frame.command, dataCount: frame.data.count) == row.sender)
    }

    @Test("the report has every field of the row", arguments: DNYVector.good)
    func report(_ row: DNYVector) throws {
        let report = DNYReport.explain(row.bytes)
        #expect(!report.isRefused)
        #expect(report.checksum?.isRight == true)
        for entry in row.fields { try Self.compare(entry.name, entry.value, report) }
    }

    @Test("the fields of a report lie behind one another and cover the frame", arguments: DNYVector.good)
    func coverage(_ row: DNYVector) {
        var offset = 0
        for field in DNYReport.explain(row.bytes).fields {
            #expect(field.offset == offset, "\(field.name)")
            #expect(field.bytes == Array(row.bytes[field.offset..<field.offset + field.size]), "\(field.name)")
            #expect(!field.source.isEmpty)
            offset += field.size
        }
        #expect(offset == row.bytes.count)
    }

    @Test("wrong frames are refused with the reason", arguments: DNYVector.wrong)
    func refused(_ row: DNYVector) throws {
        let fault = try #require(throws: DNYFrameFault.self) { try DNYFrame.decode(row.bytes) }
        switch fault {
        case .length(let found, let allowed):
            #expect(row.isLengthRight == false)
            #expect(Int64(found) == row.fields["length"]?.integer)
            #expect(allowed == 9...512)
        case .checksum(let expected, let found):
            #expect(row.isLengthRight == true && row.isChecksumRight == false)
            #expect(Hexadecimal.text([UInt8(expected & 0xff), UInt8(expected >> 8)]) == row.expectedChecksum)
            #expect(Hexadecimal.text([UInt8(found & 0xff), UInt8(found >> 8)]) == row.fields["checksum"]?.text)
        default: Issue.record("\(fault)")
        }
        #expect(DNYReport.explain(row.bytes).isRefused)
    }

    @Test("all good rows behind one another come out as they went in, the wrong ones between them cost none")
    func stream() {
        var decoder = DNYStreamDecoder()
        var frames: [[UInt8]] = []
        for item in decoder.decode(DNYVector.all.flatMap(\.bytes)) {
            if case .frame(let frame) = item, let bytes = try? frame.encoded() { frames.append(bytes) }
        }
        #expect(frames == DNYVector.good.map(\.bytes))
    }

    @Test("frames that the specification prints without a row (ap3000-015, ap3000-037)")
    func printed() throws {
        let power = DNYReport.explain(
            hex("444e5932003b37ab040a00060101100e300001e803b0042003e803201909011800001300303801020304050100e8039808c7015500da08"))
        #expect(
            !power.isRefused && power["port"]?.value == 1 && power["state"]?.meaning == "01 charging" && power["duration"]?.value == 3600)
        #expect(power["energy"]?.meaning == "0.48 kWh" && power["power"]?.meaning == "100.0 W" && power["voltage"]?.meaning == "220.0 V")
        #expect(power["current"]?.value == 455)
        let registration = DNYReport.explain(hex("444e590f00f36ca2044400208002020a31062804"))
        #expect(!registration.isRefused && registration["firmware"]?.meaning == "V6.40" && registration["port_count"]?.value == 2)
        #expect(
            registration["virtual_id"]?.value == 10 && registration["device_type"]?.value == 0x31 && registration["work_mode"]?.value == 6)
    }

    // MARK: Names of the rows, and names of the reports

    private static let names: [String: [String]] = [
        "length": ["length"], "msg_id": ["message_id"], "cmd": ["command"], "fw": ["firmware"], "voltage_0_1V": ["voltage"],
        "port_count": ["port_count"], "virtual_id": ["virtual_id"], "signal": ["signal"], "device_type": ["device_type"],
        "temp_raw": ["temperature"], "work_mode": ["work_mode"], "power_board_fw": ["power_board_firmware"], "extra_bytes": ["rest"],
        "unix_time": ["time", "device_time"], "card_id": ["card"], "card_type": ["card_kind"], "port_no": ["port"],
        "card_balance": ["card_balance"], "rate_mode": ["rate_mode"], "balance_or_expiry": ["balance_or_expiry"], "action": ["action"],
        "duration_or_energy": ["duration_or_energy"], "order_no": ["order"], "max_duration_s": ["maximum_time"],
        "overload_power_0_1W": ["overload_power"], "result": ["result"], "pending_ports": ["waiting_ports"], "sector": ["sector"],
        "user_card_key": ["user_card_key"], "new_card_key": ["new_card_key"], "rtc": ["clock_chip"], "module_type": ["module"],
        "iccid": ["iccid"], "host_type": ["host_type"], "freq": ["frequency"], "imei": ["imei"], "module_version": ["module_version"],
        "count": ["slaves_count"], "duration_s": ["duration"], "max_power_0_1W": ["maximum_power"], "energy_0_01kWh": ["energy"],
        "start_mode": ["started_by"], "card_or_code": ["card_or_code"], "stop_reason": ["stop_reason"],
        "second_max_power_0_1W": ["second_maximum_power"], "total": ["total"], "index": ["index"], "data": ["content"],
        "checksum": ["checksum"], "physical_id": ["physical_id"],
    ]
    private static let lists = ["port_status": "port_state", "power_0_1W": "power", "peak_power_0_1W": "peak_power"]

    private static func compare(_ name: String, _ value: FieldValue, _ report: FrameReport) throws {
        switch name {
        // Compared with the frame above.
        case "id_code", "device_no": break
        case "utc": #expect(report["time"]?.meaning == value.text)
        case "temp_c": #expect(report["temperature"]?.meaning == "\(try #require(value.integer)) °C")
        case "order_ascii": #expect(report["order"].map { String(decoding: $0.bytes, as: UTF8.self) } == value.text)
        // The row takes everything behind the overload power together.
        case "optional":
            let tail = report.fields.filter { $0.offset >= 41 && $0.name != "checksum" }.flatMap(\.bytes)
            #expect(Hexadecimal.text(tail) == value.text)
        case "types":
            let names = ["device_type": "device_type", "reserved": "reserved", "min_fw": "lowest_firmware"]
            for (place, item) in try #require(value.list).enumerated() {
                for entry in try #require(item.record) {
                    let field = try #require(report["slaves[\(place)].\(names[entry.name] ?? entry.name)"], "\(entry.name)")
                    if entry.name == "physical_id" { #expect(field.meaning == entry.value.text) } else { #expect(says(field, entry.value)) }
                }
            }
        default:
            if let list = lists[name] {
                for (place, item) in try #require(value.list).enumerated() {
                    #expect(says(try #require(report["\(list)[\(place)]"]), item), "\(name)[\(place)]")
                }
            } else {
                let field = try #require(names[name]?.lazy.compactMap { report[$0] }.first, "no field of the report stands for \(name)")
                #expect(says(field, value), "\(name): \(field.value)")
            }
        }
    }

    /// Rows have numbers, texts, or bytes as hexadecimal digits.
    private static func says(_ field: FrameField, _ value: FieldValue) -> Bool {
        if let integer = value.integer { return field.value.integer == integer }
        guard let text = value.text else { return false }
        return field.value.text == text || Hexadecimal.text(field.bytes) == text
    }
}
