import Drivers
import Emulators
import LabCore
import WireProtocols

/// A charging pile of a world: with a connection of its own, or as a board at a serial port whose other end a program has.
struct PileNode {
    let node: String
    private let facts: Fields
    /// Unix seconds at the start of the run.
    private let epoch: Int64

    init(node: String, facts: Fields, epoch: Int64) {
        self.node = node
        self.epoch = epoch
        var facts = facts
        // A board of EE/66 and a bus have no id of their own towards the cloud: the program at the port has one.
        if facts["physical_id"] == nil { facts["physical_id"] = .text(Self.identity(of: node, code: facts["line"]?.text == "bus" ? .host : .double)) }
        // A board has nothing but its serial line.
        if facts["protocol"] == "ee66", facts["line"] == nil { facts["line"] = "serial" }
        self.facts = facts
    }

    private var wire: String { facts["protocol"]?.text ?? "dny" }
    private var line: String { facts["line"]?.text ?? "tcp" }
    private var program: String { facts["driver"]?.text ?? (line == "bus" ? "bus" : wire == "ee66" ? "ee66" : "bridge") }
    /// A DL/T 645 meter beside the board, on a line of its own.
    private var hasMeterLine: Bool { line != "tcp" && wire == "ee66" && facts["meter"] != nil }

    /// What the program at its port needs to be connected with.
    var driverPorts: [PortPurpose] {
        if line == "tcp" || program == "none" { return [] }
        // Without the board's own program the meter is for whoever opens its port.
        return hasMeterLine && program == "ee66" ? [.serial, .meter] : [.serial]
    }

    func make() throws(ActionFailure) -> MadeNode {
        let pile = try PileFactory.make(facts, node: node, epoch: epoch)
        let known = introductions(of: pile)
        guard line != "tcp" else {
            return MadeNode(
                parts: [MadeNode.Part(device: pile, publishes: ChargingPile.kind, way: .none, gateway: .gateway)], introductions: known)
        }
        let baud = UInt32(clamping: facts["baud"]?.integer ?? 9_600)
        var made = MadeNode(
            parts: [MadeNode.Part(device: pile, publishes: ChargingPile.kind, way: .none)],
            ports: [MadeNode.Port(name: .serial, label: "serial", module: 0, host: nil, baud: baud)], introductions: known)
        if hasMeterLine { made.ports.append(MadeNode.Port(name: .meter, label: "meter", module: 0, host: nil, baud: 2_400, purpose: .meter)) }
        guard !driverPorts.isEmpty else { return made }
        for index in made.ports.indices where driverPorts.contains(made.ports[index].purpose) { made.ports[index].host = 1 }
        made.parts.append(
            MadeNode.Part(
                device: try PileDriverFactory.make(facts, node: node, epoch: epoch), publishes: PileDriver.kind, way: .none, isPowered: false,
                gateway: PileDriverLink.gateway, start: "driver.start"))
        return made
    }

    /// An operator enters a pile before it is switched on for the first time, unless the scenario wants it to be a stranger.
    private func introductions(of pile: any Device) -> [NodeHost.Introduction] {
        guard facts["entered"]?.bool ?? true else { return [] }
        var ids: [FieldValue] = []
        let units = line == "bus" ? facts["slaves"]?.integer ?? 2 : 1
        if wire != "ee66" {
            for unit in 1...max(1, units) {
                guard case .success(let state) = pile.answer("state", line == "bus" ? ["unit": .integer(unit)] : [:], at: .start), let id = state["pile"] else { continue }
                ids.append(id)
            }
        }
        if wire == "ee66" || line == "bus", program != "none", let id = facts["physical_id"] { ids.append(id) }
        let isBKV = wire == "bkv" || wire == "gn"
        // Behind a gateway of BKV each socket, with its two ports, is a pile.
        if isBKV, let ports = facts["ports"]?.integer, ports > 2, let gateway = ids.first?.text {
            ids = (1...(ports + 1) / 2).map { .text("\(gateway)-\($0)") }
        }
        return ids.map { id in
            var arguments: Fields = ["pile": id]
            for name in ["rated_power", "operator", "site"] { if let fact = facts[name] { arguments[name] = fact } }
            if isBKV { arguments["protocol"] = "bkv" } else if let ports = facts["ports"] { arguments["ports"] = ports }
            return NodeHost.Introduction(at: "power_on", action: "pile.provision", arguments: arguments)
        }
    }

    private static func identity(of node: String, code: DNYDeviceCode) -> String {
        var generator = SeededGenerator(seed: 0, purpose: "id of driver \(node)")
        return DNYPhysicalID(code, number: UInt32(truncatingIfNeeded: generator.next()) & 0xff_ffff).text
    }
}
