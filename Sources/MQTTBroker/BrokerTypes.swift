package import LabCore
package import WireProtocols

/// The host's number for one transport connection. Never used again for another connection of the same run.
package struct ConnectionID: RawRepresentable, Sendable, Hashable {
    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    // Written out: what `RawRepresentable` brings along is generic, and this is compared and hashed with every packet.
    package static func == (left: ConnectionID, right: ConnectionID) -> Bool { left.rawValue == right.rawValue }
    package func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}

/// The host's number for a consumer in the same process, such as the cloud.
package struct ConsumerID: RawRepresentable, Sendable, Hashable {
    package var rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// The broker's number for a delivery to a consumer: 1, 2, 3 … for each consumer.
package struct DeliveryID: RawRepresentable, Sendable, Hashable, Comparable {
    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package static func < (left: DeliveryID, right: DeliveryID) -> Bool { left.rawValue < right.rawValue }
}

package enum BrokerInput: Sendable {
    /// Once, before all other inputs: ends sessions that expired while the broker was down and publishes the wills
    /// that it still owed.
    case started
    /// With the subject of the client's certificate, where the transport asked for one and checked it.
    case opened(ConnectionID, peer: String, certificateSubject: String? = nil)
    case received(ConnectionID, [UInt8])
    /// Closed by the peer or by an error of the transport. Not needed after `.close`; ignored then.
    case closed(ConnectionID, reason: String)
    /// Whether the transport takes more bytes. While it does not, messages to the client wait in its session.
    case congested(ConnectionID, Bool)
    /// The time of the last `.wake` has come. Firing early or twice does no harm.
    case timerFired
    case publish(InlinePublish)
    case consumer(ConsumerID, ConsumerInput)
    /// Closes a client's connection; with `endsSession` its session is removed too.
    case disconnect(clientID: String, reason: String, endsSession: Bool)
    /// The rights of one client, or of all, are no longer what they were: subscriptions, queued messages and
    /// cached decisions are checked again.
    case rightsChanged(clientID: String?)
    /// Replaces the list of faults; an empty list ends them.
    case setFaults([PacketFault])
    /// Whose packets are noted one by one.
    case setTranscript(TranscriptScope)
    /// The broker goes down in order: clients of 5.0 are told so, and every connection is closed.
    case stop
}

package enum BrokerEffect: Sendable, Equatable {
    /// All that one input writes to one connection.
    case send(ConnectionID, [UInt8])
    case close(ConnectionID, CloseReason)
    /// Give `.timerFired` at this time; replaces the wake asked for before.
    case wake(at: RunInstant)
    case deliver(InlineDelivery)
    /// The client's window is full: read no more from it until `.resumeReading`.
    case pauseReading(ConnectionID)
    case resumeReading(ConnectionID)
    case note(BrokerNote)
}

/// Why a connection ended.
package enum CloseReason: Sendable, Equatable, CustomStringConvertible {
    /// DISCONNECT: the will is discarded.
    case disconnected
    /// DISCONNECT with another reason than the normal one, which only 5.0 has: the will is published.
    case disconnectedWith(MQTTReasonCode)
    case closedByPeer(String)
    case refused(MQTTReasonCode)
    case violation(MQTTDecodingError)
    /// A well-formed packet beyond what CONNACK allows, or at the wrong time (5.0 §4.13).
    case protocolError(MQTTReasonCode)
    /// No CONNECT within the time.
    case connectTimeout
    case keepAliveTimeout
    case takenOver
    case administrative(String)
    case credentialsExpired
    case unauthorizedPublish
    /// More than `maximumBufferedInput` bytes wait although reading is paused.
    case inputOverflow
    /// The client's queue is full and `OverflowPolicy.endSession` holds.
    case queueOverflow
    /// A packet fault cut the connection.
    case fault(String)
    /// The broker goes down.
    case shuttingDown

    package var description: String {
        switch self {
        case .disconnected: "disconnected"
        case .disconnectedWith(let reason): "disconnected: \(reason)"
        case .closedByPeer(let reason): reason
        case .refused(let code): "refused: \(code)"
        case .violation(let error): error.description
        case .protocolError(let reason): reason.description
        case .connectTimeout: "no CONNECT in time"
        case .keepAliveTimeout: "keep alive timeout"
        case .takenOver: "taken over"
        case .administrative(let reason): reason
        case .credentialsExpired: "credentials expired"
        case .unauthorizedPublish: "publish without the right to"
        case .inputOverflow: "too many bytes sent against a full window"
        case .queueOverflow: "queue overflow"
        case .fault(let name): "fault \(name)"
        case .shuttingDown: "the broker goes down"
        }
    }

    /// What DISCONNECT tells a client of 5.0 before its connection is closed; nil where there is nobody to tell.
    var disconnectReason: MQTTReasonCode? {
        switch self {
        case .disconnected, .disconnectedWith, .closedByPeer, .connectTimeout, .fault: nil
        case .refused(let reason), .protocolError(let reason): reason.mayAppear(in: .disconnect) ? reason : .notAuthorized
        case .violation(let error): error.reasonCode.mayAppear(in: .disconnect) ? error.reasonCode : .protocolError
        case .keepAliveTimeout: .keepAliveTimeout
        case .takenOver: .sessionTakenOver
        case .administrative: .administrativeAction
        case .credentialsExpired: .maximumConnectTime
        case .unauthorizedPublish: .notAuthorized
        case .inputOverflow, .queueOverflow: .quotaExceeded
        case .shuttingDown: .serverShuttingDown
        }
    }
}

/// A publish from inside the process.
package struct InlinePublish: Sendable, Equatable {
    package var topic: MQTTTopic
    package var payload: [UInt8]
    package var qos: MQTTQoS
    package var retain: Bool

    package init(topic: MQTTTopic, payload: [UInt8], qos: MQTTQoS = .atMostOnce, retain: Bool = false) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
    }
}

package enum ConsumerInput: Sendable {
    /// Registers the consumer, or changes what it takes. It gets nothing before `.ready`.
    case attach(ConsumerOptions)
    /// What was not acknowledged is delivered again, in order, then what waits, then what comes.
    case ready
    /// The consumer has made these deliveries safe. Unknown and repeated numbers do no harm.
    case acknowledge([DeliveryID])
    /// The consumer crashed: what it did not acknowledge waits for the next `.ready`.
    case gone
    /// The consumer will not come back: its subscriptions end, and nobody waits for its acknowledgements.
    case detach
}

package struct ConsumerOptions: Sendable, Equatable {
    /// With overlapping filters a message comes once, with the highest quality of those that match.
    package var subscriptions: [MQTTSubscription]
    /// Whether publishers with QoS 1 and 2 get their acknowledgement only after the consumer's.
    package var isDurable: Bool
    /// Deliveries that are handed over and not yet acknowledged at a time.
    package var window: Int
    /// Messages that wait for the consumer or for its acknowledgement. When it is reached, publishers wait:
    /// their acknowledgements are withheld and in the end their connections are not read.
    package var queueLimit: Int

    package init(subscriptions: [MQTTSubscription], isDurable: Bool = true, window: Int = 1_000, queueLimit: Int = 10_000) {
        self.subscriptions = subscriptions
        self.isDurable = isDurable
        self.window = window
        self.queueLimit = queueLimit
    }
}

/// A message for a consumer in the same process.
package struct InlineDelivery: Sendable, Equatable {
    package var consumer: ConsumerID
    /// Present where the consumer must acknowledge: QoS 1 and 2 to a durable consumer.
    package var id: DeliveryID?
    package var topic: MQTTTopic
    package var payload: [UInt8]
    package var qos: MQTTQoS
    /// The client that published; nil for what the process itself published.
    package var publisher: String?
    /// Handed over before, to a consumer that went away before it acknowledged.
    package var isRedelivered: Bool
    package var publishedAt: RunInstant
}

package enum TranscriptScope: Sendable, Equatable {
    case off
    /// Client identifiers.
    case clients([String])
    case all

    func includes(_ clientID: String) -> Bool {
        switch self {
        case .off: false
        case .clients(let clients): clients.contains { ExactText($0) == ExactText(clientID) }
        case .all: true
        }
    }
}
