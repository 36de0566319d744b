extension MQTTPacket {
    /// Decodes what a frame holds.
    package init(_ frame: MQTTFrame, in bytes: [UInt8], version: MQTTProtocolVersion = .v3_1_1) throws(MQTTDecodingError) {
        var reader = MQTTFieldReader(frame, in: bytes)
        switch frame.type {
        case .connect: self = .connect(try MQTTConnect(&reader))
        case .connack: self = .connack(try MQTTConnack(&reader))
        case .publish:
            let header = try MQTTPublishHeader(frame, in: bytes)
            self = .publish(try MQTTPublish(header, topic: header.decodeTopic(in: bytes), in: bytes))
        case .puback: self = .puback(MQTTAcknowledgement(packetID: try reader.packetID()))
        case .pubrec: self = .pubrec(MQTTAcknowledgement(packetID: try reader.packetID()))
        case .pubrel: self = .pubrel(MQTTAcknowledgement(packetID: try reader.packetID()))
        case .pubcomp: self = .pubcomp(MQTTAcknowledgement(packetID: try reader.packetID()))
        case .subscribe: self = .subscribe(try MQTTSubscribe(&reader))
        case .suback: self = .suback(try MQTTSuback(&reader))
        case .unsubscribe: self = .unsubscribe(try MQTTUnsubscribe(&reader))
        case .unsuback: self = .unsuback(MQTTAcknowledgement(packetID: try reader.packetID()))
        case .pingreq: self = .pingreq
        case .pingresp: self = .pingresp
        case .disconnect: self = .disconnect
        }
    }
}

/// The parts of a PUBLISH as indices: a broker that has seen the topic before needs no text of it.
package struct MQTTPublishHeader: Sendable, Equatable {
    package let frame: MQTTFrame
    package let topic: Range<Int>
    /// 0 where the quality is 0.
    package let packetID: UInt16
    package let payload: Range<Int>

    package init(_ frame: MQTTFrame, in bytes: borrowing [UInt8]) throws(MQTTDecodingError) {
        let body = frame.body
        func error(_ violation: MQTTViolation, at index: Int) -> MQTTDecodingError {
            MQTTDecodingError(violation, packet: .publish, offset: index - frame.start, streamOffset: frame.streamOffset)
        }
        self.frame = frame
        // The topic name is the first field [MQTT-3.3.2-1].
        guard body.count >= 2 else { throw error(.truncated(field: "topic name"), at: body.lowerBound) }
        let start = body.lowerBound + 2
        let length = Int(bytes[body.lowerBound]) << 8 | Int(bytes[body.lowerBound + 1])
        guard body.upperBound - start >= length else { throw error(.truncated(field: "topic name"), at: body.lowerBound) }
        topic = start..<start + length
        var end = start + length
        // Only QoS 1 and 2 have an identifier [MQTT-2.3.1-1], [MQTT-2.3.1-5].
        if frame.flags & 0b0110 == 0 {
            packetID = 0
        } else {
            guard body.upperBound - end >= 2 else { throw error(.truncated(field: "packet identifier"), at: end) }
            packetID = UInt16(bytes[end]) << 8 | UInt16(bytes[end + 1])
            if packetID == 0 { throw error(.packetIdentifierZero, at: end) }
            end += 2
        }
        payload = end..<body.upperBound
    }

    package var qos: MQTTQoS {
        switch frame.flags & 0b0110 {
        case 0: .atMostOnce
        case 0b0010: .atLeastOnce
        default: .exactlyOnce
        }
    }
    package var retain: Bool { frame.flags & 0b0001 != 0 }
    package var isDuplicate: Bool { frame.flags & 0b1000 != 0 }

    /// Checks and copies the topic name.
    package func decodeTopic(in bytes: [UInt8]) throws(MQTTDecodingError) -> MQTTTopic {
        try MQTTFieldReader(frame, in: bytes).topic(in: topic, "topic name")
    }
}

extension MQTTPublish {
    package init(_ header: MQTTPublishHeader, topic: MQTTTopic, in bytes: [UInt8]) {
        self.init(
            topic: topic, payload: [UInt8](bytes[header.payload]), qos: header.qos, retain: header.retain,
            isDuplicate: header.isDuplicate, packetID: header.packetID)
    }
}

extension MQTTConnect {
    fileprivate init(_ reader: inout MQTTFieldReader) throws(MQTTDecodingError) {
        let nameIsRight = try reader.sized("protocol name").elementsEqual("MQTT".utf8, in: reader.bytes)
        if !nameIsRight { throw reader.error(.protocolName, at: reader.frame.body.lowerBound) }  // [MQTT-3.1.2-1]
        let level = try reader.byte("protocol level")
        if level != MQTTProtocolVersion.v3_1_1.rawValue { throw reader.error(.protocolLevel(level), at: reader.position - 1) }  // [MQTT-3.1.2-2]

        let flags = try reader.byte("connect flags")
        let flagsIndex = reader.position - 1
        let hasWill = flags & 0b0000_0100 != 0
        let hasPassword = flags & 0b0100_0000 != 0
        let hasUserName = flags & 0b1000_0000 != 0
        if flags & 1 != 0 { throw reader.error(.connectFlagsReserved, at: flagsIndex) }  // [MQTT-3.1.2-3]
        if !hasWill, flags & 0b0011_1000 != 0 { throw reader.error(.willFlagsWithoutWill, at: flagsIndex) }  // [MQTT-3.1.2-11], [-13], [-15]
        guard let willQoS = MQTTQoS(rawValue: flags >> 3 & 0b11) else { throw reader.error(.willQoS3, at: flagsIndex) }  // [MQTT-3.1.2-14]
        if hasPassword, !hasUserName { throw reader.error(.passwordWithoutUserName, at: flagsIndex) }  // [MQTT-3.1.2-22]

        let keepAlive = try reader.word("keep alive")
        // Client identifier, will topic, will message, user name, password: in this order [MQTT-3.1.3-1].
        let clientID = try reader.text("client identifier")  // [MQTT-3.1.3-3], [MQTT-3.1.3-4]
        var will: MQTTWill?
        if hasWill {
            let topic = try reader.topic("will topic")  // [MQTT-3.1.3-10]
            let payload = [UInt8](reader.bytes[try reader.sized("will message")])
            will = MQTTWill(topic: topic, payload: payload, qos: willQoS, retain: flags & 0b0010_0000 != 0)
        }
        let username = hasUserName ? try reader.text("user name") : nil  // [MQTT-3.1.3-11]
        let password = hasPassword ? [UInt8](reader.bytes[try reader.sized("password")]) : nil
        try reader.expectEnd()
        self.init(
            clientID: clientID, isClean: flags & 0b0000_0010 != 0, keepAlive: keepAlive, username: username, password: password, will: will)
    }
}

extension MQTTConnack {
    fileprivate init(_ reader: inout MQTTFieldReader) throws(MQTTDecodingError) {
        let flags = try reader.byte("acknowledge flags")
        if flags & 0xFE != 0 { throw reader.error(.connackFlagsReserved(flags), at: reader.position - 1) }
        let byte = try reader.byte("return code")
        guard let code = MQTTConnectReturnCode(rawValue: byte) else { throw reader.error(.reservedReturnCode(byte), at: reader.position - 1) }
        if code != .accepted, flags != 0 { throw reader.error(.sessionPresentWithRefusal, at: reader.position - 2) }  // [MQTT-3.2.2-4]
        self.init(sessionPresent: flags == 1, code: code)
    }
}

extension MQTTSubscribe {
    fileprivate init(_ reader: inout MQTTFieldReader) throws(MQTTDecodingError) {
        packetID = try reader.packetID()
        subscriptions = []
        while !reader.isAtEnd {
            let filter = try reader.filter()
            let byte = try reader.byte("requested QoS")
            guard let qos = MQTTQoS(rawValue: byte) else { throw reader.error(.reservedQoSBits(byte), at: reader.position - 1) }  // [MQTT-3.8.3-4]
            subscriptions.append(MQTTSubscription(filter: filter, qos: qos))
        }
        if subscriptions.isEmpty { throw reader.error(.noTopicFilter, at: reader.position) }  // [MQTT-3.8.3-3]
    }
}

extension MQTTSuback {
    fileprivate init(_ reader: inout MQTTFieldReader) throws(MQTTDecodingError) {
        packetID = try reader.packetID()
        codes = []
        while !reader.isAtEnd {
            let code = try reader.byte("return code")
            if code > 2 && code != MQTTSuback.failure { throw reader.error(.reservedReturnCode(code), at: reader.position - 1) }  // [MQTT-3.9.3-2]
            codes.append(code)
        }
    }
}

extension MQTTUnsubscribe {
    fileprivate init(_ reader: inout MQTTFieldReader) throws(MQTTDecodingError) {
        packetID = try reader.packetID()
        filters = []
        while !reader.isAtEnd { filters.append(try reader.filter()) }
        if filters.isEmpty { throw reader.error(.noTopicFilter, at: reader.position) }  // [MQTT-3.10.3-2]
    }
}

extension Range<Int> {
    fileprivate func elementsEqual(_ expected: String.UTF8View, in bytes: [UInt8]) -> Bool { bytes[self].elementsEqual(expected) }
}
