/// One line that came from the module, without its line ends.
package struct ATLine: Sendable, Hashable, CustomStringConvertible {
    package var text: String
    /// Where its first byte stood in everything that came through the port, from 0.
    package var offset: Int
    /// Printable text only; damaged bytes are repaired in `text`.
    package var isClean: Bool

    package init(_ text: String, offset: Int = 0, isClean: Bool = true) {
        self.text = text
        self.offset = offset
        self.isClean = isClean
    }

    package var description: String { text }
}

/// Cuts the bytes of one port into lines, prompts and counted data, as the host sees them (rg500q.md §5.1).
///
/// CR and LF both end a line and blank lines are dropped, so that nothing depends on how many of them a module sends. The
/// caller takes one item after the other and says in between what it expects: the bytes behind a length, or a prompt. How the
/// bytes were split on their way makes no difference.
package struct ATParser: Sendable {
    package enum Item: Sendable, Equatable {
        case line(ATLine)
        /// `> `, while it was expected.
        case prompt
        /// The bytes that were expected with `expectData`.
        case data([UInt8])
        /// A line of more than `longestLine` bytes, with its beginning; the rest of it is skipped.
        case tooLong(ATLine)
    }

    /// Bytes of a line that are accepted. Source: chosen; the longest that a module sends are those of an SMS in PDU mode, about 400.
    package static let longestLine = 4_096
    /// Bytes that can be expected behind a length. Source: chosen, well above the 4,096 that file commands read at once.
    package static let longestData = 1 << 20
    private static let shownOfLongLine = 64

    /// Whether `> ` at the beginning of a line is a prompt; one prompt ends it.
    package var expectsPrompt = false

    private var buffer: [UInt8] = []
    /// The first byte of `buffer` that is not taken.
    private var position = 0
    /// Bytes behind `position` that are known to hold no line end.
    private var scanned = 0
    /// Bytes taken before `buffer` began.
    private var dropped = 0
    private var awaitedData: Int?
    private var isSkipping = false
    /// The last line ended with CR: a LF right behind it belongs to that line end.
    private var endedWithReturn = false

    package init() {}

    /// Adds bytes as they came; `next` then gives the items.
    package mutating func append(_ bytes: some Sequence<UInt8>) {
        if position > 8_192 || position == buffer.count { compact() }
        buffer.append(contentsOf: bytes)
    }

    /// Takes the next `count` bytes as they are, those behind the line that was just given.
    ///
    /// - Returns: false, and nothing changes, if that is more than `longestData`.
    @discardableResult
    package mutating func expectData(_ count: Int) -> Bool {
        guard (0...Self.longestData).contains(count) else { return false }
        awaitedData = count
        return true
    }

    /// Forgets what has come and what is expected, as after the port was opened again.
    package mutating func reset() {
        let offset = dropped + buffer.count
        self = ATParser()
        dropped = offset
    }

    package mutating func next() -> Item? {
        if let count = awaitedData { return nextData(count) }
        while true {
            if isSkipping {
                guard skipToLineEnd() else { return nil }
                continue
            }
            skipLineEnds()
            guard position < buffer.count else { return nil }
            if expectsPrompt, buffer[position] == UInt8(ascii: ">") {
                guard position + 1 < buffer.count else { return nil }
                if buffer[position + 1] == UInt8(ascii: " ") {
                    position += 2
                    expectsPrompt = false
                    endedWithReturn = false
                    return .prompt
                }
            }
            guard let end = lineEnd() else {
                guard buffer.count - position > Self.longestLine else { return nil }
                return tooLong()
            }
            if end - position > Self.longestLine { return tooLong() }
            if let line = takeLine(upTo: end) { return .line(line) }
        }
    }

    private mutating func nextData(_ count: Int) -> Item? {
        if endedWithReturn {
            guard position < buffer.count else { return nil }
            if buffer[position] == 0x0a { position += 1 }
            endedWithReturn = false
        }
        guard buffer.count - position >= count else { return nil }
        let data = Array(buffer[position..<position + count])
        position += count
        scanned = 0
        awaitedData = nil
        return .data(data)
    }

    private static func isLineEnd(_ byte: UInt8) -> Bool { byte == 0x0d || byte == 0x0a }

    private mutating func skipLineEnds() {
        while position < buffer.count, Self.isLineEnd(buffer[position]) {
            endedWithReturn = buffer[position] == 0x0d
            position += 1
            scanned = 0
        }
    }

    private mutating func lineEnd() -> Int? {
        var index = position + scanned
        while index < buffer.count {
            if Self.isLineEnd(buffer[index]) { return index }
            index += 1
        }
        scanned = index - position
        return nil
    }

    private mutating func tooLong() -> Item {
        let shown = buffer[position..<position + Self.shownOfLongLine]
        let line = ATLine(String(decoding: shown, as: UTF8.self), offset: dropped + position, isClean: false)
        position += Self.longestLine
        scanned = 0
        isSkipping = true
        return .tooLong(line)
    }

    /// - Returns: false if the end has not come yet.
    private mutating func skipToLineEnd() -> Bool {
        guard let end = lineEnd() else {
            position = buffer.count
            scanned = 0
            return false
        }
        endLine(at: end)
        isSkipping = false
        return true
    }

    private mutating func endLine(at end: Int) {
        endedWithReturn = buffer[end] == 0x0d
        position = end + 1
        scanned = 0
    }

    /// Takes a line; `nil` if nothing is left of it without the control characters at its ends.
    ///
    /// A module that starts, or a loose plug, sends NULs; the echo of a message ends with 0x1A or 0x1B.
    private mutating func takeLine(upTo end: Int) -> ATLine? {
        var first = position
        var last = end
        while first < last, Self.isControl(buffer[first]) { first += 1 }
        while last > first, Self.isControl(buffer[last - 1]) { last -= 1 }
        let bytes = buffer[first..<last]
        let offset = dropped + first
        endLine(at: end)
        if bytes.isEmpty { return nil }
        let isPrintable = bytes.allSatisfy { !Self.isControl($0) || $0 == 0x09 }
        if isPrintable, let text = String(validating: bytes, as: UTF8.self) { return ATLine(text, offset: offset) }
        return ATLine(String(decoding: bytes, as: UTF8.self), offset: offset, isClean: false)
    }

    private static func isControl(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x7f }

    private mutating func compact() {
        buffer.removeFirst(position)
        dropped += position
        position = 0
    }
}
