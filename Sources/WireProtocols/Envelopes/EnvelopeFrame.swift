import LabCore

/// Protocols of which the lab knows the frame and not the messages: 云快充 (YKC), JUY and Modbus RTU (charging-protocols.md 5.2, 5.5, 5.6).
///
/// Their frames can be found, checked and made by hand; what is inside stays bytes.
package enum EnvelopeKind: String, Sendable, Hashable, CaseIterable {
    case ykc
    case juy
    case modbus

    var source: String {
        switch self {
        case .ykc: "charging-protocols.md 5.2"
        case .juy: "charging-protocols.md 5.6"
        case .modbus: "charging-protocols.md 5.5"
        }
    }

    /// What a frame begins with; Modbus has nothing, silence parts its frames.
    var head: [UInt8] {
        switch self {
        case .ykc: [0x68]
        case .juy: [0x5a, 0xa5]
        case .modbus: []
        }
    }

    /// The fields between head and length on one side, data on the other.
    var fields: [(name: String, size: Int)] {
        switch self {
        case .ykc: [("sequence", 2), ("encryption", 1), ("type", 1)]
        case .juy: [("command", 1), ("result", 1)]
        case .modbus: [("unit", 1), ("function", 1)]
        }
    }

    /// Which of the fields is the frame's command.
    var command: String {
        switch self {
        case .ykc: "type"
        case .juy: "command"
        case .modbus: "function"
        }
    }

    var lengthSize: Int {
        switch self {
        case .ykc: 1
        case .juy: 2
        case .modbus: 0
        }
    }

    /// What the length field may be. YKC counts its fields and data, at most 200 by the vendor; JUY counts the checksum, too.
    var lengths: ClosedRange<Int> {
        switch self {
        case .ykc: 4...255
        case .juy: 3...512
        case .modbus: 0...0
        }
    }

    var checksumSize: Int { self == .juy ? 1 : 2 }

    /// Bytes of a frame by its length field.
    func size(length: Int) -> Int {
        switch self {
        case .ykc: 2 + length + 2
        case .juy: 4 + length
        case .modbus: 0
        }
    }

    var rule: String {
        self == .juy
            ? "sum from the length to the data, 8 bits"
            : "CRC-16/MODBUS\(self == .ykc ? " from the sequence to the data" : " of all bytes before it")"
    }

    /// The checksum of a frame without it, in the order of the wire.
    func checksum(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        switch self {
        case .ykc: CRC16.modbus(bytes.dropFirst(2))
        case .juy: [bytes.dropFirst(2).reduce(0, &+)]
        case .modbus: CRC16.modbus(bytes)
        }
    }

    /// Bytes of a Modbus frame.
    static let modbusSizes = 4...256
}

/// A frame with its fields in the order of the wire, and data that nobody looks into.
package struct EnvelopeFrame: Sendable, Hashable {
    package var kind: EnvelopeKind
    /// Of the kind's fields, bytes as they are on the wire.
    package var values: [[UInt8]]
    package var data: [UInt8]

    package init(_ kind: EnvelopeKind, values: [[UInt8]], data: [UInt8]) {
        self.kind = kind
        self.values = values
        self.data = data
    }

    /// Reads the frame that begins at the first of `bytes`; a Modbus frame is all of them.
    ///
    /// - Throws: `.truncated` while more bytes must arrive; the others when these can never become a frame.
    package static func decode(_ bytes: ArraySlice<UInt8>, _ kind: EnvelopeKind) throws(EnvelopeFault) -> (frame: EnvelopeFrame, size: Int)
    {
        let size = try size(bytes, kind)
        guard size <= bytes.count else { throw .truncated(needed: size, found: bytes.count) }
        let body = bytes.prefix(size - kind.checksumSize)
        let expected = kind.checksum(body)
        let found = Array(bytes.prefix(size).suffix(kind.checksumSize))
        guard found == expected else { throw .checksum(expected: expected, found: found, offset: size - kind.checksumSize) }
        var rest = body.dropFirst(kind.head.count + kind.lengthSize)
        var values: [[UInt8]] = []
        for field in kind.fields {
            values.append(Array(rest.prefix(field.size)))
            rest = rest.dropFirst(field.size)
        }
        return (EnvelopeFrame(kind, values: values, data: Array(rest)), size)
    }

    private static func size(_ bytes: ArraySlice<UInt8>, _ kind: EnvelopeKind) throws(EnvelopeFault) -> Int {
        guard bytes.prefix(kind.head.count).elementsEqual(kind.head.prefix(bytes.count)) else { throw .head }
        if kind == .modbus {
            let sizes = EnvelopeKind.modbusSizes
            guard bytes.count <= sizes.upperBound else { throw .length(found: bytes.count, allowed: sizes) }
            return max(sizes.lowerBound, bytes.count)
        }
        let start = kind.head.count + kind.lengthSize
        guard bytes.count >= start else { throw .truncated(needed: start, found: bytes.count) }
        let length = bytes.dropFirst(kind.head.count).prefix(kind.lengthSize).reversed().reduce(0) { $0 << 8 | Int($1) }
        guard kind.lengths.contains(length) else { throw .length(found: length, allowed: kind.lengths) }
        return kind.size(length: length)
    }

    /// - Throws: `.length` for too many data.
    package func encoded() throws(EnvelopeFault) -> [UInt8] {
        let body = values.flatMap(\.self) + data
        var bytes = kind.head
        let length = body.count + (kind == .juy ? 1 : 0)
        if kind != .modbus, !kind.lengths.contains(length) { throw .length(found: length, allowed: kind.lengths) }
        for index in 0..<kind.lengthSize { bytes.append(UInt8(truncatingIfNeeded: length >> (8 * index))) }
        bytes += body
        bytes += kind.checksum(bytes[...])
        let sizes = EnvelopeKind.modbusSizes
        if kind == .modbus, !sizes.contains(bytes.count) { throw .length(found: bytes.count, allowed: sizes) }
        return bytes
    }

    static func look(_ bytes: ArraySlice<UInt8>, _ kind: EnvelopeKind) -> FrameLook<EnvelopeFrame, EnvelopeFault> {
        do {
            let (frame, size) = try decode(bytes, kind)
            return .frame(frame, size: size)
        } catch {
            switch error {
            case .truncated: return .more
            case .checksum(_, let found, let offset): return .refused(error, size: offset + found.count)
            case .head, .length: return .nothing
            }
        }
    }
}

/// Frames of one of the envelopes.
struct EnvelopeFormat: FrameFormat {
    let envelope: EnvelopeKind

    func look(_ bytes: ArraySlice<UInt8>, _ sight: FrameSight) -> FrameLook<EnvelopeFrame, EnvelopeFault> { EnvelopeFrame.look(bytes, envelope) }
}

package enum EnvelopeFault: Error, Sendable, Hashable, CustomStringConvertible {
    case head
    case length(found: Int, allowed: ClosedRange<Int>)
    case truncated(needed: Int, found: Int)
    /// In the order of the wire.
    case checksum(expected: [UInt8], found: [UInt8], offset: Int)

    package var offset: Int {
        switch self {
        case .head, .length: 0
        case .truncated(_, let found): found
        case .checksum(_, _, let offset): offset
        }
    }

    package var description: String {
        switch self {
        case .head: "no frame begins so"
        case .length(let found, let allowed): "length \(found) is outside \(allowed.lowerBound) to \(allowed.upperBound)"
        case .truncated(let needed, let found): "the frame needs \(needed) bytes, \(found) are there"
        case .checksum(let expected, let found, _):
            "checksum \(Hexadecimal.text(found)) where \(Hexadecimal.text(expected)) is right, as the bytes stand"
        }
    }
}

/// CRC-16/MODBUS: polynomial 8005 reflected (A001), start FFFF.
enum CRC16 {
    /// Low byte first.
    static func modbus(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        let sum = bytes.reduce(0xffff as UInt16) { sum, byte in
            (0..<8).reduce(sum ^ UInt16(byte)) { rest, _ in rest & 1 == 1 ? rest >> 1 ^ 0xa001 : rest >> 1 }
        }
        return [UInt8(truncatingIfNeeded: sum), UInt8(truncatingIfNeeded: sum >> 8)]
    }
}
