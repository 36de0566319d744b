internal import CZlib

/// The two sectors in which the bootloader of an ESP chip finds which slot to start (ESP-IDF esp_flash_partitions.h).
struct OTAData: Sendable, Hashable {
    struct Entry: Sendable, Hashable {
        var offset: Int
        var sequence: UInt32
        var state: UInt32
        var crc: UInt32
        /// Over the sequence only.
        var expectedCRC: UInt32

        var isErased: Bool { sequence == .max }
        var isValid: Bool { !isErased && sequence != 0 && crc == expectedCRC }
        var stateName: String {
            switch state {
            case 0: "NEW"
            case 1: "PENDING_VERIFY"
            case 2: "VALID"
            case 3: "INVALID"
            case 4: "ABORTED"
            case .max: "UNDEFINED"
            default: HexText.fixed(state)
            }
        }
        /// States that the bootloader starts (ESP-IDF bootloader_common_ota_select_invalid).
        var mayBoot: Bool { isValid && state != 3 && state != 4 }
    }

    static let sectorSize = 4_096
    static let entrySize = 32

    var entries: [Entry]

    /// Nil unless the bytes are the two sectors.
    static func read(_ bytes: [UInt8]) -> OTAData? {
        guard bytes.count == 2 * sectorSize else { return nil }
        let entries = [0, sectorSize].compactMap { offset -> Entry? in
            guard let sequence = LittleEndian.u32(bytes, at: offset), let state = LittleEndian.u32(bytes, at: offset + 24),
                let crc = LittleEndian.u32(bytes, at: offset + 28)
            else { return nil }
            return Entry(offset: offset, sequence: sequence, state: state, crc: crc, expectedCRC: Self.crc(sequence))
        }
        return OTAData(entries: entries)
    }

    /// Written as otadata: a valid entry, or entries with nothing but erased flash behind them.
    static func isLikely(_ bytes: [UInt8]) -> Bool {
        guard let data = read(bytes), data.entries.contains(where: { !$0.isErased }) else { return false }
        if data.entries.contains(where: \.isValid) { return true }
        return [0, sectorSize].allSatisfy { start in bytes[start + entrySize..<start + sectorSize].allSatisfy { $0 == 0xff } }
    }

    /// CRC-32 of the sequence's four bytes as the chip's ROM counts it, `esp_rom_crc32_le(UINT32_MAX, …)`: like zlib it inverts
    /// on entry and exit, so that the register begins with zero.
    static func crc(_ sequence: UInt32) -> UInt32 {
        unsafe UInt32(truncatingIfNeeded: crc32(uLong(UInt32.max), LittleEndian.bytes(sequence), 4))
    }
}

/// What the bootloader would start by these two sectors.
enum OTADataInspector {
    static func inspect(_ bytes: [UInt8]) -> ImageReport {
        var report = ImageReport(.otadata)
        guard let data = OTAData.read(bytes) else {
            report.find(.error, "truncated", at: bytes.count, "otadata has two sectors of 4096 bytes", bootloader: "does not start")
            return report
        }
        for (number, entry) in data.entries.enumerated() {
            report.state(
                "entry \(number)",
                entry.isErased ? "erased" : "sequence \(entry.sequence), \(entry.stateName)\(entry.isValid ? "" : ", wrong CRC")")
            if !entry.isErased && !entry.isValid {
                report.find(
                    .warning, "bad_crc", at: entry.offset + 28,
                    "the CRC of entry \(number) is \(HexText.fixed(entry.crc)) instead of \(HexText.fixed(entry.expectedCRC))",
                    bootloader: "passes over this entry")
            }
        }
        if let chosen = data.entries.filter(\.mayBoot).max(by: { $0.sequence < $1.sequence }) {
            report.state("starts", "slot (\(chosen.sequence) - 1) mod the number of slots: \((chosen.sequence - 1) % 2) of two")
        } else if data.entries.contains(where: \.isValid) {
            report.find(
                .error, "nothing_bootable", "every entry is INVALID or ABORTED",
                bootloader: "starts the factory image where there is one, else the first slot that it can verify")
        } else {
            report.find(
                .error, "nothing_bootable", "no entry has a right CRC",
                bootloader: "starts the factory image where there is one, else the first slot")
        }
        return report
    }
}
