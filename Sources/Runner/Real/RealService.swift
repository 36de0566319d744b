import LabCore
import Simulation
import Transports

/// A service of its own behind an HTTP server, and the cloud's client for it.
///
/// `@unchecked Sendable`: the service's host is touched on the kernel's thread only.
final class RealService: ServiceDoor, @unchecked Sendable {
    let address: StreamAddress
    private let server: HTTPServer
    private let requester: any HTTPRequester

    /// - Throws: `StreamFailure`.
    init(kernel: Kernel, sockets: StreamLoop, requests: HTTPClientPool, host: DeviceHost, listeningOn name: String) throws {
        let bridge = RequestBridge(kernel: kernel) { [unowned host] call, _, _ in await host.serve(call) }
        server = HTTPServer(on: sockets) { call, peer, answer in bridge.respond(to: call, from: peer, answer) }
        address = try server.listen(StreamAddress(name, 0))
        requester = requests.requester(to: address, isFresh: false)
    }

    func request(_ call: HTTPCall) async -> Result<HTTPAnswer, HTTPFailure> {
        await withCheckedContinuation { continuation in requester.send(call) { continuation.resume(returning: $0) } }
    }

    func close() { server.stop() }
}
