import LabCore
import Simulation
import Transports

/// One emulated device on a bench, and the fixture that acts on it.
final class EmulatedDevice {
    let name: String
    /// The last parts of its ports' names: `at`.
    private(set) var labels: [String] = []
    private let node: NamedNode
    private let setting: DeviceSetting
    private let kernel: Kernel
    private let recorder: EventRecorder
    private let kind: NodeKind
    private let network: (any DeviceNetwork)?
    private var ports: [DevicePort] = []
    private var host: DeviceHost?
    private var client: (stream: LocalStream, lines: LineCollector)?
    /// Until the first fixture comes the device is on, for whoever opens its ports by hand.
    private static let lineLimit = 64 << 20

    /// - Parameter port: makes the device's end of a port.
    init(
        _ node: NamedNode, _ setting: DeviceSetting, kernel: Kernel, recorder: EventRecorder, net: EmulatedNet,
        port: (_ label: String, _ baud: UInt32?) throws -> any ByteStream
    ) throws {
        name = node.name
        var node = node
        // On a bench a pile is what has a port, unless its facts say that it goes online by itself.
        if node.kind == "pile", node.facts["line"] == nil { node.facts["line"] = "serial" }
        self.node = node
        self.setting = setting
        self.kernel = kernel
        self.recorder = recorder
        kind = BenchVocabulary.device(node.kind)
        network = net.network()
        let made = try make()
        for item in made.ports where item.module == 0 {
            labels.append(item.label)
            ports.append(DevicePort(name: item.name, stream: try port(item.label, item.baud)))
        }
        if let gateway = made.parts[0].gateway, let stream = net.gateway() { ports.append(DevicePort(name: gateway, stream: stream)) }
        start(made)
    }

    private func make() throws -> MadeNode {
        try DeviceKinds.make(kind: node.kind, node: node.name, facts: node.facts, script: node.emulated?.script, setting: setting)
    }

    /// Puts a device from the factory in the place of what is there.
    private func start(_ made: MadeNode) {
        host?.retire()
        host = DeviceHost(
            node: name, device: made.parts[0].device, network: made.parts[0].way == .all ? network : nil,
            requester: made.parts[0].way == .none ? nil : network, ports: ports, kernel: kernel, recorder: recorder)
    }

    func switchOn() {
        guard let host else { return }
        let action = kind.action("power_on") == nil ? "boot" : "power_on"
        kernel.start("switching on \(name)") { _ = await host.act(action, [:]) }
    }

    // MARK: Its fixture

    /// One program at a time: a new one takes the place of the old.
    func attach(_ stream: LocalStream) {
        client?.stream.close()
        client = (stream, LineCollector(limit: Self.lineLimit))
        stream.onEvent = { [weak self] event in
            switch event {
            case .opened: break
            case .bytes(let bytes, _): self?.take(bytes)
            case .closed: self?.client = nil
            }
        }
        stream.send(FixtureReply.hello(about: "emulated \(node.kind) \(name)").line)
    }

    func tell(_ event: RunEvent) {
        guard event.node == name, kind.event(event.name) != nil else { return }
        client?.stream.send(FixtureReply.event(event.name, event.fields).line)
    }

    private func take(_ bytes: [UInt8]) {
        guard let lines = client?.lines.take(bytes) else {
            client?.stream.close()
            client = nil
            return
        }
        for line in lines {
            do throws(FixtureFailure) { carryOut(try FixtureRequest(line: line)) } catch {
                reply(0, .failure(ActionFailure("bad_request", "\(error)")))
            }
        }
    }

    private func reply(_ id: Int64, _ result: Result<Fields, ActionFailure>) { client?.stream.send(FixtureReply.answered(id: id, result).line) }

    private func carryOut(_ request: FixtureRequest) {
        guard let host else { return }
        switch request.verb {
        case .act where request.name == FixtureRequest.prepare: reply(request.id, prepared())
        case .act:
            guard let action = kind.action(request.name) else { return unknown("action", request) }
            let arguments = action.takes.typed(request.arguments)
            kernel.start("\(request.name) of \(name)") { [weak self] in
                let result = await host.act(request.name, arguments)
                self?.reply(request.id, result)
            }
        case .ask:
            guard let query = kind.query(request.name) else { return unknown("query", request) }
            reply(request.id, host.state(request.name, query.takes.typed(request.arguments)))
        case .fault(let isActive):
            guard let fault = kind.fault(request.name) else { return unknown("fault", request) }
            if request.name == BenchVocabulary.powerCut {
                if isActive { host.losePower() } else { host.regainPower() }
            } else {
                host.setFault(request.name, fault.takes.typed(request.arguments), isActive: isActive)
            }
            reply(request.id, .success([:]))
        }
    }

    private func prepared() -> Result<Fields, ActionFailure> {
        do {
            start(try make())
            return .success([:])
        } catch let failure as ActionFailure { return .failure(failure) } catch { return .failure(ActionFailure("not_made", "\(error)")) }
    }

    private func unknown(_ what: String, _ request: FixtureRequest) {
        reply(request.id, .failure(ActionFailure(FixtureRequest.unknown, "An emulated \(node.kind) has no \(what) '\(request.name)'.")))
    }

    func close() {
        client?.stream.close()
        host?.retire()
    }
}
