import Cloud
import DequeModule
import LabCore
import MQTTBroker
import Simulation
import WireProtocols

/// Carries the broker over in-memory links and hands the cloud its messages.
final class BrokerHost: CloudBroker {
    private let kernel: Kernel
    private let recorder: EventRecorder
    private let node: String
    private unowned let cloud: CloudHost
    private let configuration: BrokerConfiguration
    /// Whether every packet is noted.
    private let hasTranscript: Bool
    private let authorizer: CloudAuthorizer
    private var broker: Broker
    private var ports: [BrokerPort] = []
    private var portAt: [String: BrokerPort] = [:]
    /// The port of each open connection.
    private var portOf: [ConnectionID: BrokerPort] = [:]
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

    init(kernel: Kernel, recorder: EventRecorder, node: String, cloud: CloudHost, seed: UInt64, hasTranscript: Bool) {
        self.kernel = kernel
        self.recorder = recorder
        self.node = node
        self.cloud = cloud
        self.hasTranscript = hasTranscript
        var configuration = BrokerConfiguration()
        configuration.faultSeed = seed
        self.configuration = configuration
        authorizer = CloudAuthorizer(cloud: cloud)
        broker = Broker(configuration, authorizer: authorizer)
        begin()
    }

    /// Lets a device's link reach the broker.
    func attach(_ link: Link, peer: String) {
        let port = BrokerPort(host: self, link: link, peer: peer)
        link.far = port
        ports.append(port)
        portAt[peer] = port
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
        portOf = [:]
        for port in ports where port.connection != nil {
            port.connection = nil
            port.link.close(from: .far)
            if let client = port.client {
                port.client = nil
                cloud.cloud?.clientDisconnected(clientID: client, reason: "broker restart")
            }
        }
        recorder.append(node, "broker.restarted", ["persistent": .bool(keepingSessions)])
        broker = kept.map { Broker(configuration, authorizer: authorizer, restoring: $0) } ?? Broker(configuration, authorizer: authorizer)
        begin()
        handle(.setFaults(faults.map(\.fault)))
        if cloud.cloud != nil { handle(.consumer(Self.cloudConsumer, .ready)) }
    }

    // MARK: Connections

    fileprivate func opened(_ port: BrokerPort) {
        connectionCount += 1
        let id = ConnectionID(rawValue: connectionCount)
        port.connection = id
        portOf[id] = port
        handle(.opened(id, peer: port.peer))
    }

    fileprivate func received(_ bytes: [UInt8], on port: BrokerPort) {
        if let id = port.connection { handle(.received(id, bytes)) }
    }

    fileprivate func closed(_ port: BrokerPort) {
        guard let id = port.connection else { return }
        forget(port)
        handle(.closed(id, reason: "connection lost"))
    }

    private func forget(_ port: BrokerPort) {
        if let id = port.connection { portOf[id] = nil }
        port.connection = nil
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
        case .send(let id, let bytes): portOf[id]?.link.send(bytes, from: .far)
        case .close(let id, _):
            guard let port = portOf[id] else { return }
            forget(port)
            port.link.close(from: .far)
        case .wake(let moment): plan(moment)
        case .deliver(let delivery):
            cloud.cloud?.received(
                topic: delivery.topic.text, payload: delivery.payload, clientID: delivery.publisher ?? "", quality: delivery.qos.rawValue,
                delivery: delivery.id.map { UInt64(life) << Self.lifeShift | $0.rawValue })
        // Links in memory take any amount, and a paused client's bytes wait in the broker.
        case .pauseReading, .resumeReading: break
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
            portAt[peer]?.client = client
            write(note)
            cloud.cloud?.clientConnected(clientID: client)
        case .disconnected(let client, let peer, let reason):
            if let port = portAt[peer], port.client == client { port.client = nil }
            write(note)
            cloud.cloud?.clientDisconnected(clientID: client, reason: reason.description)
        case .takenOver(let client, _, _):
            write(note)
            cloud.cloud?.clientTakenOver(clientID: client)
        default: write(note)
        }
    }
}

/// The broker's end of one device's link.
private final class BrokerPort: LinkReceiver {
    private unowned let host: BrokerHost
    let link: Link
    let peer: String
    /// The connection that is open on the link.
    var connection: ConnectionID?
    /// The client that is online on it.
    var client: String?

    init(host: BrokerHost, link: Link, peer: String) {
        self.host = host
        self.link = link
        self.peer = peer
    }

    func link(_ link: Link, _ side: LinkSide, received input: LinkInput) {
        switch input {
        case .opened: host.opened(self)
        case .bytes(let bytes): host.received(bytes, on: self)
        case .closed: host.closed(self)
        }
    }
}

/// Asks the cloud who a client is and what it may do.
///
/// `@unchecked Sendable`: used by the kernel's thread only, like the cloud's host that it asks.
private final class CloudAuthorizer: MQTTAuthorizer, @unchecked Sendable {
    private unowned let cloud: CloudHost
    private let rights = [TopicRightPattern(.receive, "luna/device/%c/#")]

    init(cloud: CloudHost) { self.cloud = cloud }

    func authenticate(_ credentials: MQTTCredentials, at now: RunInstant) -> MQTTAuthentication {
        guard let cloud = cloud.cloud else { return .refused(.serverUnavailable, reason: "the cloud is down") }
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

    func mayPublish(_ identity: MQTTIdentity, to topic: MQTTTopic) -> Bool {
        cloud.cloud?.mayPublish(deviceID: identity.subject, topic: topic.text) ?? false
    }

    func maySubscribe(_ identity: MQTTIdentity, to filter: MQTTTopicFilter) -> Bool {
        cloud.cloud?.maySubscribe(deviceID: identity.subject, filter: filter.text) ?? false
    }
}
