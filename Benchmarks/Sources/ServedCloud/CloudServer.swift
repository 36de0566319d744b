package import Cloud
import LabCore
package import Simulation
import Transports

/// The cloud as it is, on sockets, over a database in a file: HTTP and the gateway of piles, in real time.
///
/// Everything of the cloud runs on the thread that made this and that calls `run`; a second thread carries the sockets.
///
/// `@unchecked Sendable`: what comes from the sockets' thread is posted to the kernel.
package final class CloudServer: @unchecked Sendable {
    package struct Settings: Sendable {
        /// `nil` for a database in memory, where nothing is durable.
        package var databasePath: String?
        /// Serials that no factory provisioned may register.
        package var allowsOpenRegistration = true
        package var rateLimits = RateLimits()
        package var connections = 12_000

        package init(databasePath: String?) { self.databasePath = databasePath }
    }

    package let kernel: Kernel
    package private(set) var cloud: Cloud!
    /// Where it listens on 127.0.0.1.
    package private(set) var httpPort = 0
    package private(set) var pilePort = 0
    package static let hostName = "cloud.lab"
    package static let factoryMasterKey = [UInt8](repeating: 0x42, count: 32)

    private let reactor: Reactor
    private let sockets = StreamLoop()
    private var http: HTTPServer!
    private var door: PileServer!
    private var random = SeededGenerator(seed: .random(in: .min ... .max))

    /// - Parameter epoch: the machine's time, Unix seconds.
    package init(_ settings: Settings, epoch: Int64) throws {
        reactor = try Reactor()
        kernel = Kernel(pace: reactor, foreignJobs: .accept)
        door = PileServer(sockets, kernel) { [unowned self] in cloud }
        cloud = try Cloud(
            configuration: configuration(settings), environment: environment(epoch), storage: Storage(path: settings.databasePath))
        http = HTTPServer(on: sockets, limits: HTTPServerLimits(connections: settings.connections)) { [unowned self] call, peer, answer in
            kernel.post { [self] in kernel.start("request") { [self] in answer(await cloud.respond(to: call, from: peer)) } }
        }
        httpPort = try http.listen(StreamAddress("127.0.0.1", 0)).port
        pilePort = try door.listen()
    }

    private func configuration(_ settings: Settings) -> CloudConfiguration {
        var devices = DeviceSettings(
            factoryMasterKey: Self.factoryMasterKey, deviceMasterKey: random.bytes(32), tenantSalt: Hexadecimal.text(random.bytes(32)))
        devices.allowsOpenRegistration = settings.allowsOpenRegistration
        return CloudConfiguration(
            hostName: Self.hostName, devices: devices, tokenKeys: [TokenKey(keyID: "bench-1", secret: random.bytes(32))],
            // Users of a benchmark protect nothing.
            passwordCost: PasswordCost(rounds: 1 << 4, blockSize: 8, parallelism: 1), rateLimits: settings.rateLimits)
    }

    private func environment(_ epoch: Int64) -> CloudEnvironment {
        var environment = CloudEnvironment(
            now: { [kernel] in kernel.now }, epoch: epoch, randomBytes: { [unowned self] in random.bytes($0) },
            sleep: { [kernel] in try await kernel.sleep(for: $0) },
            schedule: { [kernel] time, job in _ = kernel.schedule(at: time) { job() } },
            note: { _, _ in }, publish: { _ in }, acknowledge: { _ in }, disconnect: { _, _ in },
            sendToPile: { [unowned self] in door.send($1, to: $0) }, closePile: { [unowned self] connection, _ in door.close(connection) },
            start: { [kernel] name, work in kernel.start(name) { await work() } })
        // Nobody reads them here.
        environment.recordsTraffic = false
        environment.commitsTogether = true
        return environment
    }

    /// Whether anybody can connect for HTTP; connections end when it ceases.
    package func setListening(_ isListening: Bool) throws { try http.setListening(isListening) }

    /// Does something with the cloud before or between the load.
    package func perform<Result>(_ work: @escaping () async throws -> Result) throws -> Result { try kernel.runBlocking("bench", work) }

    /// Runs until `isOver`, which is asked a hundred times a second.
    package func run(until isOver: @escaping () -> Bool) {
        var hasEnded = false
        func look() {
            hasEnded = isOver()
            if !hasEnded { kernel.schedule(after: .milliseconds(10)) { look() } }
        }
        look()
        kernel.run { hasEnded }
    }
}

/// The gateway's sockets: connections are numbered by their streams, and everything is posted to the kernel.
private final class PileServer: StreamServerHandler, @unchecked Sendable {
    private let kernel: Kernel
    private let cloud: () -> Cloud?
    private var server: StreamServer!

    init(_ sockets: StreamLoop, _ kernel: Kernel, cloud: @escaping () -> Cloud?) {
        self.kernel = kernel
        self.cloud = cloud
        server = StreamServer(on: sockets, handler: self)
    }

    func listen() throws -> Int { try server.listen(StreamListener(StreamAddress("127.0.0.1", 0))).port }
    func send(_ bytes: [UInt8], to connection: UInt64) { server.send(StreamID(rawValue: connection), bytes) }
    func close(_ connection: UInt64) { server.close(StreamID(rawValue: connection)) }

    func opened(_ connection: StreamID, _ peer: StreamPeer) {
        kernel.post { [self] in cloud()?.pileConnected(connection.rawValue, peer: peer.address.description) }
    }
    func received(_ connection: StreamID, _ bytes: [UInt8]) { kernel.post { [self] in cloud()?.pileReceived(connection.rawValue, bytes) } }
    func closed(_ connection: StreamID, _ failure: StreamFailure) { kernel.post { [self] in cloud()?.pileClosed(connection.rawValue) } }
}
