import LabCore
import MQTTBroker

/// The embedded broker's end of a connection that came over a socket.
final class SocketConnection: BrokerConnection {
    let peer: String
    private let stream: AcceptedStream

    /// Hands what comes over the stream to the broker, until one side closes.
    init(host: BrokerHost, stream: AcceptedStream, peer: String) {
        self.peer = peer
        self.stream = stream
        let id = host.opened(self)
        stream.onEvent = { [unowned host] event in
            switch event {
            case .opened: break
            case .bytes(let bytes, _): host.received(bytes, on: id)
            case .closed(let failure): host.closed(id, reason: failure.reason == .ended ? "connection lost" : failure.detail)
            }
        }
    }

    func send(_ bytes: [UInt8]) { stream.send(bytes) }
    func close() { stream.close() }
    func setReading(_ isReading: Bool) { stream.setReading(isReading) }
}
