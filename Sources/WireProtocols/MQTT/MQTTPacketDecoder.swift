/// One packet as it lies in the decoder's bytes, not yet looked into. Valid until bytes are added.
package struct MQTTFrame: Sendable, Equatable {
    package var type: MQTTPacketType
    /// The low four bits of the first byte.
    package var flags: UInt8
    /// Index of the first byte of the fixed header.
    package var start: Int
    /// Indices of what follows the fixed header.
    package var body: Range<Int>
    /// Offset of `start` from the connection's first byte.
    package var streamOffset: Int
    /// The connection's version, and for a CONNECT the one that it asks for.
    package var version: MQTTProtocolVersion
    /// The end that received the packet.
    package var receiver: MQTTRole

    package var range: Range<Int> { start..<body.upperBound }
    package var byteCount: Int { body.upperBound - start }
}

/// Cuts a byte stream into packets, however it is split, and refuses early.
///
/// Nothing is ever allocated from a length that a peer claims: the decoder holds only bytes that arrived,
/// and a wrong first packet or a packet that is too large is refused at its header. After an error every
/// further call throws it again.
package struct MQTTPacketDecoder: Sendable {
    /// The largest packet of MQTT: 5 bytes of fixed header and 268,435,455 more (§2.2.3).
    package static let largestPacket = 268_435_460

    package let role: MQTTRole
    /// The connection's version; nil until CONNECT tells it.
    package private(set) var version: MQTTProtocolVersion?
    /// Bytes of a whole packet with its fixed header.
    package var maximumPacketSize: Int
    /// The bytes that frames point into.
    package private(set) var bytes: [UInt8] = []
    private var position = 0
    /// Offset of `bytes[0]` from the connection's first byte.
    private var base = 0
    private var awaitsFirstPacket: Bool
    private var failure: MQTTDecodingError?

    /// - Parameters:
    ///   - version: nil for a server that speaks whatever of 3.1.1 and 5.0 the CONNECT asks for. A version makes it
    ///     refuse a CONNECT with another one.
    ///   - awaitsFirstPacket: false for a decoder that begins in the middle of a connection.
    package init(
        role: MQTTRole, version: MQTTProtocolVersion? = .v3_1_1, maximumPacketSize: Int = largestPacket, awaitsFirstPacket: Bool = true
    ) {
        self.role = role
        self.version = version
        self.maximumPacketSize = maximumPacketSize
        self.awaitsFirstPacket = awaitsFirstPacket
    }

    /// Bytes that arrived and are not yet taken as packets.
    package var bufferedCount: Int { bytes.count - position }

    package mutating func append(_ more: [UInt8]) {
        if failure != nil { return }
        if position == bytes.count {
            // The usual case: the last packet was complete, so the caller's array is taken over without a copy.
            base += position
            bytes = more
            position = 0
            return
        }
        discardTaken()
        bytes.append(contentsOf: more)
    }

    /// Gives memory back while a connection is idle. Frames become invalid.
    package mutating func releaseTakenBytes() {
        if position == bytes.count {
            base += position
            bytes = []
            position = 0
        }
    }

    private mutating func discardTaken() {
        if position == 0 { return }
        base += position
        bytes.removeFirst(position)
        position = 0
    }

    /// The next complete packet, undecoded; nil while bytes are missing.
    package mutating func nextFrame() throws(MQTTDecodingError) -> MQTTFrame? {
        if let failure { throw failure }
        guard position < bytes.count else { return nil }
        do { return try readFrame() } catch {
            failure = error
            throw error
        }
    }

    /// The next complete packet; nil while bytes are missing.
    package mutating func next() throws(MQTTDecodingError) -> MQTTPacket? {
        guard let frame = try nextFrame() else { return nil }
        do { return try MQTTPacket(frame, in: bytes) } catch {
            failure = error
            throw error
        }
    }

    private mutating func readFrame() throws(MQTTDecodingError) -> MQTTFrame? {
        let type = try readType()
        let version = version ?? .v3_1_1
        // Remaining length: up to 4 bytes of 7 bits, low bits first (§2.2.3).
        var length = 0
        var index = position + 1
        while true {
            guard index < bytes.count else { return nil }
            let byte = bytes[index]
            length |= Int(byte & 0x7F) << (7 * (index - position - 1))
            index += 1
            if byte & 0x80 == 0 {
                if byte == 0, index - position > 2, version == .v5_0 {
                    throw error(.notMinimal(field: "remaining length"), type, offset: 1)  // [MQTT-1.5.5-1]
                }
                break
            }
            if index - position > 4 { throw error(.remainingLengthTooLong, type, offset: 4) }
        }
        let total = index - position + length
        if total > maximumPacketSize { throw error(.packetTooLarge(bytes: total, limit: maximumPacketSize), type, offset: 1) }
        if let expected = type.fixedLength(version), length != expected {
            throw error(.wrongLength(found: length, expected: expected), type, offset: 1)
        }
        guard bytes.count - index >= length else { return nil }
        var frame = MQTTFrame(
            type: type, flags: bytes[position] & 0x0F, start: position, body: index..<index + length, streamOffset: base + position,
            version: version, receiver: role)
        if type == .connect { frame.version = try takeVersion(frame) }
        position = index + length
        // Enhanced authentication comes before CONNACK [MQTT-3.2.0-1].
        if type != .auth { awaitsFirstPacket = false }
        return frame
    }

    /// The version that a CONNECT asks for: from now on that of the connection.
    private mutating func takeVersion(_ frame: MQTTFrame) throws(MQTTDecodingError) -> MQTTProtocolVersion {
        let levelIndex = frame.body.lowerBound + 6
        // What is no CONNECT of MQTT at all is told apart when its fields are read.
        guard levelIndex < frame.body.upperBound, bytes[frame.body.lowerBound..<levelIndex].elementsEqual([0, 4, 0x4D, 0x51, 0x54, 0x54])
        else {
            return version ?? .v3_1_1
        }
        guard let asked = MQTTProtocolVersion(rawValue: bytes[levelIndex]), version == nil || version == asked else {
            throw error(.protocolLevel(bytes[levelIndex]), .connect, offset: levelIndex - frame.start)  // [MQTT-3.1.2-2]
        }
        if asked == .v5_0, frame.body.lowerBound - frame.start > 2, bytes[frame.body.lowerBound - 1] == 0 {
            throw error(.notMinimal(field: "remaining length"), .connect, offset: 1)  // [MQTT-1.5.5-1]
        }
        version = asked
        return asked
    }

    /// Checks all that the first byte tells, before the length is even there.
    private func readType() throws(MQTTDecodingError) -> MQTTPacketType {
        let first = bytes[position]
        let flags = first & 0x0F
        guard let type = MQTTPacketType(rawValue: first >> 4) else { throw error(.reservedPacketType(first >> 4), nil, offset: 0) }
        // [MQTT-2.2.2-1], [MQTT-2.2.2-2]
        if let expected = type.fixedFlags, flags != expected {
            throw error(.reservedFlags(found: flags, expected: expected), type, offset: 0)
        }
        if type == .publish {
            if flags & 0b0110 == 0b0110 { throw error(.publishQoS3, type, offset: 0) }  // [MQTT-3.3.1-4]
            if flags & 0b1110 == 0b1000 { throw error(.duplicateFlagWithQoS0, type, offset: 0) }  // [MQTT-3.3.1-2]
        }
        if awaitsFirstPacket {
            switch role {
            case .server where type != .connect: throw error(.firstPacketNotConnect(type), type, offset: 0)  // [MQTT-3.1.0-1]
            case .client where type != .connack && !(type == .auth && version == .v5_0): throw error(.firstPacketNotConnack(type), type, offset: 0)  // [MQTT-3.2.0-1]
            default: break
            }
        } else if role == .server, type == .connect {
            throw error(.repeatedConnect, type, offset: 0)  // [MQTT-3.1.0-2]
        }
        if type == .auth, version != .v5_0 { throw error(.reservedPacketType(15), type, offset: 0) }
        guard type.mayReach(role, version ?? .v3_1_1) else { throw error(.wrongDirection, type, offset: 0) }
        return type
    }

    private func error(_ violation: MQTTViolation, _ type: MQTTPacketType?, offset: Int) -> MQTTDecodingError {
        MQTTDecodingError(violation, packet: type, offset: offset, streamOffset: base + position, version: version ?? .v3_1_1)
    }
}
