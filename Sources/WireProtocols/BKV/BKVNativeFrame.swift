import LabCore

/// A frame of units that have no gateway before them: the pairs follow the length directly (charging-protocols.md 2.16).
package struct BKVNativeFrame: Sendable, Hashable {
    /// What the length may be: the pairs, checksum and tail.
    package static let lengths = 4...512

    package var isFromDevice: Bool
    package var record: BKVRecord

    package init(isFromDevice: Bool, record: BKVRecord) {
        self.isFromDevice = isFromDevice
        self.record = record
    }

    /// What follows the head and the length: a pair of four bytes with the key 01, where the networked form has one of its commands.
    private static let mark: [UInt8] = [0x04, 0x01, 0x01]

    /// Whether the bytes, from the head on, are of this form.
    static func begins(_ bytes: ArraySlice<UInt8>) -> Bool { bytes.dropFirst(4).starts(with: mark) }

    /// Whether they may be, as far as they have come.
    static func mayBegin(_ bytes: ArraySlice<UInt8>) -> Bool { zip(bytes.dropFirst(4), mark).allSatisfy(==) }

    /// Reads the frame that begins at the first of `bytes`; the pairs are read by `BKVRecord`.
    package static func decode(_ bytes: ArraySlice<UInt8>) throws(BKVFrameError) -> (isFromDevice: Bool, pairs: ArraySlice<UInt8>, size: Int) {
        let size = try BKVEnvelope.check(bytes, lengths: lengths)
        let start = bytes.startIndex
        return (bytes[start + 1] == BKVEnvelope.fromDevice, bytes[start + 4..<start + size - 3], size)
    }

    package func encoded() throws(BKVFrameError) -> [UInt8] {
        let pairs = record.encoded
        guard pairs.count + 3 <= Self.lengths.upperBound else { throw .tooLong(length: pairs.count + 3, most: Self.lengths.upperBound) }
        var bytes: [UInt8] = [BKVEnvelope.mark, isFromDevice ? BKVEnvelope.fromDevice : BKVEnvelope.fromPlatform]
        bytes.append(bigEndian: UInt16(pairs.count + 3))
        bytes += pairs
        BKVEnvelope.close(&bytes)
        return bytes
    }
}
