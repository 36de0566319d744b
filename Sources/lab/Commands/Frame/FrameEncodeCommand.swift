import ArgumentParser
import LabCore
import Verdicts
import WireProtocols

/// `lab frame encode`: frames from names and values.
struct FrameEncodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "encode", abstract: "Makes a frame from a command and its values, or from reports.",
        discussion: """
            \(FrameOptions.protocols)
            COMMAND and the names are those that `lab frame decode` tells: `lab frame encode dny 03 physical_id=04a26cf3 port=1 duration=5 \
            order=TEST_1`. Values are whole numbers (0x for hexadecimal), texts, or bytes in hexadecimal; lengths and checksums follow. \
            Fields that later editions of a protocol appended are left out unless they are named. A line of at is the command: \
            `lab frame encode at 'AT+CREG?'`. - makes the frames of a JSON report from standard input again.
            Each frame is a line of hexadecimal digits; with --json it is the list of reports that decoding would give.
            Exit codes: 0 made, 2 wrong usage, with the name of the value that is wrong.
            """)

    /// Bytes of JSON from standard input.
    private static let largestInput = 64 << 20

    @Argument(help: "The protocol: \(FrameTools.all.map(\.name).joined(separator: ", ")).")
    var proto: String

    @Argument(help: "Such as 21, 0015/07, publish, 'AT+CSQ'; - for reports from standard input.")
    var command: String

    @Argument(help: ArgumentHelp("Fields of the frame.", valueName: "name=value"))
    var values: [String] = []

    @OptionGroup var options: FrameOptions

    func run() throws {
        let (tool, settings) = try options.tool(proto)
        let frames: [[UInt8]]
        do {
            if command == "-" {
                guard values.isEmpty else { throw Stop(.wrongInput, "- takes everything from standard input; leave the values away.") }
                frames = try FrameTools.frames(of: try readDocument(), tool, settings)
            } else {
                frames = [try tool.frame(command, try FrameTools.values(values), settings)]
            }
        } catch let fault as FieldFault {
            throw Stop(.wrongInput, "cannot make the frame: \(fault)")
        }
        guard options.json else {
            for frame in frames { Console.print(Hexadecimal.text(frame)) }
            return
        }
        var writer = FrameReportWriter(isJSON: true)
        for frame in frames {
            var explainer = tool.explainer(settings)
            for report in explainer.explain(frame) { writer.write(report) }
        }
        writer.finish()
    }

    private func readDocument() throws -> FieldValue {
        var bytes: [UInt8] = []
        while let chunk = try FrameInput.chunk() {
            bytes += chunk
            guard bytes.count <= Self.largestInput else {
                throw Stop(.wrongInput, "standard input has more than \(Self.largestInput >> 20) MiB")
            }
        }
        do { return try JSONReader.read(bytes) } catch { throw Stop(.wrongInput, "standard input: \(error)") }
    }
}
