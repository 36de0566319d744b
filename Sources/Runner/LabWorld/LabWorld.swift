import Cloud
import Emulators
package import LabCore
package import Simulation
import Transports

/// A world of devices around the cloud and its broker, all on one kernel; the media make it `sim` or `emu`.
///
/// `@unchecked Sendable`: touched by the thread that runs its kernel only; in `sim` the kernel refuses all others, elsewhere
/// what comes from other threads is posted to it.
package final class LabWorld: RequestOffering, @unchecked Sendable {
    package let kernel: Kernel
    package let recorder: EventRecorder
    let media: any WorldMedia
    private let bench: BenchSettings
    /// The real devices of the world.
    var realHosts: [BenchHost] = []
    /// Drivers of real devices that run from the beginning, and their action that starts them: when the devices are prepared.
    var starts: [(driver: DeviceHost, action: String)] = []
    private let cloud: CloudHost
    private let broker: any WorldBroker
    let plan: Plan
    private let cloudRole: String
    /// Follows the items of loads; `nil` for a plan without any.
    let tracer: LoadTracer?
    private var nodes: [(role: String, hosts: [NodeHost])] = []
    /// What loads need and no step switches on.
    private var idle: [(host: NodeHost, node: NamedNode)] = []
    /// Is shown first what was noted while the world was built.
    package var observer: ((RunEvent) -> Void)? {
        didSet {
            guard let observer else { return }
            for event in recorder.events { observer(event) }
        }
    }

    /// The name of the cloud that requests are signed for, in every world.
    static let hostName = "cloud.lab"

    /// Builds the world that a plan needs.
    ///
    /// - Parameters:
    ///   - named: the devices that lab.yaml names, which fill the roles before others are made.
    ///   - payments: the real services, for a plan whose cloud wants them.
    ///   - database: a file for the cloud's; `nil` for one in memory.
    /// - Throws: `ActionFailure` where a role cannot be filled; `StreamFailure` where a medium cannot be had.
    init(
        plan: Plan, named: [NamedNode], media: any WorldMedia, bench: BenchSettings = BenchSettings(), payments: RealPayments? = nil,
        keeping: EventRecorder.Keeping = .all, database: String? = nil
    ) throws {
        self.media = media
        self.bench = bench
        self.plan = plan
        kernel = media.kernel
        let policy = RecordingPolicy(plan: plan, kinds: NodeKinds.all)
        recorder = EventRecorder(on: kernel, keeping: keeping, policy: policy.filter)
        cloudRole = plan.roles.first { $0.kind == "cloud" }?.name ?? "cloud"
        var randomness = SeededGenerator(seed: plan.seed, purpose: "factory master key")
        let factory = bench.factoryKey ?? randomness.bytes(32)
        var configuration = CloudConfiguration.lab(seed: plan.seed, hostName: bench.cloudName ?? Self.hostName, factoryMasterKey: factory, bugs: plan.bugs)
        if plan.cloudFacts["rate_limits"]?.bool == false { configuration.rateLimits = .lifted }
        configuration.charging.orders.auditsCommits = plan.cloudFacts["audited"]?.bool ?? false
        let real = try plan.needsRealPayments ? RealPayments.needed(payments) : nil
        if let real { configuration.charging.payments = real.settings }
        tracer = plan.hasLoads ? LoadTracer { media.instant } : nil
        cloud = try CloudHost(
            kernel: kernel, recorder: recorder, node: cloudRole, seed: plan.seed, epoch: media.epoch,
            configuration: configuration, database: database)
        broker = try media.open(
            cloud: cloud,
            setting: BrokerSetting(
                recorder: recorder, node: cloudRole, seed: plan.seed, hasTranscript: policy.keeps("broker.packet"), plan: plan))
        if let real {
            cloud.services = try media.doors(to: real) { [recorder, cloudRole] service, failure in
                recorder.append(cloudRole, Cloud.serviceFailed, ["service": .text(service), "detail": .text(failure.description)])
            }
        }
        cloud.broker = broker
        cloud.tracer = tracer
        if plan.hasLoads, plan.world == .sim { cloud.service = CloudService(plan: plan, facts: plan.cloudFacts) }
        cloud.onReachable = { [unowned media] in try media.setCloudReachable($0) }
        broker.cloudIsReady()
        try media.settle()
        recorder.addSink { [unowned self] event in observer?(event) }
        try makeNodes(plan, named, factoryMasterKey: factory)
    }

    private func makeNodes(_ plan: Plan, _ named: [NamedNode], factoryMasterKey: [UInt8]) throws {
        var roster = Roster(nodes: named, roles: plan.roles) { bench.isReal($0, in: plan.world) }
        let setting = DeviceSetting(
            seed: plan.seed, epoch: media.epoch, cloudHost: bench.cloudName ?? Self.hostName, factoryMasterKey: factoryMasterKey,
            firmware: try FactoryFirmware(supply: plan.firmware, seed: plan.seed, bugs: plan.bugs))
        let disturbed = plan.namedFaults.filter { $0.name.hasPrefix("link.") || $0.name == "power.cut" }.map(\.role)
        let untouched = plan.untouchedRoles
        for role in plan.roles + plan.stand where role.kind != "cloud" {
            var hosts: [NodeHost] = []
            hosts.reserveCapacity(role.count)
            for member in 1...max(1, role.count) {
                let node = role.count > 1 ? "\(role.name)#\(member)" : role.name
                if bench.isReal(role, in: plan.world) {
                    hosts.append(try makeReal(node, role, roster.node(for: role), setting))
                    continue
                }
                let facts = try roster.facts(for: role)
                let script = roster.node(for: role)?.emulated?.script
                let way = NetworkWish(hasFaults: disturbed.contains(role.name), isInProcess: member > role.membersOverTCP)
                let host = try makeNode(node, role, way, facts: facts, script, setting)
                hosts.append(host)
                if untouched.contains(role.name) { idle.append((host, NamedNode(name: node, kind: role.kind, facts: facts))) }
            }
            nodes.append((role.name, hosts))
        }
    }

    private func makeNode(_ node: String, _ role: Role, _ wish: NetworkWish, facts: Fields, _ script: PlanFile?, _ setting: DeviceSetting) throws -> NodeHost {
        let made = try DeviceKinds.make(kind: role.kind, node: node, facts: facts, script: script, setting: setting)
        let network = made.isOnline ? try media.network(for: node, role: role, wish) : nil
        var way: (any FaultyWay)? = network
        var ports = try serialPorts(of: made, node)
        for (index, part) in made.parts.enumerated() {
            guard let name = part.gateway else { continue }
            let line = try media.pileLine(for: node, role: role, hasFaults: wish.hasFaults)
            way = line.way
            ports[index].append(DevicePort(name: name, stream: line.stream))
        }
        let hosts = made.parts.enumerated().map { index, part in
            DeviceHost(
                node: node, device: part.device, network: part.way == .all ? network : nil, requester: part.way == .none ? nil : network,
                ports: ports[index], kernel: kernel, recorder: recorder, tracer: tracer)
        }
        if let network {
            for (part, host) in zip(made.parts, hosts) where part.isService {
                cloud.services.append((nil, try media.service(host, network: network)))
            }
        }
        for (part, host) in zip(made.parts, hosts) {
            guard let start = part.start else { continue }
            kernel.start("start of \(node)") { _ = await host.act(start, [:]) }
        }
        let parts = zip(made.parts, hosts).map { NodeHost.Part(host: $1, publishes: $0.publishes, isPowered: $0.isPowered) }
        return NodeHost(node: node, introductions: made.introductions, parts: parts, way: way)
    }

    private func serialPorts(of made: MadeNode, _ node: String) throws -> [[DevicePort]] {
        var ports: [[DevicePort]] = Array(repeating: [], count: made.parts.count)
        for port in made.ports {
            let ends = try media.serialPort(port.label, of: node, baud: port.baud)
            ports[port.module].append(DevicePort(name: port.name, stream: ends.module))
            if let host = port.host { ports[host].append(DevicePort(name: port.name, stream: ends.host, recordedAs: port.label)) }
        }
        return ports
    }

    /// Every node by its role, one for each member.
    var hosts: [NodeHost] { nodes.flatMap(\.hosts) }

    /// A token for the lab itself, with which people can try the REST surface.
    func operatorToken(role: UserRole) throws -> String {
        guard let cloud = cloud.cloud else { throw Self.cloudIsDown }
        return try cloud.operatorToken(role: role)
    }

    /// Switches on what loads need and no step of the scenario touches: badges register, piles have something plugged in.
    package func bringUp() async {
        await prepareBench()
        for (host, node) in idle {
            for (target, action, arguments) in DeviceKinds.beginnings(of: node) {
                if target == .cloud { _ = await cloud.cloud?.perform(action, arguments) } else {
                    await introduce(host, at: action)
                    _ = await host.act(action, arguments)
                }
            }
            // Not all in one instant: nobody switches on a fleet like that.
            try? await kernel.sleep(for: .milliseconds(2))
        }
        if !idle.isEmpty { await waitUntilUp() }
        for (host, node) in idle where node.kind == "pile" {
            for port in 1...max(1, node.facts["ports"]?.integer ?? 2) {
                _ = await host.act("plug", ["port": .integer(port), "watts": 180])
            }
        }
    }

    private func waitUntilUp() async {
        let piles = idle.count { $0.node.kind == "pile" }
        for _ in 0..<Self.secondsToComeUp {
            var isUp = (cloud.cloud?.charging.pilesOnline ?? 0) >= piles
            for (host, node) in idle where isUp && node.kind == "badge" {
                if case .success(let state) = await host.answer("state", [:]) { isUp = state["online"]?.bool ?? false }
            }
            if isUp { return }
            try? await kernel.sleep(for: .seconds(1))
        }
    }

    private static let secondsToComeUp = 120

    /// Ends what the world has outside of its kernel.
    func close() {
        for service in cloud.services { service.door.close() }
        kernel.shutDown()
        media.close()
    }

    /// What the world has lost that no step took away.
    var loss: StreamFailure? { media.loss }

    /// How well the lab kept time; `nil` where time is virtual.
    package var timing: TimingReport? { media.timing }

    /// Plain requests go over sockets where there are any.
    func requestTarget(for load: Step.Load, _ kinds: [Fields]) async throws -> RequestTarget? {
        guard let tracer, load.target.role == cloudRole, load.target.name == "request", let front = media.front else { return nil }
        guard let cloud = cloud.cloud else { throw Self.cloudIsDown }
        var headers: [[HTTPCall.Header]] = []
        for arguments in kinds {
            let (call, isSigned) = try await cloud.preparedCall(arguments)
            if isSigned { return nil }
            headers.append(call.headers)
        }
        return RequestTarget(
            host: front.address.host, port: UInt16(clamping: front.address.port), headers: headers, speed: front.speed,
            post: { [kernel] job in kernel.post(job) }, marks: { [unowned tracer] in tracer.marks($0, $1) })
    }

    package var instant: RunInstant { media.instant }
    package var isModelled: Bool { plan.world == .sim }
    package func forget(load: Int) { tracer?.forget(load) }

    /// Starts a task that stays on the kernel.
    package func start(_ name: String, _ work: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task(executorPreference: kernel) { await work() }
    }

    // MARK: World

    package var now: RunInstant { kernel.now }
    package var lastSequence: Int { recorder.count }
    package var omittedEvents: Int { recorder.leftOut }

    @discardableResult
    package func note(_ name: String, _ fields: Fields) -> Int {
        guard let sequence = recorder.append(LabEvents.node, name, fields) else { return recorder.count }
        // What a step sets off follows from the step.
        kernel.currentCause = sequence
        return sequence
    }

    package func after(_ instant: RunInstant, _ job: @escaping @Sendable () -> Void) {
        kernel.schedule(at: instant.advanced(byNanoseconds: 1), job)
    }

    package func sleep(until instant: RunInstant) async throws { try await kernel.sleep(until: instant) }

    package func perform(_ action: NodeReference, _ arguments: Fields) async -> Result<Fields, ActionFailure> {
        let arguments = withFiles(arguments, of: kind(of: action.role)?.action(action.name))
        if action.role == cloudRole { return await performOnCloud(action.name, arguments) }
        let (hosts, rest): ([NodeHost], Fields)
        switch members(of: action.role, arguments) {
        case .success(let found): (hosts, rest) = found
        case .failure(let failure): return .failure(failure)
        }
        var first: Fields?
        for host in hosts {
            await introduce(host, at: action.name)
            switch await host.act(action.name, rest) {
            case .success(let answer): first = first ?? answer
            case .failure(let failure): return .failure(failure)
            }
        }
        return .success(first ?? [:])
    }

    /// Tells the cloud of a device where it is not known, as whoever makes or enters it does.
    func introduce(_ host: NodeHost, at action: String) async {
        for introduction in host.introductions where introduction.at == action {
            _ = await cloud.cloud?.perform(introduction.action, introduction.arguments)
        }
    }

    package func ask(_ query: NodeReference, _ arguments: Fields) async -> Result<Fields, ActionFailure> {
        if query.role == cloudRole {
            guard let cloud = cloud.cloud else { return .failure(Self.cloudIsDown) }
            return await cloud.answer(query.name, arguments)
        }
        switch members(of: query.role, arguments) {
        case .success(let (hosts, rest)): return await hosts[0].answer(query.name, rest)
        case .failure(let failure): return .failure(failure)
        }
    }

    private func kind(of role: String) -> NodeKind? {
        let name = role == cloudRole ? "cloud" : plan.roles.first { $0.name == role }?.kind
        return NodeKinds.all.first { $0.name == name }
    }

    /// Files come with their content: nodes do no reading.
    private func withFiles(_ arguments: Fields, of action: ActionKind?) -> Fields { plan.withFiles(arguments, of: action?.takes ?? []) }

    private static let cloudIsDown = ActionFailure("cloud_down", "The cloud has crashed; `do: cloud.restart` starts it again.")

    /// The members that an action, query or fault is for; never empty.
    private func members(of role: String, _ arguments: Fields) -> Result<([NodeHost], Fields), ActionFailure> {
        guard let hosts = nodes.first(where: { $0.role == role })?.hosts, !hosts.isEmpty else {
            return .failure(ActionFailure("unknown_node", "There is no node '\(role)'."))
        }
        guard let member = arguments["member"]?.integer else { return .success((hosts, arguments)) }
        guard member >= 1, member <= hosts.count else {
            return .failure(ActionFailure("unknown_member", "'\(role)' has members 1 to \(hosts.count), not \(member)."))
        }
        var rest = arguments
        rest["member"] = nil
        return .success(([hosts[Int(member) - 1]], rest))
    }

    private func performOnCloud(_ name: String, _ arguments: Fields) async -> Result<Fields, ActionFailure> {
        switch name {
        case "crash": cloud.crash(); return .success([:])
        case "restart":
            cloud.stop()
            do { try cloud.start() } catch { return .failure(ActionFailure("start_failed", "The cloud does not start: \(error)")) }
            return .success([:])
        case "broker.restart":
            do throws(ActionFailure) { try broker.restart(keepingSessions: arguments["persistent"]?.bool ?? false) } catch {
                return .failure(error)
            }
            return .success([:])
        default:
            return await cloud.perform(name, arguments) ?? .failure(Self.cloudIsDown)
        }
    }

    // MARK: Faults

    package func begin(_ fault: ActiveFault) throws(ActionFailure) {
        var fault = fault
        fault.arguments = withFiles(fault.arguments, of: kind(of: fault.target.role)?.fault(fault.target.name))
        if fault.target.role == cloudRole { return try beginOnCloud(fault) }
        let (hosts, arguments) = try members(of: fault.target.role, fault.arguments).get()
        for host in hosts { try host.begin(fault.target.name, arguments, handle: fault.handle) }
    }

    package func end(_ fault: ActiveFault) {
        let name = fault.target.name
        if fault.target.role == cloudRole {
            if name == "freeze" {
                cloud.setFrozen(false)
            } else if name.hasPrefix("broker.") { broker.clear(fault.handle) } else { cloud.cloud?.setFault(name, fault.arguments, isActive: false) }
            return
        }
        guard case .success(let (hosts, arguments)) = members(of: fault.target.role, fault.arguments) else { return }
        for host in hosts { host.end(name, arguments, handle: fault.handle) }
    }

    private func beginOnCloud(_ fault: ActiveFault) throws(ActionFailure) {
        let name = fault.target.name
        if name == "crash" { return cloud.crash() }
        if name == "freeze" { return cloud.setFrozen(true) }
        if name == "broker.restart" { return try broker.restart(keepingSessions: fault.arguments["persistent"]?.bool ?? false) }
        if name.hasPrefix("broker.") { return try broker.apply(name, fault.arguments, handle: fault.handle) }
        guard let cloud = cloud.cloud else { throw Self.cloudIsDown }
        cloud.setFault(name, fault.arguments, isActive: true)
    }
}
