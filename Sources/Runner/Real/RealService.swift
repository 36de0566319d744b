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
        let bridge = Bridge(kernel: kernel, host: host)
        server = HTTPServer(on: sockets) { call, _ in await bridge.respond(to: call) }
        address = try server.listen(StreamAddress(name, 0))
        requester = requests.requester(to: address, isFresh: false)
    }

    func request(_ call: HTTPCall) async -> Result<HTTPAnswer, HTTPFailure> {
        await withCheckedContinuation { continuation in requester.send(call) { continuation.resume(returning: $0) } }
    }

    func close() { server.stop() }

    private final class Bridge: @unchecked Sendable {
        private let kernel: Kernel
        private unowned let host: DeviceHost

        init(kernel: Kernel, host: DeviceHost) {
            self.kernel = kernel
            self.host = host
        }

        func respond(to call: HTTPCall) async -> Result<HTTPAnswer, HTTPFailure> {
            await withCheckedContinuation { continuation in
                kernel.post { [self] in
                    guard !kernel.isShutDown else { return continuation.resume(returning: .failure(.unreachable)) }
                    kernel.start("service \(call.method) \(call.path)") { [self] in continuation.resume(returning: await host.serve(call)) }
                }
            }
        }
    }
}
