/// What a byte stream did that MQTT 3.1.1 does not allow. Each has its clause.
package enum MQTTViolation: Sendable, Equatable {
    /// Packet types 0 and 15.
    case reservedPacketType(UInt8)
    case reservedFlags(found: UInt8, expected: UInt8)
    /// A fifth byte of the remaining length.
    case remainingLengthTooLong
    /// More than the receiver takes, found before any of it is stored.
    case packetTooLarge(bytes: Int, limit: Int)
    case wrongLength(found: Int, expected: Int)
    case truncated(field: String)
    case trailingBytes(Int)
    case illFormedUTF8(field: String)
    case nullCharacter(field: String)
    case packetIdentifierZero
    case firstPacketNotConnect(MQTTPacketType)
    case firstPacketNotConnack(MQTTPacketType)
    case repeatedConnect
    /// A packet that only the other end may send.
    case wrongDirection
    case protocolName
    case protocolLevel(UInt8)
    case connectFlagsReserved
    case willFlagsWithoutWill
    case willQoS3
    case passwordWithoutUserName
    case publishQoS3
    case duplicateFlagWithQoS0
    case topic(MQTTTopicError)
    case noTopicFilter
    case reservedQoSBits(UInt8)
    case reservedReturnCode(UInt8)
    case connackFlagsReserved(UInt8)
    case sessionPresentWithRefusal
    /// An acknowledgement that does not belong to what it names, such as a PUBREC for a QoS 1 message.
    case unexpectedAcknowledgement(packetID: UInt16)

    /// The normative statement, or the section where the specification has no number for it.
    package func clause(in type: MQTTPacketType?) -> String {
        switch self {
        case .reservedPacketType: "§2.2.1"
        case .reservedFlags:
            switch type {
            case .pubrel: "MQTT-3.6.1-1"
            case .subscribe: "MQTT-3.8.1-1"
            case .unsubscribe: "MQTT-3.10.1-1"
            case .disconnect: "MQTT-3.14.1-1"
            default: "MQTT-2.2.2-2"
            }
        case .remainingLengthTooLong: "§2.2.3"
        case .packetTooLarge: "§4.8"
        case .wrongLength, .truncated, .trailingBytes: "MQTT-4.8.0-1"
        case .illFormedUTF8: "MQTT-1.5.3-1"
        case .nullCharacter: "MQTT-1.5.3-2"
        case .packetIdentifierZero: "MQTT-2.3.1-1"
        case .firstPacketNotConnect: "MQTT-3.1.0-1"
        case .firstPacketNotConnack: "MQTT-3.2.0-1"
        case .repeatedConnect: "MQTT-3.1.0-2"
        case .wrongDirection: "§2.2.1"
        case .protocolName: "MQTT-3.1.2-1"
        case .protocolLevel: "MQTT-3.1.2-2"
        case .connectFlagsReserved: "MQTT-3.1.2-3"
        case .willFlagsWithoutWill: "MQTT-3.1.2-11"
        case .willQoS3: "MQTT-3.1.2-14"
        case .passwordWithoutUserName: "MQTT-3.1.2-22"
        case .publishQoS3: "MQTT-3.3.1-4"
        case .duplicateFlagWithQoS0: "MQTT-3.3.1-2"
        case .topic(let error): error.clause
        case .noTopicFilter: type == .unsubscribe ? "MQTT-3.10.3-2" : "MQTT-3.8.3-3"
        case .reservedQoSBits: "MQTT-3.8.3-4"
        case .reservedReturnCode: type == .suback ? "MQTT-3.9.3-2" : "§3.2.2.3"
        case .connackFlagsReserved: "§3.2.2.1"
        case .sessionPresentWithRefusal: "MQTT-3.2.2-4"
        case .unexpectedAcknowledgement: "MQTT-4.8.0-1"
        }
    }

    package var reason: String {
        switch self {
        case .reservedPacketType(let type): "packet type \(type) is reserved"
        case .reservedFlags(let found, let expected): "flags of the fixed header are \(found) and must be \(expected)"
        case .remainingLengthTooLong: "the remaining length has more than 4 bytes"
        case .packetTooLarge(let bytes, let limit): "a packet of \(bytes) bytes is over the limit of \(limit)"
        case .wrongLength(let found, let expected): "remaining length is \(found) and must be \(expected)"
        case .truncated(let field): "\(field) goes beyond the end of the packet"
        case .trailingBytes(let count): "\(count) bytes are left after the last field"
        case .illFormedUTF8(let field): "\(field) is not well-formed UTF-8"
        case .nullCharacter(let field): "\(field) contains U+0000"
        case .packetIdentifierZero: "the packet identifier is 0"
        case .firstPacketNotConnect(let type): "the first packet is \(type) and must be CONNECT"
        case .firstPacketNotConnack(let type): "the first packet is \(type) and must be CONNACK"
        case .repeatedConnect: "a second CONNECT on one connection"
        case .wrongDirection: "this packet type goes the other way"
        case .protocolName: "the protocol name is not MQTT"
        case .protocolLevel(let level): "protocol level \(level) is not supported, only 4 (MQTT 3.1.1)"
        case .connectFlagsReserved: "bit 0 of the connect flags must be 0"
        case .willFlagsWithoutWill: "will QoS and will retain must be 0 without a will"
        case .willQoS3: "will QoS 3"
        case .passwordWithoutUserName: "a password without a user name"
        case .publishQoS3: "QoS 3"
        case .duplicateFlagWithQoS0: "DUP must be 0 with QoS 0"
        case .topic(let error): error.description
        case .noTopicFilter: "there is no topic filter"
        case .reservedQoSBits(let byte): "requested QoS byte \(byte) must be 0, 1 or 2"
        case .reservedReturnCode(let code): "return code \(code) is reserved"
        case .connackFlagsReserved(let flags): "acknowledge flags are \(flags): only bit 0 may be set"
        case .sessionPresentWithRefusal: "session present must be 0 when the connection is refused"
        case .unexpectedAcknowledgement(let packetID): "packet identifier \(packetID) does not wait for this"
        }
    }
}

/// A violation with its place. After it the connection must be closed [MQTT-4.8.0-1].
package struct MQTTDecodingError: Error, Sendable, Equatable, CustomStringConvertible {
    package var violation: MQTTViolation
    /// The packet's type, where its first byte tells it.
    package var packet: MQTTPacketType?
    /// The first wrong byte, counted from the packet's first byte.
    package var offset: Int
    /// The packet's first byte, counted from the first byte of the connection.
    package var streamOffset: Int

    package init(_ violation: MQTTViolation, packet: MQTTPacketType?, offset: Int, streamOffset: Int) {
        self.violation = violation
        self.packet = packet
        self.offset = offset
        self.streamOffset = streamOffset
    }

    package var clause: String { violation.clause(in: packet) }
    package var description: String {
        "\(packet?.description ?? "Packet") at byte \(streamOffset): \(violation.reason) (byte \(offset) of the packet) [\(clause)]"
    }
}
