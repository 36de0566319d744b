package import WireProtocols

/// What to do when a QoS 1 or 2 message meets a subscriber whose queue is full.
package enum OverflowPolicy: String, Sendable {
    /// The publisher waits: its message is not taken and not acknowledged until there is room, so that nothing
    /// acknowledged is lost. Messages from inside the process, which nobody waits for, are dropped and noted.
    case holdPublisher
    /// The new message is dropped and noted; the publisher is told nothing. Mosquitto's behaviour.
    case dropNewest
    /// The oldest waiting message is dropped and noted.
    case dropOldest
    /// The subscriber loses its session, noted.
    case endSession
}

/// What a client may publish is said by its rights; this says what becomes of a publish beyond them [MQTT-3.3.5-2].
package enum UnauthorizedPublishPolicy: Sendable {
    /// The publisher is not told in MQTT 3.1.1, which has no words for it, and told 0x87 in 5.0.
    case acknowledgeAndDrop
    case closeConnection
}

/// The broker's settings. Limits hold for each client unless they say otherwise; clients of MQTT 5.0 are told theirs.
package struct BrokerConfiguration: Sendable {
    // MARK: Both versions

    /// Bytes of one packet with its header.
    package var maximumPacketSize = 1 << 20
    /// Bytes of a client identifier; above it CONNACK 0x02. MQTT promises 23, most brokers take more.
    package var maximumClientIDLength = 256
    package var maximumSubscriptions = 1_000
    /// Messages that wait for a client.
    package var maximumQueued = 1_000
    /// Unacknowledged QoS 1 and 2 messages to a client, 1 to 10,000. A client of 5.0 can ask for fewer.
    package var maximumInflight = 20
    /// QoS 1 and 2 messages from a client whose acknowledgement is withheld; more are not taken.
    package var maximumUnacknowledged = 1_000
    /// QoS 2 messages from a client that it has not released with PUBREL; more are not taken.
    package var maximumUnreleased = 1_000
    /// Publishes that are held for a client that must wait; more are not read from its connection.
    package var maximumHeld = 100
    /// Bytes that may arrive on a connection that is not read.
    package var maximumBufferedInput = 2 << 20
    /// Levels of a topic filter and of a retained message's topic.
    package var maximumTopicLevels = 200
    /// Retained messages of the whole broker.
    package var maximumRetained = 100_000
    /// Sessions of the whole broker, connected and not; above it CONNACK 0x03.
    package var maximumSessions = 100_000
    /// Topics whose routes are remembered.
    package var maximumRoutes = 65_536
    /// Time from the connection to a complete CONNECT, and in 5.0 to the end of its authentication.
    package var connectTimeout = Duration.seconds(10)
    /// Seconds. A client that asks for more, or for none, is watched as if it had asked for this. Nil: as asked.
    package var maximumKeepAlive: UInt16?
    /// How much faster than theirs the broker's clock runs for its clients: their silence is measured with keep-alive
    /// and connect times this many times as long. 1 unless a lab runs its clock faster than real clients live.
    package var clientTimeFactor = 1.0
    /// How long a persistent session of 3.1.1 outlives its connection, and the most that one of 5.0 gets; nil for ever.
    package var sessionExpiry: Duration?
    package var overflow = OverflowPolicy.holdPublisher
    package var unauthorizedPublish = UnauthorizedPublishPolicy.acknowledgeAndDrop
    /// Time between two publications of `$SYS` while somebody listens.
    package var systemInterval = Duration.seconds(60)
    /// Beginning of the identifiers that clients without one get; a counter follows.
    package var assignedIDPrefix = "auto-"
    /// Seed of the chance that fault rates need.
    package var faultSeed: UInt64 = 0

    // MARK: MQTT 5.0

    /// Seconds: what clients of 5.0 that ask for a longer keep-alive time, or for none, are told to use instead
    /// (5.0 [MQTT-3.1.2-21]). Nil: `maximumKeepAlive` holds for them too.
    package var serverKeepAlive: UInt16?
    /// QoS 1 and 2 messages from a client that wait for their acknowledgement, 1 to 65535; one more ends the
    /// connection with 0x93 (5.0 §3.3.4).
    package var receiveMaximum: UInt16 = 65_535
    /// Highest topic alias that a client may use; 0 for none.
    package var topicAliasMaximum: UInt16 = 10
    /// Highest topic alias that the broker uses towards a client that allows some; 0 for none.
    package var topicAliasMaximumToClient: UInt16 = 10
    /// Highest quality that clients may publish with and are granted.
    package var maximumQoS = MQTTQoS.exactlyOnce
    package var isRetainAvailable = true
    package var areWildcardSubscriptionsAvailable = true
    package var areSharedSubscriptionsAvailable = true
    package var areSubscriptionIdentifiersAvailable = true
    /// Whether a payload that says that it is UTF-8 must be: if not, it is refused with 0x99 (5.0 §3.3.2.3.2).
    package var checksPayloadFormat = false
    /// Beginning of the response information, the client identifier follows; nil: there is none (5.0 §3.2.2.3.15).
    package var responseTopicPrefix: String?
    /// What SUBACK says of a filter beyond the client's rights, a failure that SUBACK may carry. In 3.1.1 it is 0x80.
    package var deniedFilterCode = MQTTReasonCode.notAuthorized

    package init() {}
}
