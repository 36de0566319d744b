import LabCore
import Testing

@testable import WireProtocols

@Suite("Reports of DNY frames")
struct DNYReportTests {
    @Test("the text of a heartbeat (ap3000-056)")
    func heartbeat() throws {
        let report = DNYReport.explain(try DNYVector.good("ap3000-056"))
        #expect(
            report.text == """
                dny 21 heartbeat, device to platform, 21 bytes, checksum 04c7
                  offset  size  bytes     field          value       unit   meaning                     source
                       0     3  444e59    magic          "DNY"                                          charging-protocols.md 4.2
                       3     2  1000      length         16          bytes  after this field            charging-protocols.md 4.2
                       5     4  f36ca204  physical_id    "04a26cf3"         two ports, number 10644723  charging-protocols.md 4.2
                       9     2  bc08      message_id     2236                                           charging-protocols.md 4.2
                      11     1  21        command        "21"               heartbeat                   charging-protocols.md 4.2
                      12     2  7109      voltage        2417        0.1 V  241.7 V                     charging-protocols.md 4.5
                      14     1  02        port_count     2                                              charging-protocols.md 4.5
                      15     1  02        port_state[0]  2                  02 plugged, not started     charging-protocols.md 4.5
                      16     1  00        port_state[1]  0                  00 idle                     charging-protocols.md 4.5
                      17     1  00        signal         0                                              charging-protocols.md 4.5
                      18     1  64        temperature    100                35 °C                       charging-protocols.md 4.5
                      19     2  c704      checksum       "04c7"             right                       charging-protocols.md 4.2

                """)
        #expect(report["voltage"]?.offset == 12)
        #expect(report["voltage"]?.unit == "0.1 V")
        #expect(report["voltage"]?.meaning == "241.7 V")
        #expect(report["voltage"]?.source == "charging-protocols.md 4.5")
        #expect(report["port_state[0]"]?.meaning == "02 plugged, not started")
        #expect(report["temperature"]?.meaning == "35 °C")
        #expect(report["physical_id"]?.meaning == "two ports, number 10644723")
        #expect(report["checksum"]?.offset == 19)
    }

    @Test("JSON has every field with offset, size, bytes, unit and source")
    func json() throws {
        let report = DNYReport.explain(try DNYVector.good("ap3000-059"))
        let read = try #require(try JSONReader.read(JSONWriter.bytes(.record(report.record))).record)
        #expect(read["protocol"]?.text == "dny" && read["command"]?.text == "22" && read["name"]?.text == "time")
        #expect(read["direction"]?.text == "device_to_platform")
        #expect(read["accepted"]?.bool == true)
        #expect(read.value(at: "checksum.found")?.text == "03d6")
        let field = try #require(read["fields"]?.list?[3].record)
        #expect(field["name"]?.text == "message_id" && field["offset"]?.integer == 9 && field["size"]?.integer == 2)
        #expect(field["bytes"]?.text == "ba01" && field["value"]?.integer == 442 && field["source"]?.text == "charging-protocols.md 4.2")
    }

    @Test("a wrong checksum is told with both values, and the fields are read all the same")
    func checksum() throws {
        let row = try #require(DNYVector.wrong.first { $0.id == "ap3000-064" })
        let report = DNYReport.explain(row.bytes)
        #expect(report.isRefused)
        #expect(
            report.checksum == FrameChecksum(rule: "sum of all bytes before it, modulo 65536", expected: 0x0397, found: 0x9999, size: 2))
        #expect(report["firmware"]?.value == 640)
        #expect(report.problems == [FrameProblem(.refusal, at: 18, "checksum 9999 where the bytes sum up to 0397")])
    }

    @Test("a wrong length is told at its place")
    func length() throws {
        let row = try #require(DNYVector.wrong.first { $0.id == "ap3000-067" })
        #expect(DNYReport.explain(row.bytes).problems == [FrameProblem(.refusal, at: 3, "length 8 is outside 9 to 512")])
    }

    @Test("a frame of the other dialect is refused and recognised")
    func dialect() {
        let report = DNYReport.explain(hex("444e59 1300 08 3034413236434633 0201 22 f402"))
        #expect(report.isRefused)
        #expect(report.problems.last == FrameProblem(.warning, at: 3, "it is a frame of the dialect iot-server-cdz"))
    }

    @Test("what both ends send with one length is told, and decided by the caller")
    func ambiguous() throws {
        let bytes = try DNYFrame(physicalID: 0x04a2_6cf3, messageID: 1, command: 0x96, data: [0]).encoded()
        let report = DNYReport.explain(bytes)
        #expect(report.direction == nil && !report.isRefused)
        #expect(report.problems.map(\.kind) == [.warning])
        #expect(DNYReport.explain(bytes, from: .device)["result"]?.meaning == "00 ok")
        #expect(DNYReport.explain(bytes, from: .platform)["value"]?.value == 0)
    }

    @Test("unframed things, garbage and no bytes at all have reports, too")
    func others() {
        #expect(DNYReport.explain(.iccid("898604D9162390488297")).fields.first?.value == "898604D9162390488297")
        #expect(!DNYReport.explain(.link).isRefused)
        #expect(DNYReport.explain(.garbage([1, 2], offset: 7)).isRefused)
        #expect(DNYReport.explain([UInt8]()).isRefused)
    }

    @Test(
        "times are written in UTC",
        arguments: [
            (0 as UInt32, "1970-01-01T00:00:00Z"), (1_604_914_697, "2020-11-09T09:38:17Z"), (951_782_400, "2000-02-29T00:00:00Z"),
            (.max, "2106-02-07T06:28:15Z"),
        ])
    func times(_ seconds: UInt32, _ text: String) {
        #expect(UTCText.text(unixSeconds: seconds) == text)
    }

    @Test("scaled numbers are exact")
    func scaled() {
        #expect(FrameField.scaled(2417, decimals: 1, "V") == "241.7 V")
        #expect(FrameField.scaled(7, decimals: 2, "kWh") == "0.07 kWh")
        #expect(FrameField.scaled(-5, decimals: 1, "A") == "-0.5 A")
        #expect(FrameField.scaled(.min, decimals: 0, "") == "-9223372036854775808")
    }
}
