import CloudClient
package import LabCore
import WireProtocols

/// What makes the agent of a module the one that it is towards the cloud (badge protocol, "Modules").
package struct ModuleAgentIdentity: Sendable, Equatable {
    /// Serial number and device id, `QT_001`.
    package var serialNumber: String
    /// 32 bytes.
    package var factoryKey: [UInt8]

    package init(serialNumber: String, factoryKey: [UInt8]) {
        self.serialNumber = serialNumber
        self.factoryKey = factoryKey
    }
}

/// The radio access technologies, in the cloud's words.
package enum RadioAccess: String, Sendable, CaseIterable {
    case standalone = "NR5G-SA"
    case nonStandalone = "NR5G-NSA"
    case lte = "LTE"
    case wcdma = "WCDMA"
}

/// The registration with the network, in the cloud's words.
package enum NetworkState: String, Sendable, CaseIterable {
    case home, roaming, searching, denied, off, unknown

    var isRegistered: Bool { self == .home || self == .roaming }
}

package enum SIMState: String, Sendable, CaseIterable {
    case unknown, ready, missing, locked, failed
}

/// What the agent had to recover from.
package enum ModuleTrouble: String, Sendable, CaseIterable {
    case timeout, hang, reset
    case portLost = "port_lost"
}

/// The program at the side of a cellular module, as a value: opens the AT port, sets the module up, registers it with the cloud and
/// speaks for it. It cannot know whether a real module answers or an emulated one.
///
/// Power: an agent begins stopped. It starts at the action `start`, and at `.poweredOn` if it ran when the power of its host went.
/// Credentials and configuration are on the host's disk and survive both.
package struct ModuleAgent: Device {
    /// The link to the AT port (USB interface 2, rg500q.md §1.2).
    package static let port = LinkName(rawValue: 2)

    let identity: ModuleAgentIdentity
    let cloudHost: String
    let tenant: String
    /// Unix seconds at the start of the run.
    let epoch: Int64
    /// Shows IMEI, IMSI and ICCID in events with their last 4 digits only.
    let masksNumbers: Bool
    var generator: SeededGenerator
    var disk = AgentDisk()
    var ram = AgentMemory()
    var channel = ATChannel(link: ModuleAgent.port, timers: ModuleAgent.channelTimers)
    /// Numbers of requests and deliveries go on over stops, so that an answer that comes late is never taken for another.
    private var lastToken: UInt32 = 0

    /// - Parameters:
    ///   - cloudHost: goes into `host` and into signatures.
    ///   - apn: set at the start until the cloud configures another; `nil` leaves the module's.
    ///   - epoch: Unix seconds at the start of the run.
    ///   - masksNumbers: shows IMEI, IMSI and ICCID in events and answers with their last 4 digits only.
    ///   - generator: its own stream of chance, as in `SeededGenerator(seed:, purpose: "agent modem")`.
    package init(
        identity: ModuleAgentIdentity, cloudHost: String, tenant: String = "default", apn: String? = nil, epoch: Int64,
        masksNumbers: Bool = true,
        generator: SeededGenerator
    ) {
        self.identity = identity
        self.cloudHost = cloudHost
        self.tenant = tenant
        self.epoch = epoch
        self.masksNumbers = masksNumbers
        self.generator = generator
        factoryAPN = apn
        disk.settings.apn = apn
    }

    /// What `factory_new` goes back to.
    let factoryAPN: String?

    package mutating func handle(_ input: DeviceInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch input {
        case .action(let token, let name, let arguments): act(name, arguments, token, at: now, &effects)
        case .poweredOn: if disk.wasRunning, !ram.isRunning { start(at: now, &effects) }
        case .powerLost: powerLost(&effects)
        case _ where !ram.isRunning: break
        case .timerFired(let timer): timerFired(timer, at: now, &effects)
        case .link(Self.port, let input): take(channel.handle(input, at: now, &effects), at: now, &effects)
        case .mqtt(let notice): notified(notice, at: now, &effects)
        case .answered(let token, let result): answered(token, result, at: now, &effects)
        case .link, .fault, .served: break
        }
    }

    private mutating func timerFired(_ timer: TimerName, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if channel.owns(timer) { return take(channel.timerFired(timer, at: now, &effects), at: now, &effects) }
        switch timer {
        case .networkPoll: pollNetwork(at: now, &effects)
        case .measurement: measurementDue(at: now, &effects)
        case .probe: probe(at: now, &effects)
        case .simPoll: askSIM(at: now, &effects)
        case .setUpPause: repeatRevision(at: now, &effects)
        case .registration: registerWithCloud(at: now, &effects)
        case .reconnection: reconnect(at: now, &effects)
        case .connectionGuard: connectionTimedOut(at: now, &effects)
        case .location: askLocation(at: now, &effects)
        case .trial: trialFailed(at: now, &effects)
        case .update: updateTimerFired(at: now, &effects)
        case .updateCheck: check(at: now, &effects)
        case .updateReport: sendResult(at: now, &effects)
        default: break
        }
    }

    // MARK: Start and stop

    mutating func start(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        let actions = ram.actions
        ram = AgentMemory()
        ram.actions = actions
        ram.isRunning = true
        disk.wasRunning = true
        effects.append(.note("agent.started", ["device": .text(identity.serialNumber), "credentials": .bool(disk.credentials != nil)]))
        channel.open(&effects)
        resumeUpdate(at: now, &effects)
    }

    mutating func stop(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if ram.phase == .online { publishStatus("offline", at: now, &effects) }
        detach("stopped", at: now, &effects)
        take(channel.close(&effects), at: now, &effects)
        for timer in TimerName.ofAgent { effects.append(.cancelTimer(timer)) }
        let failure = ActionFailure("stopped", "The agent was stopped before it was done.")
        for action in ram.actions { effects.append(.finish(action, .failure(failure))) }
        ram = AgentMemory()
        disk.wasRunning = false
        effects.append(.note("agent.stopped", [:]))
    }

    /// The host of the program has lost its power; what is on its disk stays.
    private mutating func powerLost(_ effects: inout [DeviceEffect]) {
        let failure = ActionFailure("power_lost", "The power went before the agent was done.")
        for action in ram.actions { effects.append(.finish(action, .failure(failure))) }
        ram = AgentMemory()
        channel = ATChannel(link: Self.port, timers: Self.channelTimers)
    }

    // MARK: Tools

    mutating func nextToken() -> Token {
        lastToken &+= 1
        return Token(rawValue: lastToken)
    }

    /// What the host's clock shows, in Unix seconds.
    func clock(at now: RunInstant) -> Int64 {
        let (right, overflow) = epoch.addingReportingOverflow(now.nanoseconds / 1_000_000_000)
        let (shown, carried) = right.addingReportingOverflow(disk.clockError)
        return overflow || carried ? 0 : max(0, shown)
    }

    func timestamp(at now: RunInstant) -> FieldValue { .text(Timestamp.text(unixSeconds: clock(at: now))) }

    /// Answers an action, once.
    mutating func finish(_ action: Token, _ result: Result<Fields, ActionFailure>, _ effects: inout [DeviceEffect]) {
        guard let place = ram.actions.firstIndex(of: action) else { return }
        ram.actions.remove(at: place)
        effects.append(.finish(action, result))
    }

    func shown(_ line: String) -> FieldValue { .text(masksNumbers ? NumberMask.line(line) : line) }
    func shownNumber(_ number: String) -> FieldValue { .text(masksNumbers ? NumberMask.number(number) : number) }
}

extension ModuleAgent {
    static let channelTimers: UInt16 = 16
}

extension TimerName {
    static let networkPoll = TimerName(rawValue: 1)
    static let measurement = TimerName(rawValue: 2)
    static let probe = TimerName(rawValue: 3)
    static let simPoll = TimerName(rawValue: 4)
    static let setUpPause = TimerName(rawValue: 5)
    static let registration = TimerName(rawValue: 6)
    static let reconnection = TimerName(rawValue: 7)
    static let connectionGuard = TimerName(rawValue: 8)
    static let location = TimerName(rawValue: 9)
    static let trial = TimerName(rawValue: 10)
    static let update = TimerName(rawValue: 11)
    static let updateCheck = TimerName(rawValue: 12)
    static let updateReport = TimerName(rawValue: 13)

    static let ofAgent: [TimerName] = [
        .networkPoll, .measurement, .probe, .simPoll, .setUpPause, .registration, .reconnection, .connectionGuard, .location, .trial,
        .update, .updateCheck, .updateReport,
    ]
}
