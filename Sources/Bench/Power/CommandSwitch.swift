import LabCore
import Programs

/// Programs of the bench that switch power and tell its state.
struct CommandSwitch {
    private let node: String
    private let limit: Duration

    init(_ node: String, _ limit: Duration) {
        self.node = node
        self.limit = limit
    }

    /// Bytes of either output that are kept.
    private static let longestOutput = 16_384

    /// - Throws: where the program does not start, does not end in time, or does not end with 0.
    @discardableResult
    func run(_ command: [String]) throws(StreamFailure) -> ChildProcess.Outcome {
        let outcome = try outcome(command)
        guard outcome.status == 0 else {
            throw StreamFailure(
                .failed, name, "`\(Self.text(command))` failed (\(outcome.ending))\(Self.told(outcome))", remedy: "run it by hand until it ends with 0")
        }
        return outcome
    }

    /// - Returns: what a program says that prints `on` or `off`.
    func state(_ command: [String]) throws(StreamFailure) -> Bool {
        let outcome = try run(command)
        switch outcome.output.split(whereSeparator: \.isWhitespace).last?.lowercased() {
        case "on": return true
        case "off": return false
        default:
            throw StreamFailure(
                .malformed, name, "`\(Self.text(command))` printed '\(Self.excerpt(outcome.output))'", remedy: "let its last word be `on` or `off`")
        }
    }

    func outcome(_ command: [String]) throws(StreamFailure) -> ChildProcess.Outcome {
        guard let program = command.first, !program.isEmpty else {
            throw StreamFailure(.unsupported, name, "its command is empty", remedy: "name a program in lab.yaml")
        }
        let begin = ContinuousClock.now
        let child: ChildProcess
        do throws(ProgramFailure) {
            child = try ChildProcess(
                program, Array(command.dropFirst()), output: .collected(atMost: Self.longestOutput), errors: .collected(atMost: Self.longestOutput), limit: limit)
        } catch {
            let isMissing = error.reason == .notFound
            throw StreamFailure(isMissing ? .notFound : .failed, name, "`\(error.program)` does not start: \(error.detail)", remedy: error.remedy)
        }
        let outcome = child.wait()
        if case .signalled(9) = outcome.ending, begin.duration(to: .now) >= limit {
            throw StreamFailure(
                .timedOut, name, "`\(Self.text(command))` did not end in \(PortConversation.text(limit)) and was killed\(Self.told(outcome))",
                remedy: "run it by hand; it must end by itself")
        }
        return outcome
    }

    private var name: String { "power of \(node)" }

    private static func told(_ outcome: ChildProcess.Outcome) -> String {
        let text = excerpt(outcome.errors.isEmpty ? outcome.output : outcome.errors)
        return text.isEmpty ? "" : ": \(text)"
    }

    static func text(_ command: [String]) -> String { excerpt(command.joined(separator: " ")) }

    /// The first words of what a program printed, on one line, without what would move a terminal's cursor.
    static func excerpt(_ text: String, _ limit: Int = 200) -> String {
        var line = ""
        var isFull = false
        for word in text.unicodeScalars.split(whereSeparator: { $0.properties.isWhitespace || $0.value < 0x20 }) where !isFull {
            let clean = String(String.UnicodeScalarView(word.map { $0.value < 0x7f || $0.properties.isAlphabetic ? $0 : "?" }))
            isFull = line.count + clean.count > limit
            line += (line.isEmpty ? "" : " ") + clean.prefix(max(0, limit - line.count))
        }
        return isFull ? line + "…" : line
    }
}
