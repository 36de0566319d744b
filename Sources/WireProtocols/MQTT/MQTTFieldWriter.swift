/// Writes the fields of one packet behind its fixed header.
struct MQTTFieldWriter {
    var version: MQTTProtocolVersion
    let type: MQTTPacketType
    var bytes: [UInt8] = []

    init(version: MQTTProtocolVersion, type: MQTTPacketType) {
        self.version = version
        self.type = type
    }

    mutating func word(_ word: UInt16) { MQTTEncoder.appendWord(word, to: &bytes) }

    mutating func packetID(_ packetID: UInt16) throws(MQTTEncodingError) {
        if packetID == 0 { throw .packetIdentifierZero }
        word(packetID)
    }

    mutating func text(_ text: String, _ field: String) throws(MQTTEncodingError) {
        try Self.check(text, field)
        MQTTEncoder.appendSized(text.utf8, to: &bytes)
    }

    mutating func binary(_ binary: [UInt8], _ field: String) throws(MQTTEncodingError) {
        if binary.count > 0xFFFF { throw .fieldTooLong(field: field, bytes: binary.count) }
        MQTTEncoder.appendSized(binary, to: &bytes)
    }

    static func check(_ text: String, _ field: String) throws(MQTTEncodingError) {
        if text.utf8.contains(0) { throw .nullCharacter(field: field) }
        if text.utf8.count > 0xFFFF { throw .fieldTooLong(field: field, bytes: text.utf8.count) }
    }

    /// Nothing in 3.1.1.
    mutating func properties(_ properties: MQTTProperties, in place: MQTTPropertyPlace) throws(MQTTEncodingError) {
        if version == .v3_1_1 { return }
        try properties.check(in: place)
        properties.append(to: &bytes)
    }

    mutating func reason(_ reason: MQTTReasonCode) throws(MQTTEncodingError) {
        guard reason.mayAppear(in: type) else { throw .misplacedReason(reason, type) }
        bytes.append(reason.rawValue)
    }

    /// A reason with its properties at the end of a packet: left out where they say nothing, and in 3.1.1.
    mutating func reason(_ reason: MQTTReasonCode, _ properties: MQTTProperties) throws(MQTTEncodingError) {
        if version == .v3_1_1 || reason == .success && properties.isEmpty { return }
        try self.reason(reason)
        // AUTH has both or neither (§3.15.2.1).
        if !properties.isEmpty || type == .auth { try self.properties(properties, in: .packet(type)) }
    }
}

extension MQTTConnect {
    func write(to body: inout MQTTFieldWriter) throws(MQTTEncodingError) {
        body.version = version
        if version == .v3_1_1, password != nil, username == nil { throw .passwordWithoutUserName }
        var flags: UInt8 = isClean ? 0b10 : 0
        if let will { flags |= 0b100 | will.qos.rawValue << 3 | (will.retain ? 0b10_0000 : 0) }
        if password != nil { flags |= 0b100_0000 }
        if username != nil { flags |= 0b1000_0000 }
        try body.text("MQTT", "protocol name")
        body.bytes.append(version.rawValue)
        body.bytes.append(flags)
        body.word(keepAlive)
        try body.properties(properties, in: .packet(.connect))
        try body.text(clientID, "client identifier")
        if let will {
            if will.topic.isAliased { throw .topicNameMissing }
            try body.properties(will.properties, in: .will)
            try body.text(will.topic.text, "will topic")
            try body.binary(will.payload, "will message")
        }
        if let username { try body.text(username, "user name") }
        if let password { try body.binary(password, "password") }
    }
}

extension MQTTConnack {
    func write(to body: inout MQTTFieldWriter) throws(MQTTEncodingError) {
        body.bytes.append(sessionPresent ? 1 : 0)
        if body.version == .v3_1_1 { return body.bytes.append(code.rawValue) }
        try body.reason(reason)
        try body.properties(properties, in: .packet(.connack))
    }
}

extension MQTTSubscribe {
    func write(to body: inout MQTTFieldWriter) throws(MQTTEncodingError) {
        try body.packetID(packetID)
        if subscriptions.isEmpty { throw .noTopicFilter }
        try body.properties(properties, in: .packet(.subscribe))
        for subscription in subscriptions {
            try body.text(subscription.filter.text, "topic filter")
            body.bytes.append(body.version == .v5_0 ? subscription.options : subscription.qos.rawValue)
        }
    }
}

extension MQTTSuback {
    func write(to body: inout MQTTFieldWriter) throws(MQTTEncodingError) {
        try body.packetID(packetID)
        try body.properties(properties, in: .packet(.suback))
        // Every failure of 5.0 is the one failure of 3.1.1.
        for code in codes { body.bytes.append(body.version == .v3_1_1 ? min(code, Self.failure) : code) }
    }
}

extension MQTTUnsubscribe {
    func write(to body: inout MQTTFieldWriter) throws(MQTTEncodingError) {
        try body.packetID(packetID)
        if filters.isEmpty { throw .noTopicFilter }
        try body.properties(properties, in: .packet(.unsubscribe))
        for filter in filters { try body.text(filter.text, "topic filter") }
    }
}
