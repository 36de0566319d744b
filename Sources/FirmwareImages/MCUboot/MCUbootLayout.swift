/// Where the parts of an MCUboot image are, with every bound checked.
///
/// What is refused here, the bootloader refuses whatever its keys (specs/ota.md §5, "Bounds MCUboot checks").
struct MCUbootLayout: Sendable, Hashable {
    var header: MCUbootHeader
    var body: Range<Int>
    /// With its 4 bytes of header.
    var protectedArea: Range<Int>?
    var unprotectedArea: Range<Int>
    /// In the order of the file.
    var records: [MCUbootRecord]

    /// Header, body and protected area.
    var covered: Range<Int> { 0..<unprotectedArea.lowerBound }
    /// The first byte behind the image.
    var end: Int { unprotectedArea.upperBound }

    static let areaMagic: UInt16 = 0x6907
    static let protectedAreaMagic: UInt16 = 0x6908
    private static let areaHeader = 4

    static func read(_ bytes: [UInt8]) throws(ImageRefusal) -> MCUbootLayout {
        let header = try MCUbootHeader.read(bytes)
        try check(header)
        let bodyEnd = header.headerSize + header.imageSize
        guard bodyEnd <= bytes.count else {
            throw ImageRefusal(.truncated, at: bytes.count, "the body ends at \(HexText.offset(bodyEnd)), the file before")
        }
        var records: [MCUbootRecord] = []
        var protectedArea: Range<Int>?
        if LittleEndian.u16(bytes, at: bodyEnd) == protectedAreaMagic {
            let area = try area(bytes, at: bodyEnd)
            guard area.count == header.protectedSize else {
                throw ImageRefusal(
                    .badLayout, at: 10, "the header counts \(header.protectedSize) protected bytes, the area \(area.count)")
            }
            try readRecords(bytes, area, isProtected: true, into: &records)
            protectedArea = area
        } else if header.protectedSize != 0 {
            guard bodyEnd + 2 <= bytes.count else { throw ImageRefusal(.truncated, at: bytes.count, "the TLV area is missing") }
            throw ImageRefusal(
                .badLayout, at: bodyEnd, "the header counts \(header.protectedSize) protected bytes, but there is no protected area")
        }
        let start = protectedArea?.upperBound ?? bodyEnd
        guard let magic = LittleEndian.u16(bytes, at: start) else {
            throw ImageRefusal(.truncated, at: bytes.count, "the TLV area is missing")
        }
        guard magic == areaMagic else {
            throw ImageRefusal(.badLayout, at: start, "TLV magic \(HexText.fixed(magic)) instead of 0x6907")
        }
        let unprotectedArea = try area(bytes, at: start)
        try readRecords(bytes, unprotectedArea, isProtected: false, into: &records)
        return MCUbootLayout(
            header: header, body: header.headerSize..<bodyEnd, protectedArea: protectedArea, unprotectedArea: unprotectedArea,
            records: records)
    }

    private static func check(_ header: MCUbootHeader) throws(ImageRefusal) {
        guard header.headerSize >= MCUbootHeader.size else {
            throw ImageRefusal(.badLayout, at: 8, "a header of \(header.headerSize) bytes; it has at least \(MCUbootHeader.size)")
        }
        guard UInt64(header.headerSize) + UInt64(header.imageSize) + UInt64(header.protectedSize) <= UInt64(UInt32.max) else {
            throw ImageRefusal(.oversize, at: 12, "a body of \(header.imageSize) bytes overflows 32 bits")
        }
        guard !header.flags.isSuperset(of: [.aes128, .aes256]) else {
            throw ImageRefusal(.badLayout, at: 16, "flags for AES-128 and AES-256 together")
        }
    }

    /// The area whose 4 bytes of header begin at `offset`.
    private static func area(_ bytes: [UInt8], at offset: Int) throws(ImageRefusal) -> Range<Int> {
        guard let total = LittleEndian.u16(bytes, at: offset + 2).map(Int.init) else {
            throw ImageRefusal(.truncated, at: bytes.count, "the TLV area's header is cut off")
        }
        guard total >= areaHeader else {
            throw ImageRefusal(.badLayout, at: offset + 2, "a TLV area of \(total) bytes; its header alone has 4")
        }
        guard Bounds.holds(bytes.count, offset, total) else {
            throw ImageRefusal(.truncated, at: bytes.count, "the TLV area ends at \(HexText.offset(offset + total)), the file before")
        }
        return offset..<offset + total
    }

    private static func readRecords(
        _ bytes: [UInt8], _ area: Range<Int>, isProtected: Bool, into records: inout [MCUbootRecord]
    ) throws(ImageRefusal) {
        var offset = area.lowerBound + areaHeader
        while offset < area.upperBound {
            guard offset + 4 <= area.upperBound, let type = LittleEndian.u16(bytes, at: offset),
                let length = LittleEndian.u16(bytes, at: offset + 2).map(Int.init)
            else { throw ImageRefusal(.badLayout, at: offset, "a TLV begins \(area.upperBound - offset) bytes before its area ends") }
            let value = offset + 4..<offset + 4 + length
            guard value.upperBound <= area.upperBound else {
                throw ImageRefusal(
                    .badLayout, at: offset + 2,
                    "TLV \(HexText.fixed(type)) claims \(length) bytes, \(value.upperBound - area.upperBound) more than its area has")
            }
            records.append(MCUbootRecord(offset: offset, type: type, value: value, isProtected: isProtected))
            offset = value.upperBound
        }
    }

    func first(_ kind: MCUbootRecord.Kind, isProtected: Bool) -> MCUbootRecord? {
        records.first { $0.type == kind.rawValue && $0.isProtected == isProtected }
    }

    /// The protected security counter, which alone counts.
    func securityCounter(_ bytes: [UInt8]) -> UInt32? {
        guard let record = first(.securityCounter, isProtected: true), record.value.count == 4 else { return nil }
        return LittleEndian.u32(bytes, at: record.value.lowerBound)
    }

    /// The hardware for which the image is made, from the lab's protected vendor entry.
    func hardware(_ bytes: [UInt8]) -> String? {
        records.first { $0.type == MCUbootRecord.hardware && $0.isProtected }.map { FixedText.read(bytes[$0.value]) }
    }
}
