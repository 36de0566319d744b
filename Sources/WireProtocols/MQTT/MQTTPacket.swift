/// One control packet (MQTT 3.1.1 §3, MQTT 5.0 §3).
///
/// Both versions share the types. What only 5.0 has (properties, most reasons, subscription options) is empty in a packet
/// of 3.1.1 and is left out when a packet is written for 3.1.1.
package enum MQTTPacket: Sendable, Equatable {
    case connect(MQTTConnect)
    case connack(MQTTConnack)
    case publish(MQTTPublish)
    case puback(MQTTAcknowledgement)
    case pubrec(MQTTAcknowledgement)
    case pubrel(MQTTAcknowledgement)
    case pubcomp(MQTTAcknowledgement)
    case subscribe(MQTTSubscribe)
    case suback(MQTTSuback)
    case unsubscribe(MQTTUnsubscribe)
    case unsuback(MQTTUnsuback)
    case pingreq
    case pingresp
    case disconnect(MQTTDisconnect = MQTTDisconnect())
    /// Only in 5.0.
    case auth(MQTTAuth)

    package var type: MQTTPacketType {
        switch self {
        case .connect: .connect
        case .connack: .connack
        case .publish: .publish
        case .puback: .puback
        case .pubrec: .pubrec
        case .pubrel: .pubrel
        case .pubcomp: .pubcomp
        case .subscribe: .subscribe
        case .suback: .suback
        case .unsubscribe: .unsubscribe
        case .unsuback: .unsuback
        case .pingreq: .pingreq
        case .pingresp: .pingresp
        case .disconnect: .disconnect
        case .auth: .auth
        }
    }
}

package struct MQTTWill: Sendable, Equatable {
    package var topic: MQTTTopic
    /// 0 to 65535 bytes.
    package var payload: [UInt8]
    package var qos: MQTTQoS
    package var retain: Bool
    /// With the will delay interval.
    package var properties: MQTTProperties

    package init(topic: MQTTTopic, payload: [UInt8], qos: MQTTQoS, retain: Bool, properties: MQTTProperties = MQTTProperties()) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.properties = properties
    }
}

package struct MQTTConnect: Sendable, Equatable {
    package var version: MQTTProtocolVersion
    package var clientID: String
    /// Clean session (3.1.1), clean start (5.0).
    package var isClean: Bool
    /// Seconds; 0 switches it off.
    package var keepAlive: UInt16
    package var username: String?
    /// In 3.1.1 only with a user name.
    package var password: [UInt8]?
    package var will: MQTTWill?
    package var properties: MQTTProperties

    package init(
        version: MQTTProtocolVersion = .v3_1_1, clientID: String, isClean: Bool, keepAlive: UInt16, username: String? = nil,
        password: [UInt8]? = nil, will: MQTTWill? = nil, properties: MQTTProperties = MQTTProperties()
    ) {
        self.version = version
        self.clientID = clientID
        self.isClean = isClean
        self.keepAlive = keepAlive
        self.username = username
        self.password = password
        self.will = will
        self.properties = properties
    }
}

package struct MQTTConnack: Sendable, Equatable {
    package var sessionPresent: Bool
    package var reason: MQTTReasonCode
    package var properties: MQTTProperties

    package init(sessionPresent: Bool, reason: MQTTReasonCode, properties: MQTTProperties = MQTTProperties()) {
        self.sessionPresent = sessionPresent
        self.reason = reason
        self.properties = properties
    }

    package init(sessionPresent: Bool, code: MQTTConnectReturnCode) {
        self.init(sessionPresent: sessionPresent, reason: MQTTReasonCode(code))
    }

    /// The reason in the words of 3.1.1.
    package var code: MQTTConnectReturnCode { MQTTConnectReturnCode(reason) }
}

package struct MQTTPublish: Sendable, Equatable {
    /// `.aliased` where the topic alias of the properties stands for it.
    package var topic: MQTTTopic
    package var payload: [UInt8]
    package var qos: MQTTQoS
    package var retain: Bool
    package var isDuplicate: Bool
    /// 1 to 65535; 0 where the quality is 0.
    package var packetID: UInt16
    package var properties: MQTTProperties

    package init(
        topic: MQTTTopic, payload: [UInt8], qos: MQTTQoS = .atMostOnce, retain: Bool = false, isDuplicate: Bool = false,
        packetID: UInt16 = 0, properties: MQTTProperties = MQTTProperties()
    ) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.isDuplicate = isDuplicate
        self.packetID = packetID
        self.properties = properties
    }

    /// The payload format indicator says text, and the payload is not well-formed UTF-8. A receiver may answer with
    /// 0x99 (5.0 §3.3.2.3.2).
    package var violatesPayloadFormat: Bool {
        guard properties.payloadFormatIndicator == 1 else { return false }
        return (try? UTF8Span(validating: payload.span)) == nil
    }
}

/// PUBACK, PUBREC, PUBREL and PUBCOMP.
package struct MQTTAcknowledgement: Sendable, Equatable {
    package var packetID: UInt16
    package var reason: MQTTReasonCode
    package var properties: MQTTProperties

    package init(packetID: UInt16, reason: MQTTReasonCode = .success, properties: MQTTProperties = MQTTProperties()) {
        self.packetID = packetID
        self.reason = reason
        self.properties = properties
    }
}

/// What a subscription wants of the retained messages (MQTT 5.0 §3.8.3.1).
package enum MQTTRetainHandling: UInt8, Sendable, CaseIterable {
    case sendAtSubscribe = 0
    case sendIfNew = 1
    case doNotSend = 2
}

package struct MQTTSubscription: Sendable, Equatable {
    package var filter: MQTTTopicFilter
    package var qos: MQTTQoS
    /// Messages of the same client are not sent back to it [MQTT-3.8.3-3].
    package var noLocal: Bool
    /// The RETAIN flag is forwarded as it was published.
    package var retainAsPublished: Bool
    package var retainHandling: MQTTRetainHandling

    package init(
        filter: MQTTTopicFilter, qos: MQTTQoS, noLocal: Bool = false, retainAsPublished: Bool = false,
        retainHandling: MQTTRetainHandling = .sendAtSubscribe
    ) {
        self.filter = filter
        self.qos = qos
        self.noLocal = noLocal
        self.retainAsPublished = retainAsPublished
        self.retainHandling = retainHandling
    }

    /// The byte behind the filter in a SUBSCRIBE of 5.0.
    var options: UInt8 { qos.rawValue | (noLocal ? 0b100 : 0) | (retainAsPublished ? 0b1000 : 0) | retainHandling.rawValue << 4 }
}

package struct MQTTSubscribe: Sendable, Equatable {
    package var packetID: UInt16
    /// At least one.
    package var subscriptions: [MQTTSubscription]
    /// With the subscription identifier.
    package var properties: MQTTProperties

    package init(packetID: UInt16, subscriptions: [MQTTSubscription], properties: MQTTProperties = MQTTProperties()) {
        self.packetID = packetID
        self.subscriptions = subscriptions
        self.properties = properties
    }
}

package struct MQTTSuback: Sendable, Equatable {
    /// The return code of a subscription that is not granted (3.1.1 §3.9.3).
    package static let failure: UInt8 = 0x80

    package var packetID: UInt16
    /// For each subscription, in their order: in 3.1.1 one of 0, 1, 2 and 0x80, in 5.0 the raw value of a reason code.
    package var codes: [UInt8]
    package var properties: MQTTProperties

    package init(packetID: UInt16, codes: [UInt8], properties: MQTTProperties = MQTTProperties()) {
        self.packetID = packetID
        self.codes = codes
        self.properties = properties
    }

    package init(packetID: UInt16, reasons: [MQTTReasonCode], properties: MQTTProperties = MQTTProperties()) {
        self.init(packetID: packetID, codes: reasons.map(\.rawValue), properties: properties)
    }
}

package struct MQTTUnsubscribe: Sendable, Equatable {
    package var packetID: UInt16
    /// At least one.
    package var filters: [MQTTTopicFilter]
    package var properties: MQTTProperties

    package init(packetID: UInt16, filters: [MQTTTopicFilter], properties: MQTTProperties = MQTTProperties()) {
        self.packetID = packetID
        self.filters = filters
        self.properties = properties
    }
}

package struct MQTTUnsuback: Sendable, Equatable {
    package var packetID: UInt16
    /// For each filter, in their order; empty in 3.1.1.
    package var reasons: [MQTTReasonCode]
    package var properties: MQTTProperties

    package init(packetID: UInt16, reasons: [MQTTReasonCode] = [], properties: MQTTProperties = MQTTProperties()) {
        self.packetID = packetID
        self.reasons = reasons
        self.properties = properties
    }
}

/// In 3.1.1 without a reason and only from the client, in 5.0 from both ends.
package struct MQTTDisconnect: Sendable, Equatable {
    package var reason: MQTTReasonCode
    package var properties: MQTTProperties

    package init(reason: MQTTReasonCode = .success, properties: MQTTProperties = MQTTProperties()) {
        self.reason = reason
        self.properties = properties
    }
}

package struct MQTTAuth: Sendable, Equatable {
    package var reason: MQTTReasonCode
    /// With the authentication method and data.
    package var properties: MQTTProperties

    package init(reason: MQTTReasonCode, properties: MQTTProperties = MQTTProperties()) {
        self.reason = reason
        self.properties = properties
    }
}
