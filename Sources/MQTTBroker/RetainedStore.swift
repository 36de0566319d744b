import LabCore
import WireProtocols

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
            remove(message.topic)
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

    mutating func remove(_ topic: MQTTTopic) {
        if tree[topic.text] != nil { tree[topic.text] = nil }
    }

    /// The retained messages that a new subscription gets [MQTT-3.3.1-6], in the order in which they were published.
    /// Those whose time is over are removed (5.0 [MQTT-3.3.2-5]).
    mutating func messages(matching filter: MQTTTopicFilter, at now: RunInstant) -> [BrokerMessage] {
        var found: [Entry] = []
        if filter.hasWildcard {
            tree.forEachTopic(matching: filter) { found.append($0) }
            found.sort { $0.sequence < $1.sequence }
        } else if let entry = tree[filter.text] {
            found = [entry]
        }
        var messages: [BrokerMessage] = []
        messages.reserveCapacity(found.count)
        for entry in found {
            if entry.message.isExpired(at: now) { remove(entry.message.topic) } else { messages.append(entry.message) }
        }
        return messages
    }
}
