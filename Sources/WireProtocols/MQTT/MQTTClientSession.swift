package import LabCore

/// An MQTT 3.1.1 client as a value, without I/O: what an emulated device speaks MQTT with.
///
/// It lives as long as its device is powered; between connections it keeps what MQTT calls the session state
/// (§4.1): unacknowledged QoS 1 and 2 messages, and the identifiers of QoS 2 messages that arrived. Messages
/// with QoS 1 and 2 that are published without a connection wait; reconnecting is the device's decision.
/// Everything that is written during one input is one `.send`.
package struct MQTTClientSession: Sendable {
    package struct Settings: Sendable, Equatable {
        /// How long to wait for CONNACK.
        package var connackTimeout: Duration = .seconds(30)
        /// How long to wait for PINGRESP.
        package var pingTimeout: Duration = .seconds(10)
        /// Unacknowledged QoS 1 and 2 messages at a time, 1 to 1000.
        package var inflightLimit: Int = 20
        /// Messages that wait for a connection or for a place among the unacknowledged.
        package var queueLimit: Int = 1_000
        /// A message with QoS 1 or 2 is acknowledged when the owner gives `.acknowledge`, not when it arrives.
        package var acknowledgesByHand = false
        /// Bytes of a packet from the server.
        package var maximumPacketSize: Int = 1 << 20
        package init() {}
    }

    enum Phase: UInt8, Sendable { case idle, opening, connecting, connected }

    /// A publish as the device asked for it.
    struct Outgoing: Sendable {
        var topic: MQTTTopic
        var payload: [UInt8]
        var qos: MQTTQoS
        var retain: Bool
        var token: Token
    }

    /// A sent QoS 1 or 2 message whose exchange is not complete.
    struct Inflight: Sendable {
        var packetID: UInt16
        /// PUBREC was seen: only PUBREL and PUBCOMP remain, and the payload is gone.
        var isReleased: Bool
        var message: Outgoing
    }

    /// A SUBSCRIBE or UNSUBSCRIBE without its answer.
    struct Request: Sendable {
        enum Kind: Sendable {
            case subscribe([MQTTSubscription])
            case unsubscribe([MQTTTopicFilter])
        }
        /// 0 until it is sent.
        var packetID: UInt16
        var kind: Kind
        var token: Token?
    }

    /// A message that arrived and that the owner has not made safe, or that waits behind one.
    struct Unacknowledged: Sendable {
        var packetID: UInt16
        var isExactlyOnce: Bool
        var isSafe = false
    }

    let settings: Settings
    var phase = Phase.idle
    var options: MQTTConnection?
    var decoder: MQTTPacketDecoder
    var inflight: [Inflight] = []
    var queue: [Outgoing] = []
    var requests: [Request] = []
    /// QoS 2 messages that arrived and are not released, by identifier.
    var received: [UInt16] = []
    /// With `acknowledgesByHand`: messages of this connection, in the order of their arrival.
    var unacknowledged: [Unacknowledged] = []
    var lastPacketID: UInt16 = 0
    var awaitsPingResponse = false
    var lastSent = RunInstant.start
    var lastHeard = RunInstant.start
    /// What this input writes; empty between inputs.
    var output: [UInt8] = []

    package init(_ settings: Settings = Settings()) {
        self.settings = settings
        decoder = MQTTPacketDecoder(role: .client, maximumPacketSize: settings.maximumPacketSize)
    }

    package var isConnected: Bool { phase == .connected }
    /// Messages with QoS 1 and 2 that are not complete, sent or waiting.
    package var unfinishedCount: Int { inflight.count + queue.count }

    package mutating func handle(_ input: MQTTClientInput, at now: RunInstant, _ effects: inout [MQTTClientEffect]) {
        switch input {
        case .command(.publish(let topic, let payload, let quality, let retain, let token)):
            publish(topic, payload, quality, retain, token, &effects)
        case .received(let bytes): receive(bytes, at: now, &effects)
        case .timerFired(let timer): timerFired(timer, at: now, &effects)
        case .command(.connect(let options)): connect(options, &effects)
        case .command(.subscribe(let filter, let quality)): subscribe(filter, quality, &effects)
        case .command(.unsubscribe(let filter)): unsubscribe(filter, &effects)
        case .command(.disconnect): disconnect(&effects)
        case .subscribe(let subscriptions, let token): request(.subscribe(subscriptions), token, &effects)
        case .unsubscribe(let filters, let token): request(.unsubscribe(filters), token, &effects)
        case .acknowledge(let packetID): acknowledge(packetID)
        case .transportOpened: opened(at: now, &effects)
        case .transportClosed(let reason): if phase != .idle { end(.transportClosed(reason), &effects) }
        }
        flush(at: now, &effects)
    }

    private mutating func flush(at now: RunInstant, _ effects: inout [MQTTClientEffect]) {
        if output.isEmpty { return }
        effects.append(.send(output))
        output = []
        lastSent = now
    }

    // MARK: The connection's life

    private mutating func connect(_ options: MQTTConnection, _ effects: inout [MQTTClientEffect]) {
        guard phase == .idle else { return effects.append(.failed(.alreadyConnected, nil)) }
        do { _ = try MQTTConnect(options) } catch { return effects.append(.failed(error, nil)) }
        self.options = options
        phase = .opening
        effects.append(.openTransport)
    }

    private mutating func opened(at now: RunInstant, _ effects: inout [MQTTClientEffect]) {
        guard phase == .opening, let options else { return }
        decoder = MQTTPacketDecoder(role: .client, maximumPacketSize: settings.maximumPacketSize)
        // The options were checked when they were taken. The first packet is CONNECT [MQTT-3.1.0-1].
        guard let connect = try? MQTTConnect(options), let bytes = try? MQTTPacket.connect(connect).encoded() else { return }
        output.append(contentsOf: bytes)
        phase = .connecting
        effects.append(.startTimer(.connack, at: now.advanced(by: settings.connackTimeout)))
    }

    private mutating func disconnect(_ effects: inout [MQTTClientEffect]) {
        switch phase {
        case .idle: return
        case .opening, .connecting: break
        case .connected: MQTTEncoder.appendEmpty(.disconnect, to: &output)
        }
        close(.requested, &effects)
    }

    /// Closes from this side [MQTT-3.14.4-1].
    ///
    /// - Parameter fired: the timer that led to it and that does not run any more.
    mutating func close(_ reason: MQTTClientDisconnect, fired: MQTTClientTimer? = nil, _ effects: inout [MQTTClientEffect]) {
        if !output.isEmpty {
            effects.append(.send(output))
            output = []
        }
        effects.append(.closeTransport)
        end(reason, fired: fired, &effects)
    }

    private mutating func end(_ reason: MQTTClientDisconnect, fired: MQTTClientTimer? = nil, _ effects: inout [MQTTClientEffect]) {
        switch phase {
        case .connecting: if fired != .connack { effects.append(.cancelTimer(.connack)) }
        case .connected:
            if keepAliveNanoseconds > 0 { effects.append(.cancelTimer(.ping)) }
            if awaitsPingResponse, fired != .pingResponse { effects.append(.cancelTimer(.pingResponse)) }
        case .idle, .opening: break
        }
        phase = .idle
        output = []
        awaitsPingResponse = false
        unacknowledged = []
        decoder = MQTTPacketDecoder(role: .client, maximumPacketSize: settings.maximumPacketSize)
        for request in requests { effects.append(.failed(.notConnected, request.token)) }
        requests = []
        if options?.isClean ?? true { endSession(&effects) }
        effects.append(.disconnected(reason))
    }

    /// A clean session ends with its connection, and its state is not used again [MQTT-3.1.2-6]. What QoS 1 owes
    /// is published anew, as a new message in the next session; with QoS 2 that could deliver twice.
    private mutating func endSession(_ effects: inout [MQTTClientEffect]) {
        received = []
        if inflight.isEmpty { return }
        var again: [Outgoing] = []
        for entry in inflight {
            if entry.message.qos == .exactlyOnce {
                effects.append(.dropped(entry.message.token, .sessionEnded))
            } else {
                again.append(entry.message)
            }
        }
        inflight = []
        queue.insert(contentsOf: again, at: 0)
    }

    // MARK: Keep alive (§3.1.2.10)

    var keepAliveNanoseconds: Int64 { Int64(options?.keepAlive ?? 0) * 1_000_000_000 }

    /// The timer is not moved with every packet; it looks when it fires whether it is time yet.
    func nextPing() -> RunInstant { min(lastSent, lastHeard).advanced(byNanoseconds: keepAliveNanoseconds) }

    private mutating func timerFired(_ timer: MQTTClientTimer, at now: RunInstant, _ effects: inout [MQTTClientEffect]) {
        switch timer {
        case .connack: if phase == .connecting { close(.connackTimeout, fired: timer, &effects) }
        case .pingResponse: if awaitsPingResponse { close(.pingTimeout, fired: timer, &effects) }
        case .ping:
            guard phase == .connected, keepAliveNanoseconds > 0 else { return }
            guard nextPing() <= now else { return effects.append(.startTimer(.ping, at: nextPing())) }
            // The time between packets must not exceed the keep-alive time [MQTT-3.1.2-23].
            MQTTEncoder.appendEmpty(.pingreq, to: &output)
            if !awaitsPingResponse {
                awaitsPingResponse = true
                effects.append(.startTimer(.pingResponse, at: now.advanced(by: settings.pingTimeout)))
            }
            effects.append(.startTimer(.ping, at: now.advanced(byNanoseconds: keepAliveNanoseconds)))
        }
    }
}

extension MQTTConnect {
    /// The CONNECT that a device's options ask for, checked.
    init(_ options: MQTTConnection) throws(MQTTClientFailure) {
        self.init(
            clientID: options.clientID, isClean: options.isClean, keepAlive: options.keepAlive, username: options.username,
            password: options.password)
        if let will = options.will {
            guard let qos = MQTTQoS(rawValue: will.quality) else { throw .invalidQoS(will.quality) }
            do {
                self.will = MQTTWill(topic: try MQTTTopic(will.topic), payload: will.payload, qos: qos, retain: will.retain)
            } catch { throw .topic(error) }
        }
        do { _ = try MQTTPacket.connect(self).encoded() } catch { throw .encoding(error) }
    }
}
