import LabCore
import MQTTBroker
import Simulation

/// The broker's end of one device's link in memory.
final class LinkConnection: BrokerConnection, LinkReceiver {
    let peer: String
    private unowned let host: BrokerHost
    private let link: Link
    /// The connection that is open on the link.
    private var id: ConnectionID?

    init(host: BrokerHost, link: Link, peer: String) {
        self.host = host
        self.link = link
        self.peer = peer
        link.far = self
    }

    func link(_ link: Link, _ side: LinkSide, received input: LinkInput) {
        switch input {
        case .opened: id = host.opened(self)
        case .bytes(let bytes): if let id { host.received(bytes, on: id) }
        case .closed:
            guard let id else { return }
            self.id = nil
            host.closed(id, reason: "connection lost")
        }
    }

    func send(_ bytes: [UInt8]) { link.send(bytes, from: .far) }

    func close() {
        id = nil
        link.close(from: .far)
    }

    /// A link in memory takes any amount; a paused client's bytes wait in the broker.
    func setReading(_ isReading: Bool) {}
}
