/// A name with a value whose meaning MQTT does not define (5.0 §2.2.2.2, 0x26). Compared byte by byte.
package struct MQTTUserProperty: Sendable, Equatable, CustomStringConvertible {
    /// 0 to 65535 bytes of UTF-8, without U+0000.
    package var name: String
    /// 0 to 65535 bytes of UTF-8, without U+0000.
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    package static func == (left: Self, right: Self) -> Bool {
        ExactText(left.name) == ExactText(right.name) && ExactText(left.value) == ExactText(right.value)
    }

    package var description: String { "\(name): \(value)" }
}

/// The properties of one packet or will (MQTT 5.0 §2.2.2).
///
/// Without properties it is a null pointer: a PUBLISH that has none pays nothing for them. User properties and subscription identifiers keep their order; the order
/// of the others means nothing, so it is not kept.
package struct MQTTProperties: Sendable, Equatable {
    /// What fits into a variable byte integer (§1.5.5).
    package static let largestSubscriptionIdentifier: UInt32 = 268_435_455

    enum Value: Sendable, Equatable {
        case number(UInt32)
        case text(ExactText)
        case binary([UInt8])
    }

    struct Entry: Sendable, Equatable {
        var id: MQTTPropertyID
        var value: Value
    }

    private final class Contents: Sendable {
        let entries: [Entry]
        let userProperties: [MQTTUserProperty]

        init(_ entries: [Entry], _ userProperties: [MQTTUserProperty]) {
            self.entries = entries
            self.userProperties = userProperties
        }
    }

    /// Nil where there is no property.
    private var contents: Contents?

    package init() {}

    init(_ entries: [Entry], _ userProperties: [MQTTUserProperty]) {
        contents = entries.isEmpty && userProperties.isEmpty ? nil : Contents(entries, userProperties)
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.contents === right.contents || (left.entries == right.entries && left.userProperties == right.userProperties)
    }

    package var isEmpty: Bool { contents == nil }

    /// All but the user properties, by identifier.
    var entries: [Entry] { contents?.entries ?? [] }
    /// In the order of the packet, which receivers keep [MQTT-3.3.2-18].
    package var userProperties: [MQTTUserProperty] {
        get { contents?.userProperties ?? [] }
        set { self = MQTTProperties(entries, newValue) }
    }

    // MARK: Messages: PUBLISH and will

    /// 0: bytes; 1: UTF-8 text.
    package var payloadFormatIndicator: UInt8? {
        get { number(.payloadFormatIndicator).map { UInt8(truncatingIfNeeded: $0) } }
        set { set(.payloadFormatIndicator, newValue) }
    }
    /// Seconds.
    package var messageExpiryInterval: UInt32? {
        get { number(.messageExpiryInterval) }
        set { set(.messageExpiryInterval, newValue) }
    }
    package var contentType: String? {
        get { text(.contentType) }
        set { set(.contentType, newValue) }
    }
    /// A topic name: the decoder has checked it [MQTT-3.3.2-14].
    package var responseTopic: String? {
        get { text(.responseTopic) }
        set { set(.responseTopic, newValue) }
    }
    package var correlationData: [UInt8]? {
        get { binary(.correlationData) }
        set { set(.correlationData, newValue) }
    }
    /// 1 to the connection's topic alias maximum. Only in PUBLISH; it belongs to one connection.
    package var topicAlias: UInt16? {
        get { word(.topicAlias) }
        set { set(.topicAlias, newValue) }
    }
    /// 1 to 268,435,455 each: several in a PUBLISH from a server, one in a SUBSCRIBE.
    package var subscriptionIdentifiers: [UInt32] {
        get {
            entries.compactMap { entry in
                if entry.id == .subscriptionIdentifier, case .number(let number) = entry.value { number } else { nil }
            }
        }
        set { replace(.subscriptionIdentifier, newValue.map { .number($0) }) }
    }
    package var subscriptionIdentifier: UInt32? {
        get { number(.subscriptionIdentifier) }
        set { set(.subscriptionIdentifier, newValue) }
    }
    /// Seconds. Only in a will.
    package var willDelayInterval: UInt32? {
        get { number(.willDelayInterval) }
        set { set(.willDelayInterval, newValue) }
    }

    // MARK: Connections: CONNECT, CONNACK, DISCONNECT, AUTH

    /// Seconds; 0xFFFFFFFF for a session that does not expire.
    package var sessionExpiryInterval: UInt32? {
        get { number(.sessionExpiryInterval) }
        set { set(.sessionExpiryInterval, newValue) }
    }
    package var assignedClientIdentifier: String? {
        get { text(.assignedClientIdentifier) }
        set { set(.assignedClientIdentifier, newValue) }
    }
    /// Seconds.
    package var serverKeepAlive: UInt16? {
        get { word(.serverKeepAlive) }
        set { set(.serverKeepAlive, newValue) }
    }
    package var authenticationMethod: String? {
        get { text(.authenticationMethod) }
        set { set(.authenticationMethod, newValue) }
    }
    package var authenticationData: [UInt8]? {
        get { binary(.authenticationData) }
        set { set(.authenticationData, newValue) }
    }
    /// Nil: true.
    package var requestProblemInformation: Bool? {
        get { flag(.requestProblemInformation) }
        set { set(.requestProblemInformation, newValue) }
    }
    /// Nil: false.
    package var requestResponseInformation: Bool? {
        get { flag(.requestResponseInformation) }
        set { set(.requestResponseInformation, newValue) }
    }
    package var responseInformation: String? {
        get { text(.responseInformation) }
        set { set(.responseInformation, newValue) }
    }
    package var serverReference: String? {
        get { text(.serverReference) }
        set { set(.serverReference, newValue) }
    }
    package var reasonString: String? {
        get { text(.reasonString) }
        set { set(.reasonString, newValue) }
    }
    /// 1 to 65535; nil: 65535.
    package var receiveMaximum: UInt16? {
        get { word(.receiveMaximum) }
        set { set(.receiveMaximum, newValue) }
    }
    /// Nil: 0, no aliases.
    package var topicAliasMaximum: UInt16? {
        get { word(.topicAliasMaximum) }
        set { set(.topicAliasMaximum, newValue) }
    }
    /// Bytes of a whole packet, at least 1; nil: no limit but the protocol's.
    package var maximumPacketSize: UInt32? {
        get { number(.maximumPacketSize) }
        set { set(.maximumPacketSize, newValue) }
    }
    /// QoS 0 or 1; nil: 2.
    package var maximumQoS: MQTTQoS? {
        get { number(.maximumQoS).flatMap { MQTTQoS(rawValue: UInt8(truncatingIfNeeded: $0)) } }
        set { set(.maximumQoS, newValue?.rawValue) }
    }
    /// Nil: true.
    package var retainAvailable: Bool? {
        get { flag(.retainAvailable) }
        set { set(.retainAvailable, newValue) }
    }
    /// Nil: true.
    package var wildcardSubscriptionAvailable: Bool? {
        get { flag(.wildcardSubscriptionAvailable) }
        set { set(.wildcardSubscriptionAvailable, newValue) }
    }
    /// Nil: true.
    package var subscriptionIdentifierAvailable: Bool? {
        get { flag(.subscriptionIdentifierAvailable) }
        set { set(.subscriptionIdentifierAvailable, newValue) }
    }
    /// Nil: true.
    package var sharedSubscriptionAvailable: Bool? {
        get { flag(.sharedSubscriptionAvailable) }
        set { set(.sharedSubscriptionAvailable, newValue) }
    }

    // MARK: Storage

    package func contains(_ id: MQTTPropertyID) -> Bool {
        id == .userProperty ? !userProperties.isEmpty : entries.contains { $0.id == id }
    }

    private func value(_ id: MQTTPropertyID) -> Value? {
        for entry in entries where entry.id == id { return entry.value }
        return nil
    }

    private func number(_ id: MQTTPropertyID) -> UInt32? {
        if case .number(let number)? = value(id) { number } else { nil }
    }
    private func word(_ id: MQTTPropertyID) -> UInt16? { number(id).map { UInt16(truncatingIfNeeded: $0) } }
    private func flag(_ id: MQTTPropertyID) -> Bool? { number(id).map { $0 != 0 } }
    private func text(_ id: MQTTPropertyID) -> String? {
        if case .text(let text)? = value(id) { text.text } else { nil }
    }
    private func binary(_ id: MQTTPropertyID) -> [UInt8]? {
        if case .binary(let bytes)? = value(id) { bytes } else { nil }
    }

    private mutating func set(_ id: MQTTPropertyID, _ number: (some FixedWidthInteger)?) {
        replace(id, number.map { [.number(UInt32(truncatingIfNeeded: $0))] } ?? [])
    }
    private mutating func set(_ id: MQTTPropertyID, _ flag: Bool?) { replace(id, flag.map { [.number($0 ? 1 : 0)] } ?? []) }
    private mutating func set(_ id: MQTTPropertyID, _ text: String?) { replace(id, text.map { [.text(ExactText($0))] } ?? []) }
    private mutating func set(_ id: MQTTPropertyID, _ bytes: [UInt8]?) { replace(id, bytes.map { [.binary($0)] } ?? []) }

    private mutating func replace(_ id: MQTTPropertyID, _ values: [Value]) {
        var entries = entries
        entries.removeAll { $0.id == id }
        let index = entries.firstIndex { $0.id.rawValue > id.rawValue } ?? entries.endIndex
        entries.insert(contentsOf: values.map { Entry(id: id, value: $0) }, at: index)
        self = MQTTProperties(entries, userProperties)
    }
}

extension MQTTProperties {
    /// The properties of a publish that its receivers get too: all but topic alias and subscription identifiers, which
    /// belong to one connection [MQTT-3.3.2-4], [MQTT-3.3.2-15], [MQTT-3.3.2-16], [MQTT-3.3.2-17], [MQTT-3.3.2-20].
    /// The message expiry interval is as it was received; the sender lowers it by the time that the message waited.
    package var forwarded: MQTTProperties {
        guard contains(.topicAlias) || contains(.subscriptionIdentifier) else { return self }
        return MQTTProperties(entries.filter { $0.id != .topicAlias && $0.id != .subscriptionIdentifier }, userProperties)
    }
}
