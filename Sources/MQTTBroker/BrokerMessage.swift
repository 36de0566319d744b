import LabCore
import WireProtocols

/// What the broker passes around: one payload, shared by all who get it.
struct BrokerMessage: Sendable {
    var topic: MQTTTopic
    var payload: [UInt8]
    var qos: MQTTQoS
    /// As it is sent on: set for what is delivered because it was retained [MQTT-3.3.1-8], [MQTT-3.3.1-9], and for
    /// subscriptions of MQTT 5.0 that take it as it was published (5.0 [MQTT-3.3.1-13]).
    var retain: Bool
    /// The client that published.
    var publisher: String?
    var publishedAt: RunInstant
    /// Nil for nearly all messages of MQTT 3.1.1.
    var extras: MessageExtras?

    /// When nobody wants it any more (5.0 §3.3.2.3.3).
    var expiresAt: RunInstant { extras?.expiresAt ?? .distantFuture }

    func isExpired(at now: RunInstant) -> Bool {
        guard let extras else { return false }
        return extras.expiresAt <= now
    }
}

/// What only some messages have; the copies of a message share it.
final class MessageExtras: Sendable {
    /// As published, without what belongs to one connection and without the expiry interval.
    let properties: MQTTProperties
    let expiresAt: RunInstant
    /// The identifiers of the subscriptions that this copy is for.
    let identifiers: [UInt32]
    /// The shared subscription that this copy is for.
    let share: ShareKey?

    init(properties: MQTTProperties, expiresAt: RunInstant, identifiers: [UInt32] = [], share: ShareKey? = nil) {
        self.properties = properties
        self.expiresAt = expiresAt
        self.identifiers = identifiers
        self.share = share
    }

    /// What a publish or a will carries beyond MQTT 3.1.1; nil if that is nothing.
    ///
    /// - Parameter now: when the broker got it; from then on its time counts.
    convenience init?(_ properties: MQTTProperties, at now: RunInstant) {
        if properties.isEmpty { return nil }
        var forwarded = properties.forwarded
        var expiresAt = RunInstant.distantFuture
        if let seconds = properties.messageExpiryInterval {
            expiresAt = now.advanced(byNanoseconds: Int64(seconds) * 1_000_000_000)
            forwarded.messageExpiryInterval = nil
        }
        forwarded.willDelayInterval = nil
        if forwarded.isEmpty, expiresAt == .distantFuture { return nil }
        self.init(properties: forwarded, expiresAt: expiresAt)
    }

    /// The extras of a copy that waits for one subscriber.
    static func addressed(_ extras: MessageExtras?, identifiers: [UInt32], share: ShareKey?) -> MessageExtras? {
        if identifiers.isEmpty, share == nil { return extras }
        return MessageExtras(
            properties: extras?.properties ?? MQTTProperties(), expiresAt: extras?.expiresAt ?? .distantFuture, identifiers: identifiers,
            share: share)
    }
}

/// Which shared subscription: `$share/name/filter` (5.0 §4.8.2).
struct ShareKey: Sendable, Hashable {
    var name: ExactText
    var filter: ExactText
}
