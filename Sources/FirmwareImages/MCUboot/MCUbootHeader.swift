/// The first 32 bytes of an MCUboot image (specs/ota.md §5; MCUboot image.h).
struct MCUbootHeader: Sendable, Hashable {
    static let size = 32
    static let magic: UInt32 = 0x96f3_b83d
    /// Images of MCUboot's first year, which no bootloader of today starts.
    static let oldMagic: UInt32 = 0x96f3_b83c

    var loadAddress: UInt32
    /// Where the body begins.
    var headerSize: Int
    /// Bytes of the protected area with its own header; 0 where there is none.
    var protectedSize: Int
    /// Bytes of the body.
    var imageSize: Int
    var flags: Flags
    var version: FirmwareVersion

    struct Flags: OptionSet, Sendable, Hashable {
        var rawValue: UInt32
        static let positionIndependent = Flags(rawValue: 0x1)
        static let aes128 = Flags(rawValue: 0x4)
        static let aes256 = Flags(rawValue: 0x8)
        static let nonBootable = Flags(rawValue: 0x10)
        static let ramLoad = Flags(rawValue: 0x20)
        static let romFixed = Flags(rawValue: 0x100)
        static let lzma1 = Flags(rawValue: 0x200)
        static let lzma2 = Flags(rawValue: 0x400)
        static let armThumb = Flags(rawValue: 0x800)

        static let names: [(flag: Flags, name: String)] = [
            (.positionIndependent, "PIC"), (.aes128, "ENCRYPTED_AES128"), (.aes256, "ENCRYPTED_AES256"), (.nonBootable, "NON_BOOTABLE"),
            (.ramLoad, "RAM_LOAD"), (.romFixed, "ROM_FIXED"), (.lzma1, "COMPRESSED_LZMA1"), (.lzma2, "COMPRESSED_LZMA2"),
            (.armThumb, "COMPRESSED_ARM_THUMB"),
        ]
    }

    var isEncrypted: Bool { !flags.isDisjoint(with: [.aes128, .aes256]) }

    /// Reads the fields without judging them but for the magic.
    static func read(_ bytes: [UInt8]) throws(ImageRefusal) -> MCUbootHeader {
        guard let magic = LittleEndian.u32(bytes, at: 0) else {
            throw ImageRefusal(.truncated, at: bytes.count, "\(bytes.count) bytes are no image")
        }
        guard magic == Self.magic else { throw wrongMagic(magic) }
        guard bytes.count >= size, let load = LittleEndian.u32(bytes, at: 4), let headerSize = LittleEndian.u16(bytes, at: 8),
            let protectedSize = LittleEndian.u16(bytes, at: 10), let imageSize = LittleEndian.u32(bytes, at: 12),
            let flags = LittleEndian.u32(bytes, at: 16), let revision = LittleEndian.u16(bytes, at: 22),
            let build = LittleEndian.u32(bytes, at: 24)
        else { throw ImageRefusal(.truncated, at: bytes.count, "the header of \(size) bytes is cut off after \(bytes.count)") }
        return MCUbootHeader(
            loadAddress: load, headerSize: Int(headerSize), protectedSize: Int(protectedSize), imageSize: Int(imageSize),
            flags: Flags(rawValue: flags),
            version: FirmwareVersion(UInt32(bytes[20]), UInt32(bytes[21]), UInt32(revision), build: build))
    }

    private static func wrongMagic(_ magic: UInt32) -> ImageRefusal {
        switch magic {
        case oldMagic: ImageRefusal(.badMagic, at: 0, "the header is of MCUboot's first version (magic 0x96f3b83c)")
        case .max: ImageRefusal(.badMagic, at: 0, "the flash is erased here")
        case magic.byteSwapped where magic.byteSwapped == Self.magic:
            ImageRefusal(.badMagic, at: 0, "the image is big-endian; the bootloader reads little-endian")
        default: ImageRefusal(.badMagic, at: 0, "magic \(HexText.fixed(magic)) instead of 0x96f3b83d")
        }
    }
}
