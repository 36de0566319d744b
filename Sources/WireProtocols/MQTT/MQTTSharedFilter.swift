/// A shared subscription, `$share/name/filter` (MQTT 5.0 §4.8.2): each message goes to one of those who share it.
package struct MQTTSharedFilter: Sendable, Hashable {
    package let name: ExactText
    /// What is matched with topics.
    package let filter: MQTTTopicFilter
}

extension MQTTTopicFilter {
    /// The parts of a shared subscription; nil for any other filter. MQTT 3.1.1 knows no shared subscriptions.
    package func shared() throws(MQTTTopicError) -> MQTTSharedFilter? {
        let prefix = "$share/".utf8
        let bytes = text.utf8
        guard bytes.starts(with: prefix) else { return nil }
        let start = bytes.index(bytes.startIndex, offsetBy: prefix.count)
        // The name has at least one character and neither "/", "+" nor "#", and a filter follows [MQTT-4.8.2-1], [MQTT-4.8.2-2].
        guard let slash = bytes[start...].firstIndex(of: UInt8(ascii: "/")) else { throw .malformedShare(offset: bytes.count) }
        if slash == start { throw .malformedShare(offset: prefix.count) }
        if let wildcard = bytes[start..<slash].firstIndex(where: { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "#") }) {
            throw .malformedShare(offset: bytes.distance(from: bytes.startIndex, to: wildcard))
        }
        let rest = bytes.index(after: slash)
        if rest == bytes.endIndex { throw .malformedShare(offset: bytes.count) }
        return MQTTSharedFilter(name: ExactText(String(text[start..<slash])), filter: try MQTTTopicFilter(String(text[rest...])))
    }
}
