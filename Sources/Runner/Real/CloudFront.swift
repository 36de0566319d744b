import LabCore
import Simulation
import Transports

/// The cloud's sockets: requests come over HTTP and are answered on the kernel's thread, where the cloud lives.
final class CloudFront {
    /// Where devices find it.
    let address: StreamAddress
    private let server: HTTPServer

    /// - Throws: `StreamFailure`.
    init(kernel: Kernel, sockets: StreamLoop, cloud: CloudHost, clock: @escaping @Sendable () -> RunInstant, listening: Listening) throws {
        let bridge = RequestBridge(kernel: kernel, clock: clock) { [unowned cloud] call, peer, accepted in
            await cloud.respond(to: call, from: peer, accepted: accepted)
        }
        server = HTTPServer(on: sockets) { call, peer in await bridge.respond(to: call, from: peer) }
        address = try server.listen(StreamAddress(listening.host, listening.http))
        if let port = listening.https {
            try server.listen(StreamListener(StreamAddress(listening.host, port), security: try listening.security(for: "https")))
        }
    }

    /// Every address on which it listens, with its scheme.
    var addresses: [(scheme: String, address: StreamAddress)] { server.addresses }

    /// A cloud that is down refuses connections, as a dead process would.
    ///
    /// - Throws: `StreamFailure` where somebody else has taken the port meanwhile.
    func setListening(_ isListening: Bool) throws { try server.setListening(isListening) }
    func close() { server.stop() }
}
