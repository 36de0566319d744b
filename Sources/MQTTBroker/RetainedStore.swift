import LabCore
import WireProtocols

/// What the broker passes around: one payload, shared by all who get it.
struct BrokerMessage: Sendable {
    var topic: MQTTTopic
    var payload: [UInt8]
    var qos: MQTTQoS
    /// As it is sent on: set only for what is delivered because it was retained [MQTT-3.3.1-8], [MQTT-3.3.1-9].
    var retain: Bool
    /// The client that published.
    var publisher: String?
    var publishedAt: RunInstant
}

/// Retained messages: the last one of each topic (§3.3.1.3).
struct RetainedStore: Sendable {
    private struct Entry: Sendable {
        var message: BrokerMessage
        var sequence: UInt64
    }

    private var tree = TopicTree<Entry>()
    private var sequence: UInt64 = 0

    var count: Int { tree.count }

    /// Whether the message could be kept: a new topic may be one too many, or too deep.
    mutating func store(_ message: BrokerMessage, limit: Int, maximumLevels: Int) -> Bool {
        sequence += 1
        if message.payload.isEmpty {
            // An empty payload removes and is not kept itself [MQTT-3.3.1-10], [MQTT-3.3.1-11].
            if tree[message.topic.text] != nil { tree[message.topic.text] = nil }
            return true
        }
        let slashes = message.topic.text.utf8.count { $0 == UInt8(ascii: "/") }
        guard slashes < maximumLevels else { return false }
        guard tree.count < limit || tree[message.topic.text] != nil else { return false }
        var kept = message
        kept.retain = true
        tree[message.topic.text] = Entry(message: kept, sequence: sequence)  // [MQTT-3.3.1-5], [MQTT-3.3.1-7]
        return true
    }

    /// The retained messages that a new subscription gets [MQTT-3.3.1-6], in the order in which they were published.
    func messages(matching filter: MQTTTopicFilter) -> [BrokerMessage] {
        if !filter.hasWildcard { return tree[filter.text].map { [$0.message] } ?? [] }
        var found: [Entry] = []
        tree.forEachTopic(matching: filter) { found.append($0) }
        found.sort { $0.sequence < $1.sequence }
        return found.map(\.message)
    }
}
