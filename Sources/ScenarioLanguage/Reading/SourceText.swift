import LabCore

/// The text of one file, proved to be UTF-8 of bounded size without the characters that YAML forbids (YAML 1.1 §5.1).
///
/// Everything that reads a file begins here, so that no later stage meets binary data, other encodings or endless lines.
struct SourceText {
    /// Far above any scenario that a person reads; above it reading stops.
    static let maximumBytes = 1 << 20
    /// Bytes of one line; the place of an error inside a line is found by walking it.
    static let maximumLineBytes = 16_384

    let file: String
    /// Without a byte order mark.
    let bytes: [UInt8]
    private let lineStarts: [Int]

    init(_ content: [UInt8], file: String) throws(Diagnostic) {
        if let encoding = Self.foreignEncoding(content) {
            throw Diagnostic(
                at: SourceLocation(file: file, line: 1, column: 1), "the file is \(encoding); save it as UTF-8")
        }
        self.file = file
        bytes = content.starts(with: [0xef, 0xbb, 0xbf]) ? Array(content.dropFirst(3)) : content
        lineStarts = try Self.checkedLineStarts(bytes, file: file)
    }

    /// The bytes of a line, counted from 1, without its end.
    func line(_ number: Int) -> ArraySlice<UInt8> {
        guard number >= 1, number <= lineStarts.count else { return [] }
        let start = lineStarts[number - 1]
        let end = number < lineStarts.count ? lineStarts[number] : bytes.count
        return bytes[start..<end].prefix { $0 != 0x0a && $0 != 0x0d }
    }

    /// UTF-16 and UTF-32 by their byte order marks, or by the zero beside the first ASCII character.
    private static func foreignEncoding(_ bytes: [UInt8]) -> String? {
        let head = Array(bytes.prefix(4))
        if head == [0xff, 0xfe, 0, 0] || head == [0, 0, 0xfe, 0xff] { return "UTF-32" }
        guard head.count >= 2 else { return nil }
        if (head[0], head[1]) == (0xff, 0xfe) || (head[0], head[1]) == (0xfe, 0xff) { return "UTF-16" }
        if head.count == 4, head[0] != 0, head[1...] == [0, 0, 0] || head[..<3] == [0, 0, 0] { return "UTF-32" }
        return (head[0] == 0) != (head[1] == 0) ? "UTF-16" : nil
    }

    /// Walks the text once: UTF-8, allowed characters, line lengths, size.
    private static func checkedLineStarts(_ bytes: [UInt8], file: String) throws(Diagnostic) -> [Int] {
        var starts = [0]
        var index = 0
        var column = 1
        func wrong(_ message: String) -> Diagnostic {
            Diagnostic(at: SourceLocation(file: file, line: starts.count, column: column), message)
        }
        while index < bytes.count {
            if index >= maximumBytes { throw wrong("the file is larger than 1 MiB; split it into smaller files") }
            if index - starts[starts.count - 1] >= maximumLineBytes {
                throw wrong("the line is longer than \(maximumLineBytes) bytes; break it into several lines")
            }
            let byte = bytes[index]
            switch byte {
            case 0x0a:
                index += 1
                starts.append(index)
                column = 1
                continue
            case 0x0d:
                guard index + 1 < bytes.count, bytes[index + 1] == 0x0a else {
                    throw wrong("a carriage return without a line feed; save the file with LF or CRLF line ends")
                }
                index += 1
            case 0x09, 0x20...0x7e: index += 1
            case 0: throw wrong("a NUL byte; the file is not text")
            case 0..<0x20, 0x7f: throw wrong("control character 0x\(Hexadecimal.text([byte])); the file is not text")
            default:
                guard let (scalar, length) = multibyteScalar(bytes, at: index) else {
                    throw wrong("byte 0x\(Hexadecimal.text([byte])) is not UTF-8; save the file as UTF-8")
                }
                if let name = forbiddenName(scalar) { throw wrong("\(name) is not allowed here; write it as an escape in double quotes") }
                index += length
            }
            column += 1
        }
        return starts
    }

    /// Decodes one scalar of two to four bytes; `nil` where the bytes are not well-formed (Unicode 15, table 3-7).
    static func multibyteScalar(_ bytes: [UInt8], at index: Int) -> (scalar: UInt32, length: Int)? {
        let first = bytes[index]
        let length: Int
        var value: UInt32
        switch first {
        case 0xc2...0xdf: (length, value) = (2, UInt32(first & 0x1f))
        case 0xe0...0xef: (length, value) = (3, UInt32(first & 0x0f))
        case 0xf0...0xf4: (length, value) = (4, UInt32(first & 0x07))
        default: return nil
        }
        guard index + length <= bytes.count else { return nil }
        for offset in 1..<length {
            guard bytes[index + offset] & 0xc0 == 0x80 else { return nil }
            value = value << 6 | UInt32(bytes[index + offset] & 0x3f)
        }
        let isShortest = length == 2 || (length == 3 && value >= 0x800) || (length == 4 && value >= 0x10000)
        let isScalar = value <= 0x10ffff && !(0xd800...0xdfff).contains(value)
        return isShortest && isScalar ? (value, length) : nil
    }

    /// Characters that YAML forbids, and those that it takes for line breaks while editors do not,
    /// so that its line numbers would differ from theirs.
    private static func forbiddenName(_ scalar: UInt32) -> String? {
        switch scalar {
        case 0x85: "the line break U+0085"
        case 0x80..<0xa0: "a control character"
        case 0x2028: "the line separator U+2028"
        case 0x2029: "the paragraph separator U+2029"
        case 0xfeff: "a byte order mark inside the text"
        case 0xfffe, 0xffff: "a character that is none"
        case 0xe000...0xe01f: "a private character"
        default: nil
        }
    }
}
