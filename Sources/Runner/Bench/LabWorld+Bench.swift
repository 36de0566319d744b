import Emulators
import LabCore

/// The real devices of a world.
extension LabWorld {
    /// A node of the bench: what drives it on this side, and what the bench does to it. There is no emulated device in it.
    func makeReal(_ node: String, _ role: Role, _ named: NamedNode?, _ setting: DeviceSetting) throws -> NodeHost {
        guard let named, let side = named.hardware else {
            throw ActionFailure("no_device", "No node of lab.yaml with hw is a \(role.kind) for the role '\(role.name)'; add one, or take --node \(role.name)=emu.")
        }
        let access = try media.bench()
        let unplugging = plan.namedEvents.contains { $0.role == role.name && $0.name == BenchVocabulary.unplugged }
        let host = try BenchHost(node: node, named: named, side: side, expectsUnplugging: unplugging, access: access, kernel: kernel, recorder: recorder)
        realHosts.append(host)
        let made = try DeviceKinds.make(kind: role.kind, node: node, facts: RealNode.facts(of: named, side), setting: setting)
        let drivers = made.parts.enumerated().filter { !$0.element.isPowered }
        let network = drivers.contains { $0.element.way != .none } ? try media.network(for: node, role: role, NetworkWish(hasFaults: true)) : nil
        var way: (any FaultyWay)? = network
        var parts = [NodeHost.Part(host: host, publishes: host.publishes, isPowered: true)]
        for (index, part) in drivers {
            var ports: [DevicePort] = []
            for port in made.ports where port.host == index {
                guard let source = side.port(port.purpose) else {
                    throw ActionFailure("no_port", "\(side.location): the hw of \(named.name) names no port '\(port.purpose.rawValue)' for its driver.")
                }
                ports.append(DevicePort(name: port.name, stream: host.driverPort(source, for: port.purpose, label: port.label), recordedAs: port.label))
            }
            if let name = part.gateway {
                let line = try media.pileLine(for: node, role: role, hasFaults: true)
                way = line.way
                ports.append(DevicePort(name: name, stream: line.stream))
            }
            let driver = DeviceHost(
                node: node, device: part.device, network: part.way == .all ? network : nil, requester: part.way == .none ? nil : network, ports: ports,
                kernel: kernel, recorder: recorder, tracer: tracer)
            parts.append(NodeHost.Part(host: driver, publishes: part.publishes, isPowered: false))
            if let start = part.start { starts.append((driver, start)) }
        }
        return NodeHost(node: node, introductions: made.introductions, parts: parts, way: way)
    }

    /// Puts the devices into the state that a case begins with, and starts what drives them.
    func prepareBench() async {
        for host in realHosts { await host.prepare() }
        for (driver, action) in starts { _ = await driver.act(action, [:]) }
    }

    /// Puts real devices back as they were found, as far as the bench can.
    package func tidyUp(hasFailed: Bool) async { for host in realHosts { await host.tidyUp(hasFailed: hasFailed) } }
}
