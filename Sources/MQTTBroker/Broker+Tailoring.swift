import LabCore
import WireProtocols

/// Publishes that are not the same for all: with subscription identifiers, with topic aliases, to clients with a
/// maximum packet size. Only in MQTT 5.0.
extension Broker {
    /// What a message carries to a client of 5.0. Its expiry interval is less by the time that it waited here
    /// [MQTT-3.3.2-6]; a message that is sent again after its time has none left.
    func properties(of message: BrokerMessage, identifiers: [UInt32]) -> MQTTProperties {
        guard let extras = message.extras else {
            var properties = MQTTProperties()
            if !identifiers.isEmpty { properties.subscriptionIdentifiers = identifiers }
            return properties
        }
        var properties = extras.properties
        if extras.expiresAt < .distantFuture {
            let left = max(0, extras.expiresAt.nanoseconds - now.nanoseconds)
            properties.messageExpiryInterval = UInt32(clamping: (left + 999_999_999) / 1_000_000_000)
        }
        if !identifiers.isEmpty { properties.subscriptionIdentifiers = identifiers }
        return properties
    }

    /// Whether the client takes a packet of this size. If not, the message is dropped as if it had been sent and
    /// acknowledged [MQTT-3.1.2-24], [MQTT-3.1.2-25]; the event log hears of the first.
    mutating func fits(_ message: BrokerMessage, _ qos: MQTTQoS, _ slot: Int) -> Bool {
        guard let limit = connections[slot].five?.value.maximumPacketSize, limit < .max else { return true }
        let properties = properties(of: message, identifiers: message.extras?.identifiers ?? [])
        let size = MQTTEncoder.publishSize(topic: message.topic, payload: message.payload, qos: qos, properties: properties, version: .v5_0)
        if size <= limit { return true }
        tooLarge(message, slot)
        return false
    }

    private mutating func tooLarge(_ message: BrokerMessage, _ slot: Int) {
        statistics.publishesDropped += 1
        if connections[slot].five?.value.hasDroppedTooLarge ?? true { return }
        connections[slot].five?.value.hasDroppedTooLarge = true
        note(.dropped(client: clientID(of: slot), topic: message.topic.text, .tooLarge, count: 1))
    }

    mutating func transmitTailored(
        _ message: BrokerMessage, _ qos: MQTTQoS, _ slot: Int, packetID: UInt16, isDuplicate: Bool, _ identifiers: [UInt32]
    ) {
        guard let limit = connections[slot].five?.value.maximumPacketSize else { return }
        var properties = properties(of: message, identifiers: identifiers)
        var topic = message.topic
        if limit < .max {
            let size = MQTTEncoder.publishSize(topic: topic, payload: message.payload, qos: qos, properties: properties, version: .v5_0)
            // QoS 1 and 2 were looked at before they took an identifier.
            if size > limit { return tooLarge(message, slot) }
            // A packet that names an alias for the first time is larger than one without.
            if size + 4 <= limit { useAlias(&topic, &properties, slot) }
        } else {
            useAlias(&topic, &properties, slot)
        }
        statistics.publishesSent += 1
        let name = topic
        let carried = properties
        write(to: slot, .publish, topic: message.topic) {
            MQTTEncoder.appendPublish(
                topic: name, payload: message.payload, qos: qos, retain: message.retain, isDuplicate: isDuplicate, packetID: packetID,
                properties: carried, version: .v5_0, to: &$0)
        }
    }

    /// The first topics of a connection get an alias, as many as the client allows [MQTT-3.1.2-26], [MQTT-3.1.2-27].
    private mutating func useAlias(_ topic: inout MQTTTopic, _ properties: inout MQTTProperties, _ slot: Int) {
        guard let limit = connections[slot].five?.value.aliasLimit, limit > 0 else { return }
        if let alias = connections[slot].five?.value.aliases[topic] {
            properties.topicAlias = alias
            topic = .aliased
        } else if let count = connections[slot].five?.value.aliases.count, count < Int(limit) {
            connections[slot].five?.value.aliases[topic] = UInt16(count + 1)
            properties.topicAlias = UInt16(count + 1)
        }
    }
}
