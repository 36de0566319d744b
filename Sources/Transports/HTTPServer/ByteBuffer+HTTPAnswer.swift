import LabCore
import NIOCore
import NIOHTTP1

extension ByteBuffer {
    /// An answer as HTTP/1.1 has it on the wire, in one piece.
    ///
    /// What cannot be in a header does not leave: other names, line ends in values (RFC 9110 §5.1, §5.5).
    ///
    /// - Parameter isToHead: to a request with the method HEAD: with all headers, without the body.
    mutating func writeAnswer(_ answer: HTTPAnswer, isToHead: Bool) {
        // RFC 9110 §6.4.1.
        let mayHaveBody = answer.status >= 200 && answer.status != 204 && answer.status != 304
        let hasBody = mayHaveBody && !isToHead && !answer.body.isEmpty
        reserveCapacity(minimumWritableBytes: Self.usualHeadBytes + (hasBody ? answer.body.count : 0))
        writeString(HTTPStatusLine.all[answer.status])
        var hasLength = false
        for header in answer.headers {
            switch header.name.utf8.count {
            case 14 where header.isNamed("content-length"):
                guard mayHaveBody, !hasLength else { continue }
                hasLength = true
            // Bodies leave as they are.
            case 17 where header.isNamed("transfer-encoding"): continue
            default: break
            }
            guard header.hasValidName else { continue }
            writeString(header.name)
            writeStaticString(": ")
            writeString(header.validValue)
            writeStaticString("\r\n")
        }
        // Without a length the client would have to wait for the end of the connection. 204 has none (RFC 9110 §8.6).
        if mayHaveBody, !hasLength {
            writeStaticString("content-length: ")
            writeString(String(answer.body.count))
            writeStaticString("\r\n")
        }
        writeStaticString("\r\n")
        if hasBody { writeBytes(answer.body) }
    }

    private static let usualHeadBytes = 512
}

private enum HTTPStatusLine {
    /// By the status, 0 to 999.
    static let all = (0..<1_000).map { "HTTP/1.1 \($0) \(HTTPResponseStatus(statusCode: $0).reasonPhrase)\r\n" }
}

extension HTTPCall.Header {
    /// - Parameter lowercase: of the same length.
    fileprivate func isNamed(_ lowercase: String) -> Bool { name == lowercase || name.lowercased() == lowercase }

    fileprivate var hasValidName: Bool {
        let bytes = name.utf8.span
        guard !bytes.isEmpty else { return false }
        for index in bytes.indices where !Self.isInToken(bytes[index]) { return false }
        return true
    }

    private static func isInToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "!"), UInt8(ascii: "#")...UInt8(ascii: "'"), UInt8(ascii: "*"),
            UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "^")...UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// With a space for each byte that may not be in a value, and without spaces around it.
    fileprivate var validValue: String {
        let bytes = value.utf8.span
        var isValid = bytes.isEmpty || !Self.isSpace(bytes[0]) && !Self.isSpace(bytes[bytes.count - 1])
        for index in bytes.indices where !Self.isInValue(bytes[index]) { isValid = false }
        if isValid { return value }
        let cleaned = value.utf8.map { Self.isInValue($0) ? $0 : UInt8(ascii: " ") }
        let start = cleaned.firstIndex { !Self.isSpace($0) } ?? cleaned.endIndex
        let end = cleaned.lastIndex { !Self.isSpace($0) }.map { $0 + 1 } ?? start
        return String(decoding: cleaned[start..<end], as: UTF8.self)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    private static func isInValue(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7F || byte == UInt8(ascii: "\t") }
}
