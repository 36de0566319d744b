import CLinux
import CMosquitto
import Glibc
package import LabCore

/// The MQTT clients of a run through libmosquitto: all on one reactor, without threads, with one timer for all.
///
/// Belongs to the reactor's thread. Each connected client takes three descriptors, so a process that may have 20,000 can
/// have about 6,600 (swift-facts: measured, section D).
package final class MosquittoClients {
    /// How the clients do TLS.
    package struct Security: Sendable, Hashable {
        /// A file with the certificates of the authorities, in PEM.
        package var authorities: String
        /// Takes a certificate that is made for another host; for brokers on a bench that are reached by their address.
        package var acceptsAnyHost: Bool

        package init(authorities: String, acceptsAnyHost: Bool = false) {
            self.authorities = authorities
            self.acceptsAnyHost = acceptsAnyHost
        }
    }

    let reactor: Reactor
    let security: Security?
    private var timer: RepeatingTimer?
    /// Clients that have a handle of the library, by a number that is never used twice.
    private var clients: [Int: Unowned] = [:]
    private var lastNumber = 0

    private struct Unowned { unowned let client: MosquittoClient }

    /// Once for the process; the library counts nothing that would have to be given back.
    private static let library: Void = {
        mosquitto_lib_init()
        // The library writes to sockets in the plain way.
        clinux_ignore_broken_pipes()
    }()

    /// - Parameter security: for brokers that want TLS; `nil` for plain TCP.
    /// - Throws: `.notFound` if the file of authorities cannot be read.
    package init(on reactor: Reactor, security: Security? = nil) throws(StreamFailure) {
        Self.library
        if let security, unsafe access(security.authorities, R_OK) != 0 {
            throw StreamFailure(.notFound, security.authorities, "the authorities' certificates cannot be read", remedy: "name a PEM file")
        }
        self.reactor = reactor
        self.security = security
    }

    /// A client of the broker at that address; it connects when it is told to.
    ///
    /// - Parameter host: an address and not a name, which would have to be looked up on the loop's thread; with a name
    ///   connecting fails.
    package func client(host: String, port: Int) -> MosquittoClient {
        let address = StreamAddress(host, port)
        return MosquittoClient(self) { address }
    }

    /// A client whose broker may move: the address is asked for at each connecting.
    package func client(at address: @escaping () -> StreamAddress) -> MosquittoClient { MosquittoClient(self, at: address) }

    func check(_ address: StreamAddress) throws(StreamFailure) {
        guard address.addressBytes != nil else {
            throw StreamFailure(
                .unsupported, "mqtt \(address)", "the broker needs an address here", remedy: "look \(address.host) up, or use 127.0.0.1")
        }
        guard (1...65_535).contains(address.port) else {
            throw StreamFailure(.unsupported, "mqtt \(address)", "there is no such port", remedy: "name a port from 1 to 65535")
        }
    }

    /// Clients that have sockets, or had one and keep a session.
    package var count: Int { clients.count }

    // MARK: Time

    /// The library wants to be called about once a second; at a higher speed of the run more often, for what is counted in the run's time.
    private var interval: Duration { .nanoseconds(max(50_000_000, Int64(1e9 / max(1, reactor.speed)))) }

    func add(_ client: MosquittoClient) throws(StreamFailure) -> Int {
        if timer == nil { timer = try reactor.every(interval) { [unowned self] in tick() } }
        lastNumber += 1
        clients[lastNumber] = Unowned(client: client)
        return lastNumber
    }

    func remove(_ number: Int) {
        clients[number] = nil
        if clients.isEmpty { timer = nil }
    }

    private func tick() {
        let now = reactor.now
        for number in clients.keys.sorted() { clients[number]?.client.tick(now) }
    }
}
