/// The end of an MCUboot slot (specs/ota.md §5): what was asked of the bootloader, and how far a swap has come.
///
/// From the end backwards: magic of 16 bytes, image_ok, copy_done, swap_info, swap_size, each as wide as the alignment A; before
/// them the status area with one written word for each step that is done.
struct MCUbootTrailer: Sendable, Equatable {
    enum Magic: Sendable, Equatable { case good, unset, bad }
    enum Flag: Sendable, Equatable { case set, unset, bad }

    /// The low half of swap_info.
    enum Swap: UInt8, Sendable { case test = 2, permanent = 3, revert = 4 }

    var magic: Magic
    var imageOK: Flag
    var copyDone: Flag
    var swap: Swap?
    /// Bytes that take part in the swap.
    var swapSize: Int

    /// For alignment 8, and for larger ones behind the alignment itself as u16.
    static func magic(alignment: Int) -> [UInt8] {
        if alignment <= 8 { return [0x77, 0xc2, 0x95, 0xf3, 0x60, 0xd2, 0xef, 0x7f, 0x35, 0x52, 0x50, 0x0f, 0x2c, 0xb6, 0x79, 0x80] }
        return [UInt8(truncatingIfNeeded: alignment), UInt8(truncatingIfNeeded: alignment >> 8)] + [
            0x2d, 0xe1, 0x5d, 0x29, 0x41, 0x0b, 0x8d, 0x77, 0x67, 0x9c, 0x11, 0x0f, 0x1f, 0x8a,
        ]
    }
}

/// Places of the trailer, and how it is read and written.
extension FirmwareStore {
    private var alignment: Int { layout.flagWidth }
    private func end(_ slot: FirmwareSlot) -> Int { sectors(slot).upperBound * layout.sectorSize }
    private var magicSize: Int { 16.roundedUp(to: alignment) }

    /// The magic is the last thing of the slot, padded before it.
    func magicAddress(_ slot: FirmwareSlot) -> Int { end(slot) - magicSize }
    func imageOKAddress(_ slot: FirmwareSlot) -> Int { magicAddress(slot) - alignment }
    func copyDoneAddress(_ slot: FirmwareSlot) -> Int { magicAddress(slot) - 2 * alignment }
    func swapInfoAddress(_ slot: FirmwareSlot) -> Int { magicAddress(slot) - 3 * alignment }
    func swapSizeAddress(_ slot: FirmwareSlot) -> Int { magicAddress(slot) - 4 * alignment }
    /// One word for each sector that is moved, then two for each that is swapped.
    func statusAddress(_ entry: Int) -> Int { swapSizeAddress(.a) - (layout.imageSectors * 3 - entry) * layout.writeUnit }

    func trailer(_ slot: FirmwareSlot) -> MCUbootTrailer {
        let start = swapSizeAddress(slot)
        let bytes = (try? flash.read(at: start, count: end(slot) - start)) ?? []
        func flag(_ address: Int) -> MCUbootTrailer.Flag {
            switch bytes[address - start] {
            case 0x01: .set
            case 0xff: .unset
            default: .bad
            }
        }
        let magic = bytes.suffix(16)
        var size = ByteCursor(bytes)
        return MCUbootTrailer(
            magic: magic.elementsEqual(MCUbootTrailer.magic(alignment: alignment))
                ? .good : magic.allSatisfy { $0 == VirtualFlash.eraseValue } ? .unset : .bad,
            imageOK: flag(imageOKAddress(slot)), copyDone: flag(copyDoneAddress(slot)),
            swap: MCUbootTrailer.Swap(rawValue: bytes[swapInfoAddress(slot) - start] & 0x0f),
            swapSize: Int(size.integer(UInt32.self) ?? 0))
    }

    mutating func writeMagic(_ slot: FirmwareSlot) throws(FlashError) {
        let magic = MCUbootTrailer.magic(alignment: alignment)
        let padding = Array(repeating: VirtualFlash.eraseValue, count: magicSize - magic.count)
        try flash.program(at: magicAddress(slot), padding + magic)
    }

    mutating func writeFlag(at address: Int, _ value: UInt8 = 0x01) throws(FlashError) {
        try flash.program(at: address, [value] + Array(repeating: VirtualFlash.eraseValue, count: alignment - 1))
    }

    mutating func writeSwapSize(_ size: Int, _ slot: FirmwareSlot) throws(FlashError) {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: UInt32(truncatingIfNeeded: size))
        try flash.program(at: swapSizeAddress(slot), bytes + Array(repeating: VirtualFlash.eraseValue, count: alignment - 4))
    }

    mutating func eraseTrailer(_ slot: FirmwareSlot) throws(FlashError) {
        for sector in sectors(slot).suffix(layout.trailerSectors) where !flash.isErased(sector: sector) { try flash.erase(sector: sector) }
    }

    /// The steps of the swap that are done: all before the last word that is written.
    ///
    /// A word that was torn counts: what it stands for was finished before it was begun.
    func stepsDone() -> Int {
        let start = statusAddress(0)
        let unit = layout.writeUnit
        let bytes = (try? flash.read(at: start, count: layout.imageSectors * 3 * unit)) ?? []
        return (bytes.lastIndex { $0 != VirtualFlash.eraseValue }).map { $0 / unit + 1 } ?? 0
    }

    mutating func writeStatus(_ entry: Int) throws(FlashError) {
        try flash.program(at: statusAddress(entry), [0x01] + Array(repeating: VirtualFlash.eraseValue, count: layout.writeUnit - 1))
    }
}
