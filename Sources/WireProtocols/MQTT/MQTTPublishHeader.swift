/// The parts of a PUBLISH as indices: a broker that has seen the topic before needs no text of it.
package struct MQTTPublishHeader: Sendable, Equatable {
    package let frame: MQTTFrame
    /// Empty in 5.0 where the topic alias stands for the topic.
    package let topic: Range<Int>
    /// 0 where the quality is 0.
    package let packetID: UInt16
    package let payload: Range<Int>
    /// Empty in 3.1.1.
    package let properties: MQTTProperties

    package init(_ frame: MQTTFrame, in bytes: borrowing [UInt8]) throws(MQTTDecodingError) {
        let body = frame.body
        func error(_ violation: MQTTViolation, at index: Int) -> MQTTDecodingError {
            MQTTDecodingError(
                violation, packet: .publish, offset: index - frame.start, streamOffset: frame.streamOffset, version: frame.version)
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
        if frame.version == .v3_1_1 {
            properties = MQTTProperties()
        } else if end < body.upperBound, bytes[end] == 0 {
            properties = MQTTProperties()
            end += 1
        } else {
            (properties, end) = try Self.properties(of: frame, in: copy bytes, from: end)
        }
        if length == 0, frame.version == .v5_0, properties.topicAlias == nil { throw error(.topicNameMissing, at: start) }
        payload = end..<body.upperBound
    }

    /// Apart, so that a PUBLISH without properties does not carry its weight.
    @inline(never)
    private static func properties(
        of frame: MQTTFrame, in bytes: [UInt8], from start: Int
    ) throws(MQTTDecodingError) -> (MQTTProperties, end: Int) {
        var reader = MQTTFieldReader(frame, in: bytes, from: start)
        let properties = try MQTTProperties(&reader, in: .packet(.publish))
        return (properties, reader.position)
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

    /// Checks and copies the topic name; `.aliased` where the alias stands for it.
    package func decodeTopic(in bytes: [UInt8]) throws(MQTTDecodingError) -> MQTTTopic {
        if topic.isEmpty, frame.version == .v5_0 { return .aliased }
        return try MQTTFieldReader(frame, in: bytes).topic(in: topic, "topic name")
    }
}

extension MQTTPublish {
    package init(_ header: MQTTPublishHeader, topic: MQTTTopic, in bytes: [UInt8]) {
        self.init(
            topic: topic, payload: [UInt8](bytes[header.payload]), qos: header.qos, retain: header.retain,
            isDuplicate: header.isDuplicate, packetID: header.packetID, properties: header.properties)
    }
}
