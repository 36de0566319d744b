extension MQTTPacket {
    /// Decodes what a frame holds, in the version of its connection.
    package init(_ frame: MQTTFrame, in bytes: [UInt8]) throws(MQTTDecodingError) {
        var reader = MQTTFieldReader(frame, in: bytes)
        switch frame.type {
        case .connect: self = .connect(try MQTTConnect(&reader))
        case .connack: self = .connack(try MQTTConnack(&reader))
        case .publish:
            let header = try MQTTPublishHeader(frame, in: bytes)
            self = .publish(try MQTTPublish(header, topic: header.decodeTopic(in: bytes), in: bytes))
        case .puback: self = .puback(try MQTTAcknowledgement(&reader))
        case .pubrec: self = .pubrec(try MQTTAcknowledgement(&reader))
        case .pubrel: self = .pubrel(try MQTTAcknowledgement(&reader))
        case .pubcomp: self = .pubcomp(try MQTTAcknowledgement(&reader))
        case .subscribe: self = .subscribe(try MQTTSubscribe(&reader))
        case .suback: self = .suback(try MQTTSuback(&reader))
        case .unsubscribe: self = .unsubscribe(try MQTTUnsubscribe(&reader))
        case .unsuback: self = .unsuback(try MQTTUnsuback(&reader))
        case .pingreq: self = .pingreq
        case .pingresp: self = .pingresp
        case .disconnect: self = .disconnect(try MQTTDisconnect(&reader))
        case .auth: self = .auth(try MQTTAuth(&reader))
        }
    }
}

extension MQTTConnect {
    fileprivate init(_ reader: inout MQTTFieldReader) throws(MQTTDecodingError) {
        let nameIsRight = reader.bytes[try reader.sized("protocol name")].elementsEqual("MQTT".utf8)
        if !nameIsRight { throw reader.error(.protocolName, at: reader.frame.body.lowerBound) }  // [MQTT-3.1.2-1]
        let level = try reader.byte("protocol level")
        guard let version = MQTTProtocolVersion(rawValue: level) else { throw reader.error(.protocolLevel(level), at: reader.position - 1) }  // [MQTT-3.1.2-2]

        let flags = try reader.byte("connect flags")
        let flagsIndex = reader.position - 1
        let hasWill = flags & 0b0000_0100 != 0
        let hasPassword = flags & 0b0100_0000 != 0
        let hasUserName = flags & 0b1000_0000 != 0
        if flags & 1 != 0 { throw reader.error(.connectFlagsReserved, at: flagsIndex) }  // [MQTT-3.1.2-3]
        if !hasWill, flags & 0b0011_1000 != 0 { throw reader.error(.willFlagsWithoutWill, at: flagsIndex) }  // [MQTT-3.1.2-11], [-13], [-15]
        guard let willQoS = MQTTQoS(rawValue: flags >> 3 & 0b11) else { throw reader.error(.willQoS3, at: flagsIndex) }  // [MQTT-3.1.2-14]
        // MQTT 5.0 allows it (§3.1.2.9).
        if version == .v3_1_1, hasPassword, !hasUserName { throw reader.error(.passwordWithoutUserName, at: flagsIndex) }  // [MQTT-3.1.2-22]

        let keepAlive = try reader.word("keep alive")
        let properties = version == .v5_0 ? try MQTTProperties(&reader, in: .packet(.connect)) : MQTTProperties()
        // Client identifier, will properties, will topic, will payload, user name, password: in this order [MQTT-3.1.3-1].
        let clientID = try reader.text("client identifier")  // [MQTT-3.1.3-3], [MQTT-3.1.3-4]
        var will: MQTTWill?
        if hasWill {
            let willProperties = version == .v5_0 ? try MQTTProperties(&reader, in: .will) : MQTTProperties()
            let topic = try reader.topic("will topic")  // [MQTT-3.1.3-10]
            let payload = [UInt8](reader.bytes[try reader.sized("will message")])
            will = MQTTWill(topic: topic, payload: payload, qos: willQoS, retain: flags & 0b0010_0000 != 0, properties: willProperties)
        }
        let username = hasUserName ? try reader.text("user name") : nil  // [MQTT-3.1.3-11]
        let password = hasPassword ? [UInt8](reader.bytes[try reader.sized("password")]) : nil
        try reader.expectEnd()
        self.init(
            version: version, clientID: clientID, isClean: flags & 0b0000_0010 != 0, keepAlive: keepAlive, username: username,
            password: password, will: will, properties: properties)
    }
}

extension MQTTConnack {
    fileprivate init(_ reader: inout MQTTFieldReader) throws(MQTTDecodingError) {
        let flags = try reader.byte("acknowledge flags")
        if flags & 0xFE != 0 { throw reader.error(.connackFlagsReserved(flags), at: reader.position - 1) }
        let reason: MQTTReasonCode
        var properties = MQTTProperties()
        if reader.frame.version == .v3_1_1 {
            let byte = try reader.byte("return code")
            guard let code = MQTTConnectReturnCode(rawValue: byte) else {
                throw reader.error(.reservedReturnCode(byte), at: reader.position - 1)
            }
            reason = MQTTReasonCode(code)
        } else if reader.frame.body.count == 2, reader.bytes[reader.position] == MQTTConnectReturnCode.unacceptableProtocolVersion.rawValue
        {
            // A server that knows no 5.0 refuses in its own version, so there is nothing more to read.
            reason = .unsupportedProtocolVersion
        } else {
            reason = try reader.reason()
            properties = try MQTTProperties(&reader, in: .packet(.connack))
            try reader.expectEnd()
        }
        if reason != .success, flags != 0 { throw reader.error(.sessionPresentWithRefusal, at: reader.frame.body.lowerBound) }  // [MQTT-3.2.2-4]
        self.init(sessionPresent: flags == 1, reason: reason, properties: properties)
    }
}

extension MQTTAcknowledgement {
    fileprivate init(_ reader: inout MQTTFieldReader) throws(MQTTDecodingError) {
        packetID = try reader.packetID()
        reason = .success
        properties = MQTTProperties()
        // Reason code and properties can be left out from the end (5.0 §3.4.2.1, §3.4.2.2.1).
        if !reader.isAtEnd { try readReason(&reader) }
    }

    private mutating func readReason(_ reader: inout MQTTFieldReader) throws(MQTTDecodingError) {
        reason = try reader.reason()
        if reader.isAtEnd { return }
        properties = try MQTTProperties(&reader, in: .packet(reader.frame.type))
        try reader.expectEnd()
    }
}

extension MQTTSubscribe {
    fileprivate init(_ reader: inout MQTTFieldReader) throws(MQTTDecodingError) {
        packetID = try reader.packetID()
        properties = reader.frame.version == .v5_0 ? try MQTTProperties(&reader, in: .packet(.subscribe)) : MQTTProperties()
        subscriptions = []
        while !reader.isAtEnd {
            let filter = try reader.filter()
            let subscription = reader.frame.version == .v5_0 ? try reader.subscription(filter) : try reader.oldSubscription(filter)
            subscriptions.append(subscription)
        }
        if subscriptions.isEmpty { throw reader.error(.noTopicFilter, at: reader.position) }  // [MQTT-3.8.3-3]
    }
}

extension MQTTSuback {
    fileprivate init(_ reader: inout MQTTFieldReader) throws(MQTTDecodingError) {
        packetID = try reader.packetID()
        properties = MQTTProperties()
        codes = []
        if reader.frame.version == .v5_0 {
            properties = try MQTTProperties(&reader, in: .packet(.suback))
            while !reader.isAtEnd { codes.append(try reader.reason().rawValue) }
        } else {
            while !reader.isAtEnd {
                let code = try reader.byte("return code")
                if code > 2 && code != MQTTSuback.failure { throw reader.error(.reservedReturnCode(code), at: reader.position - 1) }  // [MQTT-3.9.3-2]
                codes.append(code)
            }
        }
    }
}

extension MQTTUnsubscribe {
    fileprivate init(_ reader: inout MQTTFieldReader) throws(MQTTDecodingError) {
        packetID = try reader.packetID()
        properties = reader.frame.version == .v5_0 ? try MQTTProperties(&reader, in: .packet(.unsubscribe)) : MQTTProperties()
        filters = []
        while !reader.isAtEnd { filters.append(try reader.filter()) }
        if filters.isEmpty { throw reader.error(.noTopicFilter, at: reader.position) }  // [MQTT-3.10.3-2]
    }
}

extension MQTTUnsuback {
    fileprivate init(_ reader: inout MQTTFieldReader) throws(MQTTDecodingError) {
        packetID = try reader.packetID()
        properties = MQTTProperties()
        reasons = []
        if reader.frame.version == .v5_0 {
            properties = try MQTTProperties(&reader, in: .packet(.unsuback))
            while !reader.isAtEnd { reasons.append(try reader.reason()) }
        }
    }
}

extension MQTTDisconnect {
    fileprivate init(_ reader: inout MQTTFieldReader) throws(MQTTDecodingError) {
        reason = .success
        properties = MQTTProperties()
        // Reason code and properties can be left out from the end (§3.14.2.1, §3.14.2.2.1).
        if reader.isAtEnd { return }
        reason = try reader.reason()
        if reader.isAtEnd { return }
        properties = try MQTTProperties(&reader, in: .packet(.disconnect))
        try reader.expectEnd()
    }
}

extension MQTTAuth {
    fileprivate init(_ reader: inout MQTTFieldReader) throws(MQTTDecodingError) {
        reason = .success
        properties = MQTTProperties()
        // Both can be left out, or neither (§3.15.2.1).
        if reader.isAtEnd { return }
        reason = try reader.reason()
        properties = try MQTTProperties(&reader, in: .packet(.auth))
        try reader.expectEnd()
        if reason != .success, properties.authenticationMethod == nil {
            throw reader.error(.authenticationMethodMissing, at: reader.frame.body.lowerBound + 1)
        }
    }
}

extension MQTTFieldReader {
    /// A reason code that the packet may carry.
    fileprivate mutating func reason() throws(MQTTDecodingError) -> MQTTReasonCode {
        let byte = try byte("reason code")
        guard let reason = MQTTReasonCode(rawValue: byte), reason.mayAppear(in: frame.type) else {
            throw error(.reservedReturnCode(byte), at: position - 1)
        }
        if let sender = reason.onlySender(in: frame.type), sender == frame.receiver {
            throw error(.reasonFromWrongSide(reason), at: position - 1)
        }
        return reason
    }

    fileprivate mutating func oldSubscription(_ filter: MQTTTopicFilter) throws(MQTTDecodingError) -> MQTTSubscription {
        let byte = try byte("requested QoS")
        guard let qos = MQTTQoS(rawValue: byte) else { throw error(.reservedQoSBits(byte), at: position - 1) }  // [MQTT-3.8.3-4]
        return MQTTSubscription(filter: filter, qos: qos)
    }

    /// The subscription options (5.0 §3.8.3.1).
    fileprivate mutating func subscription(_ filter: MQTTTopicFilter) throws(MQTTDecodingError) -> MQTTSubscription {
        let byte = try byte("subscription options")
        let index = position - 1
        if byte & 0b1100_0000 != 0 { throw error(.subscriptionOptionsReserved(byte), at: index) }  // [MQTT-3.8.3-5]
        guard let qos = MQTTQoS(rawValue: byte & 0b11) else { throw error(.subscriptionQoS3, at: index) }
        guard let handling = MQTTRetainHandling(rawValue: byte >> 4 & 0b11) else { throw error(.retainHandling3, at: index) }
        let noLocal = byte & 0b100 != 0
        if noLocal, filter.text.utf8.starts(with: "$share/".utf8) { throw error(.noLocalOnSharedSubscription, at: index) }  // [MQTT-3.8.3-4]
        return MQTTSubscription(
            filter: filter, qos: qos, noLocal: noLocal, retainAsPublished: byte & 0b1000 != 0, retainHandling: handling)
    }
}
