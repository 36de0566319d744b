/// What the bootloader keeps at the end of a slot, as padded images bring it along (specs/ota.md §5).
struct MCUbootTrailer: Sendable, Hashable {
    /// Of the 16 bytes of magic.
    var offset: Int
    /// Width of the fields: 8, 16 or 32.
    var alignment: Int
    var imageOK: UInt8
    var copyDone: UInt8
    var swapInfo: UInt8
    /// Where `image_ok`, `copy_done` and `swap_info` are.
    var imageOKOffset: Int { offset - padding - alignment }
    /// The magic itself fills a multiple of the alignment.
    private var padding: Int { Bounds.roundedUp(16, to: alignment) - 16 }

    private static let magic: [UInt8] = [
        0x77, 0xc2, 0x95, 0xf3, 0x60, 0xd2, 0xef, 0x7f, 0x35, 0x52, 0x50, 0x0f, 0x2c, 0xb6, 0x79, 0x80,
    ]
    /// Behind the alignment as u16.
    private static let alignedMagic: [UInt8] = [0x2d, 0xe1, 0x5d, 0x29, 0x41, 0x0b, 0x8d, 0x77, 0x67, 0x9c, 0x11, 0x0f, 0x1f, 0x8a]

    /// The trailer whose magic is the last 16 bytes, if it fits behind `imageEnd`.
    static func read(_ bytes: [UInt8], behind imageEnd: Int) -> MCUbootTrailer? {
        let offset = bytes.count - 16
        guard offset >= imageEnd else { return nil }
        let last = bytes[offset...]
        var alignment = 8
        if !last.elementsEqual(magic) {
            guard last.dropFirst(2).elementsEqual(alignedMagic), let width = LittleEndian.u16(bytes, at: offset).map(Int.init),
                [8, 16, 32].contains(width)
            else { return nil }
            alignment = width
        }
        let fields = offset - (Bounds.roundedUp(16, to: alignment) - 16)
        guard fields - 4 * alignment >= imageEnd else { return nil }
        return MCUbootTrailer(
            offset: offset, alignment: alignment, imageOK: bytes[fields - alignment], copyDone: bytes[fields - 2 * alignment],
            swapInfo: bytes[fields - 3 * alignment])
    }
}
