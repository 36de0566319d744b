/// Reason codes (MQTT 5.0 table 2-6). From 0x80 on they tell of a failure.
package enum MQTTReasonCode: UInt8, Sendable, CaseIterable, CustomStringConvertible {
    /// Also "normal disconnection" (DISCONNECT) and "granted QoS 0" (SUBACK).
    case success = 0x00
    case grantedQoS1 = 0x01
    case grantedQoS2 = 0x02
    case disconnectWithWill = 0x04
    case noMatchingSubscribers = 0x10
    case noSubscriptionExisted = 0x11
    case continueAuthentication = 0x18
    case reauthenticate = 0x19
    case unspecifiedError = 0x80
    case malformedPacket = 0x81
    case protocolError = 0x82
    case implementationSpecificError = 0x83
    case unsupportedProtocolVersion = 0x84
    case clientIdentifierNotValid = 0x85
    case badUserNameOrPassword = 0x86
    case notAuthorized = 0x87
    case serverUnavailable = 0x88
    case serverBusy = 0x89
    case banned = 0x8A
    case serverShuttingDown = 0x8B
    case badAuthenticationMethod = 0x8C
    case keepAliveTimeout = 0x8D
    case sessionTakenOver = 0x8E
    case topicFilterInvalid = 0x8F
    case topicNameInvalid = 0x90
    case packetIdentifierInUse = 0x91
    case packetIdentifierNotFound = 0x92
    case receiveMaximumExceeded = 0x93
    case topicAliasInvalid = 0x94
    case packetTooLarge = 0x95
    case messageRateTooHigh = 0x96
    case quotaExceeded = 0x97
    case administrativeAction = 0x98
    case payloadFormatInvalid = 0x99
    case retainNotSupported = 0x9A
    case qosNotSupported = 0x9B
    case useAnotherServer = 0x9C
    case serverMoved = 0x9D
    case sharedSubscriptionsNotSupported = 0x9E
    case connectionRateExceeded = 0x9F
    case maximumConnectTime = 0xA0
    case subscriptionIdentifiersNotSupported = 0xA1
    case wildcardSubscriptionsNotSupported = 0xA2

    /// The code that grants a subscription.
    package static func granted(_ qos: MQTTQoS) -> MQTTReasonCode {
        switch qos {
        case .atMostOnce: .success
        case .atLeastOnce: .grantedQoS1
        case .exactlyOnce: .grantedQoS2
        }
    }

    package var isFailure: Bool { rawValue >= 0x80 }

    /// Whether a packet of that type may carry the code (table 2-6 and the tables of §3).
    package func mayAppear(in type: MQTTPacketType) -> Bool {
        switch type {
        case .connack:
            switch self {
            case .success, .unspecifiedError, .malformedPacket, .protocolError, .implementationSpecificError, .unsupportedProtocolVersion,
                .clientIdentifierNotValid, .badUserNameOrPassword, .notAuthorized, .serverUnavailable, .serverBusy, .banned,
                .badAuthenticationMethod, .topicNameInvalid, .packetTooLarge, .quotaExceeded, .payloadFormatInvalid, .retainNotSupported,
                .qosNotSupported, .useAnotherServer, .serverMoved, .connectionRateExceeded:
                true
            default: false
            }
        case .puback, .pubrec:
            switch self {
            case .success, .noMatchingSubscribers, .unspecifiedError, .implementationSpecificError, .notAuthorized, .topicNameInvalid,
                .packetIdentifierInUse, .quotaExceeded, .payloadFormatInvalid:
                true
            default: false
            }
        case .pubrel, .pubcomp: self == .success || self == .packetIdentifierNotFound
        case .suback:
            switch self {
            case .success, .grantedQoS1, .grantedQoS2, .unspecifiedError, .implementationSpecificError, .notAuthorized, .topicFilterInvalid,
                .packetIdentifierInUse, .quotaExceeded, .sharedSubscriptionsNotSupported, .subscriptionIdentifiersNotSupported,
                .wildcardSubscriptionsNotSupported:
                true
            default: false
            }
        case .unsuback:
            switch self {
            case .success, .noSubscriptionExisted, .unspecifiedError, .implementationSpecificError, .notAuthorized, .topicFilterInvalid,
                .packetIdentifierInUse:
                true
            default: false
            }
        case .disconnect:
            switch self {
            case .success, .disconnectWithWill, .unspecifiedError, .malformedPacket, .protocolError, .implementationSpecificError,
                .notAuthorized, .serverBusy, .serverShuttingDown, .badAuthenticationMethod, .keepAliveTimeout, .sessionTakenOver,
                .topicFilterInvalid, .topicNameInvalid, .receiveMaximumExceeded, .topicAliasInvalid, .packetTooLarge, .messageRateTooHigh,
                .quotaExceeded, .administrativeAction, .payloadFormatInvalid, .retainNotSupported, .qosNotSupported, .useAnotherServer,
                .serverMoved, .sharedSubscriptionsNotSupported, .connectionRateExceeded, .maximumConnectTime,
                .subscriptionIdentifiersNotSupported, .wildcardSubscriptionsNotSupported:
                true
            default: false
            }
        case .auth: self == .success || self == .continueAuthentication || self == .reauthenticate
        case .connect, .publish, .subscribe, .unsubscribe, .pingreq, .pingresp: false
        }
    }

    /// The end that alone may give the reason, where both may send the packet (the tables of §3.4.2.1, §3.5.2.1,
    /// §3.14.2.1 and §3.15.2.1).
    func onlySender(in type: MQTTPacketType) -> MQTTRole? {
        switch (type, self) {
        case (.puback, .noMatchingSubscribers), (.pubrec, .noMatchingSubscribers), (.auth, .success): .server
        case (.disconnect, .disconnectWithWill), (.auth, .reauthenticate): .client
        case (.disconnect, .notAuthorized), (.disconnect, .serverBusy), (.disconnect, .serverShuttingDown),
            (.disconnect, .badAuthenticationMethod), (.disconnect, .keepAliveTimeout), (.disconnect, .sessionTakenOver),
            (.disconnect, .topicFilterInvalid), (.disconnect, .retainNotSupported), (.disconnect, .qosNotSupported),
            (.disconnect, .useAnotherServer), (.disconnect, .serverMoved), (.disconnect, .sharedSubscriptionsNotSupported),
            (.disconnect, .connectionRateExceeded), (.disconnect, .maximumConnectTime),
            (.disconnect, .subscriptionIdentifiersNotSupported), (.disconnect, .wildcardSubscriptionsNotSupported):
            .server
        default: nil
        }
    }

    package var description: String {
        switch self {
        case .success: "success"
        case .grantedQoS1: "granted QoS 1"
        case .grantedQoS2: "granted QoS 2"
        case .disconnectWithWill: "disconnect with will message"
        case .noMatchingSubscribers: "no matching subscribers"
        case .noSubscriptionExisted: "no subscription existed"
        case .continueAuthentication: "continue authentication"
        case .reauthenticate: "re-authenticate"
        case .unspecifiedError: "unspecified error"
        case .malformedPacket: "malformed packet"
        case .protocolError: "protocol error"
        case .implementationSpecificError: "implementation specific error"
        case .unsupportedProtocolVersion: "unsupported protocol version"
        case .clientIdentifierNotValid: "client identifier not valid"
        case .badUserNameOrPassword: "bad user name or password"
        case .notAuthorized: "not authorized"
        case .serverUnavailable: "server unavailable"
        case .serverBusy: "server busy"
        case .banned: "banned"
        case .serverShuttingDown: "server shutting down"
        case .badAuthenticationMethod: "bad authentication method"
        case .keepAliveTimeout: "keep alive timeout"
        case .sessionTakenOver: "session taken over"
        case .topicFilterInvalid: "topic filter invalid"
        case .topicNameInvalid: "topic name invalid"
        case .packetIdentifierInUse: "packet identifier in use"
        case .packetIdentifierNotFound: "packet identifier not found"
        case .receiveMaximumExceeded: "receive maximum exceeded"
        case .topicAliasInvalid: "topic alias invalid"
        case .packetTooLarge: "packet too large"
        case .messageRateTooHigh: "message rate too high"
        case .quotaExceeded: "quota exceeded"
        case .administrativeAction: "administrative action"
        case .payloadFormatInvalid: "payload format invalid"
        case .retainNotSupported: "retain not supported"
        case .qosNotSupported: "QoS not supported"
        case .useAnotherServer: "use another server"
        case .serverMoved: "server moved"
        case .sharedSubscriptionsNotSupported: "shared subscriptions not supported"
        case .connectionRateExceeded: "connection rate exceeded"
        case .maximumConnectTime: "maximum connect time"
        case .subscriptionIdentifiersNotSupported: "subscription identifiers not supported"
        case .wildcardSubscriptionsNotSupported: "wildcard subscriptions not supported"
        }
    }
}

extension MQTTReasonCode {
    /// The same in MQTT 5.0.
    package init(_ code: MQTTConnectReturnCode) {
        self =
            switch code {
            case .accepted: .success
            case .unacceptableProtocolVersion: .unsupportedProtocolVersion
            case .identifierRejected: .clientIdentifierNotValid
            case .serverUnavailable: .serverUnavailable
            case .badUserNameOrPassword: .badUserNameOrPassword
            case .notAuthorized: .notAuthorized
            }
    }
}

extension MQTTConnectReturnCode {
    /// What MQTT 3.1.1 has for the reason; where it has nothing, "server unavailable".
    package init(_ reason: MQTTReasonCode) {
        self =
            switch reason {
            case .success: .accepted
            case .unsupportedProtocolVersion: .unacceptableProtocolVersion
            case .clientIdentifierNotValid: .identifierRejected
            case .badUserNameOrPassword, .badAuthenticationMethod: .badUserNameOrPassword
            case .notAuthorized, .banned: .notAuthorized
            default: .serverUnavailable
            }
    }
}
