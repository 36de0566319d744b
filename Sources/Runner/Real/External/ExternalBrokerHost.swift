import Cloud
import LabCore
import MQTTBroker
import Simulation
import WireProtocols

/// A broker that is none of ours: devices reach it through a gateway, the cloud by a session of its own.
final class ExternalBrokerHost: WorldBroker, GatewayOwner {
    private let kernel: Kernel
    private let recorder: EventRecorder
    private let node: String
    private unowned let cloud: CloudHost
    let hasTranscript: Bool
    let deviceAccount: (username: String?, password: [UInt8]?)
    /// `nil` for a broker that was running before.
    private let process: MosquittoProcess?
    private let link: CloudLink
    private let open: () -> any ByteStream
    private var connections: [GatewayConnection] = []
    /// Clients that have gone and of whom the cloud is not told yet: what they sent before takes its way through the broker.
    private var leaving: [(client: String, reason: String, item: ScheduledItem)] = []
    private let speed: Double

    /// Real time for what is on its way.
    private static let passage = Duration.milliseconds(150)

    /// - Parameters:
    ///   - cloudAccount: what the cloud's own session signs in with; it may read and write everything.
    ///   - open: makes a stream that leads to the broker.
    init(
        setting: BrokerSetting, kernel: Kernel, cloud: CloudHost, process: MosquittoProcess?,
        cloudAccount: (username: String?, password: String?), deviceAccount: (username: String?, password: String?),
        speed: Double, open: @escaping () -> any ByteStream
    ) {
        self.kernel = kernel
        self.speed = speed
        self.process = process
        self.open = open
        self.cloud = cloud
        recorder = setting.recorder
        node = setting.node
        hasTranscript = setting.hasTranscript
        self.deviceAccount = (deviceAccount.username, deviceAccount.password.map { Array($0.utf8) })
        link = CloudLink(kernel: kernel, stream: open(), username: cloudAccount.username, password: cloudAccount.password) { [unowned cloud] message, number in
            // Whoever may publish there is the device: the broker's rights see to it.
            cloud.received(
                topic: message.topic.text, payload: message.payload, clientID: Topics.device(of: message.topic.text) ?? "",
                quality: message.qos.rawValue, delivery: number)
        }
    }

    var isConnected: Bool { link.isConnected }
    /// Why the cloud is not connected; the last reason there was.
    var failure: StreamFailure? { link.failure }
    /// Waiting will not help: the broker refused the cloud's account, or its certificate is not acceptable.
    var isHopeless: Bool { process == nil && link.failure.map { $0.reason != .timedOut } ?? false }

    /// The spawned broker ended while it was needed.
    var loss: StreamFailure? {
        guard let process, process.hasDied else { return nil }
        let words = process.lastWords
        return StreamFailure(
            .vanished, "mosquitto", "it ended in the middle of the run\(words.isEmpty ? "" : ", after saying: \(words)")",
            remedy: "see who ended it, and run again")
    }

    /// Takes a connection of a device.
    func accept(_ device: any ByteStream, peer: String) {
        connections.append(GatewayConnection(owner: self, device: device, broker: open(), peer: peer))
    }

    /// Ends everything, and mosquitto with it.
    func close() {
        for connection in connections { connection.end(.administrative("the run is over")) }
        link.abandon()
        process?.remove()
    }

    // MARK: CloudBroker

    func publish(_ message: CloudMessage) { link.publish(message) }
    func acknowledge(_ delivery: UInt64) { link.acknowledge(delivery) }
    func cloudIsReady() { link.connect() }
    func cloudIsGone() { link.abandon() }

    func disconnect(_ clientID: String, reason: String) {
        for connection in connections where connection.client == clientID && connection.isOnline { connection.end(.administrative(reason)) }
    }

    // MARK: WorldBroker

    func restart(keepingSessions: Bool) throws(ActionFailure) {
        guard let process else {
            throw ActionFailure("not_possible_here", "The lab did not start this broker and cannot restart it; use --broker embedded or mosquitto.")
        }
        do { try process.restart(keepingSessions: keepingSessions) } catch { throw ActionFailure("restart_failed", "\(error)") }
        recorder.append(node, "broker.restarted", ["persistent": .bool(keepingSessions)])
    }

    func apply(_ name: String, _ arguments: Fields, handle number: Int) throws(ActionFailure) {
        throw ActionFailure("not_possible_here", "\(name) needs the embedded broker; use --broker embedded.")
    }

    func clear(_ number: Int) {}

    // MARK: GatewayOwner

    func authenticate(clientID: String, username: String?, password: [UInt8]?) -> MQTTDecision {
        cloud.authenticateMQTT(clientID: clientID, username: username, password: password)
    }

    func gateway(_ connection: GatewayConnection, notes note: BrokerNote) { write(note) }

    func gatewayAccepted(_ connection: GatewayConnection, _ note: BrokerNote) {
        guard let client = connection.client else { return }
        let others = connections.filter { $0 !== connection && $0.client == client && $0.isOnline }
        for other in others {
            write(.takenOver(client: client, from: other.peer, by: connection.peer))
            cloud.cloud?.clientTakenOver(clientID: client)
            other.end(.takenOver)
        }
        tellLeft(client)
        write(note)
        cloud.cloud?.clientConnected(clientID: client)
    }

    /// Tells the cloud now that a client has gone, if it was not told yet.
    private func tellLeft(_ client: String) {
        guard let index = leaving.firstIndex(where: { $0.client == client }) else { return }
        let left = leaving.remove(at: index)
        kernel.cancel(left.item)
        cloud.cloud?.clientDisconnected(clientID: client, reason: left.reason)
    }

    func gatewayEnded(_ connection: GatewayConnection, reason: CloseReason) {
        connections.removeAll { $0 === connection }
        guard connection.isOnline, let client = connection.client, reason != .takenOver else { return }
        write(.disconnected(client: client, peer: connection.peer, reason))
        tellLeft(client)
        let item = kernel.schedule(after: Self.passage * speed) { [weak self] in self?.tellLeft(client) }
        leaving.append((client, reason.description, item))
    }

    private func write(_ note: BrokerNote) {
        if let sequence = recorder.append(node, BrokerVocabulary.name(of: note), note.fields) { kernel.currentCause = sequence }
    }
}

extension CloudHost {
    /// Asks the cloud who an MQTT client is; while it is down nobody is let in.
    func authenticateMQTT(clientID: String, username: String?, password: [UInt8]?) -> MQTTDecision {
        guard let cloud else { return .refused(code: MQTTConnectReturnCode.serverUnavailable.rawValue, reason: "the cloud is down") }
        return cloud.authenticateMQTT(clientID: clientID, username: username, password: password)
    }
}
