import LabCore
import Testing

@testable import WireProtocols

/// Data of a frame, written by hand from the tables, with what a report must say of some fields.
struct DNYExample: Sendable, CustomTestStringConvertible {
    var name: String
    var sender: DNYSender
    var command: UInt8
    var data: [UInt8]
    var values: [(name: String, value: FieldValue)]

    init(_ name: String, _ sender: DNYSender, _ command: UInt8, _ data: String, _ values: KeyValuePairs<String, FieldValue>) {
        self.name = name
        self.sender = sender
        self.command = command
        self.data = hex(data)
        self.values = values.map { ($0.key, $0.value) }
    }

    var testDescription: String { name }

    static let order = "4f524445525f32303235303631393030"

    static let all: [DNYExample] = [
        DNYExample(
            "20 in its long form of 8 bytes", .device, 0x20, "8002 02 0a 31 06 6400",
            ["firmware": 640, "device_type": 0x31, "power_board_firmware": 100]),
        DNYExample(
            "21 without signal and temperature", .device, 0x21, "7109 02 0200", ["voltage": 2417, "port_state[0]": 2, "port_state[1]": 0]),
        DNYExample(
            "21 of ten ports", .device, 0x21, "fc08 0a 00010203040506070809 00 55",
            ["port_count": 10, "port_state[9]": 9, "temperature": 0x55]),
        DNYExample("21 without ports", .device, 0x21, "fc08 00", ["port_count": 0]),
        DNYExample(
            "02 with two numbers", .device, 0x02, "7a8d05dd 04 ff 0000 090ea95f 10 00112233445566778899aabbccddeeff",
            ["card_kind": 4, "port": 0xff, "device_time": 1_604_914_697, "second_number": .bytes(hex("00112233445566778899aabbccddeeff"))]),
        DNYExample("02 in its shortest form", .device, 0x02, "7a8d05dd 00 01", ["card": .bytes(hex("7a8d05dd")), "port": 1]),
        DNYExample(
            "02 answered", .platform, 0x02, "7a8d05dd 06 02 64010000 01",
            ["account_state": 6, "rate_mode": 2, "balance_or_expiry": 356, "port": 1]),
        DNYExample(
            "03 with the occupied time", .device, 0x03, "100e e803 3000 00 01 00000000 01 \(order) f401 231e5d68 3c00",
            [
                "duration": 3600, "maximum_power": 1000, "energy": 48, "stop_reason": 1, "second_maximum_power": 500,
                "device_time": 1_750_933_027, "occupied_time": 60,
            ]),
        DNYExample(
            "03 without what was appended", .device, 0x03, "100e e803 3000 00 00 0000007b 16 \(order)",
            ["started_by": 0, "stop_reason": 0x16]),
        DNYExample("43", .device, 0x43, "100e e803 3000 03 01 00000000 01 \(order)", ["port": 3, "order": .bytes(hex(order))]),
        DNYExample("04", .device, 0x04, "01 01 00000000 3c00 \(order)", ["port": 1, "started_by": 1, "duration": 60]),
        DNYExample("04 answered", .platform, 0x04, "01 00", ["port": 1, "result": 0]),
        DNYExample("05", .device, 0x05, "21 6400 01000000", ["device_type": 0x21, "firmware": 100, "package_type": 1]),
        DNYExample(
            "06 of 41 bytes", .device, 0x06, "01 01 100e 3000 01 e803 b004 2003 e803 \(order) 0050 e803 9808 c701 55 00",
            [
                "duration": 3600, "energy": 48, "power": 1000, "period_energy": 0x5000, "voltage": 2200, "current": 455,
                "ambient_temperature": 0x55, "port_temperature": 0,
            ]),
        DNYExample(
            "06 of 45 bytes", .device, 0x06, "01 00 3b00 0100 01 0000 b004 2003 e803 \(order) 0050 e803 9808 c701 55 56 231e5d68",
            ["state": 0, "device_time": 1_750_933_027]),
        DNYExample(
            "06 of 47 bytes", .device, 0x06, "01 05 3b00 0100 01 0000 b004 2003 e803 \(order) 0050 e803 9808 c701 55 56 231e5d68 0500",
            ["state": 5, "occupied_time": 5]),
        DNYExample(
            "06 of 31 bytes, as in older editions", .device, 0x06, "00 01 3b00 0100 01 0000 b004 2003 e803 \(order)",
            ["average_power": 1000]),
        DNYExample("09", .device, 0x09, "0002 fc08 0000 e803", ["port_state[1]": 2, "voltage": 2300, "power[1]": 1000]),
        DNYExample("12 and 22 answered", .platform, 0x12, "090ea95f", ["time": 1_604_914_697]),
        DNYExample(
            "17", .device, 0x17, "01 5a fc08 e803 10270000 e703 0f270000 00 01 1e 5b 5c 01 02",
            [
                "breaker": 1, "voltage": 2300, "current": 1000, "energy": 10_000, "leakage": 30, "neutral_temperature": 0x5c,
                "breaker_kind": 2,
            ]),
        DNYExample("31 answered", .device, 0x31, "00", ["result": 0]),
        DNYExample(
            "34", .platform, 0x34, "581b 03 01" + "636c6f75642e6578616d706c65" + String(repeating: "00", count: 33),
            ["server_port": 7000, "module": 3, "socket_b": 1, "address": "cloud.example"]),
        DNYExample(
            "35 of two types", .device, 0x35, "02 31008002f36ca204 21006400cd28a204", ["slaves_count": 2, "slaves[1].lowest_firmware": 100]),
        DNYExample("3A", .platform, 0x3a, "d801 000000 02 f36ca204 cd28a204", ["frequency": 472, "slaves[1].physical_id": 0x04a2_28cd]),
        DNYExample("3B", .device, 0x3b, "d801", ["frequency": 472]),
        DNYExample("41", .device, 0x41, "0c ff0f0000 01000000", ["count": 12, "doors": 0xfff, "fans": 1]),
        DNYExample("42", .device, 0x42, "05 02 01", ["alarm_kind": 5, "port_or_address": 2, "triggers": 1]),
        DNYExample("44", .device, 0x44, "01 05 \(order)", ["push_kind": 1, "port": 5]),
        DNYExample("72", .platform, 0x72, "05 \(order)", ["port": 5]),
        DNYExample("72 answered", .device, 0x72, "00 \(order)", ["result": 0]),
        DNYExample(
            "82 of 29 bytes", .platform, 0x82, "00 64010000 01 01 0000 \(order) 8070 8813",
            ["maximum_time": 28_800, "overload_power": 5000]),
        DNYExample(
            "82 of 38 bytes", .platform, 0x82, "02 64010000 ff 01 3000 \(order) 8070 8813 01 00 100e 02 01 01 14 0a",
            [
                "duration_or_energy": 48, "port": 0xff, "lamp": 1, "float_time": 3600, "pre_check": 2, "ignores_unplugging": 1,
                "stops_when_full": 1, "full_power": 20, "full_time": 10,
            ]),
        DNYExample("82 of 25 bytes, as in older editions", .platform, 0x82, "00 64010000 01 00 0000 \(order)", ["action": 0]),
        DNYExample(
            "82 answered: several ports wait", .device, 0x82, "05 \(order) ff 0300", ["result": 5, "port": 0xff, "waiting_ports": 3]),
        DNYExample("82 answered in 18 bytes", .device, 0x82, "01 \(order) 00", ["result": 1]),
        DNYExample(
            "83", .platform, 0x83, "0300 0a00 14 0807 100e b400",
            [
                "unplug_power": 3, "unplug_time": 10, "float_share": 20, "float_detect_time": 1800, "float_time": 3600,
                "heartbeat_interval": 180,
            ]),
        DNYExample(
            "91 answered", .device, 0x91, "2003 1e00 0807 0a 2c01 302a 2c01 2c01 0807 2c01 50 50 00 01",
            ["dynamic_overload": 800, "second_float_point": 10_800, "judge_point": 1800, "port_alarm": 80, "lamp": 1]),
        DNYExample(
            "85 since 2024-08", .platform, 0x85, "a08c 204e 8c0a e803",
            ["overload_power": 20_000, "over_voltage": 2700, "under_voltage": 1000]),
        DNYExample("93 answered", .device, 0x93, "00 159185191880 ffffffffffff", ["user_card_key": "159185191880"]),
        DNYExample("8A", .platform, 0x8a, "02 01 9600", ["mode": 2, "port": 1, "value": 150]),
        DNYExample("8A answered", .device, 0x8a, "02", ["result": 2]),
        DNYExample("8B", .platform, 0x8b, "0001 10", ["address": 256, "size": 16]),
        DNYExample("8B answered", .device, 0x8b, "00 01020304", ["content": .bytes([1, 2, 3, 4])]),
        DNYExample("8C", .platform, 0x8c, "0001 03 aabbcc", ["size": 3, "content": .bytes([0xaa, 0xbb, 0xcc])]),
        DNYExample("8D", .platform, 0x8d, "01", ["value": 1]),
        DNYExample("96", .platform, 0x96, "1e", ["value": 30]),
        DNYExample(
            "8E", .platform, 0x8e, "01 000000" + "68747470733a2f2f612f" + String(repeating: "00", count: 62),
            ["main_screen": 1, "address": "https://a/"]),
        DNYExample("95", .platform, 0x95, "61" + String(repeating: "00", count: 199), ["text": "a"]),
        DNYExample("98", .platform, 0x98, "00 05", ["function": 0, "port": 5]),
        DNYExample("E1", .platform, 0xe1, "0400 0200" + String(repeating: "5a", count: 200), ["total": 4, "index": 2]),
        DNYExample("FA, empty: it begins", .platform, 0xfa, "", [:]),
        DNYExample("FA answered: send packet 1", .device, 0xfa, "00 0000", ["result": 0, "index": 0]),
        DNYExample("F8 answered: bad packet", .device, 0xf8, "01 0300", ["result": 1, "index": 3]),
        DNYExample("00 on the bus", .platform, 0x00, "14", ["virtual_id": 20]),
        DNYExample("a command that no table has", .device, 0x99, "010203", ["rest": .bytes([1, 2, 3])]),
    ]
}

@Suite("DNY messages (charging-protocols.md 4.4 to 4.9)")
struct DNYMessageTests {
    private func frame(_ example: DNYExample) -> DNYFrame {
        DNYFrame(physicalID: 0x04a2_6cf3, messageID: 5, command: example.command, data: example.data)
    }

    @Test("is read field by field, with offsets from the beginning of the frame", arguments: DNYExample.all)
    func explain(_ example: DNYExample) throws {
        let bytes = try frame(example).encoded()
        let report = DNYReport.explain(bytes, from: example.sender)
        #expect(!report.isRefused, "\(report.problems)")
        for (name, value) in example.values {
            let field = try #require(report[name], "\(name)")
            #expect(field.value == value, "\(name)")
        }
        var offset = 0
        for field in report.fields {
            #expect(field.offset == offset, "\(field.name)")
            offset += field.size
        }
        #expect(offset == bytes.count)
    }

    @Test("is written back as it came", arguments: DNYExample.all)
    func encode(_ example: DNYExample) throws {
        let message = try DNYMessage(frame(example), from: example.sender)
        #expect(message.command == example.command)
        #expect(try message.frame(to: 0x04a2_6cf3, messageID: 5) == frame(example))
    }

    @Test("fields of a later edition are kept and written again", arguments: DNYExample.all)
    func longer(_ example: DNYExample) throws {
        var frame = frame(example)
        // Where optional fields remain they take the bytes; none may be lost.
        frame.data += Array(repeating: 0, count: 40)
        let message = try DNYMessage(frame, from: example.sender)
        #expect(try message.frame(to: 0x04a2_6cf3, messageID: 5) == frame)
    }

    @Test("data too short for what every edition has are refused, with the field")
    func short() throws {
        let cases: [(UInt8, DNYSender, Int, String)] = [
            (0x20, .device, 5, "work_mode"), (0x21, .device, 2, "port_count"), (0x03, .device, 28, "order"), (0x06, .device, 30, "order"),
            (0x82, .platform, 24, "order"), (0x82, .device, 17, "port"), (0x8a, .platform, 3, "value"), (0x22, .platform, 3, "time"),
            (0x02, .device, 5, "port"), (0x11, .device, 31, "frequency"), (0x86, .platform, 12, "new_card_key"),
            (0x00, .platform, 0, "virtual_id"),
        ]
        for (command, sender, count, field) in cases {
            let frame = DNYFrame(physicalID: 1, messageID: 1, command: command, data: Array(repeating: 0, count: count))
            let fault = try #require(throws: FieldFault.self) { try DNYMessage(frame, from: sender) }
            #expect(fault.field == field, "\(command)")
            #expect(DNYReport.explain(try frame.encoded(), from: sender).isRefused)
        }
    }

    @Test("more ports than bytes are refused")
    func ports() throws {
        let frame = DNYFrame(physicalID: 1, messageID: 1, command: 0x21, data: [0, 0, 255, 1, 1])
        let fault = try #require(throws: FieldFault.self) { try DNYMessage(frame) }
        #expect(fault == FieldFault(.truncated(needed: 1, found: 0), field: "port_state[2]", offset: 5))
    }

    @Test("a field that is left out before one that is given is written as zero")
    func gap() throws {
        let message = DNYMessage.charge(
            DNYCharge {
                $0.order = DNYOrder("ORDER_2025061900")
                $0.durationOrEnergy = 60
                $0.balanceOrExpiry = 1000
                $0.port = 1
                $0.preCheck = 2
                $0.fullPowerWatts = 0
            })
        // ap3000-044, the bytes that a server sent.
        #expect(try message.frame(to: 0x04a2_6cf3, messageID: 5).encoded() == (try DNYVector.good("ap3000-044")))
    }

    @Test("the answers that a server owes are those of the captures")
    func answers() throws {
        let settled = DNYMessage.answer(DNYCommand.settlement, DNYAnswer(.ok))
        #expect(try settled.frame(to: 0x04a2_6cf3, messageID: 67).encoded() == (try DNYVector.good("ap3000-039")))
        let time = DNYMessage.time(DNYCommand.time, DNYTime(unixSeconds: 1_604_914_697))
        #expect(try time.frame(to: 0x04ab_373b, messageID: 185).encoded() == (try DNYVector.good("ap3000-008")))
        let poll = DNYMessage.poll(DNYPoll(virtualID: 20))
        #expect(try poll.frame(to: 0, messageID: 1).encoded() == (try DNYVector.good("ap3000-071")))
    }

    @Test("a settlement in named fields (ap3000-038)")
    func settlement() throws {
        guard case .settlement(let settlement) = try DNYMessage(DNYFrame.decode(DNYVector.good("ap3000-038"))) else {
            Issue.record("no settlement")
            return
        }
        #expect(settlement.durationSeconds == 5 && settlement.port == 1 && settlement.starter == .server)
        #expect(settlement.stopReason == .setTime)
        #expect(settlement.order.text == "TEST_04A26CF3_00")
        #expect(settlement.deviceTime == 1_750_933_027)
        #expect(settlement.occupiedMinutes == nil && settlement.rest.isEmpty)
    }

    @Test("names longer than 16 and texts longer than their field are refused when written")
    func tooLong() {
        let message = DNYMessage.serverAddress(DNYServerAddress { $0.address = String(repeating: "a", count: 47) })
        #expect(throws: FieldFault.self) { try message.frame(to: 1, messageID: 1) }
    }
}

@Suite("DNY codes (charging-protocols.md 4.5, 4.6, 4.10, 4.11)")
struct DNYCodeTests {
    @Test("unknown values keep their number")
    func unknown() {
        #expect(DNYPortState(rawValue: 0x0c).description == "0c unknown")
        #expect(DNYStopReason(rawValue: 0xee).rawValue == 0xee)
        #expect(!DNYDeviceType.captured31.isKnown)
    }

    @Test("a start is done with the results 0, 3 and 9 only")
    func executed() {
        #expect((0...0x0f).map { DNYStartResult(rawValue: $0) }.filter(\.isExecuted).map(\.rawValue) == [0, 3, 9])
    }

    @Test("temperatures are the raw value less 65, 0 is no sensor")
    func temperature() {
        #expect(DNYTemperature(rawValue: 100).celsius == 35)
        #expect(DNYTemperature(rawValue: 32).celsius == -33)
        #expect(DNYTemperature.noSensor.celsius == nil)
        #expect(DNYTemperature(celsius: 35).rawValue == 100)
        #expect(DNYTemperature(celsius: -65).rawValue == 1)
    }

    @Test("faults of a port are 4, 6 and above")
    func faults() {
        #expect((0...0x10).map { DNYPortState(rawValue: $0) }.filter { !$0.isFault }.map(\.rawValue) == [0, 1, 2, 3, 5])
    }

    @Test("the command of an upgrade follows from the device type")
    func upgrade() throws {
        #expect(try #require(DNYDeviceType.dualNarrowband.upgrade) == (0xe0, 200))
        #expect(try #require(DNYDeviceType.oldestTenPorts.upgrade) == (0xf8, 256))
        #expect(DNYDeviceType.captured31.upgrade == nil)
    }
}

@Suite("DNY upgrades (charging-protocols.md 4.9)")
struct DNYUpgradeTests {
    @Test("450 bytes are three packets of 200, the last filled with zeros, and a check packet")
    func packets() throws {
        let image = Array(repeating: 0x02 as UInt8, count: 450)
        let check = DNYUpgradePacket.Check(deviceType: .dualNarrowband, firmware: 0x0181)
        let packets = try #require(DNYUpgradePacket.packets(of: image, size: 200, check: check))
        #expect(packets.map(\.total) == [4, 4, 4, 4])
        #expect(packets.map(\.index) == [1, 2, 3, 4])
        #expect(packets[2].content == Array(repeating: 2, count: 50) + Array(repeating: 0, count: 150))
        // 450 * 2 = 900 = 0384.
        #expect(packets[3].content == hex("a1a2a3a4a5a6a7a8 84030000 22 8101") + Array(repeating: 0, count: 185))
    }

    @Test("without filling the last packet is short; no image is no packet")
    func short() throws {
        var settings = DNYSettings()
        settings.fillsLastPacket = false
        let packets = try #require(DNYUpgradePacket.packets(of: Array(repeating: 1, count: 257), size: 256, settings))
        #expect(packets.map(\.content.count) == [256, 1])
        #expect(DNYUpgradePacket.packets(of: [], size: 200) == nil)
        #expect(DNYUpgradePacket.packets(of: Array(repeating: 0, count: 65_536), size: 1) == nil)
    }
}
