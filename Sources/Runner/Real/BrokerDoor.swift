import LabCore
import MQTTBroker
import Simulation
import Transports

/// The broker of a world in real time with the sockets through which devices reach it: the embedded one, or the gateway to
/// another.
final class BrokerDoor {
    let broker: any WorldBroker
    /// Where devices find it.
    let address: StreamAddress
    /// Every address on which it listens, with its scheme.
    private(set) var addresses: [(scheme: String, address: StreamAddress)] = []
    private let acceptor: SocketAcceptor
    private let speed: Double
    /// A broker that is none of ours.
    private let external: ExternalBrokerHost?

    /// - Parameter name: the node at an address.
    /// - Throws: `StreamFailure`.
    init(
        kernel: Kernel, sockets: StreamLoop, cloud: CloudHost, setting: BrokerSetting, settings: RealSettings,
        name: @escaping (StreamAddress) -> String
    ) throws {
        speed = settings.speed
        switch settings.broker {
        case .embedded:
            var configuration = BrokerConfiguration()
            configuration.clientTimeFactor = settings.speed
            let host = BrokerHost(
                kernel: kernel, recorder: setting.recorder, node: setting.node, cloud: cloud, seed: setting.seed,
                hasTranscript: setting.hasTranscript, configuration: configuration)
            broker = host
            acceptor = SocketAcceptor(on: sockets, kernel: kernel) { stream, peer in
                _ = SocketConnection(host: host, stream: stream, peer: name(peer.address))
            }
            external = nil
        case .mosquitto:
            let host = try Self.mosquitto(kernel, sockets, cloud, setting, speed: settings.speed)
            (broker, external) = (host, host)
            acceptor = SocketAcceptor(on: sockets, kernel: kernel) { stream, peer in host.accept(stream, peer: name(peer.address)) }
        case .external(let address):
            let target = TCPTarget(
                StreamAddress(address.host, address.port), security: address.usesTLS ? ClientSecurity() : nil)
            let account = (address.username, address.password)
            let host = ExternalBrokerHost(
                setting: setting, kernel: kernel, cloud: cloud, process: nil, cloudAccount: account, deviceAccount: account, speed: settings.speed
            ) { TCPStream(to: target, on: sockets, reportingTo: kernel, clock: { .start }) }
            (broker, external) = (host, host)
            acceptor = SocketAcceptor(on: sockets, kernel: kernel) { stream, peer in host.accept(stream, peer: name(peer.address)) }
        }
        let listening = settings.listening
        address = try acceptor.listen(StreamListener(StreamAddress(listening.host, listening.mqtt)))
        addresses = [("mqtt", address)]
        if let port = listening.mqtts {
            let listener = StreamListener(StreamAddress(listening.host, port), security: try listening.security(for: "mqtts"))
            addresses.append(("mqtts", try acceptor.listen(listener)))
        }
        if let port = listening.webSocket {
            let listener = StreamListener(StreamAddress(listening.host, port), framing: .webSocket(WebSocketSettings()))
            addresses.append(("ws", try acceptor.listen(listener)))
        }
    }

    private static func mosquitto(
        _ kernel: Kernel, _ sockets: StreamLoop, _ cloud: CloudHost, _ setting: BrokerSetting, speed: Double
    ) throws -> ExternalBrokerHost {
        var randomness = SeededGenerator(seed: setting.seed, purpose: "accounts at mosquitto")
        let accounts = ["lab-cloud", "lab-device"].map { name in
            MosquittoProcess.Account(username: name, password: Hexadecimal.text(randomness.bytes(16)))
        }
        let process = try MosquittoProcess.onFreePort(
            { () throws(StreamFailure) in try FreePort.onLoopback(sockets, kernel) }, accounts: accounts,
            rights: MosquittoProcess.rights(cloud: accounts[0].username))
        let target = TCPTarget(StreamAddress("127.0.0.1", process.port))
        return ExternalBrokerHost(
            setting: setting, kernel: kernel, cloud: cloud, process: process, cloudAccount: (accounts[0].username, accounts[0].password),
            deviceAccount: (accounts[1].username, accounts[1].password), speed: speed
        ) { TCPStream(to: target, on: sockets, reportingTo: kernel, clock: { .start }) }
    }

    /// Waits until the cloud is connected to a broker that is none of ours.
    ///
    /// - Throws: `StreamFailure` with what the broker, or the way to it, said last.
    func settle(_ kernel: Kernel) throws(StreamFailure) {
        guard let external else { return }
        let end = kernel.now.advanced(by: Self.patience * speed)
        kernel.run(until: end) { external.isConnected || external.isHopeless }
        guard !external.isConnected else { return }
        throw external.failure
            ?? StreamFailure(.timedOut, "broker", "it does not answer", remedy: "check its address, and that it is running")
    }

    /// The broker is gone, by no step of the scenario.
    var loss: StreamFailure? { external?.loss }

    /// How long the way to it may take.
    private static let patience = Duration.seconds(5)

    func close() {
        external?.close()
        acceptor.close()
    }
}
