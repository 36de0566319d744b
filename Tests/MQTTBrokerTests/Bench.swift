import LabCore
import MQTTBroker
import Testing
import WireProtocols

/// A broker on a bench: connections by number, a clock that only moves when it is told to, and all effects kept.
struct Bench {
    var broker: Broker
    var now = RunInstant.start
    /// Bytes to each connection that the test has not taken yet.
    var sent: [UInt64: [UInt8]] = [:]
    var sends: [UInt64: Int] = [:]
    var closed: [UInt64: CloseReason] = [:]
    var deliveries: [InlineDelivery] = []
    var notes: [BrokerNote] = []
    var paused: Set<UInt64> = []
    var wake: RunInstant?
    /// What a CONNECT made of each connection.
    var versions: [UInt64: MQTTProtocolVersion] = [:]

    static let cloud = ConsumerID(rawValue: 1)

    init(_ authorizer: any MQTTAuthorizer = OpenAuthorizer(), _ change: (inout BrokerConfiguration) -> Void = { _ in }) {
        var configuration = BrokerConfiguration()
        change(&configuration)
        broker = Broker(configuration, authorizer: authorizer)
        give(.started)
    }

    /// The broker starts again from what it had persisted, or from nothing.
    mutating func restart(from snapshot: BrokerSnapshot?, _ authorizer: any MQTTAuthorizer = OpenAuthorizer()) {
        let configuration = broker.configuration
        broker = snapshot.map { Broker(configuration, authorizer: authorizer, restoring: $0) } ?? Broker(configuration, authorizer: authorizer)
        wake = nil
        sent = [:]
        give(.started)
    }

    mutating func give(_ input: BrokerInput) {
        var effects: [BrokerEffect] = []
        broker.handle(input, at: now, &effects)
        var sentTo: [UInt64] = []
        for effect in effects {
            switch effect {
            case .send(let id, let bytes):
                #expect(closed[id.rawValue] == nil, "sent to a closed connection")
                sent[id.rawValue, default: []] += bytes
                sends[id.rawValue, default: 0] += 1
                sentTo.append(id.rawValue)
            case .close(let id, let reason): closed[id.rawValue] = reason
            case .wake(let at): wake = at
            case .deliver(let delivery): deliveries.append(delivery)
            case .pauseReading(let id): paused.insert(id.rawValue)
            case .resumeReading(let id): paused.remove(id.rawValue)
            case .note(let note): notes.append(note)
            }
        }
        #expect(sentTo.count == Set(sentTo).count, "more than one send to a connection for one input")
    }

    mutating func open(_ connection: UInt64) { give(.opened(ConnectionID(rawValue: connection), peer: "peer-\(connection)")) }
    mutating func bytes(_ connection: UInt64, _ bytes: [UInt8]) { give(.received(ConnectionID(rawValue: connection), bytes)) }
    mutating func drop(_ connection: UInt64) { give(.closed(ConnectionID(rawValue: connection), reason: "cut")) }

    /// Feeds packets to a connection in one piece and takes what comes back on it.
    @discardableResult
    mutating func feed(_ connection: UInt64, _ packets: MQTTPacket...) throws -> [MQTTPacket] {
        var wire: [UInt8] = []
        for packet in packets {
            if case .connect(let connect) = packet { versions[connection] = connect.version }
            try packet.encode(to: &wire, versions[connection] ?? .v3_1_1)
        }
        bytes(connection, wire)
        return try take(connection)
    }

    /// What was sent to a connection since it was last taken, as packets.
    @discardableResult
    mutating func take(_ connection: UInt64) throws -> [MQTTPacket] {
        var decoder = MQTTPacketDecoder(role: .client, version: versions[connection] ?? .v3_1_1, awaitsFirstPacket: false)
        decoder.append(sent.removeValue(forKey: connection) ?? [])
        var packets: [MQTTPacket] = []
        while let packet = try decoder.next() { packets.append(packet) }
        #expect(decoder.bufferedCount == 0)
        return packets
    }

    /// Opens a connection and connects.
    @discardableResult
    mutating func connect(
        _ connection: UInt64, _ clientID: String, clean: Bool = true, keepAlive: UInt16 = 0, username: String? = nil, will: MQTTWill? = nil
    ) throws -> [MQTTPacket] {
        open(connection)
        return try feed(
            connection,
            .connect(MQTTConnect(clientID: clientID, isClean: clean, keepAlive: keepAlive, username: username, will: will)))
    }

    /// Moves the clock, firing the timer whenever the broker asked for it.
    mutating func advance(to seconds: Double) {
        let end = RunInstant(nanoseconds: Int64(seconds * 1e9))
        while let next = wake, next <= end {
            now = max(now, next)
            wake = nil
            give(.timerFired)
        }
        now = end
    }

    mutating func attachCloud(_ filters: [String], qos: MQTTQoS = .exactlyOnce, durable: Bool = true, window: Int = 1_000, queueLimit: Int = 10_000) throws {
        let subscriptions = try filters.map { MQTTSubscription(filter: try MQTTTopicFilter($0), qos: qos) }
        give(.consumer(Self.cloud, .attach(ConsumerOptions(subscriptions: subscriptions, isDurable: durable, window: window, queueLimit: queueLimit))))
        give(.consumer(Self.cloud, .ready))
    }

    mutating func acknowledge(_ ids: UInt64...) { give(.consumer(Self.cloud, .acknowledge(ids.map { DeliveryID(rawValue: $0) }))) }
}

// MARK: Packets in few words

func connack(_ code: MQTTConnectReturnCode = .accepted, present: Bool = false) -> MQTTPacket {
    .connack(MQTTConnack(sessionPresent: present, code: code))
}
func publish(_ topic: String, _ payload: String, _ qos: MQTTQoS = .atMostOnce, id: UInt16 = 0, retain: Bool = false, dup: Bool = false) throws -> MQTTPacket {
    .publish(
        MQTTPublish(topic: try MQTTTopic(topic), payload: [UInt8](payload.utf8), qos: qos, retain: retain, isDuplicate: dup, packetID: id))
}
func puback(_ id: UInt16) -> MQTTPacket { .puback(MQTTAcknowledgement(packetID: id)) }
func pubrec(_ id: UInt16) -> MQTTPacket { .pubrec(MQTTAcknowledgement(packetID: id)) }
func pubrel(_ id: UInt16) -> MQTTPacket { .pubrel(MQTTAcknowledgement(packetID: id)) }
func pubcomp(_ id: UInt16) -> MQTTPacket { .pubcomp(MQTTAcknowledgement(packetID: id)) }
func suback(_ id: UInt16, _ codes: UInt8...) -> MQTTPacket { .suback(MQTTSuback(packetID: id, codes: codes)) }
func unsuback(_ id: UInt16) -> MQTTPacket { .unsuback(MQTTUnsuback(packetID: id)) }
func subscribe(_ id: UInt16, _ filters: (String, MQTTQoS)...) throws -> MQTTPacket {
    .subscribe(MQTTSubscribe(packetID: id, subscriptions: try filters.map { MQTTSubscription(filter: try MQTTTopicFilter($0.0), qos: $0.1) }))
}
func unsubscribe(_ id: UInt16, _ filters: String...) throws -> MQTTPacket {
    .unsubscribe(MQTTUnsubscribe(packetID: id, filters: try filters.map { try MQTTTopicFilter($0) }))
}
func will(_ topic: String, _ payload: String, _ qos: MQTTQoS = .atMostOnce, retain: Bool = false) throws -> MQTTWill {
    MQTTWill(topic: try MQTTTopic(topic), payload: [UInt8](payload.utf8), qos: qos, retain: retain)
}
func hexBytes(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

/// The payloads of the publishes among packets, as text.
func payloads(_ packets: [MQTTPacket]) -> [String] {
    packets.compactMap { packet in
        if case .publish(let message) = packet { String(decoding: message.payload, as: UTF8.self) } else { nil }
    }
}

extension Bench {
    var delivered: [String] { deliveries.map { String(decoding: $0.payload, as: UTF8.self) } }
    func noted(_ name: String) -> Int { notes.count { $0.name == name } }
}

/// Rights by patterns; clients whose name begins with "admin" are admins. Who may connect can be changed.
struct PatternAuthorizer: MQTTAuthorizer {
    var patterns: [TopicRightPattern] = [
        TopicRightPattern(.publish, "t/%c/up/#"), TopicRightPattern(.receive, "t/%c/down/#"), TopicRightPattern(.both, "shared/#"),
    ]
    var validUntil: RunInstant?

    func authenticate(_ credentials: MQTTCredentials, at now: RunInstant) -> MQTTAuthentication {
        if credentials.username == "nobody" { return .refused(.badUserNameOrPassword, reason: "unknown user") }
        return .accepted(
            MQTTIdentity(
                subject: credentials.username ?? credentials.clientID, clientID: credentials.clientID, username: credentials.username,
                isAdmin: credentials.clientID.hasPrefix("admin"),
                rights: TopicRights(patterns, clientID: credentials.clientID, username: credentials.username), validUntil: validUntil))
    }
}
