import LabCore
import Simulation
import Transports

/// Accepts connections on loopback and hands each to the kernel's thread as a byte stream.
///
/// `@unchecked Sendable`: the list of streams is touched on the kernel's thread only, where everything is posted to.
final class SocketAcceptor: StreamServerHandler, @unchecked Sendable {
    private let kernel: Kernel
    private let accept: (AcceptedStream, StreamPeer) -> Void
    private var streams: [StreamID: AcceptedStream] = [:]
    private var server: StreamServer?

    /// - Parameters:
    ///   - sockets: the thread of the sockets.
    ///   - accept: called on the kernel's thread with a stream that is open.
    init(on sockets: StreamLoop, kernel: Kernel, accept: @escaping (AcceptedStream, StreamPeer) -> Void) {
        self.kernel = kernel
        self.accept = accept
        server = StreamServer(on: sockets, handler: self)
    }

    /// - Throws: `StreamFailure`.
    func listen(_ listener: StreamListener) throws(StreamFailure) -> StreamAddress {
        guard let server else { throw StreamFailure(.failed, "\(listener.address)", "the acceptor is closed") }
        return try server.listen(listener)
    }

    /// Closes everything; waits for the thread of the sockets.
    func close() {
        server?.stop()
        server = nil
        streams = [:]
    }

    fileprivate func send(_ bytes: [UInt8], to id: StreamID) { server?.send(id, bytes) }

    fileprivate func close(_ id: StreamID) {
        streams[id] = nil
        server?.close(id)
    }

    fileprivate func setReading(_ isReading: Bool, _ id: StreamID) {
        if isReading { server?.resumeReading(id) } else { server?.pauseReading(id) }
    }

    // MARK: On the sockets' thread

    func opened(_ connection: StreamID, _ peer: StreamPeer) {
        kernel.post { [self] in
            guard server != nil else { return }
            let stream = AcceptedStream(self, connection, peer)
            streams[connection] = stream
            accept(stream, peer)
        }
    }

    func received(_ connection: StreamID, _ bytes: [UInt8]) {
        kernel.post { [self] in streams[connection]?.tell(.bytes(bytes, at: kernel.now)) }
    }

    func closed(_ connection: StreamID, _ failure: StreamFailure) {
        kernel.post { [self] in streams.removeValue(forKey: connection)?.ended(failure) }
    }
}

/// A connection that was accepted, as a stream on the kernel's thread. It cannot be opened again.
final class AcceptedStream: ByteStream {
    let name: String
    private(set) var isOpen = true
    var onEvent: ((ByteStreamEvent) -> Void)?
    private let acceptor: SocketAcceptor
    private let id: StreamID

    fileprivate init(_ acceptor: SocketAcceptor, _ id: StreamID, _ peer: StreamPeer) {
        self.acceptor = acceptor
        self.id = id
        name = "tcp \(peer.address)"
    }

    func open() {}
    func send(_ bytes: [UInt8]) { if isOpen { acceptor.send(bytes, to: id) } }

    func close() {
        guard isOpen else { return }
        isOpen = false
        acceptor.close(id)
    }

    func setReading(_ isReading: Bool) { if isOpen { acceptor.setReading(isReading, id) } }

    fileprivate func tell(_ event: ByteStreamEvent) { if isOpen { onEvent?(event) } }

    fileprivate func ended(_ failure: StreamFailure) {
        guard isOpen else { return }
        isOpen = false
        onEvent?(.closed(failure))
    }
}
