import ArgumentParser
import Foundation
import LabCore
import Verdicts
import WireProtocols

/// `lab frame decode`: every field of frames, with its offset, unit and source.
struct FrameDecodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decode", abstract: "Tells every field of frames, with its offset, unit and source.",
        discussion: """
            \(FrameOptions.protocols)
            Each HEX is a segment of its own: a frame, several, or with something between them. - reads a stream from standard input until it \
            ends: hexadecimal digits in which blanks and line ends do not matter, or with --raw the bytes themselves (at is always read raw). \
            What belongs to no frame costs one byte, and the search goes on behind it; only mqtt, which has no mark to find a packet by, is given \
            up at the first packet that is none. The offsets of fields count from their frame.
            Exit codes: 0 all frames are good, 1 one is refused or something belongs to none, 2 wrong usage.
            """)

    @Argument(help: "The protocol: \(FrameTools.all.map(\.name).joined(separator: ", ")).")
    var proto: String

    @Argument(
        help: ArgumentHelp("Hexadecimal digits, with or without blanks; text for at; - for standard input.", valueName: "hex"))
    var frames: [String]

    @OptionGroup var options: FrameOptions

    @Flag(help: "Standard input is the bytes themselves.")
    var raw = false

    func run() throws {
        let (tool, settings) = try options.tool(proto)
        if raw, frames != ["-"] { throw Stop(.wrongInput, "--raw is about standard input; give - for it.") }
        if frames.contains("-"), frames.count > 1 { throw Stop(.wrongInput, "- stands alone: the stream comes from standard input.") }
        // All of them are read before the first is told, so that a misspelt one does not end a list in the middle.
        // Bytes with blanks between them, without quotation marks.
        let arguments = frames.allSatisfy { $0.utf8.count == 2 } && !tool.isText ? [frames.joined()] : frames
        let segments = frames == ["-"] ? [] : try arguments.map { try FrameInput.bytes(of: $0, tool) }
        var writer = FrameReportWriter(isJSON: options.json)
        for segment in segments {
            var explainer = tool.explainer(settings)
            for report in explainer.explain(segment) { writer.write(report) }
        }
        if frames == ["-"] { try explainInput(tool, settings, &writer) }
        writer.finish()
        if writer.hasRefused { throw Stop(.failed) }
    }

    /// Reports come as soon as their frames are there.
    private func explainInput(_ tool: any FrameTool, _ settings: FrameToolOptions, _ writer: inout FrameReportWriter) throws {
        var explainer = tool.explainer(settings)
        var digits = HexadecimalStream()
        var hasBytes = false
        while let chunk = try FrameInput.chunk() {
            let bytes: [UInt8]
            if raw || tool.isText {
                bytes = chunk
            } else {
                do { bytes = try digits.bytes(of: chunk) } catch {
                    writer.finish()
                    throw Stop(.wrongInput, "standard input is no hexadecimal: \(error); --raw takes the bytes themselves")
                }
            }
            hasBytes = hasBytes || !bytes.isEmpty
            explainer.append(bytes)
            while let report = explainer.next() { writer.write(report) }
        }
        if digits.isOdd {
            writer.finish()
            throw Stop(.wrongInput, "standard input ends with half a byte")
        }
        if !hasBytes {
            writer.finish()
            throw Stop(.wrongInput, "standard input is empty")
        }
        explainer.finish()
        while let report = explainer.next() { writer.write(report) }
    }
}

/// Bytes from arguments and from standard input.
enum FrameInput {
    /// Hexadecimal digits with blanks; for protocols of text also the text itself, which gets its line end.
    ///
    /// - Throws: `Stop` that shows the argument.
    static func bytes(of argument: String, _ tool: any FrameTool) throws -> [UInt8] {
        let digits = argument.filter { !$0.isWhitespace }
        if let bytes = Hexadecimal.bytes(digits), !bytes.isEmpty { return bytes }
        if tool.isText, !digits.isEmpty { return Array(argument.utf8) + [0x0d] }
        let shown = argument.count > 40 ? argument.prefix(40) + "…" : argument[...]
        throw Stop(.wrongInput, "'\(shown)' is no hexadecimal: pairs of digits are wanted, such as 444e59")
    }

    /// The next bytes of standard input, as many as are there; `nil` at its end.
    static func chunk() throws -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(STDIN_FILENO, $0.baseAddress, $0.count) }
            if count > 0 { return Array(bytes.prefix(count)) }
            if count == 0 { return nil }
            guard errno == EINTR else { throw Stop(.wrongInput, "cannot read standard input: \(Descriptor.reason(errno))") }
        }
    }
}

/// Hexadecimal digits that come in pieces; blanks and line ends between them do not matter.
struct HexadecimalStream {
    struct Failure: Error, CustomStringConvertible {
        var offset: Int
        var byte: UInt8
        var description: String {
            let shown = (0x21...0x7e).contains(byte) ? "'\(Unicode.Scalar(byte))'" : "byte \(Hexadecimal.text([byte]))"
            return "\(shown) at byte \(offset)"
        }
    }

    private var high: UInt8?
    private var offset = 0

    /// Whether the last digit has no partner.
    var isOdd: Bool { high != nil }

    mutating func bytes(of digits: [UInt8]) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for digit in digits {
            defer { offset += 1 }
            if digit == 0x20 || (0x09...0x0d).contains(digit) { continue }
            guard let value = Hexadecimal.value(digit) else { throw Failure(offset: offset, byte: digit) }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return bytes
    }
}
