import LabCore

/// One frame of DL/T 645-2007 (charging-protocols.md 5.4): `FE … | 68 | address 6 | 68 | control | length | data + 33 | sum | 16`.
package struct DLT645Frame: Sendable, Hashable {
    package enum Control {
        package static let read: UInt8 = 0x11
        package static let readAnswer: UInt8 = 0x91
        package static let readError: UInt8 = 0xd1
        package static let readAddress: UInt8 = 0x13
        package static let addressAnswer: UInt8 = 0x93
    }

    /// Every meter answers to it; used to read an address.
    package static let anyAddress = "aaaaaaaaaaaa"
    /// FE before a frame that are taken as its own; the standard has up to 4.
    static let longestPreamble = 16
    /// Bytes of a frame without preamble and data.
    static let overhead = 12

    /// FE bytes before the frame, which wake the meter.
    package var preamble: Int
    /// 12 digits as printed, the highest first; on the wire the lowest byte comes first.
    package var address: String
    package var control: UInt8
    /// Without the 33 that the wire adds to each byte; at most 255.
    package var data: [UInt8]

    package init(preamble: Int = 4, address: String, control: UInt8, data: [UInt8] = []) {
        self.preamble = preamble
        self.address = address
        self.control = control
        self.data = data
    }

    /// Reads the frame that begins at the first of `bytes`, or behind FE there.
    ///
    /// - Throws: `.truncated` while more bytes must arrive; the others when these can never become a frame.
    package static func decode(_ bytes: ArraySlice<UInt8>) throws(DLT645Fault) -> (frame: DLT645Frame, size: Int) {
        let wakeUp = bytes.prefix(longestPreamble + 1).prefix { $0 == 0xfe }.count
        guard wakeUp <= longestPreamble else { throw .head(found: 0xfe, offset: 0) }
        let start = bytes.startIndex + wakeUp
        let left = bytes.endIndex - start
        guard left > 0 else { throw .truncated(needed: wakeUp + overhead, found: bytes.count) }
        guard bytes[start] == 0x68 else { throw .head(found: bytes[start], offset: wakeUp) }
        guard left >= 8 else { throw .truncated(needed: wakeUp + overhead, found: bytes.count) }
        guard bytes[start + 7] == 0x68 else { throw .head(found: bytes[start + 7], offset: wakeUp + 7) }
        guard left >= 10 else { throw .truncated(needed: wakeUp + overhead, found: bytes.count) }
        let end = start + overhead + Int(bytes[start + 9])
        guard bytes.endIndex >= end else { throw .truncated(needed: end - bytes.startIndex, found: bytes.count) }
        guard bytes[end - 1] == 0x16 else { throw .tail(found: bytes[end - 1], offset: end - 1 - bytes.startIndex) }
        let expected = bytes[start..<end - 2].reduce(0, &+)
        guard bytes[end - 2] == expected else {
            throw .checksum(expected: expected, found: bytes[end - 2], offset: end - 2 - bytes.startIndex)
        }
        let frame = DLT645Frame(
            preamble: wakeUp, address: Hexadecimal.text(bytes[start + 1..<start + 7].reversed()), control: bytes[start + 8],
            data: bytes[start + 10..<end - 2].map { $0 &- 0x33 })
        return (frame, end - bytes.startIndex)
    }

    /// Reads exactly one frame.
    package init(_ bytes: [UInt8]) throws(DLT645Fault) {
        let (frame, size) = try Self.decode(bytes[...])
        guard size == bytes.count else { throw .trailing(extra: bytes.count - size, offset: size) }
        self = frame
    }

    /// - Throws: `.tooLong` for more than 255 bytes of data, `.address` for an address that is not 12 digits.
    package func encoded() throws(DLT645Fault) -> [UInt8] {
        guard data.count <= 255 else { throw .tooLong(found: data.count) }
        guard address.utf8.count == 12, let digits = Hexadecimal.bytes(address) else { throw .address(address) }
        var bytes: [UInt8] = Array(repeating: 0xfe, count: max(0, min(preamble, Self.longestPreamble)))
        let start = bytes.count
        bytes.append(0x68)
        bytes += digits.reversed()
        bytes += [0x68, control, UInt8(data.count)]
        bytes += data.map { $0 &+ 0x33 }
        bytes.append(bytes[start...].reduce(0, &+))
        bytes.append(0x16)
        return bytes
    }
}

package enum DLT645Fault: Error, Sendable, Hashable, CustomStringConvertible {
    case truncated(needed: Int, found: Int)
    case head(found: UInt8, offset: Int)
    case tail(found: UInt8, offset: Int)
    case checksum(expected: UInt8, found: UInt8, offset: Int)
    case trailing(extra: Int, offset: Int)
    case tooLong(found: Int)
    case address(String)

    package var description: String {
        switch self {
        case .truncated(let needed, let found): "the frame needs \(needed) bytes, \(found) are there"
        case .head(let found, let offset): "offset \(offset): \(hexadecimal(found)) where 68 must be"
        case .tail(let found, let offset): "offset \(offset): \(hexadecimal(found)) where 16 must end the frame"
        case .checksum(let expected, let found, let offset):
            "offset \(offset): checksum \(hexadecimal(found)) where \(hexadecimal(expected)) is right (sum from the first 68 to the data)"
        case .trailing(let extra, let offset): "offset \(offset): \(extra) bytes after the frame"
        case .tooLong(let found): "\(found) bytes of data, at most 255 are allowed"
        case .address(let text): "address '\(text)' is not 12 digits"
        }
    }

    package var offset: Int {
        switch self {
        case .truncated(_, let found): found
        case .head(_, let offset), .tail(_, let offset), .checksum(_, _, let offset), .trailing(_, let offset): offset
        case .tooLong, .address: 0
        }
    }
}

package struct DLT645Format: FrameFormat {
    package init() {}

    package func look(_ bytes: ArraySlice<UInt8>, _ sight: FrameSight) -> FrameLook<DLT645Frame, DLT645Fault> {
        do {
            let (frame, size) = try DLT645Frame.decode(bytes)
            return .frame(frame, size: size)
        } catch {
            switch error {
            case .truncated: return .more
            case .checksum(_, _, let offset): return .refused(error, size: offset + 2)
            case .tail(_, let offset): return .refused(error, size: offset + 1)
            default: return .nothing
            }
        }
    }
}

/// Finds frames on the line of a meter.
package typealias DLT645StreamDecoder = FrameSearch<DLT645Format>

extension FrameSearch where Format == DLT645Format {
    package init() { self.init(DLT645Format()) }
}
