/// Reads HTTP/1.1 answers as they come, whatever they are cut into; keeps nothing of a body but its length.
///
/// A value without I/O. It belongs to one connection: `begin`, then `read` until `isComplete`, then `begin` again.
/// Memory is bounded by one line. Source: RFC 9112 §4 to §7.
package struct HTTPAnswerReader: Sendable {
    package struct Limits: Sendable, Hashable {
        /// Status line and headers, and the trailers of a body in chunks.
        package var headBytes = 65_536
        /// One line of them.
        package var lineBytes = 16_384
        /// Answers before the answer (100, 103).
        package var interimAnswers = 16
        package var bodyBytes = 1 << 40
        package init() {}
    }

    private enum State: Sendable, Hashable {
        case statusLine, headers
        case body(left: Int)
        case chunkSize
        case chunk(left: Int)
        case chunkEnd
        case trailers
        case untilClose
        case complete
    }

    /// What the head says about the body.
    private struct Head: Sendable, Hashable {
        var length: Int?
        var isChunked = false
        /// A transfer coding that is not `chunked`: the end of the connection is the end of the body.
        var hasOtherCoding = false
        var minorVersion = 1
        var closes = false
        var staysOpen = false
    }

    private let limits: Limits
    private var state = State.complete
    private var head = Head()
    /// What came of a line whose end has not come.
    private var line: [UInt8] = []
    private var headBytes = 0
    private var interimAnswers = 0
    /// Bytes of this answer so far, for errors.
    private var offset = 0
    /// The request was HEAD: whatever the head says, no body follows.
    private var isHeadOnly = false

    /// Of the final answer; 0 before its status line is there.
    package private(set) var status = 0
    /// Bytes of the body so far, without the framing of chunks.
    package private(set) var bodyBytes = 0

    package init(limits: Limits = Limits()) { self.limits = limits }

    package var isComplete: Bool { state == .complete }
    /// Something of the answer has come.
    package var hasBegun: Bool { offset > 0 }
    /// Whether another request may follow on this connection; right once the answer is complete.
    package var keepsAlive: Bool {
        // Both lengths at once are how requests are smuggled: such a connection is not used again (RFC 9112 §6.3).
        if head.closes || head.hasOtherCoding || (head.isChunked && head.length != nil) { return false }
        return head.minorVersion >= 1 || head.staysOpen
    }

    /// Begins the answer to the next request.
    package mutating func begin(isHeadOnly: Bool = false) {
        self.isHeadOnly = isHeadOnly
        state = .statusLine
        head = Head()
        line.removeAll(keepingCapacity: true)
        (headBytes, interimAnswers, offset, status, bodyBytes) = (0, 0, 0, 0, 0)
    }

    /// Takes bytes until the answer is complete.
    ///
    /// - Returns: where it stopped: the end of the bytes, or behind the answer.
    package mutating func read(_ bytes: borrowing Span<UInt8>, from start: Int = 0) throws(HTTPAnswerError) -> Int {
        var position = start
        while position < bytes.count, state != .complete {
            let before = position
            switch state {
            case .statusLine, .headers, .chunkSize, .chunkEnd, .trailers: try readLine(bytes, &position)
            case .body(let left):
                let taken = try take(min(left, bytes.count - position))
                position += taken
                state = taken == left ? .complete : .body(left: left - taken)
            case .chunk(let left):
                let taken = try take(min(left, bytes.count - position))
                position += taken
                state = taken == left ? .chunkEnd : .chunk(left: left - taken)
            case .untilClose: position += try take(bytes.count - position)
            case .complete: break
            }
            offset += position - before
        }
        return position
    }

    /// The other side has closed: for a body without a length that is its end.
    ///
    /// - Throws: `.endedEarly` in the middle of an answer.
    package mutating func end() throws(HTTPAnswerError) {
        switch state {
        case .complete: return
        case .untilClose: state = .complete
        default: throw HTTPAnswerError(.endedEarly, at: offset)
        }
    }

    private mutating func take(_ count: Int) throws(HTTPAnswerError) -> Int {
        bodyBytes += count
        if bodyBytes > limits.bodyBytes { throw HTTPAnswerError(.tooLong, at: offset) }
        return count
    }

    // MARK: Lines

    private mutating func readLine(_ bytes: borrowing Span<UInt8>, _ position: inout Int) throws(HTTPAnswerError) {
        let first = position
        while position < bytes.count, bytes[position] != Self.lineFeed { position += 1 }
        let size = position - first
        headBytes += size + 1
        if line.count + size > limits.lineBytes || headBytes > limits.headBytes { throw HTTPAnswerError(.tooLong, at: offset) }
        guard position < bytes.count else {
            for index in first..<position { line.append(bytes[index]) }
            return
        }
        position += 1
        if line.isEmpty {
            try take(line: bytes, first..<first + size)
        } else {
            for index in first..<first + size { line.append(bytes[index]) }
            let whole = line
            line.removeAll(keepingCapacity: true)
            try take(line: whole.span, 0..<whole.count)
        }
    }

    /// One line without its line feed; a carriage return before that is no part of it (RFC 9112 §2.2).
    private mutating func take(line bytes: borrowing Span<UInt8>, _ whole: Range<Int>) throws(HTTPAnswerError) {
        var range = whole
        if let last = range.last, bytes[last] == Self.carriageReturn { range = range.lowerBound..<last }
        switch state {
        case .statusLine: try takeStatus(bytes, range)
        case .headers:
            if range.isEmpty { try endHead() } else { try takeHeader(bytes, range) }
        case .chunkSize: try takeChunkSize(bytes, range)
        case .chunkEnd:
            guard range.isEmpty else { throw HTTPAnswerError(.badChunk, at: offset) }
            headBytes = 0
            state = .chunkSize
        case .trailers:
            if range.isEmpty { state = .complete }
        case .body, .chunk, .untilClose, .complete: break
        }
    }

    /// `HTTP/1.1 200 OK`
    private mutating func takeStatus(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) throws(HTTPAnswerError) {
        let first = range.lowerBound
        guard range.count >= 12, Self.matches(bytes, first..<first + 7, "http/1."), let minor = Self.digit(bytes[first + 7]),
            bytes[first + 8] == Self.space, range.count == 12 || bytes[first + 12] == Self.space
        else { throw HTTPAnswerError(.badStatusLine, at: offset) }
        var code = 0
        for index in first + 9..<first + 12 {
            guard let digit = Self.digit(bytes[index]) else { throw HTTPAnswerError(.badStatusLine, at: offset) }
            code = code * 10 + digit
        }
        guard code >= 100, code != 101 else { throw HTTPAnswerError(.badStatusLine, at: offset) }
        status = code
        head = Head(minorVersion: minor)
        state = .headers
    }

    private mutating func takeHeader(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) throws(HTTPAnswerError) {
        var colon = range.lowerBound
        while colon < range.upperBound, bytes[colon] != Self.colon { colon += 1 }
        // A line that goes on with the one before it, or a space before the colon, is refused (RFC 9112 §5.1, §5.2).
        guard colon < range.upperBound, colon > range.lowerBound, !Self.isBlank(bytes[colon - 1]), !Self.isBlank(bytes[range.lowerBound])
        else {
            throw HTTPAnswerError(.badHeader, at: offset)
        }
        let name = range.lowerBound..<colon
        switch name.count {
        case 10 where Self.matches(bytes, name, "connection"):
            let value = Self.trimmed(bytes, colon + 1..<range.upperBound)
            head.closes = head.closes || Self.lists(bytes, value, "close")
            head.staysOpen = head.staysOpen || Self.lists(bytes, value, "keep-alive")
        case 14 where Self.matches(bytes, name, "content-length"):
            try takeLength(bytes, Self.trimmed(bytes, colon + 1..<range.upperBound))
        case 17 where Self.matches(bytes, name, "transfer-encoding"):
            let value = Self.trimmed(bytes, colon + 1..<range.upperBound)
            if Self.matches(bytes, value, "chunked") { head.isChunked = true } else { head.hasOtherCoding = true }
        default: break
        }
    }

    private mutating func takeLength(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) throws(HTTPAnswerError) {
        guard (1...18).contains(range.count) else { throw HTTPAnswerError(.badLength, at: offset) }
        var length = 0
        for index in range {
            guard let digit = Self.digit(bytes[index]) else { throw HTTPAnswerError(.badLength, at: offset) }
            length = length * 10 + digit
        }
        guard head.length == nil || head.length == length else { throw HTTPAnswerError(.badLength, at: offset) }
        head.length = length
    }

    private mutating func endHead() throws(HTTPAnswerError) {
        if status < 200 {
            interimAnswers += 1
            if interimAnswers > limits.interimAnswers { throw HTTPAnswerError(.tooLong, at: offset) }
            (state, status) = (.statusLine, 0)
            return
        }
        headBytes = 0
        if isHeadOnly || status == 204 || status == 304 {
            state = .complete
        } else if head.hasOtherCoding {
            state = .untilClose
        } else if head.isChunked {
            state = .chunkSize
        } else if let length = head.length {
            state = length == 0 ? .complete : .body(left: length)
        } else {
            head.closes = true
            state = .untilClose
        }
    }

    /// `1a3;name=value`
    private mutating func takeChunkSize(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) throws(HTTPAnswerError) {
        var size = 0
        var digits = 0
        for index in range {
            guard let digit = Self.hexadecimalDigit(bytes[index]) else {
                guard bytes[index] == Self.semicolon || Self.isBlank(bytes[index]) else { throw HTTPAnswerError(.badChunk, at: offset) }
                break
            }
            digits += 1
            guard digits <= 12 else { throw HTTPAnswerError(.badChunk, at: offset) }
            size = size << 4 | digit
        }
        guard digits > 0 else { throw HTTPAnswerError(.badChunk, at: offset) }
        headBytes = 0
        state = size == 0 ? .trailers : .chunk(left: size)
    }

    // MARK: Bytes

    private static let lineFeed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")
    private static let space = UInt8(ascii: " ")
    private static let colon = UInt8(ascii: ":")
    private static let semicolon = UInt8(ascii: ";")
    private static let comma = UInt8(ascii: ",")

    private static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == UInt8(ascii: "\t") }

    private static func digit(_ byte: UInt8) -> Int? {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) ? Int(byte - UInt8(ascii: "0")) : nil
    }

    private static func hexadecimalDigit(_ byte: UInt8) -> Int? {
        if let digit = digit(byte) { return digit }
        let lower = byte | 0x20
        return (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(lower) ? Int(lower - UInt8(ascii: "a")) + 10 : nil
    }

    private static func trimmed(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        var (first, end) = (range.lowerBound, range.upperBound)
        while first < end, isBlank(bytes[first]) { first += 1 }
        while first < end, isBlank(bytes[end - 1]) { end -= 1 }
        return first..<end
    }

    /// - Parameter word: in lower case.
    private static func matches(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>, _ word: StaticString) -> Bool {
        guard range.count == word.utf8CodeUnitCount else { return false }
        return word.withUTF8Buffer { letters in
            for index in 0..<letters.count {
                let byte = bytes[range.lowerBound + index]
                let lower = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
                if unsafe lower != letters[index] { return false }
            }
            return true
        }
    }

    /// Whether a list of words with commas between has the word.
    private static func lists(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>, _ word: StaticString) -> Bool {
        var first = range.lowerBound
        while first < range.upperBound {
            var end = first
            while end < range.upperBound, bytes[end] != comma { end += 1 }
            if matches(bytes, trimmed(bytes, first..<end), word) { return true }
            first = end + 1
        }
        return false
    }
}

/// What is no HTTP/1 answer, and where.
package struct HTTPAnswerError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Reason: String, Sendable, Hashable {
        case badStatusLine = "the status line is not that of HTTP/1"
        case badHeader = "a header has no name, or a space where none may be"
        case badLength = "content-length is not one number"
        case badChunk = "the size or the end of a chunk is wrong"
        case tooLong = "it is longer than the limits allow"
        case endedEarly = "the connection ended in the middle"
    }

    package var reason: Reason
    /// Of the byte from the beginning of the answer; that of the line for an error in a line.
    package var offset: Int

    init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    package var description: String { "an answer cannot be read at byte \(offset): \(reason.rawValue)" }
}
