import Foundation
import Programs
import Testing

@Suite("lab frame (cli.md)")
struct FrameCommandTests {
    /// ap3000-056 of charging-frames.jsonl: a heartbeat that a real device sent.
    private static let heartbeat = "444e591000f36ca204bc082171090202000064c704"
    /// ap3000-064: the same kind of frame with a wrong checksum.
    private static let wrong = "444e590f00cd28a2040108208002021e31069999"

    @Test("decode tells every field with offset, unit and source, and ends with 0")
    func decode() throws {
        let result = try LabProcess.run(["frame", "decode", "dny", Self.heartbeat])
        #expect(result.status == 0, "\(result.all)")
        let lines = result.output.split(separator: "\n").map(String.init)
        #expect(lines.first == "dny 21 heartbeat, device to platform, 21 bytes, checksum 04c7")
        let voltage = try #require(lines.first { $0.contains("voltage") })
        for part in ["12", "7109", "2417", "0.1 V", "241.7 V", "charging-protocols.md 4.5"] {
            #expect(voltage.contains(part), "\(voltage)")
        }
        #expect(result.error == "")
    }

    @Test("JSON has the same; a refused frame ends with 1 and is told between good ones")
    func json() throws {
        let result = try LabProcess.run(["frame", "decode", "ap3000", "--json", Self.heartbeat, Self.wrong])
        #expect(result.status == 1)
        let reports = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [[String: Any]])
        #expect(reports.map { $0["accepted"] as? Bool } == [true, false])
        let fields = try #require(reports[0]["fields"] as? [[String: Any]])
        let voltage = try #require(fields.first { $0["name"] as? String == "voltage" })
        #expect(voltage["offset"] as? Int == 12 && voltage["value"] as? Int == 2417 && voltage["unit"] as? String == "0.1 V")
        let problem = try #require((reports[1]["problems"] as? [[String: Any]])?.first)
        #expect(problem["kind"] as? String == "refusal" && problem["offset"] as? Int == 18)
    }

    @Test("- reads a stream, as hexadecimal or raw, and resynchronises; encode makes what decode has told")
    func stream() throws {
        let folder = try TemporaryFolder()
        try folder.write("00 11\n\(Self.wrong)\n\(Self.heartbeat)\n", to: "stream.hex")
        let hexadecimal = try shell("'\(LabProcess.path)' frame decode dny - < stream.hex", folder)
        #expect(hexadecimal.status == 1)
        #expect(hexadecimal.output.contains("dny 21 heartbeat, device to platform, 21 bytes, checksum 04c7, at byte 22 of the stream"))
        let raw = try shell(
            "printf 'link\\104\\116\\131\\011\\000\\363\\154\\242\\004\\272\\001\\042\\326\\003' | '\(LabProcess.path)' frame decode dny --raw -",
            folder)
        #expect(raw.status == 0, "\(raw.all)")
        #expect(raw.output.contains("dny 22 time, device to platform, 14 bytes, checksum 03d6, at byte 4 of the stream"))
        let again = try shell(
            "'\(LabProcess.path)' frame decode dny --json \(Self.heartbeat) | '\(LabProcess.path)' frame encode dny -", folder)
        #expect(again.output == Self.heartbeat + "\n", "\(again.all)")
    }

    @Test("bytes with blanks between them are one frame, with and without quotation marks")
    func blanks() throws {
        let bytes = ["44", "4e", "59", "09", "00", "f3", "6c", "a2", "04", "ba", "01", "22", "d6", "03"]
        for arguments in [bytes, [bytes.joined(separator: " ")]] {
            let result = try LabProcess.run(["frame", "decode", "dny"] + arguments)
            #expect(result.status == 0 && result.output.hasPrefix("dny 22 time, device to platform, 14 bytes"), "\(result.all)")
        }
    }

    @Test("encode makes a frame from names and values (ap3000-039)")
    func encode() throws {
        let result = try LabProcess.run([
            "frame", "encode", "dny", "03", "physical_id=04a26cf3", "message_id=67", "result=0", "--from", "platform",
        ])
        #expect(result.output == "444e590a00f36ca204430003004003\n", "\(result.all)")
    }

    @Test(
        "wrong usage ends with 2 and says what is wrong",
        arguments: [
            (["decode", "dyn", "00"], "unknown protocol 'dyn' — did you mean 'dny'?"), (["decode", "dny", "4"], "'4' is no hexadecimal"),
            (["decode", "dny", heartbeat, "zz"], "'zz' is no hexadecimal"), (["decode", "dny", "-", heartbeat], "- stands alone"),
            (["decode", "dny", "--raw", heartbeat], "--raw is about standard input"),
            (["decode", "dny", heartbeat, "--from", "me"], "--from 'me' must be"),
            (["decode", "ee66", heartbeat, "--dialect", "x"], "unknown dialect 'x' (ee66 has none)"),
            (["encode", "dny", "82", "physical_id=04a26cf3", "prt=1"], "prt: the platform's 82 has no such field"),
        ])
    func wrongUsage(_ arguments: [String], _ message: String) throws {
        let result = try LabProcess.run(["frame"] + arguments)
        #expect(result.status == 2, "\(result.all)")
        #expect(result.error.contains(message), "\(result.all)")
        #expect(result.output == "")
    }

    private func shell(_ line: String, _ folder: TemporaryFolder) throws -> LabProcess.Result {
        try LabProcess.run("/bin/sh", ["-c", line], in: folder.path)
    }
}
