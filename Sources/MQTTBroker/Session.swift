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

    static let accessCacheSize = 8

    var clientID: String
    /// Different for every session of a broker, so that a slot that is used again is not taken for its old owner.
    var ordinal: UInt32
    var identity: MQTTIdentity
    var isClean: Bool
    /// Slot of the connection; -1 while the client is away.
    var connection = -1
    var subscriptions: [MQTTSubscription] = []
    var inflight: [Outbound] = []
    var queue = Deque<BrokerMessage>()
    var lastPacketID: UInt16 = 0
    var unreleased: [Unreleased] = []
    var pendingAcknowledgements = Deque<PendingAcknowledgement>()
    var lastReceipt: UInt32 = 0
    var access: [TopicAccess] = []
    var nextAccess = 0
    /// Connections whose publishes wait for room in the queue.
    var waiters = Deque<ConnectionID>()
    var expiresAt: RunInstant?
    /// A drop was noted since the queue last had room.
    var isDropping = false
    /// The session is to be ended when the current input is done.
    var isCondemned = false

    var isConnected: Bool { connection >= 0 }

    static let vacant = Session(
        clientID: "", ordinal: 0, identity: MQTTIdentity(subject: "", clientID: ""), isClean: true)

    /// An identifier that no message on its way has [MQTT-2.3.1-4].
    mutating func freePacketID() -> UInt16 {
        repeat {
            lastPacketID = lastPacketID == .max ? 1 : lastPacketID + 1
        } while inflight.contains { $0.packetID == lastPacketID }
        return lastPacketID
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
}

/// One transport connection.
struct Connection: Sendable {
    /// Nil for a slot that is free.
    var id: ConnectionID?
    var peer: String
    var decoder: MQTTPacketDecoder
    /// Slot of the session; -1 before CONNECT.
    var session = -1
    /// What the current input writes to it.
    var output: [UInt8] = []
    var openedAt: RunInstant
    /// When the last packet, or the last 1,024 bytes of one, came from the client.
    var lastHeard: RunInstant
    var bytesSinceHeard = 0
    /// One and a half times the keep-alive time in nanoseconds; 0 for none.
    var silenceLimit: Int64 = 0
    var will: MQTTWill?
    var isCongested = false
    var isReadingPaused = false
    /// Publishes that wait for room somewhere, in their order.
    var held = Deque<MQTTPublish>()
    /// Registered with the queue that the first held publish waits for.
    var isWaiting = false
    var isTranscribed = false
    /// A packet that a fault holds back until the next one has passed, by direction.
    var heldBackToBroker: [UInt8]?
    var heldBackToClient: [UInt8]?
    /// The fault that cuts the connection when the current input is done.
    var cutBy: String?

    static let vacant = Connection(
        id: nil, peer: "", decoder: MQTTPacketDecoder(role: .server), openedAt: .start, lastHeard: .start)
}

/// Whom a consumer's acknowledgement helps.
struct PublisherReference: Sendable {
    var session: Int
    var ordinal: UInt32
    var receipt: UInt32
}
