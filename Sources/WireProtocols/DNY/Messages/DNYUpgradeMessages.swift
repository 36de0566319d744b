/// 05, with which a device asks for new firmware.
package struct DNYUpgradeRequest: DNYPayload {
    package static let section = "4.5"
    package var deviceType = DNYDeviceType(rawValue: 0)
    package var firmware: UInt16?
    package var packageType: UInt32?
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.code(&deviceType, "device_type")
        try wire.appended(&firmware, "firmware")
        try wire.appended(&packageType, "package_type")
        try wire.rest(&rest)
    }
}

/// E0, E1, E2, F8, F9, FA: a packet of firmware, 200 or 256 bytes of it. FA begins with an empty one (`DNYBare`).
package struct DNYUpgradePacket: DNYPayload {
    package static let section = "4.9"
    package var total: UInt16 = 0
    /// From 1.
    package var index: UInt16 = 0
    package var content: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.number(&total, "total", "packets")
        try wire.number(&index, "index")
        try wire.rest(&content, "content")
    }

    /// What stands in the extra last packet, by which a device checks the image.
    package struct Check: Sendable, Hashable {
        package var deviceType: DNYDeviceType
        package var firmware: UInt16

        package init(deviceType: DNYDeviceType, firmware: UInt16) {
            self.deviceType = deviceType
            self.firmware = firmware
        }

        /// A1 to A8, the sum of all bytes of the image, type, firmware, and zeros up to 200 bytes.
        package func content(of image: [UInt8]) -> [UInt8] {
            let sum = image.reduce(0 as UInt32) { $0 &+ UInt32($1) }
            var content: [UInt8] = Array(0xa1...0xa8)
            for shift in stride(from: 0 as UInt32, to: 32, by: 8) { content.append(UInt8(truncatingIfNeeded: sum >> shift)) }
            content.append(deviceType.rawValue)
            content += [UInt8(truncatingIfNeeded: firmware), UInt8(truncatingIfNeeded: firmware >> 8)]
            return content.resized(to: 200, filling: 0)
        }
    }

    /// All packets of an image.
    ///
    /// - Parameters:
    ///   - size: bytes of the image in each packet, 200 or 256 by the command.
    ///   - check: adds the check packet, which the total counts.
    /// - Returns: `nil` for an image of no byte or of more than 65,535 packets.
    package static func packets(of image: [UInt8], size: Int, check: Check? = nil, _ settings: DNYSettings = .standard)
        -> [DNYUpgradePacket]?
    {
        guard size > 0, !image.isEmpty else { return nil }
        var contents = stride(from: 0, to: image.count, by: size).map { Array(image[$0..<min($0 + size, image.count)]) }
        if settings.fillsLastPacket { contents[contents.count - 1] = contents[contents.count - 1].resized(to: size, filling: 0) }
        if let check { contents.append(check.content(of: image)) }
        guard let total = UInt16(exactly: contents.count) else { return nil }
        return contents.enumerated().map { index, content in
            DNYUpgradePacket {
                $0.total = total
                $0.index = UInt16(index + 1)
                $0.content = content
            }
        }
    }
}

/// The answer to a packet of firmware.
package struct DNYUpgradeAnswer: DNYPayload {
    package static let section = "4.9"
    package var result = DNYUpgradeResult.next
    /// The last good packet. To FA, `next` with 0 asks for packet 1.
    package var index: UInt16 = 0
    package var rest: [UInt8] = []

    package init() {}

    package mutating func walk<Walk: FieldWalk>(_ wire: inout Walk) throws(FieldFault) {
        try wire.code(&result, "result")
        try wire.number(&index, "index")
        try wire.rest(&rest)
    }
}
