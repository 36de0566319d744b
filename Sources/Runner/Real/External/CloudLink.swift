import Cloud
import LabCore
import Simulation
import WireProtocols

/// The cloud's own connection to an external broker: a persistent session whose messages are acknowledged only when the
/// cloud has committed them, so that a crash loses none.
final class CloudLink: KernelParticipant {
    private let kernel: Kernel
    private let stream: any ByteStream
    private let options: MQTTConnection
    /// A message with the number under which it is acknowledged; `nil` for QoS 0.
    private let onMessage: (MQTTPublish, UInt64?) -> Void
    private var session = MQTTClientSession(CloudLink.settings)
    private var id: ParticipantID?
    private var pending: [MQTTClientEffect] = []
    private var isPerforming = false
    /// The cloud is there and wants to be connected.
    private var isWanted = false
    private(set) var isConnected = false
    /// Why the last attempt to connect failed.
    private(set) var failure: StreamFailure?
    /// Counts connections: an acknowledgement for an earlier one is for nobody.
    private var epoch: UInt64 = 0
    private var retry: ScheduledItem?
    private var outbox: [CloudMessage] = []

    private static let retryInterval = Duration.milliseconds(200)
    private static var settings: MQTTClientSession.Settings {
        var settings = MQTTClientSession.Settings()
        settings.acknowledgesByHand = true
        settings.queueLimit = 100_000
        settings.inflightLimit = 1_000
        return settings
    }

    /// - Parameter stream: leads to the broker.
    init(kernel: Kernel, stream: any ByteStream, username: String?, password: String?, onMessage: @escaping (MQTTPublish, UInt64?) -> Void) {
        self.kernel = kernel
        self.stream = stream
        self.onMessage = onMessage
        options = MQTTConnection(
            clientID: "lab-cloud", username: username, password: password.map { Array($0.utf8) }, isClean: false, keepAlive: 60)
        id = kernel.add(self)
        stream.onEvent = { [weak self] event in self?.received(event) }
    }

    /// The cloud is up: connects, now or as soon as the broker is there.
    func connect() {
        isWanted = true
        handle(.command(.connect(options)))
    }

    /// The cloud has crashed: the connection breaks without a word, and what is not acknowledged will come again.
    func abandon() {
        isWanted = false
        isConnected = false
        stream.close()
        handle(.transportClosed("the cloud is gone"))
    }

    func publish(_ message: CloudMessage) {
        guard isConnected || message.quality > 0 else { return outbox.append(message) }
        handle(
            .command(
                .publish(topic: message.topic, payload: message.payload, quality: message.quality, retain: message.retain, token: Token(rawValue: 0))))
    }

    func acknowledge(_ number: UInt64) {
        guard number >> 16 == epoch else { return }
        handle(.acknowledge(UInt16(truncatingIfNeeded: number)))
    }

    func timerFired(_ timer: TimerName) {
        guard let name = MQTTClientTimer(rawValue: UInt8(truncatingIfNeeded: timer.rawValue)) else { return }
        handle(.timerFired(name))
    }

    private func received(_ event: ByteStreamEvent) {
        switch event {
        case .opened: handle(.transportOpened)
        case .bytes(let bytes, _): handle(.received(bytes))
        case .closed(let failure):
            self.failure = failure
            handle(.transportClosed(failure.description))
        }
    }

    private func handle(_ input: MQTTClientInput) {
        session.handle(input, at: kernel.now, &pending)
        guard !isPerforming else { return }
        isPerforming = true
        defer { isPerforming = false }
        while !pending.isEmpty {
            let effects = pending
            pending.removeAll()
            for effect in effects { perform(effect) }
        }
    }

    private func perform(_ effect: MQTTClientEffect) {
        guard let id else { return }
        switch effect {
        case .openTransport: stream.open()
        case .send(let bytes): stream.send(bytes)
        case .closeTransport: stream.close()
        case .startTimer(let timer, let deadline): kernel.startTimer(TimerName(rawValue: UInt16(timer.rawValue)), of: id, at: deadline)
        case .cancelTimer(let timer): kernel.cancelTimer(TimerName(rawValue: UInt16(timer.rawValue)), of: id)
        case .connected: begin()
        case .refused(let code):
            failure = StreamFailure(
                .permissionDenied, stream.name, "the broker refused the cloud (\(code))", remedy: "check user and password in the broker's address")
            ended()
        case .message(let publish): onMessage(publish, publish.qos == .atMostOnce ? nil : epoch << 16 | UInt64(publish.packetID))
        case .disconnected: ended()
        default: break
        }
    }

    private func begin() {
        (isConnected, failure) = (true, nil)
        epoch += 1
        let filters = Topics.subscriptions.compactMap { try? MQTTTopicFilter($0) }
        handle(.subscribe(filters.map { MQTTSubscription(filter: $0, qos: .atLeastOnce) }, nil))
        let messages = outbox
        outbox = []
        for message in messages { publish(message) }
    }

    private func ended() {
        isConnected = false
        guard isWanted else { return }
        if let retry { kernel.cancel(retry) }
        retry = kernel.schedule(after: Self.retryInterval) { [weak self] in
            guard let self, isWanted, !isConnected else { return }
            handle(.command(.connect(options)))
        }
    }
}
