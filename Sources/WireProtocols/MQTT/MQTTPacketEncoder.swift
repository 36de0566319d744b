/// Why a packet cannot be written.
package enum MQTTEncodingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Text and binary fields have a length of two bytes (§1.5.3).
    case fieldTooLong(field: String, bytes: Int)
    /// More than 268,435,455 bytes after the fixed header (§2.2.3).
    case packetTooLarge(bytes: Int)
    case nullCharacter(field: String)
    case packetIdentifierZero
    case passwordWithoutUserName
    case noTopicFilter
    /// AUTH, which only MQTT 5.0 has.
    case notInVersion(MQTTPacketType, MQTTProtocolVersion)
    case misplacedProperty(MQTTPropertyID, MQTTPropertyPlace)
    case repeatedProperty(MQTTPropertyID)
    case propertyValue(MQTTPropertyID, UInt32)
    case responseTopic(MQTTTopicError)
    case authenticationDataWithoutMethod
    case misplacedReason(MQTTReasonCode, MQTTPacketType)
    /// A PUBLISH of 3.1.1, or without a topic alias.
    case topicNameMissing

    package var description: String {
        switch self {
        case .fieldTooLong(let field, let bytes): "The \(field) has \(bytes) bytes; 65535 are allowed. Shorten it."
        case .packetTooLarge(let bytes): "The packet has \(bytes) bytes after its header; 268435455 are allowed. Send less at once."
        case .nullCharacter(let field): "The \(field) contains U+0000, which MQTT text must not [MQTT-1.5.3-2]."
        case .packetIdentifierZero: "The packet identifier is 0; use 1 to 65535 [MQTT-2.3.1-1]."
        case .passwordWithoutUserName: "A password needs a user name [MQTT-3.1.2-22]."
        case .noTopicFilter: "At least one topic filter is needed [MQTT-3.8.3-3]."
        case .notInVersion(let type, let version): "\(version) has no \(type)."
        case .misplacedProperty(let id, let place): "The \(id) is no property of \(place) (MQTT 5.0 §2.2.2.2)."
        case .repeatedProperty(let id): "The \(id) is there twice; one is allowed."
        case .propertyValue(let id, let value): "The \(id) is \(value); use \(id.range.lowerBound) to \(id.range.upperBound)."
        case .responseTopic(let error): "The response topic is no topic name: \(error)"
        case .authenticationDataWithoutMethod: "Authentication data needs an authentication method."
        case .misplacedReason(let reason, let type): "The reason \(reason) is none of \(type) (MQTT 5.0 §2.4)."
        case .topicNameMissing: "A PUBLISH needs a topic name, or in MQTT 5.0 a topic alias."
        }
    }
}

/// Writes packets.
package enum MQTTEncoder {
    /// The largest remaining length (§2.2.3).
    package static let largestRemainingLength = 268_435_455

    /// Appends a PUBLISH: the packet that is written a million times, so it has a way of its own.
    ///
    /// `packetID` must not be 0 with QoS 1 and 2, topic, properties and payload together must be below 256 MB, and the
    /// properties must pass `check(in:)`, as all do that were decoded: the caller has checked this where they entered.
    /// MQTT 3.1.1 leaves the properties out.
    package static func appendPublish(
        topic: MQTTTopic, payload: [UInt8], qos: MQTTQoS, retain: Bool = false, isDuplicate: Bool = false, packetID: UInt16 = 0,
        properties: MQTTProperties = MQTTProperties(), version: MQTTProtocolVersion = .v3_1_1, to output: inout [UInt8]
    ) {
        let topicLength = topic.text.utf8.count
        var remaining = 2 + topicLength + (qos == .atMostOnce ? 0 : 2) + payload.count
        if version == .v5_0 { remaining += properties.encodedSize }
        precondition(remaining <= largestRemainingLength && (qos == .atMostOnce) == (packetID == 0))
        if output.isEmpty { output.reserveCapacity(remaining + 5) }
        output.append(0x30 | (isDuplicate ? 0x08 : 0) | qos.rawValue << 1 | (retain ? 1 : 0))
        appendRemainingLength(remaining, to: &output)
        output.append(UInt8(truncatingIfNeeded: topicLength >> 8))
        output.append(UInt8(truncatingIfNeeded: topicLength))
        output.append(contentsOf: topic.text.utf8)
        if qos != .atMostOnce { appendWord(packetID, to: &output) }
        if version == .v5_0 { properties.append(to: &output) }
        output.append(contentsOf: payload)
    }

    /// Bytes of the PUBLISH that `appendPublish` writes, for the receiver's maximum packet size.
    package static func publishSize(
        topic: MQTTTopic, payload: [UInt8], qos: MQTTQoS, properties: MQTTProperties = MQTTProperties(), version: MQTTProtocolVersion
    ) -> Int {
        var remaining = 2 + topic.text.utf8.count + (qos == .atMostOnce ? 0 : 2) + payload.count
        if version == .v5_0 { remaining += properties.encodedSize }
        return 1 + variableIntegerSize(remaining) + remaining
    }

    /// Appends one of PUBACK, PUBREC, PUBREL, PUBCOMP, and UNSUBACK of 3.1.1. For success the bytes are those of both versions.
    package static func appendAcknowledgement(_ type: MQTTPacketType, _ packetID: UInt16, to output: inout [UInt8]) {
        output.append(type.rawValue << 4 | (type.fixedFlags ?? 0))
        output.append(2)
        appendWord(packetID, to: &output)
    }

    /// Appends one of PUBACK, PUBREC, PUBREL, PUBCOMP with a reason of MQTT 5.0.
    package static func appendAcknowledgement(
        _ type: MQTTPacketType, _ packetID: UInt16, _ reason: MQTTReasonCode, to output: inout [UInt8]
    ) {
        if reason == .success { return appendAcknowledgement(type, packetID, to: &output) }
        output.append(type.rawValue << 4 | (type.fixedFlags ?? 0))
        output.append(3)
        appendWord(packetID, to: &output)
        output.append(reason.rawValue)
    }

    /// Appends one of PINGREQ, PINGRESP, DISCONNECT.
    package static func appendEmpty(_ type: MQTTPacketType, to output: inout [UInt8]) {
        output.append(type.rawValue << 4)
        output.append(0)
    }

    /// Appends a CONNACK of 3.1.1.
    package static func appendConnack(sessionPresent: Bool, code: MQTTConnectReturnCode, to output: inout [UInt8]) {
        output.append(MQTTPacketType.connack.rawValue << 4)
        output.append(2)
        output.append(sessionPresent ? 1 : 0)
        output.append(code.rawValue)
    }

    static func appendRemainingLength(_ length: Int, to output: inout [UInt8]) {
        var rest = length
        repeat {
            let digit = UInt8(truncatingIfNeeded: rest & 0x7F)
            rest >>= 7
            output.append(rest > 0 ? digit | 0x80 : digit)
        } while rest > 0
    }

    /// Bytes of a variable byte integer (§1.5.5).
    static func variableIntegerSize(_ value: Int) -> Int { value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4 }

    static func appendWord(_ word: UInt16, to output: inout [UInt8]) {
        output.append(UInt8(truncatingIfNeeded: word >> 8))
        output.append(UInt8(truncatingIfNeeded: word))
    }

    /// Appends the length in two bytes and the content, which has been checked.
    static func appendSized(_ content: some Collection<UInt8>, to output: inout [UInt8]) {
        precondition(content.count <= 0xFFFF)
        appendWord(UInt16(truncatingIfNeeded: content.count), to: &output)
        output.append(contentsOf: content)
    }
}

extension MQTTPacket {
    /// The packet as bytes.
    package func encoded(_ version: MQTTProtocolVersion = .v3_1_1) throws(MQTTEncodingError) -> [UInt8] {
        var output: [UInt8] = []
        try encode(to: &output, version)
        return output
    }

    /// Appends the packet; on an error nothing is appended. A CONNECT is written in its own version.
    package func encode(to output: inout [UInt8], _ version: MQTTProtocolVersion = .v3_1_1) throws(MQTTEncodingError) {
        var body = MQTTFieldWriter(version: version, type: type)
        switch self {
        case .publish(let publish): return try publish.append(to: &output, version)
        case .connect(let connect): try connect.write(to: &body)
        case .connack(let connack): try connack.write(to: &body)
        case .puback(let packet), .pubrec(let packet), .pubrel(let packet), .pubcomp(let packet):
            try body.packetID(packet.packetID)
            try body.reason(packet.reason, packet.properties)
        case .subscribe(let subscribe): try subscribe.write(to: &body)
        case .suback(let suback): try suback.write(to: &body)
        case .unsubscribe(let unsubscribe): try unsubscribe.write(to: &body)
        case .unsuback(let unsuback):
            try body.packetID(unsuback.packetID)
            try body.properties(unsuback.properties, in: .packet(.unsuback))
            if version == .v5_0 { for reason in unsuback.reasons { try body.reason(reason) } }
        case .pingreq, .pingresp: break
        case .disconnect(let disconnect): try body.reason(disconnect.reason, disconnect.properties)
        case .auth(let auth):
            if version == .v3_1_1 { throw .notInVersion(.auth, version) }
            try body.reason(auth.reason, auth.properties)
        }
        if body.bytes.count > MQTTEncoder.largestRemainingLength { throw .packetTooLarge(bytes: body.bytes.count) }
        output.append(type.rawValue << 4 | (type.fixedFlags ?? 0))
        MQTTEncoder.appendRemainingLength(body.bytes.count, to: &output)
        output.append(contentsOf: body.bytes)
    }
}

extension MQTTPublish {
    fileprivate func append(to output: inout [UInt8], _ version: MQTTProtocolVersion) throws(MQTTEncodingError) {
        if topic.isAliased, version == .v3_1_1 || properties.topicAlias == nil { throw .topicNameMissing }
        if version == .v5_0 { try properties.check(in: .packet(.publish)) }
        let size = MQTTEncoder.publishSize(topic: topic, payload: payload, qos: .exactlyOnce, properties: properties, version: version)
        if size > MQTTEncoder.largestRemainingLength { throw .packetTooLarge(bytes: size) }
        if qos != .atMostOnce, packetID == 0 { throw .packetIdentifierZero }
        MQTTEncoder.appendPublish(
            topic: topic, payload: payload, qos: qos, retain: retain, isDuplicate: qos != .atMostOnce && isDuplicate,  // [MQTT-3.3.1-2]
            packetID: qos == .atMostOnce ? 0 : packetID, properties: properties, version: version, to: &output)
    }
}
