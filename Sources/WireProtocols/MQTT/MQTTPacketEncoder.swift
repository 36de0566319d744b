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

    package var description: String {
        switch self {
        case .fieldTooLong(let field, let bytes): "The \(field) has \(bytes) bytes; 65535 are allowed. Shorten it."
        case .packetTooLarge(let bytes): "The packet has \(bytes) bytes after its header; 268435455 are allowed. Send less at once."
        case .nullCharacter(let field): "The \(field) contains U+0000, which MQTT text must not [MQTT-1.5.3-2]."
        case .packetIdentifierZero: "The packet identifier is 0; use 1 to 65535 [MQTT-2.3.1-1]."
        case .passwordWithoutUserName: "A password needs a user name [MQTT-3.1.2-22]."
        case .noTopicFilter: "At least one topic filter is needed [MQTT-3.8.3-3]."
        }
    }
}

/// Writes packets.
package enum MQTTEncoder {
    /// The largest remaining length (§2.2.3).
    package static let largestRemainingLength = 268_435_455

    /// Appends a PUBLISH: the packet that is written a million times, so it has a way of its own.
    ///
    /// `packetID` must not be 0 with QoS 1 and 2, and topic and payload together must be below 256 MB:
    /// the caller has checked both where they entered.
    package static func appendPublish(
        topic: MQTTTopic, payload: [UInt8], qos: MQTTQoS, retain: Bool = false, isDuplicate: Bool = false, packetID: UInt16 = 0,
        to output: inout [UInt8]
    ) {
        let topicLength = topic.text.utf8.count
        let remaining = 2 + topicLength + (qos == .atMostOnce ? 0 : 2) + payload.count
        precondition(remaining <= largestRemainingLength && (qos == .atMostOnce) == (packetID == 0))
        if output.isEmpty { output.reserveCapacity(remaining + 5) }
        output.append(0x30 | (isDuplicate ? 0x08 : 0) | qos.rawValue << 1 | (retain ? 1 : 0))
        appendRemainingLength(remaining, to: &output)
        output.append(UInt8(truncatingIfNeeded: topicLength >> 8))
        output.append(UInt8(truncatingIfNeeded: topicLength))
        output.append(contentsOf: topic.text.utf8)
        if qos != .atMostOnce { appendWord(packetID, to: &output) }
        output.append(contentsOf: payload)
    }

    /// Appends one of PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK.
    package static func appendAcknowledgement(_ type: MQTTPacketType, _ packetID: UInt16, to output: inout [UInt8]) {
        output.append(type.rawValue << 4 | (type.fixedFlags ?? 0))
        output.append(2)
        appendWord(packetID, to: &output)
    }

    /// Appends one of PINGREQ, PINGRESP, DISCONNECT.
    package static func appendEmpty(_ type: MQTTPacketType, to output: inout [UInt8]) {
        output.append(type.rawValue << 4)
        output.append(0)
    }

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

    static func appendWord(_ word: UInt16, to output: inout [UInt8]) {
        output.append(UInt8(truncatingIfNeeded: word >> 8))
        output.append(UInt8(truncatingIfNeeded: word))
    }
}

extension MQTTPacket {
    /// The packet as bytes.
    package func encoded() throws(MQTTEncodingError) -> [UInt8] {
        var output: [UInt8] = []
        try encode(to: &output)
        return output
    }

    /// Appends the packet; on an error nothing is appended.
    package func encode(to output: inout [UInt8]) throws(MQTTEncodingError) {
        switch self {
        case .connect(let connect): try Self.append(.connect, try connect.body(), to: &output)
        case .connack(let connack): MQTTEncoder.appendConnack(sessionPresent: connack.sessionPresent, code: connack.code, to: &output)
        case .publish(let publish):
            let size = publish.payload.count + publish.topic.text.utf8.count + 4
            if size > MQTTEncoder.largestRemainingLength { throw .packetTooLarge(bytes: size) }
            if publish.qos != .atMostOnce { try Self.check(publish.packetID) }
            MQTTEncoder.appendPublish(
                topic: publish.topic, payload: publish.payload, qos: publish.qos, retain: publish.retain,
                isDuplicate: publish.qos != .atMostOnce && publish.isDuplicate,  // [MQTT-3.3.1-2]
                packetID: publish.qos == .atMostOnce ? 0 : publish.packetID, to: &output)
        case .puback(let packet), .pubrec(let packet), .pubrel(let packet), .pubcomp(let packet), .unsuback(let packet):
            try Self.check(packet.packetID)
            MQTTEncoder.appendAcknowledgement(type, packet.packetID, to: &output)
        case .subscribe(let subscribe):
            try Self.check(subscribe.packetID)
            if subscribe.subscriptions.isEmpty { throw .noTopicFilter }
            var body = MQTTFieldWriter()
            body.word(subscribe.packetID)
            for subscription in subscribe.subscriptions {
                try body.text(subscription.filter.text, "topic filter")
                body.bytes.append(subscription.qos.rawValue)
            }
            try Self.append(.subscribe, body.bytes, to: &output)
        case .suback(let suback):
            try Self.check(suback.packetID)
            var body = MQTTFieldWriter()
            body.word(suback.packetID)
            body.bytes.append(contentsOf: suback.codes)
            try Self.append(.suback, body.bytes, to: &output)
        case .unsubscribe(let unsubscribe):
            try Self.check(unsubscribe.packetID)
            if unsubscribe.filters.isEmpty { throw .noTopicFilter }
            var body = MQTTFieldWriter()
            body.word(unsubscribe.packetID)
            for filter in unsubscribe.filters { try body.text(filter.text, "topic filter") }
            try Self.append(.unsubscribe, body.bytes, to: &output)
        case .pingreq, .pingresp, .disconnect: MQTTEncoder.appendEmpty(type, to: &output)
        }
    }

    private static func check(_ packetID: UInt16) throws(MQTTEncodingError) {
        if packetID == 0 { throw .packetIdentifierZero }
    }

    private static func append(_ type: MQTTPacketType, _ body: [UInt8], to output: inout [UInt8]) throws(MQTTEncodingError) {
        if body.count > MQTTEncoder.largestRemainingLength { throw .packetTooLarge(bytes: body.count) }
        output.append(type.rawValue << 4 | (type.fixedFlags ?? 0))
        MQTTEncoder.appendRemainingLength(body.count, to: &output)
        output.append(contentsOf: body)
    }
}

extension MQTTConnect {
    /// What follows the fixed header.
    fileprivate func body() throws(MQTTEncodingError) -> [UInt8] {
        if password != nil, username == nil { throw .passwordWithoutUserName }
        var flags: UInt8 = isClean ? 0b10 : 0
        if let will { flags |= 0b100 | will.qos.rawValue << 3 | (will.retain ? 0b10_0000 : 0) }
        if password != nil { flags |= 0b100_0000 }
        if username != nil { flags |= 0b1000_0000 }
        var body = MQTTFieldWriter()
        try body.text("MQTT", "protocol name")
        body.bytes.append(MQTTProtocolVersion.v3_1_1.rawValue)
        body.bytes.append(flags)
        body.word(keepAlive)
        try body.text(clientID, "client identifier")
        if let will {
            try body.text(will.topic.text, "will topic")
            try body.binary(will.payload, "will message")
        }
        if let username { try body.text(username, "user name") }
        if let password { try body.binary(password, "password") }
        return body.bytes
    }
}

private struct MQTTFieldWriter {
    var bytes: [UInt8] = []

    mutating func word(_ word: UInt16) { MQTTEncoder.appendWord(word, to: &bytes) }

    mutating func text(_ text: String, _ field: String) throws(MQTTEncodingError) {
        if text.utf8.contains(0) { throw .nullCharacter(field: field) }
        try sized(text.utf8, count: text.utf8.count, field)
    }

    mutating func binary(_ binary: [UInt8], _ field: String) throws(MQTTEncodingError) {
        try sized(binary, count: binary.count, field)
    }

    private mutating func sized(_ content: some Sequence<UInt8>, count: Int, _ field: String) throws(MQTTEncodingError) {
        guard let length = UInt16(exactly: count) else { throw .fieldTooLong(field: field, bytes: count) }
        word(length)
        bytes.append(contentsOf: content)
    }
}
