import DequeModule
import LabCore
import WireProtocols

/// One transport connection.
struct Connection: Sendable {
    /// Nil for a slot that is free.
    var id: ConnectionID?
    var peer: String
    /// The subject of the certificate that the transport saw.
    var certificateSubject: String?
    var decoder = MQTTPacketDecoder(role: .server, version: nil)
    /// Slot of the session; -1 before CONNECT is accepted.
    var session = -1
    /// What the current input writes to it.
    var output: [UInt8] = []
    /// When the last packet, or the last 1,024 bytes of one, came from the client.
    var lastHeard: RunInstant
    var bytesSinceHeard = 0
    /// One and a half times the keep-alive time in nanoseconds; 0 for none.
    var silenceLimit: Int64 = 0
    var will: Boxed<MQTTWill>?
    var isCongested = false
    var isReadingPaused = false
    /// Registered with the queue that the first held publish waits for.
    var isWaiting = false
    var isTranscribed = false
    /// Publishes that wait for room somewhere, in their order.
    var held = Deque<MQTTPublish>()
    /// A packet that a fault holds back until the next one has passed, by direction.
    var heldBackToBroker: [UInt8]?
    var heldBackToClient: [UInt8]?
    /// The fault that cuts the connection when the current input is done.
    var cutBy: String?
    /// What MQTT 5.0 adds; nil on a connection of 3.1.1 and before CONNECT.
    var five: Boxed<FiveState>?

    var version: MQTTProtocolVersion { five == nil ? .v3_1_1 : .v5_0 }

    static let vacant = Connection(id: nil, peer: "", lastHeard: .start)
}

/// What a connection of MQTT 5.0 needs beyond one of 3.1.1.
struct FiveState: Sendable {
    /// Bytes of a packet that the client takes (§3.1.2.11.4).
    var maximumPacketSize: Int
    /// Highest alias that the broker may give to a topic.
    var aliasLimit: UInt16
    /// Topics by the alias that the client gave them, from 1.
    var topicsByAlias: [MQTTTopic?] = []
    /// Aliases of topics to the client.
    var aliases: [MQTTTopic: UInt16] = [:]
    /// QoS 1 and 2 messages of this connection that the client waits to hear of (§4.9).
    var unacknowledged = 0
    /// What CONNECT asked for: it may not be raised from 0 by DISCONNECT (§3.14.2.2.2).
    var askedSessionExpiry: UInt32
    /// The client identifier is the broker's.
    var isAssignedID = false
    /// The method of CONNECT, which holds for the whole connection [MQTT-4.12.0-5].
    var authenticationMethod: String?
    /// What the authorizer wants back with the next AUTH; nil when no exchange is under way.
    var authenticationState: [UInt8]?
    /// The CONNECT whose exchange is not finished.
    var pendingConnect: MQTTConnect?
    /// A message was too large for the client: the first is noted.
    var hasDroppedTooLarge = false

    /// Whether the packets to this client need nothing that others do not.
    var isPlain: Bool { aliasLimit == 0 && maximumPacketSize == Int.max }

    init(_ properties: MQTTProperties, aliasLimit: UInt16) {
        maximumPacketSize = properties.maximumPacketSize.map { Int($0) } ?? .max
        self.aliasLimit = min(aliasLimit, properties.topicAliasMaximum ?? 0)
        askedSessionExpiry = properties.sessionExpiryInterval ?? 0
        authenticationMethod = properties.authenticationMethod
    }
}
