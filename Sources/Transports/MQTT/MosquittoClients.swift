import CLinux
import CMosquitto
import Glibc
package import LabCore

/// All MQTT clients of a run: libmosquitto on one reactor, without a thread of its own for each.
///
/// Measured: with its threads the library stops at 339 clients, on one epoll 5,000 and more connect (swift-facts.md D).
package final class MosquittoClients {
    let reactor: Reactor
    private let timer: Int32
    private var watch: Reactor.WatchID?
    private var clients: [ObjectIdentifier: WeakClient] = [:]

    private struct WeakClient { weak var client: MosquittoClient? }

    /// How often the library looks after keep-alive times.
    private static let interval: Int64 = 500_000_000

    /// - Throws: `StreamFailure` where the system gives no more descriptors.
    package init(on reactor: Reactor) throws(StreamFailure) {
        self.reactor = reactor
        mosquitto_lib_init()
        timer = clinux_timerfd(Self.interval)
        watch = try reactor.watch(timer, .reading) { [weak self] _ in self?.tick() }
    }

    deinit {
        if let watch { reactor.unwatch(watch) }
        close(timer)
        mosquitto_lib_cleanup()
    }

    /// A client for one device; it connects when it is told to.
    ///
    /// - Parameters:
    ///   - host: an address, so that no name has to be looked up.
    ///   - authority: the file of the certificate authority for TLS; plain TCP where it is `nil`.
    package func client(host: String, port: Int, authority: String? = nil) -> MosquittoClient {
        let client = MosquittoClient(self, host: host, port: port, authority: authority)
        clients[ObjectIdentifier(client)] = WeakClient(client: client)
        return client
    }

    func forget(_ client: ObjectIdentifier) { clients[client] = nil }

    private func tick() {
        _ = clinux_timerfd_clear(timer)
        for entry in Array(clients.values) { entry.client?.tick() }
    }
}
