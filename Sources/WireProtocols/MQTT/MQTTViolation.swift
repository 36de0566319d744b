/// What a byte stream did that MQTT does not allow. Each has its clause, and its reason code of MQTT 5.0.
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
    /// A new message under an identifier that belongs to one without acknowledgement.
    case packetIdentifierInUse(UInt16)

    // MARK: Only in MQTT 5.0

    /// A variable byte integer with more bytes than its value needs.
    case notMinimal(field: String)
    /// A fifth byte of a variable byte integer.
    case variableIntegerTooLong(field: String)
    case unknownProperty(UInt32)
    case misplacedProperty(MQTTPropertyID, MQTTPropertyPlace)
    /// A property that only the other end may send in this packet.
    case propertyFromWrongSide(MQTTPropertyID, MQTTPropertyPlace)
    case repeatedProperty(MQTTPropertyID)
    case propertyValue(MQTTPropertyID, UInt32)
    case responseTopic(MQTTTopicError)
    case authenticationDataWithoutMethod
    /// An AUTH that continues or begins something and does not say by which method.
    case authenticationMethodMissing
    /// A reason that only the other end may give in this packet.
    case reasonFromWrongSide(MQTTReasonCode)
    /// A PUBLISH with neither a topic name nor a topic alias.
    case topicNameMissing
    /// A topic alias of 0 or above the maximum.
    case topicAliasInvalid(UInt16)
    /// A topic alias that no PUBLISH of the connection has given a topic.
    case topicAliasUnknown(UInt16)
    case subscriptionOptionsReserved(UInt8)
    case subscriptionQoS3
    case retainHandling3
    case noLocalOnSharedSubscription
    /// The payload is not the text that its indicator says.
    case payloadFormat
    /// More QoS 1 and 2 messages without acknowledgement than the receiver said that it takes.
    case receiveMaximumExceeded(limit: UInt16)

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
        case .protocolLevel(let level): "protocol level \(level) is not supported here: 4 is MQTT 3.1.1, 5 is MQTT 5.0"
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
        case .packetIdentifierInUse(let packetID): "packet identifier \(packetID) is in use"
        case .notMinimal(let field): "\(field) has more bytes than its value needs"
        case .variableIntegerTooLong(let field): "\(field) has more than 4 bytes"
        case .unknownProperty(let id): "there is no property \(id)"
        case .misplacedProperty(let id, let place): "\(id) is no property of \(place)"
        case .propertyFromWrongSide(let id, let place): "\(id) in \(place) is for the other end to send"
        case .repeatedProperty(let id): "\(id) is there twice"
        case .propertyValue(let id, let value): "\(id) is \(value) and must be in \(id.range.lowerBound)...\(id.range.upperBound)"
        case .responseTopic(let error): "the response topic is no topic name: \(error)"
        case .authenticationDataWithoutMethod: "authentication data without an authentication method"
        case .authenticationMethodMissing: "there is no authentication method"
        case .reasonFromWrongSide(let reason): "the reason \(reason) is for the other end to give"
        case .topicNameMissing: "neither a topic name nor a topic alias"
        case .topicAliasInvalid(let alias): "topic alias \(alias) is out of range"
        case .topicAliasUnknown(let alias): "topic alias \(alias) has no topic yet"
        case .subscriptionOptionsReserved(let byte): "bits 6 and 7 of the subscription options \(byte) must be 0"
        case .subscriptionQoS3: "maximum QoS 3"
        case .retainHandling3: "retain handling 3"
        case .noLocalOnSharedSubscription: "a shared subscription with no local"
        case .payloadFormat: "the payload is not UTF-8 although its format indicator says so"
        case .receiveMaximumExceeded(let limit): "more than \(limit) messages without acknowledgement"
        }
    }
}

/// A violation with its place. After it the connection must be closed (3.1.1 [MQTT-4.8.0-1], 5.0 [MQTT-4.13.1-1]).
package struct MQTTDecodingError: Error, Sendable, Equatable, CustomStringConvertible {
    package var violation: MQTTViolation
    /// The packet's type, where its first byte tells it.
    package var packet: MQTTPacketType?
    /// The first wrong byte, counted from the packet's first byte.
    package var offset: Int
    /// The packet's first byte, counted from the first byte of the connection.
    package var streamOffset: Int

    /// The connection's version, as far as it was known.
    package var version: MQTTProtocolVersion

    package init(
        _ violation: MQTTViolation, packet: MQTTPacketType?, offset: Int, streamOffset: Int, version: MQTTProtocolVersion = .v3_1_1
    ) {
        self.version = version
        self.violation = violation
        self.packet = packet
        self.offset = offset
        self.streamOffset = streamOffset
    }

    package var clause: String { violation.clause(in: packet, version) }
    /// What CONNACK or DISCONNECT of MQTT 5.0 answer it with.
    package var reasonCode: MQTTReasonCode { violation.reasonCode }
    package var description: String {
        "\(packet?.description ?? "Packet") at byte \(streamOffset): \(violation.reason) (byte \(offset) of the packet) [\(clause)]"
    }
}
