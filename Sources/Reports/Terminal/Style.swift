package import LabCore

/// How the terminal report marks its words: with ANSI colours, or not at all.
package struct Style: Sendable, Equatable {
    package var isColoured: Bool

    package static let plain = Style(isColoured: false)
    package static let coloured = Style(isColoured: true)

    package init(isColoured: Bool) { self.isColoured = isColoured }

    /// Colour only on a terminal that understands it, and not where `NO_COLOR` is set to anything but nothing
    /// (no-color.org).
    package init(isTerminal: Bool, noColor: String?, terminalType: String?) {
        isColoured = isTerminal && (noColor ?? "").isEmpty && terminalType != "dumb"
    }

    package enum Tone: Sendable { case plain, good, bad, warning, quiet, strong, accent }

    package func paint(_ text: String, _ tone: Tone) -> String {
        guard isColoured, !text.isEmpty, let code = tone.code else { return text }
        return "\u{1b}[\(code)m\(text)\u{1b}[0m"
    }
}

extension Style.Tone {
    fileprivate var code: String? {
        switch self {
        case .plain: nil
        case .good: "32"
        case .bad: "1;31"
        case .warning: "33"
        case .quiet: "2"
        case .strong: "1"
        case .accent: "36"
        }
    }
}

extension Verdict {
    /// The word of the terminal: a failure must be seen in a column of passes.
    package var word: String { self == .fail ? "FAIL" : rawValue }

    package var tone: Style.Tone {
        switch self {
        case .pass: .good
        case .fail: .bad
        case .flaky, .unproven, .blocked: .warning
        case .skipped, .quarantined: .quiet
        }
    }
}
