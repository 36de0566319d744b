import Cloud
import LabCore
import Simulation

/// The cloud of a world: its database, which outlives it, and the process on top, which can crash and start again.
///
/// `@unchecked Sendable`: the cloud's environment consists of closures that any thread could call; in `sim` all of it
/// runs on the kernel's thread, which the kernel enforces.
final class CloudHost: @unchecked Sendable {
    private let kernel: Kernel
    private let recorder: EventRecorder
    private let node: String
    let configuration: CloudConfiguration
    private let epoch: Int64
    private let disk: Storage
    private var randomness: SeededGenerator
    /// Counts the lives of the cloud, so that timers of a dead one do nothing.
    private var life = 0
    private(set) var cloud: Cloud?
    /// The broker's side: set right after both exist.
    var broker: (any CloudBroker)?
    /// The piles' side: set right after both exist.
    private(set) lazy var piles = PileDoor(self)
    /// How the cloud reaches services that are none of its own, by its names for them; one of the world's nodes, without a name, answers to
    /// every other.
    var services: [(name: String?, door: any ServiceDoor)] = []
    /// Follows the items of loads; `nil` where there are none.
    var tracer: LoadTracer?
    /// How long the cloud takes, where time is virtual and a scenario measures it.
    var service: CloudService?
    /// What waits for a frozen cloud to go on, in the order of coming; `nil` while it runs.
    private var frozen: [() -> Void]?
    /// Told when the cloud begins and ceases to accept connections.
    var onReachable: ((Bool) throws -> Void)?

    /// - Parameters:
    ///   - node: the role of the cloud in the scenario, under which its events are noted.
    ///   - database: a file; `nil` for one in memory.
    init(
        kernel: Kernel, recorder: EventRecorder, node: String, seed: UInt64, epoch: Int64, configuration: CloudConfiguration, database: String? = nil
    ) throws {
        self.kernel = kernel
        self.recorder = recorder
        self.node = node
        self.epoch = epoch
        self.configuration = configuration
        randomness = SeededGenerator(seed: seed, purpose: "randomness of the cloud")
        disk = try Storage(path: database)
        try start()
    }

    /// Starts the cloud over the database as it is.
    func start() throws {
        guard cloud == nil else { return }
        life += 1
        cloud = try Cloud(configuration: configuration, environment: environment(life: life), storage: disk)
        recorder.append(node, "started")
        try onReachable?(true)
        broker?.cloudIsReady()
    }

    /// Ends the cloud as a crash does: what it had not committed is lost, and nobody gets an answer.
    func crash() {
        guard let dying = cloud else { return }
        cloud = nil
        // Ceasing to listen cannot fail.
        try? onReachable?(false)
        broker?.cloudIsGone()
        piles.closeAll()
        dying.crash()
        recorder.append(node, "crashed")
    }

    /// Ends the cloud in order: what it has collected is committed first. Requests under way get no answer.
    func stop() {
        guard let leaving = cloud else { return }
        leaving.devices.settle()
        // What cannot be committed is told where its requests wait.
        try? leaving.storage.settle()
        cloud = nil
        // Ceasing to listen cannot fail.
        try? onReachable?(false)
        broker?.cloudIsGone()
        piles.closeAll()
        leaving.crash()
    }

    /// - Returns: `.unreachable` where no cloud runs.
    ///
    /// - Parameter peer: the caller's node, which stands for its address.
    /// - Parameter accepted: when the front had it, where that is not now.
    func respond(to call: HTTPCall, from peer: String, accepted: RunInstant? = nil) async -> Result<HTTPAnswer, HTTPFailure> {
        guard let tracer else {
            await thaw()
            return await cloud?.respond(to: call, from: peer) ?? .failure(.unreachable)
        }
        // Nobody listens, so nothing is sent.
        guard cloud != nil else { return .failure(.unreachable) }
        let trace = tracer.accepts(call)
        return await serve(trace, accepted: accepted) { await self.cloud?.respond(to: call, from: peer) } ?? .failure(.unreachable)
    }

    /// Carries out an action of a scenario; `nil` where no cloud runs.
    func perform(_ name: String, _ arguments: Fields) async -> Result<Fields, ActionFailure>? {
        guard let trace = ItemTrace.current, cloud != nil else { return await cloud?.perform(name, arguments) }
        return await serve(trace, accepted: nil) { await self.cloud?.perform(name, arguments) }
    }

    /// Lets a request take its turn, and marks what it passes.
    private func serve<Answer>(_ trace: ItemTrace?, accepted: RunInstant?, _ body: () async -> Answer?) async -> Answer? {
        if let trace {
            let now = instant
            // What goes by no socket is sent in the moment in which it is there.
            trace.pass(.sent, at: accepted ?? now)
            trace.pass(.accepted, at: accepted ?? now)
            trace.pass(.received, at: now)
        }
        await thaw()
        if let turn = service?.turnOfRequest(at: kernel.now) {
            try? await kernel.sleep(until: turn.begins)
            trace?.pass(.handled, at: instant)
            try? await kernel.sleep(until: turn.ends)
        } else {
            trace?.pass(.handled, at: instant)
        }
        let answer = await ItemTrace.$current.withValue(trace) { await body() }
        trace?.pass(.answered, at: instant)
        return answer
    }

    // MARK: Freezing

    /// As a process that is stopped: it takes nothing up until it goes on, and then everything that has come meanwhile.
    func setFrozen(_ isFrozen: Bool) {
        guard !isFrozen else { return frozen = frozen ?? [] }
        let waiting = frozen ?? []
        frozen = nil
        for job in waiting { job() }
    }

    private func thaw() async {
        guard frozen != nil else { return }
        await withCheckedContinuation { continuation in frozen?.append { continuation.resume() } }
    }

    private var instant: RunInstant { tracer?.now ?? kernel.now }

    /// Takes a message that the broker has for it.
    func received(topic: String, payload: [UInt8], clientID: String, quality: UInt8, delivery: UInt64?) {
        guard frozen == nil else {
            frozen?.append { [weak self] in
                self?.received(topic: topic, payload: payload, clientID: clientID, quality: quality, delivery: delivery)
            }
            return
        }
        guard let tracer else {
            cloud?.received(topic: topic, payload: payload, clientID: clientID, quality: quality, delivery: delivery)
            return
        }
        let trace = tracer.accepts(topic: topic, payload: payload, delivery: delivery)
        trace?.pass(.received, at: instant)
        let life = life
        let take: @Sendable () -> Void = { [unowned self] in
            guard self.life == life, let cloud else { return }
            self.tracer?.handles(trace, delivery: delivery) {
                cloud.received(topic: topic, payload: payload, clientID: clientID, quality: quality, delivery: delivery)
            }
        }
        guard let turn = service?.turnOfMessage(at: kernel.now) else { return take() }
        kernel.schedule(at: turn.ends, take)
    }

    private func request(_ call: HTTPCall, of service: String) async -> Result<HTTPAnswer, HTTPFailure> {
        guard let door = (services.first { $0.name == service } ?? services.first { $0.name == nil })?.door else { return .failure(.unreachable) }
        return await door.request(call)
    }

    /// Writes it down; what the cloud does next in this instant follows from it.
    private func note(_ name: String, _ fields: Fields) {
        switch name {
        case "commit.after": tracer?.commits()
        case "telemetry.refused": tracer?.refuses(fields["reason"]?.text ?? "refused")
        default: break
        }
        if let sequence = recorder.append(node, name, fields) { kernel.currentCause = sequence }
    }

    private func environment(life: Int) -> CloudEnvironment {
        let alive: @Sendable () -> Bool = { [unowned self] in self.life == life && cloud != nil }
        var environment = CloudEnvironment(
            now: { [kernel] in kernel.now }, epoch: epoch, randomBytes: { [unowned self] count in randomness.bytes(count) },
            sleep: { [kernel] time in try await kernel.sleep(for: time) },
            schedule: { [kernel] deadline, job in _ = kernel.schedule(at: deadline) { if alive() { job() } } },
            note: { [unowned self] name, fields in note(name, fields) },
            publish: { [unowned self] message in broker?.publish(message) },
            acknowledge: { [unowned self] delivery in
                tracer?.acknowledges(delivery)
                broker?.acknowledge(delivery)
            },
            disconnect: { [unowned self] client, reason in broker?.disconnect(client, reason: reason) },
            sendToPile: { [unowned self] connection, bytes in piles.send(bytes, to: connection) },
            closePile: { [unowned self] connection, _ in piles.close(connection) },
            request: { [unowned self] service, call in await request(call, of: service) },
            start: { [kernel] name, work in if alive() { kernel.start(name) { await work() } } })
        environment.commitsTogether = kernel.isPaced
        return environment
    }
}

/// What the cloud's host asks of the broker's.
protocol CloudBroker: AnyObject {
    func publish(_ message: CloudMessage)
    func acknowledge(_ delivery: UInt64)
    func disconnect(_ clientID: String, reason: String)
    func cloudIsReady()
    func cloudIsGone()
}

/// The broker of a world, embedded or external.
protocol WorldBroker: CloudBroker {
    /// Stops it and starts it again; every connection breaks.
    ///
    /// - Parameter keepingSessions: sessions, subscriptions and retained messages survive.
    func restart(keepingSessions: Bool) throws(ActionFailure)
    /// - Throws: `bad_argument`; `not_possible_here` where the broker is none of ours.
    func apply(_ name: String, _ arguments: Fields, handle number: Int) throws(ActionFailure)
    func clear(_ number: Int)
}

extension CloudConfiguration {
    /// The cloud of a lab: every secret follows from the seed.
    static func lab(seed: UInt64, hostName: String, factoryMasterKey: [UInt8], bugs: Set<SeededBug> = []) -> CloudConfiguration {
        func secret(_ purpose: String) -> [UInt8] {
            var generator = SeededGenerator(seed: seed, purpose: purpose)
            return generator.bytes(32)
        }
        var devices = DeviceSettings(
            factoryMasterKey: factoryMasterKey, deviceMasterKey: secret("device master key"),
            tenantSalt: Hexadecimal.text(secret("tenant salt")))
        devices.mqttHost = hostName
        var charging = ChargingSettings()
        charging.payments = .lab(hostName: hostName)
        return CloudConfiguration(
            hostName: hostName, devices: devices, tokenKeys: [TokenKey(keyID: "sim-1", secret: secret("token key"))],
            firstAdministrator: FirstAdministrator(
                name: "admin", email: "admin@cloud.lab", password: Hexadecimal.text(secret("administrator's password"))),
            // Passwords of simulated users protect nothing; the cost would only make runs slow.
            passwordCost: PasswordCost(rounds: 1 << 4, blockSize: 8, parallelism: 1), charging: charging, bugs: bugs)
    }
}
