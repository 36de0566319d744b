/// Where the parts of a bundle are (RAUC documentation, "Bundle Formats"): squashfs, for verity the hash tree, the CMS,
/// and its length as u64, big-endian, at the very end.
struct BundleLayout: Sendable, Hashable {
    /// The squashfs with its padding, and for verity the tree behind it: everything before the CMS.
    var payload: Range<Int>
    var signature: Range<Int>
    /// Bytes of the bundle.
    var end: Int
    /// Bytes of the file system with its padding to 4 KiB, as its superblock says.
    var systemLength: Int

    static let lengthField = 8

    /// - Parameter isFile: the bytes are a whole file, and the length is its last 8 bytes, as RAUC reads it. Else they are the content of a
    ///   slot, and what follows the bundle does not matter: the end is found from the superblock.
    /// - Returns: nil where there is no signature at any of the places.
    static func find(_ bytes: [UInt8], _ system: Squashfs, isFile: Bool) -> BundleLayout? {
        let padded = Bounds.roundedUp(system.used, to: VerityTree.blockSize)
        let tree = VerityTree.size(dataBlocks: padded / VerityTree.blockSize)
        if !isFile {
            for start in [padded, padded + tree, system.used] {
                if let end = signatureEnd(bytes, at: start) {
                    return BundleLayout(
                        payload: 0..<start, signature: start..<end, end: end + lengthField, systemLength: min(padded, start))
                }
            }
        }
        guard bytes.count >= lengthField, let length = bigEndian(bytes, at: bytes.count - lengthField), length > 0,
            length <= CMSSignature.maximumLength,
            length < bytes.count - lengthField
        else { return nil }
        let end = bytes.count - lengthField
        guard end - length >= system.used else { return nil }
        return BundleLayout(
            payload: 0..<(end - length), signature: (end - length)..<end, end: bytes.count, systemLength: min(padded, end - length))
    }

    /// The end of a CMS that begins at `start` and is followed by its own length.
    private static func signatureEnd(_ bytes: [UInt8], at start: Int) -> Int? {
        guard let length = derLength(bytes, at: start), length <= CMSSignature.maximumLength,
            let stated = bigEndian(bytes, at: start + length),
            stated == length
        else { return nil }
        return start + length
    }

    /// Bytes of the DER sequence at `start` with its header; definite lengths of at most three bytes.
    private static func derLength(_ bytes: [UInt8], at start: Int) -> Int? {
        guard Bounds.holds(bytes.count, start, 2), bytes[start] == 0x30 else { return nil }
        let first = Int(bytes[start + 1])
        if first < 0x80 { return 2 + first }
        let count = first & 0x7f
        guard (1...3).contains(count), Bounds.holds(bytes.count, start + 2, count) else { return nil }
        return 2 + count + bytes[start + 2..<start + 2 + count].reduce(0) { $0 << 8 | Int($1) }
    }

    private static func bigEndian(_ bytes: [UInt8], at offset: Int) -> Int? {
        guard Bounds.holds(bytes.count, offset, lengthField) else { return nil }
        return Int(exactly: bytes[offset..<offset + lengthField].reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }
}
