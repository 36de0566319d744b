import DequeModule
import LabCore
import WireProtocols

/// What the broker knows of one client; with a persistent session also while it is away [MQTT-4.1.0-1].
struct Session: Sendable {
    /// A QoS 1 or 2 message on its way to the client (§4.3).
    struct Outbound: Sendable {
        var packetID: UInt16
        /// PUBREC was seen: only PUBREL and PUBCOMP remain, and the payload is gone.
        var isReleased: Bool
        /// False after a reconnect while the client takes no more at a time.
        var isSent = true
        var message: BrokerMessage
    }

    /// A QoS 2 message from the client that it has not released yet [MQTT-4.3.3-2].
    struct Unreleased: Sendable {
        var packetID: UInt16
        var receipt: UInt32
        /// Consumers that have not made it safe.
        var outstanding: Int
    }

    /// An acknowledgement that the client will get when all before it are given [MQTT-4.6.0-2], [MQTT-4.6.0-3].
    struct PendingAcknowledgement: Sendable {
        var packetID: UInt16
        var qos: MQTTQoS
        var reason: MQTTReasonCode
        var receipt: UInt32
        var outstanding: Int
    }

    /// What was decided about a topic that the client publishes to.
    struct TopicAccess: Sendable {
        var topic: MQTTTopic
        var mayPublish: Bool
        var route: Int
        var routesEpoch: UInt32
    }

    /// A will whose connection ended and whose delay has not passed (5.0 §3.1.3.2.2).
    struct PendingWill: Sendable {
        var will: MQTTWill
        var at: RunInstant
    }

    static let accessCacheSize = 8

    var clientID: String
    /// Different for every session of a broker, so that a slot that is used again is not taken for its old owner.
    var ordinal: UInt32
    var identity: MQTTIdentity
    /// Nanoseconds that it outlives its connection: 0 for one that ends with it, `Int64.max` for ever.
    var lifetime: Int64
    /// Slot of the connection; -1 while the client is away.
    var connection = -1
    var subscriptions: [Subscription] = []
    /// In the order in which they were sent first, which is usually that of their acknowledgements.
    var inflight = Deque<Outbound>()
    /// How many of `inflight` may be on their way at a time: the broker's limit, or the client's receive maximum.
    var window: Int32 = 0
    /// How many of `inflight` are not sent over the present connection.
    var unsentCount: Int32 = 0
    var queue = Deque<BrokerMessage>()
    /// No message of the queue expires before.
    var firstExpiry = RunInstant.distantFuture
    var lastPacketID: UInt16 = 0
    /// The count of identifiers has come round while messages were on their way.
    var hasCountedRound = false
    /// How many identifiers after the last one are known to be free: a look through `inflight` serves for many messages.
    var freePacketIDCount: UInt16 = 0
    var unreleased: [Unreleased] = []
    var pendingAcknowledgements = Deque<PendingAcknowledgement>()
    var lastReceipt: UInt32 = 0
    var access: [TopicAccess] = []
    var nextAccess = 0
    /// Connections whose publishes wait for room in the queue.
    var waiters = Deque<ConnectionID>()
    var expiresAt: RunInstant?
    var pendingWill: Boxed<PendingWill>?
    /// A drop was noted since the queue last had room.
    var isDropping = false
    /// The session is to be ended when the current input is done.
    var isCondemned = false

    var isConnected: Bool { connection >= 0 }

    static let vacant = Session(clientID: "", ordinal: 0, identity: MQTTIdentity(subject: "", clientID: ""), lifetime: 0)

    /// An identifier that no message on its way has [MQTT-2.3.1-4].
    mutating func freePacketID() -> UInt16 {
        while freePacketIDCount == 0 {
            // The next identifier in use ends the run of free ones; if it is the very next, it is stepped over.
            let distances = inflight.lazy.map { [lastPacketID] entry in Self.distance(from: lastPacketID, to: entry.packetID) }
            freePacketIDCount = (distances.min() ?? .max) - 1
            if freePacketIDCount == 0 { lastPacketID = Self.successor(of: lastPacketID) }
        }
        freePacketIDCount -= 1
        lastPacketID = Self.successor(of: lastPacketID)
        return lastPacketID
    }

    private static func successor(of packetID: UInt16) -> UInt16 { packetID == .max ? 1 : packetID + 1 }

    /// Steps from one identifier to another, 1 to 65535; after 65535 comes 1.
    private static func distance(from packetID: UInt16, to other: UInt16) -> UInt16 {
        other > packetID ? other - packetID : UInt16.max - packetID + other
    }

    mutating func newReceipt() -> UInt32 {
        lastReceipt &+= 1
        return lastReceipt
    }

    mutating func remember(_ entry: TopicAccess) -> Int {
        if access.count < Self.accessCacheSize {
            access.append(entry)
            return access.count - 1
        }
        nextAccess = (nextAccess + 1) % Self.accessCacheSize
        access[nextAccess] = entry
        return nextAccess
    }

    /// Whether one more QoS 1 or 2 message may go out.
    var hasWindow: Bool { inflight.count - Int(unsentCount) < Int(window) }

    mutating func enqueue(_ message: BrokerMessage) {
        if message.extras != nil { firstExpiry = min(firstExpiry, message.expiresAt) }
        queue.append(message)
    }
}

/// A subscription as a session keeps it.
struct Subscription: Sendable {
    /// As the client wrote it, with `$share/name/`.
    var filter: MQTTTopicFilter
    var qos: MQTTQoS
    var noLocal: Bool
    var retainAsPublished: Bool
    var isShared: Bool
    /// 0 for none (5.0 §3.8.2.1.2).
    var identifier: UInt32
}

/// Whom a consumer's acknowledgement helps.
struct PublisherReference: Sendable {
    var session: Int
    var ordinal: UInt32
    var receipt: UInt32
}
