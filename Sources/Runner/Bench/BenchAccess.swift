import Bench
import LabCore
import Simulation
import Transports

/// The bench as a world on real media has it: its ports, watched, and what goes wrong with it.
///
/// Confined to the kernel's thread.
final class BenchAccess {
    private let reactor: Reactor
    private let sockets: StreamLoop
    private let kernel: Kernel
    private let clock: @Sendable () -> RunInstant
    private let places: LabgridHoldings?
    private let directory: PortDirectory
    private var watchers: [(PortChange) -> Void] = []
    private var ports: [BenchPort] = []
    private var fixtures: [FixtureProgram] = []
    /// The first thing that the bench lost and no step took away; the case is blocked by it.
    private(set) var loss: StreamFailure?

    /// - Throws: `StreamFailure` where the machine's ports cannot be listed.
    init(
        on reactor: Reactor, sockets: StreamLoop, kernel: Kernel, places: LabgridHoldings?, clock: @escaping @Sendable () -> RunInstant
    ) throws(StreamFailure) {
        self.places = places
        self.reactor = reactor
        self.sockets = sockets
        self.kernel = kernel
        self.clock = clock
        directory = try PortDirectory(on: reactor)
        directory.onChange = { [weak self] change in self?.watchers.forEach { $0(change) } }
    }

    /// Run seconds for each real second.
    var speed: Double { reactor.speed }

    /// The port of a node; each opening finds it anew.
    func port(_ source: PortSource, name: String) -> BenchPort {
        let port = BenchPort(source, name: name, on: reactor) { [unowned self] source, tell throws(StreamFailure) in
            let streams = PortStreams(
                ports: { [directory] () throws(StreamFailure) in directory.ports }, on: reactor, sockets: { [sockets] in sockets }, reportingTo: kernel,
                places: places, clock: clock, tell: tell)
            return try streams.stream(to: source)
        }
        ports.append(port)
        return port
    }

    /// Whether the port is there now, as far as this machine can tell.
    func isPresent(_ source: PortSource) -> Bool {
        switch source.place {
        case .match, .path: (try? PortLookup.resolve(source, among: directory.ports)) != nil
        case .rfc2217, .tcp, .labgrid: true
        }
    }

    /// What makes a change concern this port.
    static func concerns(_ source: PortSource, _ port: PortRecord) -> Bool {
        switch source.place {
        case .match(let match): match.holds(for: port)
        case .path(let path): path == port.path
        case .rfc2217, .tcp, .labgrid: false
        }
    }

    func fixture(_ source: FixtureSource, of node: String) throws(StreamFailure) -> FixtureProgram {
        let fixture = try FixtureProgram(source, of: node, on: reactor)
        fixtures.append(fixture)
        return fixture
    }

    /// Is told of every port that comes or goes.
    func watch(_ watcher: @escaping (PortChange) -> Void) { watchers.append(watcher) }

    /// The case cannot come to a verdict; the first reason counts.
    func lose(_ failure: StreamFailure) { loss = loss ?? failure }

    func close() {
        watchers = []
        directory.close()
        for port in ports { port.close() }
        for fixture in fixtures { fixture.close() }
    }
}
