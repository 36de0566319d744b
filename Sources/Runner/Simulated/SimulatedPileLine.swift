import LabCore
import Simulation

/// A pile's connection to the gateway in memory.
final class SimulatedPileLine: FaultyWay {
    /// The pile's end.
    let stream: any ByteStream
    private let link: Link
    private let gateway: GatewayEnd

    init(link: Link, door: PileDoor, peer: String) {
        self.link = link
        stream = LinkStream(link, .near)
        gateway = GatewayEnd(link, door, peer)
        link.far = gateway
    }

    func apply(_ fault: LinkFault, id: Int) { link.apply(fault, id: id) }
    func clear(_ id: Int) { link.clear(id) }

    private final class GatewayEnd: PileConnection, LinkReceiver {
        let peer: String
        private unowned let link: Link
        private let door: PileDoor
        private var number: UInt64?

        init(_ link: Link, _ door: PileDoor, _ peer: String) {
            self.link = link
            self.door = door
            self.peer = peer
        }

        func link(_ link: Link, _ side: LinkSide, received input: LinkInput) {
            switch input {
            case .opened:
                number = door.opened(self)
                if number == nil { link.close(from: .far) }
            case .bytes(let bytes): if let number { door.received(bytes, on: number) }
            case .closed:
                guard let number else { return }
                self.number = nil
                door.closed(number)
            }
        }

        func send(_ bytes: [UInt8]) { link.send(bytes, from: .far) }

        func close() {
            number = nil
            link.close(from: .far)
        }
    }
}
