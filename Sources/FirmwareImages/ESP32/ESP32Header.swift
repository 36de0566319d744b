/// The first 24 bytes of an application image of the ESP32 family (specs/ota.md §5; ESP-IDF esp_app_format.h).
struct ESP32Header: Sendable, Hashable {
    static let size = 24
    static let magic: UInt8 = 0xe9
    static let longestSegmentCount = 16

    var segmentCount: Int
    var flashMode: UInt8
    /// Low nibble speed, high nibble size.
    var flashSpeedAndSize: UInt8
    var entry: UInt32
    var chip: UInt16
    /// Hundreds are the major revision.
    var minimumRevision: UInt16
    var maximumRevision: UInt16
    var hashAppended: UInt8

    static func read(_ bytes: [UInt8]) throws(ImageRefusal) -> ESP32Header {
        guard let magic = bytes.first else { throw ImageRefusal(.truncated, at: 0, "an empty file is no image") }
        guard magic == Self.magic else { throw ImageRefusal(.badMagic, at: 0, "magic \(HexText.fixed(magic)) instead of 0xe9") }
        guard bytes.count >= size, let entry = LittleEndian.u32(bytes, at: 4), let chip = LittleEndian.u16(bytes, at: 12),
            let minimum = LittleEndian.u16(bytes, at: 15), let maximum = LittleEndian.u16(bytes, at: 17)
        else { throw ImageRefusal(.truncated, at: bytes.count, "the header of \(size) bytes is cut off after \(bytes.count)") }
        return ESP32Header(
            segmentCount: Int(bytes[1]), flashMode: bytes[2], flashSpeedAndSize: bytes[3], entry: entry, chip: chip,
            minimumRevision: minimum,
            maximumRevision: maximum, hashAppended: bytes[23])
    }
}

/// Chip ids of the family (ESP-IDF esp_chip_id_t, esptool's targets).
enum ESP32Chip {
    static let names: [UInt16: String] = [
        0: "ESP32", 2: "ESP32-S2", 5: "ESP32-C3", 9: "ESP32-S3", 12: "ESP32-C2", 13: "ESP32-C6", 16: "ESP32-H2", 18: "ESP32-P4",
        20: "ESP32-C61", 23: "ESP32-C5", 25: "ESP32-H21", 28: "ESP32-H4", 31: "ESP32-E22", 32: "ESP32-S31",
    ]

    static func name(_ chip: UInt16) -> String { names[chip] ?? "chip \(chip)" }
}
