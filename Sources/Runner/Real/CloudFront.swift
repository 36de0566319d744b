import Cloud
import LabCore
import LoadGenerator
import Simulation
import Transports

/// The cloud's sockets: requests come over HTTP and are answered on the kernel's thread, where the cloud lives.
final class CloudFront {
    /// Where devices find it.
    let address: StreamAddress
    private let server: HTTPServer

    /// - Parameter extraCost: processor time that each request costs on top.
    /// - Throws: `StreamFailure`.
    init(
        kernel: Kernel, sockets: StreamLoop, cloud: CloudHost, clock: @escaping @Sendable () -> RunInstant, listening: Listening,
        extraCost: Duration = .zero
    ) throws {
        let cost = extraCost.nanoseconds
        let bridge = RequestBridge(kernel: kernel, clock: clock) { [unowned cloud] call, peer, accepted in
            if cost > 0 { Self.spend(cost) }
            return await cloud.respond(to: call, from: peer, accepted: accepted)
        }
        // The gateway has narrower limits for most, and says more about them; what it takes beyond the server's own must reach it.
        let routes = (cloud.cloud?.gateway.endpoints ?? []).compactMap { endpoint in
            endpoint.bodyLimit.map { HTTPRouteLimit(endpoint.method, endpoint.path, bodyBytes: $0) }
        }
        server = HTTPServer(on: sockets, limits: HTTPServerLimits(routes: routes, connections: Self.connections)) { call, peer, answer in
            bridge.respond(to: call, from: peer, answer)
        }
        address = try server.listen(StreamAddress(listening.host, listening.http))
        if let port = listening.https {
            try server.listen(StreamListener(StreamAddress(listening.host, port), security: try listening.security(for: "https")))
        }
    }

    /// The seeds ask for 10,000 requests at once; whoever sends them has not always a connection free for the next.
    private static let connections = 20_000

    /// Uses so much processor time of this thread, ns.
    private static func spend(_ time: Int64) {
        let start = MachineClock.threadCPU
        while MachineClock.threadCPU - start < time {}
    }

    /// Every address on which it listens, with its scheme.
    var addresses: [(scheme: String, address: StreamAddress)] { server.addresses }

    /// A cloud that is down refuses connections, as a dead process would.
    ///
    /// - Throws: `StreamFailure` where somebody else has taken the port meanwhile.
    func setListening(_ isListening: Bool) throws { try server.setListening(isListening) }
    func close() { server.stop() }
}
