import Foundation
import LabCore
import LoadGenerator
import MQTTBroker
import Simulation
import Transports

/// The media of `emu`: ptys through termios, TCP, MQTT through libmosquitto and HTTP on loopback, in real time or faster.
final class RealMedia: WorldMedia {
    let kernel: Kernel
    let epoch: Int64
    private let seed: UInt64
    private let settings: RealSettings
    private let reactor: Reactor
    private let sockets = RealMedia.sharedSockets
    private let clients: MosquittoClients
    private let requests: HTTPClientPool
    private let folder: PortFolder
    private var cloud: CloudHost?
    private var cloudFront: CloudFront?
    private let inProcessLink = SharedProfile(LinkProfile())
    private var door: BrokerDoor?
    private var networks: [SocketNetwork] = []
    private var pileDoor: (door: PileDoor, acceptor: SocketAcceptor, address: StreamAddress)?
    private var pileLines: [RealPileLine] = []
    private var services: [RealService] = []
    private var realPayments: HTTPClientPool?
    private var realDevices: BenchAccess?
    private var terminals: [any ByteStream] = []

    /// One thread carries the sockets of all worlds of the process; it is never stopped, so that what closes late finds it.
    private static let sharedSockets = StreamLoop()

    /// Members of larger fleets have a proxy only where the scenario disturbs them: they need half as many descriptors without.
    private static let largestProxiedFleet = 16

    /// So many devices are a fleet whose frames are gathered.
    private static let largeFleet = 5_000

    /// - Parameter devices: how many there will be.
    /// - Throws: `StreamFailure` where the machine does not give what a world needs.
    init(seed: UInt64, settings: RealSettings, devices: Int) throws {
        self.seed = seed
        self.settings = settings
        reactor = try Reactor(speed: settings.speed, gathering: devices < Self.largeFleet ? .zero : Reactor.fleetGathering)
        kernel = Kernel(pace: reactor, foreignJobs: .accept)
        // The one look at the machine's calendar: the run's clock counts from here.
        epoch = MachineClock.unixSeconds
        clients = try MosquittoClients(on: reactor)
        requests = try HTTPClientPool(on: sockets, reportingTo: kernel)
        folder = try PortFolder(settings.portFolder)
    }

    func open(cloud: CloudHost, setting: BrokerSetting) throws -> any WorldBroker {
        cloudFront = try CloudFront(kernel: kernel, sockets: sockets, cloud: cloud, clock: clock, listening: settings.listening, extraCost: settings.cloud.extraCost)
        let door = try BrokerDoor(
            kernel: kernel, sockets: sockets, cloud: cloud, setting: setting, settings: settings, name: { [unowned self] in nodeName(at: $0) })
        (self.cloud, self.door) = (cloud, door)
        pileDoor = try openPileDoor(cloud.piles)
        return door.broker
    }

    private func openPileDoor(_ door: PileDoor) throws -> (PileDoor, SocketAcceptor, StreamAddress) {
        let acceptor = SocketAcceptor(on: sockets, kernel: kernel) { [unowned self] stream, peer in
            _ = SocketPileConnection(stream, door: door, peer: nodeName(at: peer.address))
        }
        return (door, acceptor, try acceptor.listen(StreamListener(StreamAddress(settings.listening.host, settings.listening.piles))))
    }

    var loss: StreamFailure? { door?.loss ?? realDevices?.loss }

    func settle() throws { try door?.settle(kernel) }

    /// What listens where.
    var addresses: [(scheme: String, host: String, port: Int)] {
        ((cloudFront?.addresses ?? []) + (door?.addresses ?? []) + (pileDoor.map { [("piles", $0.address)] } ?? []) + services.map { ("payments", $0.address) }).map { ($0.scheme, $0.address.host, $0.address.port) }
    }

    /// The emulated serial ports.
    private(set) var ports: [(name: String, path: String)] = []

    func setCloudReachable(_ isReachable: Bool) throws { try cloudFront?.setListening(isReachable) }

    // MARK: Networks

    func network(for node: String, role: Role, _ wish: NetworkWish) throws -> any DeviceNetwork {
        guard let cloud, let front = cloudFront, let door else { throw ActionFailure("no_cloud", "A world needs its cloud before its devices.") }
        if wish.isInProcess { return try inProcess(node, role, cloud, door) }
        let network: SocketNetwork
        if wish.hasFaults || role.count <= Self.largestProxiedFleet {
            network = try proxied(node, front.address, door.address)
        } else {
            network = SocketNetwork(mqtt: client(at: door.address), http: requests.requester(to: front.address, isFresh: false))
        }
        networks.append(network)
        return network
    }

    /// For fleets that are larger than the sockets of a process: the same bytes at the same broker, in no time.
    private func inProcess(_ node: String, _ role: Role, _ cloud: CloudHost, _ door: BrokerDoor) throws -> any DeviceNetwork {
        guard let broker = door.broker as? BrokerHost else {
            throw ActionFailure(
                "not_possible_here", "Of '\(role.name)' only \(role.membersOverTCP) have sockets (over_tcp), and the others reach no broker but the lab's own: --broker embedded.")
        }
        return SimulatedNetwork.connected(to: cloud, broker, node: node, on: kernel, profile: inProcessLink, seed: seed)
    }

    /// Each device has an address of its own on loopback, as it would have on a network.
    private func proxied(_ node: String, _ http: StreamAddress, _ mqtt: StreamAddress) throws -> SocketNetwork {
        let source = Self.source(of: sources.count)
        sources[source] = node
        let proxy = LinkProxy(on: kernel, name: node, seed: seed)
        let listeners = try [mqtt, http].map { target in
            try TCPListener(on: sockets, reportingTo: kernel, clock: clock) { [unowned self] device in
                proxy.accept(device, upstream: connection(to: target, from: source))
            }
        }
        return SocketNetwork(
            mqtt: client(at: listeners[0].address), http: requests.requester(to: listeners[1].address, isFresh: true), proxy: proxy,
            listeners: listeners)
    }

    private var sources: [String: String] = [:]

    private static func source(of index: Int) -> String { "127.1.\(index / 250).\(index % 250 + 1)" }
    private func nodeName(at address: StreamAddress) -> String { sources[address.host] ?? address.description }

    private func client(at address: StreamAddress) -> any MessageClient { clients.client(host: address.host, port: address.port) }

    var front: (address: StreamAddress, speed: Double)? { cloudFront.map { ($0.address, settings.speed) } }
    var instant: RunInstant { reactor.now }
    private var clock: @Sendable () -> RunInstant { { [reactor] in reactor.now } }

    // MARK: Piles and services

    func pileLine(for node: String, role: Role, hasFaults: Bool) throws -> (stream: any ByteStream, way: any FaultyWay) {
        guard let pileDoor else { throw ActionFailure("no_cloud", "A world needs its cloud before its devices.") }
        let line = try hasFaults || role.count <= Self.largestProxiedFleet ? proxiedLine(node, pileDoor.address) : RealPileLine(connection(to: pileDoor.address))
        pileLines.append(line)
        return (line, line)
    }

    private func proxiedLine(_ node: String, _ address: StreamAddress) throws -> RealPileLine {
        let source = Self.source(of: sources.count)
        sources[source] = node
        let proxy = LinkProxy(on: kernel, name: node, seed: seed)
        let listener = try TCPListener(on: sockets, reportingTo: kernel, clock: clock) { [unowned self] pile in
            proxy.accept(pile, upstream: connection(to: address, from: source))
        }
        return RealPileLine(connection(to: listener.address), proxy: proxy, listener: listener)
    }

    private func connection(to address: StreamAddress, from source: String? = nil) -> TCPStream {
        TCPStream(to: TCPTarget(address, source: source), on: sockets, reportingTo: kernel, clock: clock)
    }

    func service(_ host: DeviceHost, network: any DeviceNetwork) throws -> any ServiceDoor {
        let service = try RealService(kernel: kernel, sockets: sockets, requests: requests, host: host, listeningOn: settings.listening.host)
        services.append(service)
        return service
    }

    func doors(to payments: RealPayments, onFailure: @escaping (String, StreamFailure) -> Void) throws -> [(name: String?, door: any ServiceDoor)] {
        let pool = try HTTPClientPool(on: sockets, reportingTo: kernel, security: payments.authorities.map { ClientSecurity(roots: .pinned($0)) })
        realPayments = pool
        return payments.endpoints.map { endpoint in
            let address = StreamAddress(endpoint.address.host, endpoint.address.port)
            let requester = pool.requester(to: address, secure: endpoint.address.isSecure)
            requester.onFailure = { onFailure(endpoint.service, $0) }
            return (endpoint.service, RemoteService(requester))
        }
    }

    // MARK: Serial ports

    func bench() throws -> BenchAccess {
        if let realDevices { return realDevices }
        let access = try BenchAccess(on: reactor, sockets: sockets, kernel: kernel, places: settings.bench.places, clock: clock)
        realDevices = access
        return access
    }

    func serialPort(_ name: String, of node: String, baud: UInt32?) throws -> (module: any ByteStream, host: any ByteStream) {
        let path = folder.path(for: "\(node).\(name)")
        let terminal = PseudoTerminal(name: path, on: reactor)
        terminals.append(terminal)
        ports.append(("\(node).\(name)", path))
        let module: any ByteStream = baud.map { PacedStream(terminal, kernel: kernel, baud: $0, seed: seed) } ?? terminal
        return (module, SerialPort(path: path, settings: SerialSettings(), on: reactor))
    }

    // MARK: The end

    func close() {
        for network in networks { network.close() }
        for line in pileLines { line.end() }
        for service in services { service.close() }
        pileDoor?.acceptor.close()
        for terminal in terminals { terminal.close() }
        realDevices?.close()
        requests.close()
        realPayments?.close()
        cloudFront?.close()
        door?.close()
        folder.remove()
    }

    var timing: TimingReport? {
        let lateness = reactor.lateness
        return TimingReport(
            timers: lateness.count, median: lateness.median, p99: lateness.p99, worst: lateness.maximum, speed: settings.speed)
    }
}
