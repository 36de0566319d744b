/// How the firmware flash is divided: slot a, slot b, the bootloader's state, the security counter.
package struct FirmwareLayout: Sendable, Equatable {
    /// Bytes of a sector, a power of two of 256 to 262,144.
    package var sectorSize: Int
    /// Sectors that an image can fill; what the bootloader needs beside it comes on top.
    package var imageSectors: Int
    /// Bytes of the smallest part that can be programmed, 1 to 32.
    package var writeUnit: Int

    package init(sectorSize: Int = 4_096, imageSectors: Int = 16, writeUnit: Int = 8) {
        self.sectorSize = sectorSize
        self.imageSectors = imageSectors
        self.writeUnit = writeUnit
    }

    /// 16 sectors of 4 KiB for each image, programmed by double words.
    package static let standard = FirmwareLayout()

    /// The standard layout, with more sectors where an image of that many bytes needs them.
    package static func holding(_ imageLength: Int) -> FirmwareLayout {
        FirmwareLayout(imageSectors: max(standard.imageSectors, (imageLength + standard.sectorSize - 1) / standard.sectorSize))
    }

    /// Bytes for an image.
    package var imageCapacity: Int { imageSectors * sectorSize }

    /// MCUboot's largest alignment, the width of a flag in its trailer.
    var flagWidth: Int { max(8, writeUnit) }

    /// Sectors of MCUboot's trailer: magic, four flags, three words of status for each sector (specs/ota.md §5).
    var trailerSectors: Int {
        let flags = 16.roundedUp(to: flagWidth) + 4 * flagWidth
        return (flags + imageSectors * 3 * writeUnit + sectorSize - 1) / sectorSize
    }

    /// Sectors of the slot: the ones for the image first, a trailer last. MCUboot's slot a has one more to move into.
    func slot(_ slot: FirmwareSlot, _ model: BootModel) -> Range<Int> {
        let extra = model == .mcuboot ? trailerSectors : 0
        let first = imageSectors + extra + (model == .mcuboot ? 1 : 0)
        return slot == .a ? 0..<first : first..<first + imageSectors + extra
    }

    /// Two sectors for otadata or for the boot state; unused with MCUboot.
    func state(_ model: BootModel) -> Range<Int> {
        let start = slot(.b, model).upperBound
        return start..<start + 2
    }

    /// Two sectors for the security counter, which stands for fuses.
    func counter(_ model: BootModel) -> Range<Int> {
        let start = state(model).upperBound
        return start..<start + 2
    }

    func geometry(_ model: BootModel) throws(FlashError) -> VirtualFlash.Geometry {
        guard (1...32).contains(writeUnit) else { throw .badGeometry("bootloaders write units of 1 to 32 bytes, not \(writeUnit)") }
        guard (1...2_000).contains(imageSectors) else { throw .badGeometry("an image needs 1 to 2000 sectors, not \(imageSectors)") }
        return try VirtualFlash.Geometry(sectorCount: counter(model).upperBound, sectorSize: sectorSize, writeUnit: writeUnit)
    }
}

extension Int {
    /// The next multiple of `step`.
    func roundedUp(to step: Int) -> Int { (self + step - 1) / step * step }
}
