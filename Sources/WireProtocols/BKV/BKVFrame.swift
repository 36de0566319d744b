import LabCore

/// One frame of the networked form of BKV (charging-protocols.md 2.2): head, length, command, sequence, direction, gateway, data,
/// checksum, tail. Big endian, nothing escaped.
package struct BKVFrame: Sendable, Hashable {
    /// Outer commands (2.3). Others are decoded, too; the receiver decides.
    package enum Command {
        package static let heartbeat: UInt16 = 0x0000
        package static let network: UInt16 = 0x0005
        package static let upgrade: UInt16 = 0x0007
        package static let control: UInt16 = 0x0015
        package static let record: UInt16 = 0x1000
    }

    /// What the length may be: bytes after it. 17 is a frame without data; 512 is the lab's bound, the largest frame seen has 149.
    package static let lengths = 17...512
    /// Bytes of a frame without data.
    package static let overhead = 21

    /// By the head: FCFE from the device, FCFF from the platform.
    package var isFromDevice: Bool
    package var command: UInt16
    /// 0 in what a device starts and in the answer to that; else the platform's number, which the answer repeats.
    package var sequence: UInt32
    /// As on the wire: 1 from the device, 0 from the platform. Not believed, since the head says it.
    package var direction: UInt8
    /// 14 digits as printed on the gateway.
    package var gateway: String
    package var data: [UInt8]

    package init(isFromDevice: Bool, command: UInt16, sequence: UInt32, gateway: String, data: [UInt8]) {
        self.isFromDevice = isFromDevice
        self.command = command
        self.sequence = sequence
        direction = isFromDevice ? 1 : 0
        self.gateway = gateway
        self.data = data
    }

    /// Reads the frame that begins at the first of `bytes`.
    ///
    /// - Returns: the frame and how many bytes it takes.
    /// - Throws: `.truncated` while more bytes must arrive; the others when these can never become a frame.
    package static func decode(_ bytes: ArraySlice<UInt8>) throws(BKVFrameError) -> (frame: BKVFrame, size: Int) {
        let size = try BKVEnvelope.check(bytes, lengths: lengths)
        let start = bytes.startIndex
        let data = start + 18..<start + size - 3
        var frame = BKVFrame(
            isFromDevice: bytes[start + 1] == BKVEnvelope.fromDevice, command: bytes.bigEndian16(at: start + 4),
            sequence: UInt32(bytes.bigEndian16(at: start + 6)) << 16 | UInt32(bytes.bigEndian16(at: start + 8)),
            gateway: Hexadecimal.text(bytes[start + 11..<start + 18]), data: Array(bytes[data]))
        frame.direction = bytes[start + 10]
        return (frame, size)
    }

    /// Reads exactly one frame.
    package init(_ bytes: [UInt8]) throws(BKVFrameError) {
        let (frame, size) = try Self.decode(bytes[...])
        guard size == bytes.count else { throw .trailing(extra: bytes.count - size, offset: size) }
        self = frame
    }

    /// The frame as it goes over the wire.
    ///
    /// - Throws: `.tooLong` for more than 495 bytes of data, `.gateway` for a gateway that is not 14 digits.
    package func encoded() throws(BKVFrameError) -> [UInt8] {
        guard data.count + 17 <= Self.lengths.upperBound else { throw .tooLong(length: data.count + 17, most: Self.lengths.upperBound) }
        guard gateway.utf8.count == 14, let digits = Hexadecimal.bytes(gateway) else { throw .gateway(gateway) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.overhead + data.count)
        bytes += [BKVEnvelope.mark, isFromDevice ? BKVEnvelope.fromDevice : BKVEnvelope.fromPlatform]
        bytes.append(bigEndian: UInt16(data.count + 17))
        bytes.append(bigEndian: command)
        bytes.append(bigEndian: UInt16(truncatingIfNeeded: sequence >> 16))
        bytes.append(bigEndian: UInt16(truncatingIfNeeded: sequence))
        bytes.append(direction)
        bytes += digits
        bytes += data
        BKVEnvelope.close(&bytes)
        return bytes
    }
}

/// Why bytes are not a BKV frame, with offsets from the first of them.
package enum BKVFrameError: Error, Sendable, Hashable, CustomStringConvertible {
    /// More bytes must arrive.
    case truncated(needed: Int, found: Int)
    case head(offset: Int)
    case length(found: Int, least: Int, most: Int)
    case tail(found: UInt16, offset: Int)
    case checksum(expected: UInt8, found: UInt8, offset: Int)
    case trailing(extra: Int, offset: Int)
    case tooLong(length: Int, most: Int)
    case gateway(String)

    package var description: String {
        switch self {
        case .truncated(let needed, let found): "the frame needs \(needed) bytes, \(found) are there"
        case .head(let offset): "offset \(offset): no head; a frame begins with fcfe (device) or fcff (platform)"
        case .length(let found, let least, let most): "offset 2: length \(found), allowed is \(least) to \(most)"
        case .tail(let found, let offset): "offset \(offset): tail \(hexadecimal(found)) where fcee must be: the length or the end is wrong"
        case .checksum(let expected, let found, let offset):
            "offset \(offset): checksum \(hexadecimal(found)) where \(hexadecimal(expected)) is right (sum of all bytes from the length to the data)"
        case .trailing(let extra, let offset): "offset \(offset): \(extra) bytes after the frame"
        case .tooLong(let length, let most): "the length would be \(length), at most \(most) is allowed: send less data"
        case .gateway(let text): "gateway '\(text)' is not 14 digits"
        }
    }

    /// Where in the frame it shows.
    package var offset: Int {
        switch self {
        case .truncated(_, let found): found
        case .head(let offset), .tail(_, let offset), .checksum(_, _, let offset), .trailing(_, let offset): offset
        case .length: 2
        case .tooLong, .gateway: 0
        }
    }
}

/// What the networked and the native form have in common: head, length, checksum, tail (2.2, 2.16).
enum BKVEnvelope {
    static let mark: UInt8 = 0xfc
    static let fromDevice: UInt8 = 0xfe
    static let fromPlatform: UInt8 = 0xff
    static let tail: UInt16 = 0xfcee

    /// Cuts by the length, then asks for the tail and the checksum.
    ///
    /// - Returns: the size of the whole frame.
    static func check(_ bytes: ArraySlice<UInt8>, lengths: ClosedRange<Int>) throws(BKVFrameError) -> Int {
        let start = bytes.startIndex
        guard let first = bytes.first else { throw .truncated(needed: lengths.lowerBound + 4, found: 0) }
        guard first == mark else { throw .head(offset: 0) }
        guard bytes.count >= 2 else { throw .truncated(needed: lengths.lowerBound + 4, found: bytes.count) }
        guard bytes[start + 1] == fromDevice || bytes[start + 1] == fromPlatform else { throw .head(offset: 1) }
        guard bytes.count >= 4 else { throw .truncated(needed: lengths.lowerBound + 4, found: bytes.count) }
        let length = Int(bytes.bigEndian16(at: start + 2))
        guard lengths.contains(length) else { throw .length(found: length, least: lengths.lowerBound, most: lengths.upperBound) }
        let size = length + 4
        guard bytes.count >= size else { throw .truncated(needed: size, found: bytes.count) }
        let end = bytes.bigEndian16(at: start + size - 2)
        guard end == tail else { throw .tail(found: end, offset: size - 2) }
        let expected = sum(bytes[start + 2..<start + size - 3])
        let found = bytes[start + size - 3]
        guard found == expected else { throw .checksum(expected: expected, found: found, offset: size - 3) }
        return size
    }

    /// Adds checksum and tail to head, length and content.
    static func close(_ bytes: inout [UInt8]) {
        bytes.append(sum(bytes[2...]))
        bytes.append(bigEndian: tail)
    }

    /// Modulo 256.
    static func sum(_ bytes: ArraySlice<UInt8>) -> UInt8 { bytes.reduce(0, &+) }
}

func hexadecimal(_ number: some FixedWidthInteger & UnsignedInteger) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: max(0, number.bitWidth / 4 - digits.count)) + digits
}

extension ArraySlice<UInt8> {
    func bigEndian16(at index: Int) -> UInt16 { UInt16(self[index]) << 8 | UInt16(self[index + 1]) }
}

extension [UInt8] {
    mutating func append(bigEndian number: UInt16) {
        append(UInt8(truncatingIfNeeded: number >> 8))
        append(UInt8(truncatingIfNeeded: number))
    }
}
