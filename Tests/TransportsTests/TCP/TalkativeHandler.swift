import LabCore
import Synchronization
import Transports

/// Answers what it hears with text that is no TLS.
final class TalkativeHandler: StreamServerHandler {
    let server = Mutex<StreamServer?>(nil)

    func opened(_ connection: StreamID, _ peer: StreamPeer) {}
    func received(_ connection: StreamID, _ bytes: [UInt8]) { server.withLock { $0 }?.send(connection, Array("220 hello\r\n".utf8)) }
    func closed(_ connection: StreamID, _ failure: StreamFailure) {}
}

/// Does one thing when it hears something.
final class FarewellHandler: StreamServerHandler {
    private let server = Mutex<StreamServer?>(nil)
    private let farewell: @Sendable (StreamID, StreamServer) -> Void

    init(_ farewell: @escaping @Sendable (StreamID, StreamServer) -> Void) { self.farewell = farewell }

    func serves(_ server: StreamServer) { self.server.withLock { $0 = server } }

    func opened(_ connection: StreamID, _ peer: StreamPeer) {}
    func received(_ connection: StreamID, _ bytes: [UInt8]) { if let server = server.withLock({ $0 }) { farewell(connection, server) } }
    func closed(_ connection: StreamID, _ failure: StreamFailure) {}
}

/// Sends a block to who comes, and the next one whenever the connection takes more.
final class RefillingHandler: StreamServerHandler {
    private let server = Mutex<StreamServer?>(nil)
    private let block: [UInt8]
    private let refillsLeft: Mutex<Int>

    init(block: [UInt8], refills: Int) {
        self.block = block
        refillsLeft = Mutex(refills)
    }

    func serves(_ server: StreamServer) { self.server.withLock { $0 = server } }

    func opened(_ connection: StreamID, _ peer: StreamPeer) { server.withLock { $0 }?.send(connection, block) }
    func received(_ connection: StreamID, _ bytes: [UInt8]) {}
    func writabilityChanged(_ connection: StreamID, _ isWritable: Bool) {
        let isWanted =
            isWritable
            && refillsLeft.withLock { count in
                count -= 1
                return count >= 0
            }
        if isWanted { server.withLock { $0 }?.send(connection, block) }
    }
    func closed(_ connection: StreamID, _ failure: StreamFailure) {}
}
