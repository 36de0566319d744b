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
    case acknowledgeAndDrop
    case closeConnection
}

/// The broker's settings. Limits hold for each client unless they say otherwise.
package struct BrokerConfiguration: Sendable {
    /// Bytes of one packet with its header.
    package var maximumPacketSize = 1 << 20
    /// Bytes of a client identifier; above it CONNACK 0x02. MQTT promises 23, most brokers take more.
    package var maximumClientIDLength = 256
    package var maximumSubscriptions = 1_000
    /// Messages that wait for a client.
    package var maximumQueued = 1_000
    /// Unacknowledged QoS 1 and 2 messages to a client, 1 to 10,000.
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
    /// Time from the connection to a complete CONNECT.
    package var connectTimeout = Duration.seconds(10)
    /// Seconds. A client that asks for more, or for none, is watched as if it had asked for this. Nil: as asked.
    package var maximumKeepAlive: UInt16?
    /// How long a persistent session outlives its connection; nil for ever.
    package var sessionExpiry: Duration?
    package var overflow = OverflowPolicy.holdPublisher
    package var unauthorizedPublish = UnauthorizedPublishPolicy.acknowledgeAndDrop
    /// Time between two publications of `$SYS` while somebody listens.
    package var systemInterval = Duration.seconds(60)
    /// Beginning of the identifiers that clients without one get; a counter follows.
    package var assignedIDPrefix = "auto-"
    /// Seed of the chance that fault rates need.
    package var faultSeed: UInt64 = 0

    package init() {}
}
