package import LabCore

/// What people can do with a protocol by hand: take a stream apart, and make frames from names and values.
package protocol FrameTool: Sendable {
    /// The word on the command line.
    var name: String { get }
    var aliases: [String] { get }
    /// One line for help.
    var about: String { get }
    /// Other ways to read the protocol, the first the usual one; empty where there is one way only.
    var dialects: [String] { get }
    /// Whether its frames are lines that people type as they are.
    var isText: Bool { get }

    func explainer(_ options: FrameToolOptions) -> any FrameExplainer

    /// Makes a frame.
    ///
    /// - Parameters:
    ///   - command: as reports write it.
    ///   - values: under the names that reports use. What follows from the rest, such as length and checksum, is not looked at.
    /// - Throws: the name that is wrong, and what is allowed.
    func frame(_ command: String, _ values: Fields, _ options: FrameToolOptions) throws(FieldFault) -> [UInt8]
}

extension FrameTool {
    package var aliases: [String] { [] }
    package var dialects: [String] { [] }
    package var isText: Bool { false }
}

package struct FrameToolOptions: Sendable, Hashable {
    package enum Sender: String, Sendable, Hashable, CaseIterable {
        /// The pile, the module, the client.
        case device
        /// The cloud, the host, the broker.
        case platform
    }

    /// Who sends; `nil` lets the bytes decide, as far as they can.
    package var sender: Sender?
    /// One of the tool's dialects; `nil` for the first.
    package var dialect: String?

    package init(sender: Sender? = nil, dialect: String? = nil) {
        self.sender = sender
        self.dialect = dialect
    }
}

/// Explains everything in a stream, in its order: frames, what stands between them, and what is refused.
package protocol FrameExplainer {
    mutating func append(_ bytes: [UInt8])
    /// Nothing more comes; `next` gives what is left.
    mutating func finish()
    /// The next report; `nil` while more bytes are needed.
    mutating func next() -> FrameReport?
}

extension FrameExplainer {
    /// Everything in bytes that are a stream of their own.
    package mutating func explain(_ bytes: [UInt8]) -> [FrameReport] {
        append(bytes)
        finish()
        var reports: [FrameReport] = []
        while let report = next() { reports.append(report) }
        return reports
    }
}

/// The protocols that can be taken apart and made by hand.
package enum FrameTools {
    package static let all: [any FrameTool] = [
        DNYTool(), BKVTool(isNative: false), BKVTool(isNative: true), EE66Tool(), DLT645Tool(), YKCTool(), JUYTool(), ModbusTool(),
        ATTool(),
        MQTTTool(),
    ]

    /// The tool of that name or alias.
    package static func named(_ name: String) -> (any FrameTool)? {
        all.first { $0.name == name || $0.aliases.contains(name) }
    }

    /// Names and values from `NAME=VALUE` words; values are whole numbers where they look like it, `0x` for hexadecimal, else texts.
    ///
    /// - Throws: for a word without `=`, and for a name that is there twice.
    package static func values(_ words: [String]) throws(FieldFault) -> Fields {
        var values = Fields()
        for word in words {
            guard let sign = word.firstIndex(of: "="), sign > word.startIndex else {
                throw FieldFault(.value("'\(word)' has no name; write NAME=VALUE"), field: "values", offset: 0)
            }
            let name = String(word[..<sign])
            guard values[name] == nil else { throw FieldFault(.value("it is there twice"), field: name, offset: 0) }
            values[name] = .text(String(word[word.index(after: sign)...]))
        }
        return values
    }

    /// The frames of reports as `lab frame decode --json` writes them, one or a list of them, made again from their fields.
    ///
    /// - Throws: where it is no such report, and the name of a field that cannot be written.
    package static func frames(of document: FieldValue, _ tool: any FrameTool, _ options: FrameToolOptions) throws(FieldFault) -> [[UInt8]]
    {
        var frames: [[UInt8]] = []
        for item in document.list ?? [document] {
            guard let report = item.record, let fields = report["fields"]?.list else {
                throw FieldFault(.value("reports of `lab frame decode --json` are wanted"), field: "document", offset: 0)
            }
            var values = Fields()
            for field in fields {
                guard let record = field.record, let name = record["name"]?.text, let value = record["value"] else { continue }
                values[name] = value
            }
            var options = options
            if options.sender == nil { options.sender = sender(report["direction"]?.text) }
            frames.append(try tool.frame(report["command"]?.text ?? "", values, options))
        }
        return frames
    }

    private static func sender(_ direction: String?) -> FrameToolOptions.Sender? {
        switch direction.flatMap(FrameReport.Direction.init(rawValue:)) {
        case .deviceToPlatform: .device
        case .platformToDevice, .hostToDevice: .platform
        case nil: nil
        }
    }

    /// A report of bytes that belong to nothing.
    static func garbage(_ bytes: [UInt8], at offset: Int, _ name: String) -> FrameReport {
        let field = FrameField(name: "garbage", offset: 0, bytes: bytes, value: .bytes(bytes), source: "")
        let problem = FrameProblem(.refusal, at: 0, "these bytes belong to no frame")
        var report = FrameReport(protocolName: name, length: bytes.count, fields: [field], problems: [problem])
        report.streamOffset = offset
        return report
    }
}
