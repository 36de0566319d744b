import LabCore
import Simulation
import Transports

/// A pile's connection to the gateway over TCP, with a proxy in between where faults can come.
final class RealPileLine: ByteStream, FaultyWay {
    private let stream: any ByteStream
    private let proxy: LinkProxy?
    private let listener: TCPListener?

    init(_ stream: any ByteStream, proxy: LinkProxy? = nil, listener: TCPListener? = nil) {
        self.stream = stream
        self.proxy = proxy
        self.listener = listener
    }

    var name: String { stream.name }
    var isOpen: Bool { stream.isOpen }
    var onEvent: ((ByteStreamEvent) -> Void)? {
        get { stream.onEvent }
        set { stream.onEvent = newValue }
    }

    func open() { stream.open() }
    func send(_ bytes: [UInt8]) { stream.send(bytes) }
    func close() { stream.close() }

    /// The proxy first: it must not pass on that the pile's socket closes.
    func vanish() {
        proxy?.vanish()
        stream.close()
    }

    func apply(_ fault: LinkFault, id: Int) { proxy?.apply(fault, id: id) }
    func clear(_ id: Int) { proxy?.clear(id) }

    func end() {
        stream.close()
        proxy?.close()
        listener?.close()
    }
}

/// The gateway's end of a pile's socket.
final class SocketPileConnection: PileConnection {
    let peer: String
    private let stream: AcceptedStream
    private let door: PileDoor
    private var number: UInt64?

    /// Keeps itself while the socket is open.
    init(_ stream: AcceptedStream, door: PileDoor, peer: String) {
        self.stream = stream
        self.door = door
        self.peer = peer
        stream.onEvent = { event in self.received(event) }
        number = door.opened(self)
        if number == nil { close() }
    }

    private func received(_ event: ByteStreamEvent) {
        switch event {
        case .opened: break
        case .bytes(let bytes, _): if let number { door.received(bytes, on: number) }
        case .closed:
            stream.onEvent = nil
            if let number { door.closed(number) }
            number = nil
        }
    }

    func send(_ bytes: [UInt8]) { stream.send(bytes) }

    func close() {
        number = nil
        stream.onEvent = nil
        stream.close()
    }
}
