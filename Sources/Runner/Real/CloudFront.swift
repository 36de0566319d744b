import LabCore
import Simulation
import Transports

/// The cloud's sockets: requests come over HTTP and are answered on the kernel's thread, where the cloud lives.
final class CloudFront {
    /// Where devices find it.
    let address: StreamAddress
    private let server: HTTPServer

    /// - Throws: `StreamFailure`.
    init(kernel: Kernel, sockets: StreamLoop, cloud: CloudHost, listening: Listening) throws {
        let bridge = CloudBridge(kernel: kernel, cloud: cloud)
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

/// Takes requests from the server's threads to the kernel's.
///
/// `@unchecked Sendable`: the cloud's host is touched on the kernel's thread only.
private final class CloudBridge: @unchecked Sendable {
    private let kernel: Kernel
    private unowned let cloud: CloudHost

    init(kernel: Kernel, cloud: CloudHost) {
        self.kernel = kernel
        self.cloud = cloud
    }

    func respond(to call: HTTPCall, from peer: String) async -> Result<HTTPAnswer, HTTPFailure> {
        await withCheckedContinuation { continuation in
            kernel.post { [self] in
                guard !kernel.isShutDown else { return continuation.resume(returning: .failure(.unreachable)) }
                kernel.start("request \(call.method) \(call.path)") { [self] in
                    continuation.resume(returning: await cloud.respond(to: call, from: peer))
                }
            }
        }
    }
}
