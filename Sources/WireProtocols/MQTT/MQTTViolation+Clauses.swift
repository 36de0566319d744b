extension MQTTViolation {
    /// The normative statement, or the section where the specification has no number for it.
    package func clause(in type: MQTTPacketType?, _ version: MQTTProtocolVersion = .v3_1_1) -> String {
        switch version {
        case .v3_1_1: clause3(type)
        case .v5_0: clause5(type)
        }
    }

    /// MQTT 3.1.1. What only 5.0 has cannot happen there.
    private func clause3(_ type: MQTTPacketType?) -> String {
        switch self {
        case .reservedPacketType: "§2.2.1"
        case .reservedFlags:
            switch type {
            case .pubrel: "MQTT-3.6.1-1"
            case .subscribe: "MQTT-3.8.1-1"
            case .unsubscribe: "MQTT-3.10.1-1"
            case .disconnect: "MQTT-3.14.1-1"
            default: "MQTT-2.2.2-2"
            }
        case .remainingLengthTooLong: "§2.2.3"
        case .packetTooLarge: "§4.8"
        case .wrongLength, .truncated, .trailingBytes: "MQTT-4.8.0-1"
        case .illFormedUTF8: "MQTT-1.5.3-1"
        case .nullCharacter: "MQTT-1.5.3-2"
        case .packetIdentifierZero: "MQTT-2.3.1-1"
        case .firstPacketNotConnect: "MQTT-3.1.0-1"
        case .firstPacketNotConnack: "MQTT-3.2.0-1"
        case .repeatedConnect: "MQTT-3.1.0-2"
        case .wrongDirection: "§2.2.1"
        case .protocolName: "MQTT-3.1.2-1"
        case .protocolLevel: "MQTT-3.1.2-2"
        case .connectFlagsReserved: "MQTT-3.1.2-3"
        case .willFlagsWithoutWill: "MQTT-3.1.2-11"
        case .willQoS3: "MQTT-3.1.2-14"
        case .passwordWithoutUserName: "MQTT-3.1.2-22"
        case .publishQoS3: "MQTT-3.3.1-4"
        case .duplicateFlagWithQoS0: "MQTT-3.3.1-2"
        case .topic(let error): error.clause(.v3_1_1)
        case .noTopicFilter: type == .unsubscribe ? "MQTT-3.10.3-2" : "MQTT-3.8.3-3"
        case .reservedQoSBits: "MQTT-3.8.3-4"
        case .reservedReturnCode: type == .suback ? "MQTT-3.9.3-2" : "§3.2.2.3"
        case .connackFlagsReserved: "§3.2.2.1"
        case .sessionPresentWithRefusal: "MQTT-3.2.2-4"
        case .packetIdentifierInUse: "MQTT-2.3.1-4"
        default: "MQTT-4.8.0-1"
        }
    }

    private func clause5(_ type: MQTTPacketType?) -> String {
        switch self {
        case .reservedPacketType, .wrongDirection: "§2.1.2"
        case .reservedFlags:
            switch type {
            case .pubrel: "MQTT-3.6.1-1"
            case .subscribe: "MQTT-3.8.1-1"
            case .unsubscribe: "MQTT-3.10.1-1"
            case .disconnect: "MQTT-3.14.1-1"
            case .auth: "MQTT-3.15.1-1"
            default: "MQTT-2.1.3-1"
            }
        case .remainingLengthTooLong, .variableIntegerTooLong: "§1.5.5"
        case .notMinimal: "MQTT-1.5.5-1"
        case .packetTooLarge: "§3.2.2.3.6"
        case .illFormedUTF8: "MQTT-1.5.4-1"
        case .nullCharacter: "MQTT-1.5.4-2"
        case .packetIdentifierZero: "MQTT-2.2.1-3"
        case .packetIdentifierInUse: "MQTT-2.2.1-4"
        case .firstPacketNotConnect: "MQTT-3.1.0-1"
        case .firstPacketNotConnack: "MQTT-3.2.0-1"
        case .repeatedConnect: "MQTT-3.1.0-2"
        case .protocolName: "MQTT-3.1.2-1"
        case .protocolLevel: "MQTT-3.1.2-2"
        case .connectFlagsReserved: "MQTT-3.1.2-3"
        case .willFlagsWithoutWill: "MQTT-3.1.2-11"
        case .willQoS3: "MQTT-3.1.2-12"
        case .publishQoS3: "MQTT-3.3.1-4"
        case .duplicateFlagWithQoS0: "MQTT-3.3.1-2"
        case .topic(let error): error.clause(.v5_0)
        case .noTopicFilter: type == .unsubscribe ? "MQTT-3.10.3-2" : "MQTT-3.8.3-2"
        case .reservedReturnCode, .reasonFromWrongSide: reasonClause(type)
        case .connackFlagsReserved: "MQTT-3.2.2-1"
        case .sessionPresentWithRefusal: "MQTT-3.2.2-6"
        case .unknownProperty, .misplacedProperty: "§2.2.2.2"
        case .propertyFromWrongSide(let id, _):
            id == .sessionExpiryInterval ? "MQTT-3.14.2-2" : id == .subscriptionIdentifier ? "MQTT-3.3.4-6" : "§3.14.2.2.5"
        case .repeatedProperty(let id), .propertyValue(let id, _): id.section(in: type)
        case .responseTopic(let error):
            if case .wildcardInName = error { "MQTT-3.3.2-14" } else { error.clause(.v5_0) }
        case .authenticationDataWithoutMethod: MQTTPropertyID.authenticationData.section(in: type)
        case .authenticationMethodMissing: "§3.15.2.2.2"
        case .topicNameMissing: "§3.3.2.1"
        case .topicAliasInvalid(let alias): alias == 0 ? "MQTT-3.3.2-8" : "MQTT-3.3.2-9"
        case .topicAliasUnknown: "§3.3.2.3.4"
        case .subscriptionOptionsReserved: "MQTT-3.8.3-5"
        case .subscriptionQoS3, .retainHandling3, .reservedQoSBits: "§3.8.3.1"
        case .noLocalOnSharedSubscription: "MQTT-3.8.3-4"
        case .payloadFormat: "§3.3.2.3.2"
        case .receiveMaximumExceeded: "MQTT-3.3.4-7"
        case .wrongLength, .truncated, .trailingBytes, .passwordWithoutUserName, .unexpectedAcknowledgement: "MQTT-4.13.1-1"
        }
    }

    private func reasonClause(_ type: MQTTPacketType?) -> String {
        switch type {
        case .connack: "MQTT-3.2.2-8"
        case .puback: "MQTT-3.4.2-1"
        case .pubrec: "MQTT-3.5.2-1"
        case .pubrel: "MQTT-3.6.2-1"
        case .pubcomp: "MQTT-3.7.2-1"
        case .suback: "MQTT-3.9.3-2"
        case .unsuback: "MQTT-3.11.3-2"
        case .disconnect: "MQTT-3.14.2-1"
        default: "MQTT-3.15.2-1"
        }
    }

    /// What CONNACK or DISCONNECT of MQTT 5.0 answer it with (§4.13): 0x81 where the packet cannot be read, 0x82 where it
    /// can and says what is not allowed, unless there is a code that tells more.
    package var reasonCode: MQTTReasonCode {
        switch self {
        case .reservedPacketType, .reservedFlags, .remainingLengthTooLong, .variableIntegerTooLong, .notMinimal, .wrongLength, .truncated,
            .trailingBytes, .illFormedUTF8, .nullCharacter, .connectFlagsReserved, .willFlagsWithoutWill, .willQoS3, .publishQoS3,
            .duplicateFlagWithQoS0, .reservedQoSBits, .connackFlagsReserved, .unknownProperty, .misplacedProperty,
            .subscriptionOptionsReserved:
            .malformedPacket
        case .topic(let error): error == .empty ? .protocolError : .malformedPacket
        case .packetTooLarge: .packetTooLarge
        case .protocolName, .protocolLevel: .unsupportedProtocolVersion
        case .topicAliasInvalid: .topicAliasInvalid
        case .payloadFormat: .payloadFormatInvalid
        case .receiveMaximumExceeded: .receiveMaximumExceeded
        case .packetIdentifierZero, .firstPacketNotConnect, .firstPacketNotConnack, .repeatedConnect, .wrongDirection,
            .passwordWithoutUserName, .noTopicFilter, .reservedReturnCode, .sessionPresentWithRefusal, .unexpectedAcknowledgement,
            .propertyFromWrongSide, .repeatedProperty, .propertyValue, .responseTopic, .authenticationDataWithoutMethod,
            .authenticationMethodMissing, .reasonFromWrongSide, .packetIdentifierInUse, .topicNameMissing, .topicAliasUnknown,
            .subscriptionQoS3, .retainHandling3, .noLocalOnSharedSubscription:
            .protocolError
        }
    }
}

extension MQTTPropertyID {
    /// The section of MQTT 5.0 that defines the property for a packet.
    fileprivate func section(in type: MQTTPacketType?) -> String {
        switch (type, self) {
        case (.connect, .sessionExpiryInterval): "§3.1.2.11.2"
        case (.connect, .receiveMaximum): "§3.1.2.11.3"
        case (.connect, .maximumPacketSize): "§3.1.2.11.4"
        case (.connect, .topicAliasMaximum): "§3.1.2.11.5"
        case (.connect, .requestResponseInformation): "§3.1.2.11.6"
        case (.connect, .requestProblemInformation): "§3.1.2.11.7"
        case (.connect, .authenticationMethod): "§3.1.2.11.9"
        case (.connect, .authenticationData): "§3.1.2.11.10"
        case (.connect, .willDelayInterval): "§3.1.3.2.2"
        case (.connect, .payloadFormatIndicator): "§3.1.3.2.3"
        case (.connect, .messageExpiryInterval): "§3.1.3.2.4"
        case (.connect, .contentType): "§3.1.3.2.5"
        case (.connect, .responseTopic): "§3.1.3.2.6"
        case (.connect, .correlationData): "§3.1.3.2.7"
        case (.publish, .payloadFormatIndicator): "§3.3.2.3.2"
        case (.publish, .messageExpiryInterval): "§3.3.2.3.3"
        case (.publish, .topicAlias): "§3.3.2.3.4"
        case (.publish, .responseTopic): "§3.3.2.3.5"
        case (.publish, .correlationData): "§3.3.2.3.6"
        case (.publish, .subscriptionIdentifier): "§3.3.2.3.8"
        case (.publish, .contentType): "§3.3.2.3.9"
        case (.connack, .sessionExpiryInterval): "§3.2.2.3.2"
        case (.connack, .receiveMaximum): "§3.2.2.3.3"
        case (.connack, .maximumQoS): "§3.2.2.3.4"
        case (.connack, .retainAvailable): "§3.2.2.3.5"
        case (.connack, .maximumPacketSize): "§3.2.2.3.6"
        case (.connack, .assignedClientIdentifier): "§3.2.2.3.7"
        case (.connack, .topicAliasMaximum): "§3.2.2.3.8"
        case (.connack, .reasonString): "§3.2.2.3.9"
        case (.connack, .wildcardSubscriptionAvailable): "§3.2.2.3.11"
        case (.connack, .subscriptionIdentifierAvailable): "§3.2.2.3.12"
        case (.connack, .sharedSubscriptionAvailable): "§3.2.2.3.13"
        case (.connack, .serverKeepAlive): "§3.2.2.3.14"
        case (.connack, .responseInformation): "§3.2.2.3.15"
        case (.connack, .serverReference): "§3.2.2.3.16"
        case (.connack, .authenticationMethod): "§3.2.2.3.17"
        case (.connack, .authenticationData): "§3.2.2.3.18"
        case (.subscribe, .subscriptionIdentifier): "§3.8.2.1.2"
        case (.disconnect, .sessionExpiryInterval): "§3.14.2.2.2"
        case (.disconnect, .reasonString): "§3.14.2.2.3"
        case (.disconnect, .serverReference): "§3.14.2.2.5"
        case (.auth, .authenticationMethod): "§3.15.2.2.2"
        case (.auth, .authenticationData): "§3.15.2.2.3"
        case (.auth, .reasonString): "§3.15.2.2.4"
        case (.puback, .reasonString): "§3.4.2.2.2"
        case (.pubrec, .reasonString): "§3.5.2.2.2"
        case (.pubrel, .reasonString): "§3.6.2.2.2"
        case (.pubcomp, .reasonString): "§3.7.2.2.2"
        case (.suback, .reasonString): "§3.9.2.1.2"
        case (.unsuback, .reasonString): "§3.11.2.1.2"
        default: "§2.2.2.2"
        }
    }
}
