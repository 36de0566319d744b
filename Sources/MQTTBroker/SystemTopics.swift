import LabCore
import WireProtocols

/// What the broker counts since it began.
package struct BrokerStatistics: Sendable, Equatable {
    package var connected = 0
    package var connections = 0
    package var bytesReceived = 0
    package var bytesSent = 0
    package var packetsReceived = 0
    package var packetsSent = 0
    package var publishesReceived = 0
    package var publishesSent = 0
    package var publishesRefused = 0
    package var publishesDropped = 0
}

/// `$SYS`, with the names of Mosquitto. The values are worked out when somebody asks, as retained messages, and
/// published again in intervals only while somebody listens.
struct SystemTopics: Sendable {
    var subscriberCount = 0
    var isScheduled = false

    /// Whether a filter stays within `$SYS`.
    static func covers(_ filter: MQTTTopicFilter) -> Bool { filter.text.utf8.starts(with: "$SYS/".utf8) }
}

extension Broker {
    package var counters: BrokerStatistics { statistics }

    mutating func systemSubscriberAdded() {
        system.subscriberCount += 1
        if !system.isScheduled {
            system.isScheduled = true
            schedule(.system, at: now.advanced(by: configuration.systemInterval))
        }
    }

    mutating func systemDue() {
        guard system.subscriberCount > 0 else {
            system.isScheduled = false
            return
        }
        schedule(.system, at: now.advanced(by: configuration.systemInterval))
        for message in systemMessages() {
            publishInline(InlinePublish(topic: message.topic, payload: message.payload, qos: message.qos))
        }
    }

    func systemMessages(matching filter: MQTTTopicFilter) -> [BrokerMessage] {
        systemMessages().filter { filter.matches($0.topic) }
    }

    private func systemMessages() -> [BrokerMessage] {
        let values: [(String, Int64)] = [
            ("uptime", now.nanoseconds / 1_000_000_000),
            ("clients/connected", Int64(statistics.connected)),
            ("clients/disconnected", Int64(sessionSlots.count - statistics.connected)),
            ("clients/total", Int64(sessionSlots.count)),
            ("subscriptions/count", Int64(sessions.reduce(0) { $0 + $1.subscriptions.count })),
            ("retained messages/count", Int64(retained.count)),
            ("messages/received", Int64(statistics.packetsReceived)),
            ("messages/sent", Int64(statistics.packetsSent)),
            ("publish/messages/received", Int64(statistics.publishesReceived)),
            ("publish/messages/sent", Int64(statistics.publishesSent)),
            ("publish/messages/dropped", Int64(statistics.publishesDropped)),
            ("bytes/received", Int64(statistics.bytesReceived)),
            ("bytes/sent", Int64(statistics.bytesSent)),
        ]
        return values.compactMap { name, value in
            guard let topic = try? MQTTTopic("$SYS/broker/" + name) else { return nil }
            return BrokerMessage(
                topic: topic, payload: [UInt8](String(value).utf8), qos: .atMostOnce, retain: true, publisher: nil, publishedAt: now)
        }
    }
}
