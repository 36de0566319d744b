/// Where the parts of an ESP32 application image are, with every bound checked.
///
/// What is refused here, the second-stage bootloader refuses whatever its keys (ESP-IDF esp_image_format.c).
struct ESP32Layout: Sendable, Hashable {
    struct Segment: Sendable, Hashable {
        /// Of its header of 8 bytes.
        var offset: Int
        var address: UInt32
        var data: Range<Int>
    }

    var header: ESP32Header
    var segments: [Segment]
    /// The last byte of a block of 16.
    var checksum: Int
    /// SHA-256 over everything before it.
    var hash: Range<Int>?
    /// Where the sector with signatures would begin: the next multiple of 4096 behind the image.
    var signatureSector: Int

    /// The first byte behind checksum and hash.
    var end: Int { hash?.upperBound ?? checksum + 1 }

    static let sectorSize = 4_096
    private static let longestSegment = 16 << 20

    static func read(_ bytes: [UInt8]) throws(ImageRefusal) -> ESP32Layout {
        let header = try ESP32Header.read(bytes)
        guard (1...ESP32Header.longestSegmentCount).contains(header.segmentCount) else {
            throw ImageRefusal(.badLayout, at: 1, "\(header.segmentCount) segments; an image has 1 to 16")
        }
        guard header.hashAppended <= 1 else {
            throw ImageRefusal(.badLayout, at: 23, "hash_appended is \(header.hashAppended); it is 0 or 1")
        }
        var segments: [Segment] = []
        var offset = ESP32Header.size
        for number in 0..<header.segmentCount {
            let segment = try segment(bytes, at: offset, number)
            segments.append(segment)
            offset = segment.data.upperBound
        }
        let checksum = offset | 15
        guard checksum < bytes.count else {
            throw ImageRefusal(.truncated, at: bytes.count, "the checksum at \(HexText.offset(checksum)) is cut off")
        }
        var hash: Range<Int>?
        if header.hashAppended == 1 {
            guard checksum + 33 <= bytes.count else {
                throw ImageRefusal(.truncated, at: bytes.count, "the SHA-256 at \(HexText.offset(checksum + 1)) is cut off")
            }
            hash = checksum + 1..<checksum + 33
        }
        let end = hash?.upperBound ?? checksum + 1
        return ESP32Layout(
            header: header, segments: segments, checksum: checksum, hash: hash, signatureSector: Bounds.roundedUp(end, to: sectorSize))
    }

    private static func segment(_ bytes: [UInt8], at offset: Int, _ number: Int) throws(ImageRefusal) -> Segment {
        guard let address = LittleEndian.u32(bytes, at: offset), let length = LittleEndian.u32(bytes, at: offset + 4).map(Int.init) else {
            throw ImageRefusal(.truncated, at: bytes.count, "the header of segment \(number) at \(HexText.offset(offset)) is cut off")
        }
        guard length % 4 == 0 else {
            throw ImageRefusal(.badLayout, at: offset + 4, "segment \(number) has \(length) bytes, no multiple of 4")
        }
        guard length < longestSegment else {
            throw ImageRefusal(.oversize, at: offset + 4, "segment \(number) claims \(length) bytes; the limit is 16 MB")
        }
        guard Bounds.holds(bytes.count, offset + 8, length) else {
            throw ImageRefusal(
                .truncated, at: bytes.count, "segment \(number) ends at \(HexText.offset(offset + 8 + length)), the file before")
        }
        return Segment(offset: offset, address: address, data: offset + 8..<offset + 8 + length)
    }

    /// XOR of all data bytes, beginning with 0xEF.
    func computedChecksum(_ bytes: [UInt8]) -> UInt8 {
        segments.reduce(0xef) { $0 ^ XOR.of(bytes, $1.data) }
    }

    /// The application descriptor: at the beginning of the first segment that a program has in flash, in all images of
    /// today that is the first segment, so at 0x20.
    func description(_ bytes: [UInt8]) -> ESP32Description? {
        segments.lazy.compactMap { ESP32Description.read(bytes, $0.data) }.first
    }
}

/// XOR of bytes, eight at a time.
enum XOR {
    /// `range` must lie within the bytes.
    static func of(_ bytes: [UInt8], _ range: Range<Int>) -> UInt8 {
        let folded = unsafe bytes.withUnsafeBytes { whole in
            let part = unsafe UnsafeRawBufferPointer(rebasing: whole[range])
            var wide: UInt64 = 0
            let words = part.count / 8
            for index in 0..<words { wide ^= unsafe part.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self) }
            for index in words * 8..<part.count { wide ^= unsafe UInt64(part[index]) }
            return wide
        }
        let half = folded ^ folded >> 32
        let quarter = half ^ half >> 16
        return UInt8(truncatingIfNeeded: quarter ^ quarter >> 8)
    }
}

/// What an application says of itself, 256 bytes (ESP-IDF esp_app_desc_t).
struct ESP32Description: Sendable, Hashable {
    static let size = 256
    static let magic: UInt32 = 0xabcd_5432

    var offset: Int
    var secureVersion: UInt32
    var version: String
    var project: String
    var time: String
    var date: String
    var idf: String
    var elfHash: [UInt8]

    static func read(_ bytes: [UInt8], _ data: Range<Int>) -> ESP32Description? {
        guard data.count >= size, LittleEndian.u32(bytes, at: data.lowerBound) == magic,
            let secureVersion = LittleEndian.u32(bytes, at: data.lowerBound + 4)
        else { return nil }
        let start = data.lowerBound
        func text(_ offset: Int, _ length: Int) -> String { FixedText.read(bytes[start + offset..<start + offset + length]) }
        return ESP32Description(
            offset: start, secureVersion: secureVersion, version: text(16, 32), project: text(48, 32), time: text(80, 16),
            date: text(96, 16),
            idf: text(112, 32), elfHash: Array(bytes[start + 144..<start + 176]))
    }

    /// The version as four numbers: the text itself, else what numbers it begins with (`v2.4-dirty` is 2.4.0).
    var firmwareVersion: FirmwareVersion {
        if let version = FirmwareVersion(version) { return version }
        let text = version.first == "v" ? version.dropFirst() : version[...]
        let numbers = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }.split(separator: ".").map { UInt32($0) ?? 0 }
        let padded = numbers.prefix(3) + Array(repeating: 0, count: max(0, 3 - numbers.count))
        return FirmwareVersion(padded[0], padded[1], padded[2])
    }
}
