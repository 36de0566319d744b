import ArgumentParser
import LabCore
import Reports
import Verdicts
import WireProtocols

/// `lab frame`: wire protocols by hand.
struct FrameCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "frame", abstract: "Takes frames of wire protocols apart, and makes them.",
        discussion: "Exit codes: 0 all frames are good, 1 a frame is refused, 2 wrong usage.",
        subcommands: [FrameDecodeCommand.self, FrameEncodeCommand.self])
}

/// What both commands ask for.
struct FrameOptions: ParsableArguments {
    @Option(name: .customLong("from"), help: "Who sends: device or platform. Without it the bytes decide as far as they can.")
    var sender: String?

    @Option(help: ArgumentHelp("Another way to read the protocol: \(Self.dialects).", valueName: "name"))
    var dialect: String?

    @Flag(help: "As JSON: a list of reports.")
    var json = false

    private static var dialects: String {
        FrameTools.all.filter { !$0.dialects.isEmpty && $0.name != "bkv-native" }
            .map { "\($0.name) \($0.dialects.joined(separator: ", "))" }.joined(separator: "; ")
    }

    /// The protocol of that name, and the options as it takes them.
    ///
    /// - Throws: `Stop`, with the names that there are.
    func tool(_ name: String) throws -> (any FrameTool, FrameToolOptions) {
        let names = FrameTools.all.flatMap { [$0.name] + $0.aliases }
        guard let tool = FrameTools.named(name) else {
            let hint = DidYouMean.suggestion(for: name, among: names).map { " — did you mean '\($0)'?" } ?? ""
            throw Stop(.wrongInput, "unknown protocol '\(name)'\(hint) (known: \(names.joined(separator: ", ")))")
        }
        var options = FrameToolOptions()
        if let sender {
            guard let known = FrameToolOptions.Sender(rawValue: sender) else {
                throw Stop(.wrongInput, "--from '\(sender)' must be device or platform")
            }
            options.sender = known
        }
        if let dialect {
            guard tool.dialects.contains(dialect) else {
                let known = tool.dialects.isEmpty ? "\(tool.name) has none" : "\(tool.name) has \(tool.dialects.joined(separator: ", "))"
                throw Stop(.wrongInput, "unknown dialect '\(dialect)' (\(known))")
            }
            options.dialect = dialect
        }
        return (tool, options)
    }

    static var protocols: String {
        FrameTools.all.map { tool in
            "\(tool.name)\(tool.aliases.map { " (also \($0))" }.joined()): \(tool.about)."
        }.joined(separator: " ")
    }
}

/// Writes reports one after the other as they come, as text or as the items of one JSON list.
struct FrameReportWriter {
    private let isJSON: Bool
    private var count = 0
    private(set) var hasRefused = false

    init(isJSON: Bool) { self.isJSON = isJSON }

    mutating func write(_ report: FrameReport) {
        if report.isRefused { hasRefused = true }
        if isJSON {
            Console.write(Array((count == 0 ? "[\n" : ",\n").utf8) + JSONWriter.bytes(.record(report.record)))
        } else {
            let lines = report.text.split(separator: "\n").map { VisibleText.clean(String($0)) }
            if count > 0 { Console.print("") }
            Console.print(lines.joined(separator: "\n"))
        }
        count += 1
    }

    mutating func finish() {
        if isJSON { Console.write(Array((count == 0 ? "[]\n" : "\n]\n").utf8)) }
    }
}
