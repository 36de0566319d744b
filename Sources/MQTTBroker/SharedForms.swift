import WireProtocols

/// The encodings of the message that is being distributed: each is made once and copied to all who get the same.
///
/// The bytes are the same for all subscribers of one version and with or without an identifier, but for the flags of
/// the first byte and the identifier itself, which are written over the copy.
struct SharedForms: Sendable {
    struct Form: Sendable {
        var bytes: [UInt8] = []
        /// Where the packet identifier is.
        var identifierOffset = 0
    }

    /// 3.1.1 with QoS 0, with QoS 1 and 2, 5.0 with QoS 0, with QoS 1 and 2.
    var forms = [Form](repeating: Form(), count: 4)
    private(set) var isActive = false

    /// One message begins to be distributed; with a single subscriber nothing is shared.
    mutating func begin(isShared: Bool) { isActive = isShared }

    mutating func end() {
        guard isActive else { return }
        isActive = false
        for index in forms.indices where !forms[index].bytes.isEmpty { forms[index].bytes = [] }
    }

    static func index(_ version: MQTTProtocolVersion, _ qos: MQTTQoS) -> Int { (version == .v5_0 ? 2 : 0) + (qos == .atMostOnce ? 0 : 1) }
}
