import Cloud
import Emulators
package import LabCore
package import Simulation

/// The `sim` world: emulated devices, the cloud and the broker in one process, on one kernel with virtual time.
///
/// `@unchecked Sendable`: touched by the thread that runs its kernel only, and the kernel's executor refuses all others.
package final class SimulatedWorld: World, @unchecked Sendable {
    package let kernel: Kernel
    package let recorder: EventRecorder
    private let cloud: CloudHost
    private let broker: BrokerHost
    private let cloudRole: String
    private var devices: [(role: String, hosts: [DeviceHost])] = []
    /// Is shown first what was noted while the world was built.
    package var observer: ((RunEvent) -> Void)? {
        didSet {
            guard let observer else { return }
            for event in recorder.events { observer(event) }
        }
    }

    /// 2026-01-01T00:00:00Z: where virtual time begins.
    static let epoch: Int64 = 1_767_225_600
    static let hostName = "cloud.lab"
    /// Half of a round trip on a link without faults.
    static let linkDelay = Duration.milliseconds(10)

    /// Builds the world that a plan needs.
    ///
    /// - Parameter nodes: the devices that lab.yaml names, which fill the roles before others are made.
    /// - Throws: `ActionFailure` where a role cannot be filled.
    package init(plan: Plan, nodes: [NamedNode]) throws {
        kernel = Kernel()
        let policy = RecordingPolicy(plan: plan, kinds: NodeKinds.all)
        recorder = EventRecorder(on: kernel, policy: policy.filter)
        cloudRole = plan.roles.first { $0.kind == "cloud" }?.name ?? "cloud"
        var randomness = SeededGenerator(seed: plan.seed, purpose: "factory master key")
        let factory = randomness.bytes(32)
        cloud = try CloudHost(
            kernel: kernel, recorder: recorder, node: cloudRole, seed: plan.seed, epoch: Self.epoch,
            configuration: .simulated(seed: plan.seed, hostName: Self.hostName, factoryMasterKey: factory))
        broker = BrokerHost(kernel: kernel, recorder: recorder, node: cloudRole, cloud: cloud, seed: plan.seed, hasTranscript: policy.keeps("broker.packet"))
        cloud.broker = broker
        broker.cloudIsReady()
        recorder.addSink { [unowned self] event in observer?(event) }
        try makeDevices(plan, nodes, factoryMasterKey: factory)
    }

    private func makeDevices(_ plan: Plan, _ nodes: [NamedNode], factoryMasterKey: [UInt8]) throws {
        let profile = SharedProfile(LinkProfile(delay: Self.linkDelay))
        var roster = Roster(nodes: nodes, roles: plan.roles)
        for role in plan.roles where role.kind != "cloud" {
            var hosts: [DeviceHost] = []
            hosts.reserveCapacity(role.count)
            for member in 1...max(1, role.count) {
                let node = role.count > 1 ? "\(role.name)#\(member)" : role.name
                let facts = try roster.facts(for: role)
                let link = Link(on: kernel, name: "\(node).link", up: profile, down: profile, seed: plan.seed)
                let device = try DeviceKinds.make(
                    kind: role.kind, node: node, facts: facts,
                    setting: DeviceSetting(
                        seed: plan.seed, epoch: Self.epoch, cloudHost: Self.hostName, factoryMasterKey: factoryMasterKey))
                let host = DeviceHost(node: node, device: device, link: link, kernel: kernel, recorder: recorder, cloud: cloud)
                broker.attach(link, peer: node)
                hosts.append(host)
            }
            devices.append((role.name, hosts))
        }
    }

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
        if action.role == cloudRole { return await performOnCloud(action.name, arguments) }
        let (hosts, rest): ([DeviceHost], Fields)
        switch members(of: action.role, arguments) {
        case .success(let found): (hosts, rest) = found
        case .failure(let failure): return .failure(failure)
        }
        var first: Fields?
        for host in hosts {
            switch await host.act(action.name, rest) {
            case .success(let answer): first = first ?? answer
            case .failure(let failure): return .failure(failure)
            }
        }
        return .success(first ?? [:])
    }

    package func ask(_ query: NodeReference, _ arguments: Fields) async -> Result<Fields, ActionFailure> {
        if query.role == cloudRole {
            guard let cloud = cloud.cloud else { return .failure(Self.cloudIsDown) }
            return await cloud.answer(query.name, arguments)
        }
        switch members(of: query.role, arguments) {
        case .success(let (hosts, rest)): return hosts[0].answer(query.name, rest)
        case .failure(let failure): return .failure(failure)
        }
    }

    private static let cloudIsDown = ActionFailure("cloud_down", "The cloud has crashed; `do: cloud.restart` starts it again.")

    /// The members that an action, query or fault is for; never empty.
    private func members(of role: String, _ arguments: Fields) -> Result<([DeviceHost], Fields), ActionFailure> {
        guard let hosts = devices.first(where: { $0.role == role })?.hosts, !hosts.isEmpty else {
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
            broker.restart(keepingSessions: arguments["persistent"]?.bool ?? false)
            return .success([:])
        default:
            guard let cloud = cloud.cloud else { return .failure(Self.cloudIsDown) }
            return await cloud.perform(name, arguments)
        }
    }

    // MARK: Faults

    package func begin(_ fault: ActiveFault) throws(ActionFailure) {
        if fault.target.role == cloudRole { return try beginOnCloud(fault) }
        let (hosts, arguments) = try members(of: fault.target.role, fault.arguments).get()
        let name = fault.target.name
        if name.hasPrefix("link.") {
            let change = try LinkFaults.fault(name, arguments)
            for host in hosts { host.link.apply(change, id: fault.handle) }
            return
        }
        for host in hosts {
            if name == "power.cut" { host.losePower() } else { host.handle(.fault(name, arguments, isActive: true)) }
        }
    }

    package func end(_ fault: ActiveFault) {
        let name = fault.target.name
        if fault.target.role == cloudRole {
            if name.hasPrefix("broker.") { broker.clear(fault.handle) } else { cloud.cloud?.setFault(name, fault.arguments, isActive: false) }
            return
        }
        guard case .success(let (hosts, arguments)) = members(of: fault.target.role, fault.arguments) else { return }
        for host in hosts {
            if name.hasPrefix("link.") { host.link.clear(fault.handle) }
            else if name == "power.cut" { host.regainPower() }
            else { host.handle(.fault(name, arguments, isActive: false)) }
        }
    }

    private func beginOnCloud(_ fault: ActiveFault) throws(ActionFailure) {
        let name = fault.target.name
        if name == "crash" { return cloud.crash() }
        if name.hasPrefix("broker.") { return try broker.apply(name, fault.arguments, handle: fault.handle) }
        guard let cloud = cloud.cloud else { throw Self.cloudIsDown }
        cloud.setFault(name, fault.arguments, isActive: true)
    }
}
