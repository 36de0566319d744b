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
    private let closing: () -> Void

    /// - Parameter name: the node at an address.
    /// - Throws: `StreamFailure`.
    init(
        kernel: Kernel, sockets: StreamLoop, cloud: CloudHost, setting: BrokerSetting, settings: RealSettings,
        name: @escaping (StreamAddress) -> String
    ) throws {
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
            closing = {}
        case .mosquitto:
            let host = try Self.mosquitto(kernel, sockets, cloud, setting)
            broker = host
            acceptor = SocketAcceptor(on: sockets, kernel: kernel) { stream, peer in host.accept(stream, peer: name(peer.address)) }
            closing = host.close
        case .external(let external):
            let target = TCPTarget(
                StreamAddress(external.host, external.port), security: external.usesTLS ? ClientSecurity() : nil)
            let account = (external.username, external.password)
            let host = ExternalBrokerHost(
                setting: setting, kernel: kernel, cloud: cloud, process: nil, cloudAccount: account, deviceAccount: account
            ) { TCPStream(to: target, on: sockets, reportingTo: kernel, clock: { .start }) }
            broker = host
            acceptor = SocketAcceptor(on: sockets, kernel: kernel) { stream, peer in host.accept(stream, peer: name(peer.address)) }
            closing = host.close
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

    private static func mosquitto(_ kernel: Kernel, _ sockets: StreamLoop, _ cloud: CloudHost, _ setting: BrokerSetting) throws -> ExternalBrokerHost {
        var randomness = SeededGenerator(seed: setting.seed, purpose: "accounts at mosquitto")
        let accounts = ["lab-cloud", "lab-device"].map { name in
            MosquittoProcess.Account(username: name, password: Hexadecimal.text(randomness.bytes(16)))
        }
        let port = try FreePort.onLoopback(sockets, kernel)
        let process = try MosquittoProcess(port: port, accounts: accounts, rights: MosquittoProcess.rights(cloud: accounts[0].username))
        let target = TCPTarget(StreamAddress("127.0.0.1", port))
        return ExternalBrokerHost(
            setting: setting, kernel: kernel, cloud: cloud, process: process, cloudAccount: (accounts[0].username, accounts[0].password),
            deviceAccount: (accounts[1].username, accounts[1].password)
        ) { TCPStream(to: target, on: sockets, reportingTo: kernel, clock: { .start }) }
    }

    func close() {
        closing()
        acceptor.close()
    }
}
