import LabCore
import Testing

@testable import WireProtocols

@Suite("Frames by hand: lab frame decode and encode (cli.md)")
struct FrameToolTests {
    private func reports(_ name: String, _ bytes: [UInt8], _ options: FrameToolOptions = FrameToolOptions()) throws -> [FrameReport] {
        var explainer = try #require(FrameTools.named(name)).explainer(options)
        return explainer.explain(bytes)
    }

    private func bytes(_ text: String) -> [UInt8] { Hexadecimal.bytes(text.filter { $0 != " " }) ?? [] }

    private func make(_ name: String, _ command: String, _ words: [String], _ options: FrameToolOptions = FrameToolOptions()) throws
        -> String
    {
        Hexadecimal.text(try #require(FrameTools.named(name)).frame(command, FrameTools.values(words), options))
    }

    @Test(
        "every protocol has a name of its own, and its aliases",
        arguments: ["dny", "ap3000", "bkv", "gn", "bkv-native", "ee66", "ee66-uart", "dlt645", "ykc", "juy", "modbus", "at", "mqtt"])
    func names(_ name: String) throws {
        let tool = try #require(FrameTools.named(name))
        #expect(FrameTools.all.filter { $0.name == name || $0.aliases.contains(name) }.count == 1)
        #expect(!tool.about.isEmpty)
        #expect(FrameTools.named(name + "x") == nil)
    }

    @Test("ICCID, a frame, garbage and link in one segment, each with its place in the stream")
    func segment() throws {
        let heartbeat = bytes("444e591000f36ca204bc082171090202000064c704")
        let found = try reports("dny", Array("898604D9162390488297".utf8) + heartbeat + [1, 2] + Array("link".utf8))
        #expect(found.map(\.commandName) == ["ICCID", "heartbeat", "", "link"])
        #expect(found.map(\.streamOffset) == [0, 20, 41, 43])
        #expect(found.map(\.isRefused) == [false, false, true, false])
    }

    @Test("a frame with a wrong length is shown whole, and so is one that follows it")
    func wrongLength() throws {
        let wrong = bytes("444e590800f36ca204f30722dd03")
        let right = bytes("444e590900f36ca204ba0122d603")
        let found = try reports("ap3000", wrong + right + wrong + wrong)
        #expect(found.map(\.length) == [14, 14, 14, 14])
        #expect(found.map(\.isRefused) == [true, false, true, true])
        #expect(found.map(\.streamOffset) == [0, 14, 28, 42])
    }

    @Test(
        "a frame that is cut off tells how much is missing",
        arguments: [
            ("dny", "444e591000f36ca204bc0821"), ("bkv", "fcfe0025001500000000018600445945300500110202"), ("ee66", "ee0d020000000000"),
            ("dlt645", "68aaaaaaaaaa"),
        ])
    func cut(_ name: String, _ text: String) throws {
        let found = try reports(name, bytes(text))
        #expect(found.count == 1)
        #expect(found.first?.isRefused == true)
        #expect(found.first?.fields.isEmpty == false)
    }

    /// charging-protocols.md 2.7, 5.1, 5.4; the meter's from charging-frames.jsonl.
    @Test(
        "what is decoded as JSON is encoded to the same bytes",
        arguments: [
            ("dny", "444e592c00f36ca20443000305000000000001010000000003544553545f30344132364346335f30300000231e5d689908"),
            ("dny", "444e591200f36ca2040400350131008002f36ca204f405"),
            ("dny", "444e592e00f36ca20405008200e803000001013c004f524445525f32303235303631393030000000000000000002000000a408"),
            ("dny", "444e591d00f36ca204b8010180022b0902000000000000000000000a00315d001705"),
            ("bkv", "fcfe0025001500000000018600445945300500110202503630200098006800000001005000" + "2d41fcee"),
            ("bkv", "fcff002f100000000000008224121800038204010110170a010200000000000000000901038224121800038203010f0144fcee"),
            // bkv-066: the inner length counts the sub-command, as the second platform's does (2.3).
            ("bkv", "fcff00160015000000000082241218000382000302010187fcee"),
            ("ee66", "ee0d0200000000000001000000646a"), ("ee66", "660a02000000000000010108"), ("ee66", "ee0c0530303030303001006c0165"),
            ("mqtt", "101000044d5154540402003c000474657374"), ("mqtt", "320c0003612f62000368656c6c6f"),
            ("mqtt", "820a00010005612f622f6301"),
            ("mqtt", "40020003"), ("mqtt", "9003000101"), ("mqtt", "c000"), ("at", "41542b435351"),
        ])
    func again(_ name: String, _ text: String) throws {
        let tool = try #require(FrameTools.named(name))
        let found = try reports(name, bytes(text))
        #expect(found.count == 1 && found.first?.isRefused == false, "\(found.map(\.problems))")
        let document = try JSONReader.read(JSONWriter.bytes(.list(found.map { .record($0.record) })))
        let made = try FrameTools.frames(of: document, tool, FrameToolOptions())
        #expect(made.map { Hexadecimal.text($0) } == [name == "at" ? text + "0d" : text])
    }

    @Test("every DNY frame of documents and captures is made again from its report", arguments: DNYVector.good)
    func vectors(_ row: DNYVector) throws {
        let found = try reports("dny", row.bytes, FrameToolOptions(sender: row.sender == .device ? .device : .platform))
        let document = try JSONReader.read(JSONWriter.bytes(.list(found.map { .record($0.record) })))
        #expect(try FrameTools.frames(of: document, DNYTool(), FrameToolOptions()) == [row.bytes])
    }

    @Test("a start of the captures from names and values; the sender follows from the command (ap3000-044, ap3000-059, ap3000-039)")
    func byHand() throws {
        #expect(
            try make(
                "dny", "82",
                [
                    "physical_id=04a26cf3", "message_id=5", "balance_or_expiry=0x3e8", "port=1", "duration_or_energy=60",
                    "order=ORDER_2025061900", "pre_check=2", "full_power=0",
                ])
                == "444e592e00f36ca20405008200e803000001013c004f524445525f32303235303631393030000000000000000002000000a408")
        #expect(
            try make("dny", "time", ["physical_id=04a26cf3", "message_id=442"], FrameToolOptions(sender: .device))
                == "444e590900f36ca204ba0122d603")
        #expect(
            try make("dny", "settlement", ["physical_id=04a26cf3", "message_id=67", "result=0"], FrameToolOptions(sender: .platform))
                == "444e590a00f36ca204430003004003")
        #expect(
            try make(
                "dny", "21",
                [
                    "physical_id=04a26cf3", "message_id=2236", "voltage=2417", "port_count=2", "port_state[0]=2", "port_state[1]=0",
                    "signal=0", "temperature=100",
                ])
                == "444e591000f36ca204bc082171090202000064c704")
    }

    @Test("the middleware's dialect has a name instead of an identity")
    func dialect() throws {
        let options = FrameToolOptions(sender: .device, dialect: "iot-server-cdz")
        #expect(try make("dny", "22", ["name=04A26CF3", "message_id=0x0102"], options) == "444e591300083034413236434633020122f402")
        #expect(try reports("dny", bytes("444e591300083034413236434633020122f402"), options).first?["name"]?.value == "04A26CF3")
    }

    @Test(
        "what cannot be made names the value",
        arguments: [
            ("dny", "82", ["port=1"], "physical_id"), ("dny", "82", ["physical_id=4a2"], "physical_id"),
            ("dny", "82", ["physical_id=04a26cf3", "prt=1"], "prt"), ("dny", "82", ["physical_id=04a26cf3", "port=256"], "port"),
            ("dny", "82", ["physical_id=04a26cf3", "order=12345678901234567"], "order"),
            ("dny", "nothing", ["physical_id=04a26cf3"], "command"),
            ("dny", "82", ["physical_id=04a26cf3", "message_id=65536"], "message_id"), ("dny", "82", ["port"], "values"),
            ("dny", "82", ["port=1", "port=2"], "port"), ("mqtt", "publish", ["topic=a/+"], "topic"),
            ("mqtt", "publish", ["topic=a", "qs=1"], "qs"),
            ("mqtt", "publisch", [], "command"), ("at", "AT\r", [], "line"), ("at", "AT", ["x=1"], "x"), ("ee66", "zz", [], "command"),
        ])
    func refused(_ name: String, _ command: String, _ words: [String], _ field: String) throws {
        let fault = try #require(throws: FieldFault.self) { try make(name, command, words) }
        #expect(fault.field == field, "\(fault)")
    }

    @Test("a line of AT: the fields of an answer with their places, and a command's longest time")
    func lines() throws {
        let answer = try #require(try reports("at", Array("\r\n+CREG: 2,1,\"DE10\",\"5A29C0B\",7\r\n".utf8)).first)
        #expect(answer.streamOffset == 2 && answer.direction == .deviceToPlatform && answer.command == "+CREG")
        #expect(answer.fields.map(\.offset) == [0, 7, 9, 12, 19, 28])
        #expect(answer["field[2]"]?.value == "DE10")
        let command = try #require(try reports("at", Array("AT+COPS?\r".utf8)).first)
        #expect(command.direction == .platformToDevice && command.commandName == "read")
        // rg500q.md 2.1: 180 s.
        #expect(command["line"]?.meaning == "answer within 180 s")
        #expect(try reports("at", [0x41, 0x54, 0x80, 0x0d]).first?.isRefused == true)
    }

    @Test("MQTT 5.0 after its CONNECT, with properties; what a server alone may send is refused from a device")
    func mqtt() throws {
        // CONNECT of 5.0 with session expiry 10 s, then PUBLISH with a property length of 0.
        let stream = bytes("10 12 00044d515454 05 02 003c 05 110000000a 0000 30 06 0001 61 00 6869")
        let found = try reports("mqtt", stream)
        #expect(found.map(\.command) == ["CONNECT", "PUBLISH"])
        #expect(found.map(\.isRefused) == [false, false], "\(found.map(\.problems))")
        #expect(found.first?["property_session_expiry_interval"]?.value == 10)
        #expect(found.last?["payload"]?.meaning == "hi" && found.last?["payload"]?.offset == 6)
        #expect(try reports("mqtt", bytes("20020000")).first?.isRefused == false)
        #expect(try reports("mqtt", bytes("20020000"), FrameToolOptions(sender: .device)).first?.isRefused == true)
    }

    @Test("an MQTT stream is given up at a length of five bytes, and at one of 4 GB there is nothing to wait for")
    func lost() throws {
        let found = try reports("mqtt", bytes("c000 30ffffffff7f") + Array(repeating: 0xc0, count: 600))
        #expect(found.map(\.isRefused) == [false, true, true, true])
        #expect(found.map(\.length).reduce(0, +) == 608)
        var explainer = MQTTTool().explainer(FrameToolOptions())
        explainer.append(bytes("30ffffff7f"))
        #expect(explainer.next()?.isRefused == true)
    }

    @Test("any bytes get reports that account for all of them", arguments: [0x5eed_0007 as UInt64])
    func anything(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed, purpose: "bytes for every tool")
        for tool in FrameTools.all where !tool.isText {
            for _ in 0..<200 {
                let input = chance.bytes(Int(chance.integer(below: 300)))
                var explainer = tool.explainer(FrameToolOptions())
                var end = 0
                for report in explainer.explain(input) {
                    let offset = try #require(report.streamOffset)
                    if offset > end { Issue.record("\(tool.name): bytes \(end) to \(offset) have no report, seed \(seed)") }
                    end = max(end, offset + report.length)
                    #expect(!report.text.isEmpty)
                }
                #expect(end == input.count, "\(tool.name), seed \(seed)")
            }
        }
    }
}
