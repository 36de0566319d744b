import LabCore

/// One frame between a communication module and a pile's board (charging-protocols.md 5.1): `SOP | LEN | CMD | SESSION 6 | DATA | SUM`.
package struct EE66Frame: Sendable, Hashable {
    /// What the length may be: bytes from the command to the sum.
    package static let lengths = 8...255
    /// The session of what a board begins: ASCII `000000`.
    package static let boardSession = "303030303030"
    /// The session that the module's examples have.
    package static let zeroSession = "000000000000"

    static let request: UInt8 = 0xee
    static let answer: UInt8 = 0x66

    /// EE asks, 66 answers, whoever sends it.
    package var isAnswer: Bool
    package var command: UInt8
    /// Six bytes as 12 hexadecimal digits; the answer repeats them.
    package var session: String
    package var data: [UInt8]

    package init(isAnswer: Bool, command: UInt8, session: String = EE66Frame.zeroSession, data: [UInt8]) {
        self.isAnswer = isAnswer
        self.command = command
        self.session = session
        self.data = data
    }

    /// Reads the frame that begins at the first of `bytes`.
    ///
    /// - Throws: `.truncated` while more bytes must arrive; the others when these can never become a frame.
    package static func decode(_ bytes: ArraySlice<UInt8>) throws(EE66Fault) -> (frame: EE66Frame, size: Int) {
        guard let head = bytes.first else { throw .truncated(needed: 10, found: 0) }
        guard head == request || head == answer else { throw .head(found: head) }
        guard bytes.count >= 2 else { throw .truncated(needed: 10, found: 1) }
        let start = bytes.startIndex
        let length = Int(bytes[start + 1])
        guard lengths.contains(length) else { throw .length(found: length) }
        let size = length + 2
        guard bytes.count >= size else { throw .truncated(needed: size, found: bytes.count) }
        let end = start + size - 1
        let expected = sum(bytes[start + 1..<end])
        guard bytes[end] == expected else { throw .checksum(expected: expected, found: bytes[end], offset: size - 1) }
        let frame = EE66Frame(
            isAnswer: head == answer, command: bytes[start + 2], session: Hexadecimal.text(bytes[start + 3..<start + 9]),
            data: Array(bytes[start + 9..<end]))
        return (frame, size)
    }

    /// Reads exactly one frame.
    package init(_ bytes: [UInt8]) throws(EE66Fault) {
        let (frame, size) = try Self.decode(bytes[...])
        guard size == bytes.count else { throw .trailing(extra: bytes.count - size, offset: size) }
        self = frame
    }

    /// - Throws: `.tooLong` for more than 247 bytes of data, `.session` for a session that is not six bytes.
    package func encoded() throws(EE66Fault) -> [UInt8] {
        guard data.count + 8 <= Self.lengths.upperBound else { throw .tooLong(found: data.count) }
        guard session.utf8.count == 12, let digits = Hexadecimal.bytes(session) else { throw .session(session) }
        var bytes: [UInt8] = [isAnswer ? Self.answer : Self.request, UInt8(data.count + 8), command]
        bytes += digits
        bytes += data
        bytes.append(Self.sum(bytes[1...]))
        return bytes
    }

    /// XOR of everything but the first byte.
    static func sum(_ bytes: ArraySlice<UInt8>) -> UInt8 { bytes.reduce(0, ^) }
}

package enum EE66Fault: Error, Sendable, Hashable, CustomStringConvertible {
    case truncated(needed: Int, found: Int)
    case head(found: UInt8)
    case length(found: Int)
    case checksum(expected: UInt8, found: UInt8, offset: Int)
    case trailing(extra: Int, offset: Int)
    case tooLong(found: Int)
    case session(String)

    package var description: String {
        switch self {
        case .truncated(let needed, let found): "the frame needs \(needed) bytes, \(found) are there"
        case .head(let found): "offset 0: \(hexadecimal(found)) begins no frame; ee asks, 66 answers"
        case .length(let found): "offset 1: length \(found), allowed is 8 to 255"
        case .checksum(let expected, let found, let offset):
            "offset \(offset): checksum \(hexadecimal(found)) where \(hexadecimal(expected)) is right (XOR from the length to the data)"
        case .trailing(let extra, let offset): "offset \(offset): \(extra) bytes after the frame"
        case .tooLong(let found): "\(found) bytes of data, at most 247 are allowed"
        case .session(let text): "session '\(text)' is not 12 hexadecimal digits"
        }
    }

    package var offset: Int {
        switch self {
        case .truncated(_, let found): found
        case .checksum(_, _, let offset), .trailing(_, let offset): offset
        case .length: 1
        case .head, .tooLong, .session: 0
        }
    }
}

package struct EE66Format: FrameFormat {
    package init() {}

    package func look(_ bytes: ArraySlice<UInt8>, _ sight: FrameSight) -> FrameLook<EE66Frame, EE66Fault> {
        do {
            let (frame, size) = try EE66Frame.decode(bytes)
            return .frame(frame, size: size)
        } catch {
            switch error {
            case .truncated: return .more
            case .checksum(_, _, let offset): return .refused(error, size: offset + 1)
            default: return .nothing
            }
        }
    }
}

/// Finds frames on the line between module and board.
///
/// EE and 66 occur in data: a head that is none can wait for up to 257 bytes, so whoever reads the line calls `finish` after a silence.
package typealias EE66StreamDecoder = FrameSearch<EE66Format>

extension FrameSearch where Format == EE66Format {
    package init() { self.init(EE66Format()) }
}
