/// The properties of MQTT 5.0 (table 2-4).
package enum MQTTPropertyID: UInt8, Sendable, CaseIterable, CustomStringConvertible {
    case payloadFormatIndicator = 0x01
    case messageExpiryInterval = 0x02
    case contentType = 0x03
    case responseTopic = 0x08
    case correlationData = 0x09
    case subscriptionIdentifier = 0x0B
    case sessionExpiryInterval = 0x11
    case assignedClientIdentifier = 0x12
    case serverKeepAlive = 0x13
    case authenticationMethod = 0x15
    case authenticationData = 0x16
    case requestProblemInformation = 0x17
    case willDelayInterval = 0x18
    case requestResponseInformation = 0x19
    case responseInformation = 0x1A
    case serverReference = 0x1C
    case reasonString = 0x1F
    case receiveMaximum = 0x21
    case topicAliasMaximum = 0x22
    case topicAlias = 0x23
    case maximumQoS = 0x24
    case retainAvailable = 0x25
    case userProperty = 0x26
    case maximumPacketSize = 0x27
    case wildcardSubscriptionAvailable = 0x28
    case subscriptionIdentifierAvailable = 0x29
    case sharedSubscriptionAvailable = 0x2A

    /// How the value is written (§1.5).
    enum Format: Sendable { case byte, twoBytes, fourBytes, variableInteger, text, binary, textPair }

    var format: Format {
        switch self {
        case .payloadFormatIndicator, .requestProblemInformation, .requestResponseInformation, .maximumQoS, .retainAvailable,
            .wildcardSubscriptionAvailable, .subscriptionIdentifierAvailable, .sharedSubscriptionAvailable:
            .byte
        case .serverKeepAlive, .receiveMaximum, .topicAliasMaximum, .topicAlias: .twoBytes
        case .messageExpiryInterval, .sessionExpiryInterval, .willDelayInterval, .maximumPacketSize: .fourBytes
        case .subscriptionIdentifier: .variableInteger
        case .contentType, .responseTopic, .assignedClientIdentifier, .authenticationMethod, .responseInformation, .serverReference,
            .reasonString:
            .text
        case .correlationData, .authenticationData: .binary
        case .userProperty: .textPair
        }
    }

    /// The numbers that the property may have.
    var range: ClosedRange<UInt32> {
        switch self {
        case .receiveMaximum, .topicAlias: 1...0xFFFF
        case .maximumPacketSize: 1...UInt32.max
        case .subscriptionIdentifier: 1...MQTTProperties.largestSubscriptionIdentifier
        default:
            switch format {
            case .byte: 0...1
            case .twoBytes: 0...0xFFFF
            default: 0...UInt32.max
            }
        }
    }

    /// Where the property may stand (table 2-4).
    package func mayAppear(in place: MQTTPropertyPlace) -> Bool {
        switch self {
        case .payloadFormatIndicator, .messageExpiryInterval, .contentType, .responseTopic, .correlationData:
            place == .packet(.publish) || place == .will
        case .subscriptionIdentifier: place == .packet(.publish) || place == .packet(.subscribe)
        case .sessionExpiryInterval: place == .packet(.connect) || place == .packet(.connack) || place == .packet(.disconnect)
        case .authenticationMethod, .authenticationData:
            place == .packet(.connect) || place == .packet(.connack) || place == .packet(.auth)
        case .requestProblemInformation, .requestResponseInformation: place == .packet(.connect)
        case .willDelayInterval: place == .will
        case .assignedClientIdentifier, .serverKeepAlive, .responseInformation, .maximumQoS, .retainAvailable,
            .wildcardSubscriptionAvailable, .subscriptionIdentifierAvailable, .sharedSubscriptionAvailable:
            place == .packet(.connack)
        case .serverReference: place == .packet(.connack) || place == .packet(.disconnect)
        case .reasonString:
            switch place {
            case .packet(.connack), .packet(.puback), .packet(.pubrec), .packet(.pubrel), .packet(.pubcomp), .packet(.suback),
                .packet(.unsuback), .packet(.disconnect), .packet(.auth):
                true
            default: false
            }
        case .receiveMaximum, .topicAliasMaximum, .maximumPacketSize: place == .packet(.connect) || place == .packet(.connack)
        case .topicAlias: place == .packet(.publish)
        case .userProperty: place != .packet(.pingreq) && place != .packet(.pingresp)
        }
    }

    package var description: String {
        switch self {
        case .payloadFormatIndicator: "payload format indicator"
        case .messageExpiryInterval: "message expiry interval"
        case .contentType: "content type"
        case .responseTopic: "response topic"
        case .correlationData: "correlation data"
        case .subscriptionIdentifier: "subscription identifier"
        case .sessionExpiryInterval: "session expiry interval"
        case .assignedClientIdentifier: "assigned client identifier"
        case .serverKeepAlive: "server keep alive"
        case .authenticationMethod: "authentication method"
        case .authenticationData: "authentication data"
        case .requestProblemInformation: "request problem information"
        case .willDelayInterval: "will delay interval"
        case .requestResponseInformation: "request response information"
        case .responseInformation: "response information"
        case .serverReference: "server reference"
        case .reasonString: "reason string"
        case .receiveMaximum: "receive maximum"
        case .topicAliasMaximum: "topic alias maximum"
        case .topicAlias: "topic alias"
        case .maximumQoS: "maximum QoS"
        case .retainAvailable: "retain available"
        case .userProperty: "user property"
        case .maximumPacketSize: "maximum packet size"
        case .wildcardSubscriptionAvailable: "wildcard subscription available"
        case .subscriptionIdentifierAvailable: "subscription identifier available"
        case .sharedSubscriptionAvailable: "shared subscription available"
        }
    }
}

/// Where properties stand: in the variable header of a packet, or in the will of a CONNECT.
package enum MQTTPropertyPlace: Sendable, Hashable, CustomStringConvertible {
    case packet(MQTTPacketType)
    case will

    package var description: String {
        switch self {
        case .packet(let type): type.description
        case .will: "the will"
        }
    }
}
