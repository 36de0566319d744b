import Cloud
import DequeModule
import LabCore
import MQTTBroker
import Simulation
import WireProtocols

/// One open connection's end at the broker: of a link in memory, or of a socket.
protocol BrokerConnection: AnyObject {
    /// The node at the other end, or its address.
    var peer: String { get }
    func send(_ bytes: [UInt8])
    func close()
    /// Stops and resumes reading where the medium can be held back.
    func setReading(_ isReading: Bool)
}

/// Runs the embedded broker on the kernel and hands the cloud its messages.
final class BrokerHost: WorldBroker {
    private let kernel: Kernel
    private let recorder: EventRecorder
    private let node: String
    private unowned let cloud: CloudHost
    private let configuration: BrokerConfiguration
    /// Whether every packet is noted.
    private let hasTranscript: Bool
    private let authorizer: CloudAuthorizer
    private var broker: Broker
    private var connections: [ConnectionID: any BrokerConnection] = [:]
    /// The connected clients with the peers that they came from, in the order in which they came.
    private var online: [(client: String, peer: String)] = []
    private var connectionCount: UInt64 = 0
    private var wake: (at: RunInstant, item: ScheduledItem)?
    private var faults: [(handle: Int, fault: PacketFault)] = []
    private var inputs: Deque<BrokerInput> = []
    private var isHandling = false
    /// Counts restarts: effects of an earlier broker are not performed.
    private var life = 0

    private static let cloudConsumer = ConsumerID(rawValue: 1)
    /// Numbers of deliveries carry the broker's life above this bit.
    private static let lifeShift: UInt64 = 40

    /// - Parameter configuration: what lab.yaml asks for; the seed of its faults is the run's.
    init(
        kernel: Kernel, recorder: EventRecorder, node: String, cloud: CloudHost, seed: UInt64, hasTranscript: Bool,
        configuration: BrokerConfiguration = BrokerConfiguration()
    ) {
        self.kernel = kernel
        self.recorder = recorder
        self.node = node
        self.cloud = cloud
        self.hasTranscript = hasTranscript
        var configuration = configuration
        configuration.faultSeed = seed
        self.configuration = configuration
        authorizer = CloudAuthorizer(cloud: cloud)
        broker = Broker(configuration, authorizer: authorizer)
        begin()
    }

    private func begin() {
        handle(.started)
        handle(.setTranscript(hasTranscript ? .all : .off))
        let filters = Topics.subscriptions.compactMap { try? MQTTTopicFilter($0) }
        handle(.consumer(Self.cloudConsumer, .attach(ConsumerOptions(subscriptions: filters.map { MQTTSubscription(filter: $0, qos: .atLeastOnce) }))))
    }

    /// Stops the broker and starts it again in the same instant; every connection breaks.
    ///
    /// - Parameter keepingSessions: with persistence, sessions, subscriptions and retained messages survive.
    func restart(keepingSessions: Bool) {
        let kept = keepingSessions ? broker.snapshot(at: kernel.now) : nil
        life += 1
        if let wake { kernel.cancel(wake.item) }
        wake = nil
        for (_, connection) in connections.sorted(by: { $0.key.rawValue < $1.key.rawValue }) { connection.close() }
        connections = [:]
        let offline = online
        online = []
        for (client, _) in offline { cloud.cloud?.clientDisconnected(clientID: client, reason: "broker restart") }
        recorder.append(node, "broker.restarted", ["persistent": .bool(keepingSessions)])
        broker = kept.map { Broker(configuration, authorizer: authorizer, restoring: $0) } ?? Broker(configuration, authorizer: authorizer)
        begin()
        handle(.setFaults(faults.map(\.fault)))
        if cloud.cloud != nil { handle(.consumer(Self.cloudConsumer, .ready)) }
    }

    // MARK: Connections

    func opened(_ connection: any BrokerConnection) -> ConnectionID {
        connectionCount += 1
        let id = ConnectionID(rawValue: connectionCount)
        connections[id] = connection
        handle(.opened(id, peer: connection.peer))
        return id
    }

    func received(_ bytes: [UInt8], on id: ConnectionID) { if connections[id] != nil { handle(.received(id, bytes)) } }

    func congested(_ isCongested: Bool, on id: ConnectionID) { if connections[id] != nil { handle(.congested(id, isCongested)) } }

    func closed(_ id: ConnectionID, reason: String) {
        guard connections.removeValue(forKey: id) != nil else { return }
        handle(.closed(id, reason: reason))
    }

    // MARK: The cloud's side

    func publish(_ message: CloudMessage) {
        guard let topic = try? MQTTTopic(message.topic), let quality = MQTTQoS(rawValue: message.quality) else {
            recorder.append(node, "mqtt.publish_failed", ["topic": .text(message.topic)])
            return
        }
        handle(.publish(InlinePublish(topic: topic, payload: message.payload, qos: quality, retain: message.retain)))
    }

    func acknowledge(_ delivery: UInt64) {
        // An acknowledgement for a delivery of an earlier broker is for nobody.
        guard delivery >> Self.lifeShift == UInt64(life) else { return }
        handle(.consumer(Self.cloudConsumer, .acknowledge([DeliveryID(rawValue: delivery & (1 << Self.lifeShift - 1))])))
    }

    func disconnect(_ clientID: String, reason: String) {
        handle(.disconnect(clientID: clientID, reason: reason, endsSession: false))
    }

    func cloudIsReady() { handle(.consumer(Self.cloudConsumer, .ready)) }
    func cloudIsGone() { handle(.consumer(Self.cloudConsumer, .gone)) }

    // MARK: Faults

    func apply(_ name: String, _ arguments: Fields, handle number: Int) throws(ActionFailure) {
        faults.append((number, try BrokerVocabulary.fault(name, arguments)))
        handle(.setFaults(faults.map(\.fault)))
    }

    func clear(_ number: Int) {
        faults.removeAll { $0.handle == number }
        handle(.setFaults(faults.map(\.fault)))
    }

    // MARK: Effects

    /// Inputs that come up while one is handled wait for their turn: an authorizer or an armed fault can cause them.
    private func handle(_ input: BrokerInput) {
        inputs.append(input)
        guard !isHandling else { return }
        isHandling = true
        defer { isHandling = false }
        while let next = inputs.popFirst() {
            var effects: [BrokerEffect] = []
            broker.handle(next, at: kernel.now, &effects)
            let life = life
            for effect in effects where life == self.life { perform(effect) }
        }
    }

    private func perform(_ effect: BrokerEffect) {
        switch effect {
        case .send(let id, let bytes): connections[id]?.send(bytes)
        case .close(let id, _): connections.removeValue(forKey: id)?.close()
        case .wake(let moment): plan(moment)
        case .deliver(let delivery):
            cloud.received(
                topic: delivery.topic.text, payload: delivery.payload, clientID: delivery.publisher ?? "", quality: delivery.qos.rawValue,
                delivery: delivery.id.map { UInt64(life) << Self.lifeShift | $0.rawValue })
        case .pauseReading(let id): connections[id]?.setReading(false)
        case .resumeReading(let id): connections[id]?.setReading(true)
        case .note(let note): tell(note)
        }
    }

    private func plan(_ moment: RunInstant) {
        if let wake { kernel.cancel(wake.item) }
        guard moment < .distantFuture else { return wake = nil }
        wake = (moment, kernel.schedule(at: moment) { [weak self] in
            self?.wake = nil
            self?.handle(.timerFired)
        })
    }

    /// What the broker does next in this instant follows from what it noted.
    private func write(_ note: BrokerNote) {
        if let sequence = recorder.append(node, BrokerVocabulary.name(of: note), note.fields) { kernel.currentCause = sequence }
    }

    /// Writes it down, and tells the cloud who comes and goes.
    private func tell(_ note: BrokerNote) {
        switch note {
        case .accepted(let client, _, let peer, _, _, _):
            online.append((client, peer))
            write(note)
            cloud.cloud?.clientConnected(clientID: client)
        case .disconnected(let client, let peer, let reason):
            if let index = online.firstIndex(where: { $0 == (client, peer) }) { online.remove(at: index) }
            write(note)
            cloud.cloud?.clientDisconnected(clientID: client, reason: reason.description)
        case .takenOver(let client, let from, _):
            if let index = online.firstIndex(where: { $0 == (client, from) }) { online.remove(at: index) }
            write(note)
            cloud.cloud?.clientTakenOver(clientID: client)
        default: write(note)
        }
    }
}

/// Asks the cloud who a client is and what it may do.
///
/// `@unchecked Sendable`: used by the kernel's thread only, like the cloud's host that it asks.
private final class CloudAuthorizer: MQTTAuthorizer, @unchecked Sendable {
    private unowned let cloud: CloudHost
    private let rights = [TopicRightPattern(.receive, "luna/device/%c/#")]
    /// Before the subjects of users; no device id has a slash.
    private static let listeners = "user/"

    init(cloud: CloudHost) { self.cloud = cloud }

    func authenticate(_ credentials: MQTTCredentials, at now: RunInstant) -> MQTTAuthentication {
        guard let cloud = cloud.cloud else { return .refused(.serverUnavailable, reason: "the cloud is down") }
        let (client, name) = (credentials.clientID, credentials.username)
        if let listener = cloud.listener(clientID: client, username: name, password: credentials.password) {
            let filters = (try? MQTTTopicFilter(Cloud.listenersFilter)).map { [$0] } ?? []
            return .accepted(
                MQTTIdentity(
                    subject: Self.listeners + listener.username, clientID: client, username: name, rights: TopicRights(receive: filters),
                    validUntil: listener.validUntil))
        }
        switch cloud.authenticateMQTT(clientID: credentials.clientID, username: credentials.username, password: credentials.password) {
        case .accepted(let device):
            return .accepted(
                MQTTIdentity(
                    subject: device, clientID: credentials.clientID, username: credentials.username,
                    rights: TopicRights(rights, clientID: credentials.clientID, username: credentials.username)))
        case .refused(let code, let reason):
            return .refused(MQTTConnectReturnCode(rawValue: code) ?? .notAuthorized, reason: reason)
        }
    }

    /// The broker asks once for each topic of a session: while no cloud runs, the device's name decides.
    func mayPublish(_ identity: MQTTIdentity, to topic: MQTTTopic) -> Bool {
        cloud.cloud?.mayPublish(deviceID: identity.subject, topic: topic.text) ?? Topics.mayPublish(device: identity.subject, topic: topic.text)
    }

    func maySubscribe(_ identity: MQTTIdentity, to filter: MQTTTopicFilter) -> Bool {
        if identity.subject.hasPrefix(Self.listeners) { return identity.rights.maySubscribe(filter) }
        return cloud.cloud?.maySubscribe(deviceID: identity.subject, filter: filter.text) ?? Topics.maySubscribe(device: identity.subject, filter: filter.text)
    }
}
