import Cloud
import CloudClient
import Drivers
import Emulators
package import LabCore
import Simulation

/// The kinds of nodes that this lab knows, with the faults that the world adds to what devices and cloud publish.
package enum NodeKinds {
    package static let all: [NodeKind] = [badge, module, pile, payments, cloud]

    private static let badge: NodeKind = {
        var kind = Badge.kind
        kind.faults += LinkFaults.kinds + HTTPFaults.kinds
        kind.events += HTTPFaults.events + BenchVocabulary.events
        return kind
    }()

    /// The module and the program at its side are one node.
    private static let module: NodeKind = {
        var kind = CellularModule.kind.united(with: TwinModule.kind).united(with: ModuleAgent.kind)
        kind.facts.append(FieldKind("baud", .integer, unit: "bit/s", "of the serial lines; without pace, as on USB, where absent"))
        kind.events += PortVocabulary.events + BenchVocabulary.events
        kind.faults += LinkFaults.kinds + HTTPFaults.kinds
        kind.events += HTTPFaults.events
        return kind
    }()

    private static let pile: NodeKind = {
        var kind = ChargingPile.kind.united(with: PileDriver.kind)
        if kind.fault("power.cut") == nil { kind.faults.append(ActionKind("power.cut", "The power is away while the fault lasts.")) }
        kind.facts += [
            FieldKind("baud", .integer, unit: "bit/s", "of a serial line; 9600 where absent"),
            FieldKind("entered", .bool, "the cloud knows it when it is switched on; true where absent"),
            FieldKind("operator", .text, "whose pile it is, where the cloud is to know it; lab where absent"),
            FieldKind("site", .text, "where it stands; depot where absent"),
        ]
        kind.events += PortVocabulary.events + BenchVocabulary.events
        kind.faults += LinkFaults.kinds
        return kind
    }()

    private static let payments: NodeKind = {
        var kind = PaymentService.kind
        kind.faults += LinkFaults.kinds + HTTPFaults.kinds
        kind.events += HTTPFaults.events
        return kind
    }()

    private static let cloud: NodeKind = {
        var kind = Cloud.kind
        kind.facts.append(FieldKind("audited", .bool, "all that must hold of orders and money is looked at after every commit; false where absent"))
        kind.facts += [
            FieldKind("rate_limits", .bool, "callers are held back at their limits; false where one caller stands for thousands, true where absent"),
            FieldKind(
                "payments", .choice(["emulated", "real"]),
                "the payment services that it uses: a node of the lab, or what `payments` of lab.yaml names, in real time only; emulated where absent"),
            FieldKind("workers", .integer, "requests that it serves at once, where time is virtual and the scenario offers load; 2 where absent"),
            FieldKind("service", .duration, "the median time of a request there; 300us where absent"),
        ]
        kind.events += BrokerVocabulary.events
        kind.faults += BrokerVocabulary.faults
        kind.faults.append(
            ActionKind(
                "broker.restart", "The broker stops and starts again in the instant in which it begins; all connections end.",
                takes: [FieldKind("persistent", .bool, "whether sessions and retained messages survive")]))
        kind.faults.append(
            ActionKind("freeze", "The cloud's process stands still, as after SIGSTOP: requests and messages wait, and are taken up when it ends."))
        return kind
    }()
}

/// What a device is told about the world that it is made for.
struct DeviceSetting {
    var seed: UInt64
    /// Unix seconds at the start of the run.
    var epoch: Int64
    var cloudHost: String
    var factoryMasterKey: [UInt8]
    var firmware: FactoryFirmware
}

/// The devices behind one node.
struct MadeNode {
    /// How a part speaks to the cloud.
    enum Way {
        case none
        /// Only by requests: an emulated module fetches packages over the network that its agent uses, too.
        case requests
        case all
    }

    struct Part {
        var device: any Device
        /// What scenarios can ask of this part.
        var publishes: NodeKind
        var way = Way.all
        /// Power cuts concern it.
        var isPowered = true
        /// Its name for the connection to the cloud's pile gateway; `nil` for devices that have none.
        var gateway: LinkName?
        /// The action that starts a program of the lab's host, which runs from the beginning; `nil` for devices.
        var start: String?
        /// It is a service that the cloud asks by HTTP.
        var isService = false
    }

    /// A serial port between two parts.
    struct Port {
        var name: LinkName
        /// The last part of its path and of its name in logs: `at`.
        var label: String
        /// Index of the part that offers it.
        var module: Int
        /// Index of the part that opens it; `nil` for a port that only people use.
        var host: Int?
        /// The pace of the line; `nil` for USB.
        var baud: UInt32?
        /// Which port of a bench's node is this one, where the device is real.
        var purpose = PortPurpose.serial
    }

    var parts: [Part]
    var ports: [Port] = []
    var introductions: [NodeHost.Introduction] = []

    /// It needs a way to the cloud's REST surface or broker.
    var isOnline: Bool { parts.contains { $0.way != .none } }
}

/// Makes emulated devices: one case for each kind.
enum DeviceKinds {
    /// - Parameter script: a recording that answers in place of the emulator (`emu` of lab.yaml).
    static func make(kind: String, node: String, facts: Fields, script: PlanFile? = nil, setting: DeviceSetting) throws(ActionFailure) -> MadeNode {
        let made = try emulated(kind, node, facts, setting)
        guard let script else { return made }
        return try made.withTwin(script, kind: kind, node: node)
    }

    private static func emulated(_ kind: String, _ node: String, _ facts: Fields, _ setting: DeviceSetting) throws(ActionFailure) -> MadeNode {
        switch kind {
        case "badge": try badge(node, facts, setting)
        case "rg500q": try module(node, facts, setting)
        case "pile": try PileNode(node: node, facts: facts, epoch: setting.epoch).make()
        case "payments": try payments(node, setting)
        default: throw ActionFailure("no_device", "There is no emulator for the kind '\(kind)'.")
        }
    }

    enum Target { case cloud, device }

    /// What the factory and the first switching on do for a device, in their order.
    static func beginnings(of node: NamedNode) -> [(Target, String, Fields)] {
        var provision: Fields = [:]
        if let serial = node.facts["serial_no"] { provision["serial_no"] = serial }
        switch node.kind {
        case "badge": return [(.cloud, "factory.provision", provision), (.device, "boot", ["factory_new": true])]
        case "rg500q":
            provision["device_type"] = "RG500Q"
            return [
                (.cloud, "factory.provision", provision), (.device, "power_on", [:]), (.device, "start", ["factory_new": true]),
            ]
        case "pile": return [(.device, "power_on", [:])]
        default: return []
        }
    }

    private static func badge(_ node: String, _ facts: Fields, _ setting: DeviceSetting) throws(ActionFailure) -> MadeNode {
        let factory = BadgeFactory(master: setting.factoryMasterKey)
        let serial = facts["serial_no"]?.text ?? "BDG-0001"
        var identity = factory.identity(serial: serial, seed: setting.seed)
        // Two boards with one serial number are still two boards.
        identity.hardwareID = BadgeFactory.hardwareID(seed: setting.seed, serial: "\(serial) on \(node)")
        let hardware = facts["hardware_version"]?.text ?? "v1.0"
        let firmware = try setting.firmware.store(
            version: facts["firmware"]?.text ?? "2.3.0", model: facts["boot"]?.text.flatMap(BootModel.init) ?? .mcuboot, hardware: hardware)
        let badge = Badge(
            identity: identity, firmware: firmware, settings: setting.firmware.settings, hardwareVersion: hardware,
            cloud: BadgeCloudAddress(host: setting.cloudHost), factory: factory, epoch: setting.epoch,
            generator: SeededGenerator(seed: setting.seed, purpose: "device \(node)"))
        return MadeNode(
            parts: [MadeNode.Part(device: badge, publishes: Badge.kind)],
            introductions: [NodeHost.Introduction(at: "flash", action: "factory.provision", arguments: ["serial_no": .text(serial)])])
    }

    private static func payments(_ node: String, _ setting: DeviceSetting) throws(ActionFailure) -> MadeNode {
        let service = try PaymentService(epoch: setting.epoch, generator: SeededGenerator(seed: setting.seed, purpose: "payment service \(node)"))
        return MadeNode(parts: [MadeNode.Part(device: service, publishes: PaymentService.kind, way: .requests, isPowered: false, isService: true)])
    }

    /// The emulated module, and the program that drives it through its AT port without knowing what is behind it.
    private static func module(_ node: String, _ facts: Fields, _ setting: DeviceSetting) throws(ActionFailure) -> MadeNode {
        let serial = facts["serial_no"]?.text ?? "QT_001"
        let module = CellularModule(
            try ModuleSetup(facts: facts, epoch: setting.epoch), generator: SeededGenerator(seed: setting.seed, purpose: "module \(node)"))
        let agent = ModuleAgent(
            identity: ModuleAgentIdentity(
                serialNumber: serial, factoryKey: FactoryKey.of(serial: serial, master: setting.factoryMasterKey)),
            cloudHost: setting.cloudHost, apn: facts["apn"]?.text, epoch: setting.epoch,
            generator: SeededGenerator(seed: setting.seed, purpose: "agent \(node)"))
        let baud = facts["baud"]?.integer.map { UInt32(clamping: $0) }
        let ports = CellularModule.ports.map { name in
            MadeNode.Port(name: name, label: name.portLabel, module: 0, host: name == ModuleAgent.port ? 1 : nil, baud: baud)
        }
        return MadeNode(
            parts: [
                MadeNode.Part(device: module, publishes: CellularModule.kind, way: .requests),
                MadeNode.Part(device: agent, publishes: ModuleAgent.kind, isPowered: false),
            ], ports: ports)
    }
}

extension NodeKind {
    /// Two parts of one node as one kind; what both name has the fields of both.
    func united(with other: NodeKind) -> NodeKind {
        var kind = self
        kind.about = other.about
        kind.abilities += other.abilities.filter { !abilities.contains($0) }
        kind.facts += other.facts.filter { fact in !facts.contains { $0.name == fact.name } }
        kind.actions += other.actions.filter { action($0.name) == nil }
        kind.queries += other.queries.filter { query($0.name) == nil }
        kind.faults += other.faults.filter { fault($0.name) == nil }
        for event in other.events {
            if let index = kind.events.firstIndex(where: { $0.name == event.name }) {
                kind.events[index].fields += event.fields.filter { field in !kind.events[index].fields.contains { $0.name == field.name } }
            } else {
                kind.events.append(event)
            }
        }
        return kind
    }
}
