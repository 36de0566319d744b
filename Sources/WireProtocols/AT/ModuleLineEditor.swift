/// Collects what arrives at a module's port, byte by byte, into command lines (ITU-T V.250 §5.2).
///
/// A line ends with CR; an LF is ignored, so that CR LF works as well. Backspace takes the last character back, ESC the whole line.
/// Other control characters do not count. Where the echo is on, the port sends back what was kept, and the CR.
package struct ModuleLineEditor: Sendable, Equatable {
    package enum Step: Sendable, Equatable {
        /// The byte does not count and is not echoed.
        case ignored
        /// The byte belongs to the line, or changes it, and is echoed.
        case kept
        /// The byte, a CR, ends this line and is echoed. The line can be empty.
        case line([UInt8])
        /// As `line`, for one that is longer than `limit`.
        case tooLong
        /// `A/`: the line before is to be carried out again, at once. The byte is echoed.
        case repetition
    }

    /// Bytes of a line; more are dropped and make it too long. Source: chosen; the modules' manuals speak of 400 to 2,048.
    package static let limit = 2_048

    package private(set) var line: [UInt8] = []
    private var isTooLong = false

    package init() {}

    /// True while a line has begun and not ended.
    package var isBusy: Bool { !line.isEmpty }

    package mutating func take(_ byte: UInt8) -> Step {
        switch byte {
        case 0x0d: return end()
        case 0x08:
            guard !line.isEmpty else { return .ignored }
            line.removeLast()
            return .kept
        case 0x1b:
            clear()
            return .ignored
        case 0..<0x20, 0x7f: return .ignored
        case UInt8(ascii: "/") where line == [0x41] || line == [0x61]:
            clear()
            return .repetition
        default:
            if line.count < Self.limit { line.append(byte) } else { isTooLong = true }
            return .kept
        }
    }

    package mutating func clear() {
        line = []
        isTooLong = false
    }

    private mutating func end() -> Step {
        defer { clear() }
        return isTooLong ? .tooLong : .line(line)
    }
}
