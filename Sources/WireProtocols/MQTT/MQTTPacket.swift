/// One control packet (MQTT 3.1.1 §3). Each body is a struct, so that 5.0 can add its properties there.
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
    case unsuback(MQTTAcknowledgement)
    case pingreq
    case pingresp
    case disconnect

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
        }
    }
}

package struct MQTTWill: Sendable, Equatable {
    package var topic: MQTTTopic
    /// 0 to 65535 bytes.
    package var payload: [UInt8]
    package var qos: MQTTQoS
    package var retain: Bool

    package init(topic: MQTTTopic, payload: [UInt8], qos: MQTTQoS, retain: Bool) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
    }
}

package struct MQTTConnect: Sendable, Equatable {
    package var clientID: String
    package var isClean: Bool
    /// Seconds; 0 switches it off.
    package var keepAlive: UInt16
    package var username: String?
    package var password: [UInt8]?
    package var will: MQTTWill?

    package init(
        clientID: String, isClean: Bool, keepAlive: UInt16, username: String? = nil, password: [UInt8]? = nil, will: MQTTWill? = nil
    ) {
        self.clientID = clientID
        self.isClean = isClean
        self.keepAlive = keepAlive
        self.username = username
        self.password = password
        self.will = will
    }
}

package struct MQTTConnack: Sendable, Equatable {
    package var sessionPresent: Bool
    package var code: MQTTConnectReturnCode

    package init(sessionPresent: Bool, code: MQTTConnectReturnCode) {
        self.sessionPresent = sessionPresent
        self.code = code
    }
}

package struct MQTTPublish: Sendable, Equatable {
    package var topic: MQTTTopic
    package var payload: [UInt8]
    package var qos: MQTTQoS
    package var retain: Bool
    package var isDuplicate: Bool
    /// 1 to 65535; 0 where the quality is 0.
    package var packetID: UInt16

    package init(
        topic: MQTTTopic, payload: [UInt8], qos: MQTTQoS = .atMostOnce, retain: Bool = false, isDuplicate: Bool = false,
        packetID: UInt16 = 0
    ) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.isDuplicate = isDuplicate
        self.packetID = packetID
    }
}

/// PUBACK, PUBREC, PUBREL, PUBCOMP and UNSUBACK.
package struct MQTTAcknowledgement: Sendable, Equatable {
    package var packetID: UInt16
    package init(packetID: UInt16) { self.packetID = packetID }
}

package struct MQTTSubscription: Sendable, Equatable {
    package var filter: MQTTTopicFilter
    package var qos: MQTTQoS
    package init(filter: MQTTTopicFilter, qos: MQTTQoS) {
        self.filter = filter
        self.qos = qos
    }
}

package struct MQTTSubscribe: Sendable, Equatable {
    package var packetID: UInt16
    /// At least one.
    package var subscriptions: [MQTTSubscription]
    package init(packetID: UInt16, subscriptions: [MQTTSubscription]) {
        self.packetID = packetID
        self.subscriptions = subscriptions
    }
}

package struct MQTTSuback: Sendable, Equatable {
    /// The return code of a subscription that is not granted (§3.9.3).
    package static let failure: UInt8 = 0x80

    package var packetID: UInt16
    /// 0, 1, 2 or 0x80 for each subscription, in their order.
    package var codes: [UInt8]
    package init(packetID: UInt16, codes: [UInt8]) {
        self.packetID = packetID
        self.codes = codes
    }
}

package struct MQTTUnsubscribe: Sendable, Equatable {
    package var packetID: UInt16
    /// At least one.
    package var filters: [MQTTTopicFilter]
    package init(packetID: UInt16, filters: [MQTTTopicFilter]) {
        self.packetID = packetID
        self.filters = filters
    }
}
