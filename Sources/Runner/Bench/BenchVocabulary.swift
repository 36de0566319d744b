import Drivers
import Emulators
import LabCore

/// What can be asked of a real device, and be seen at it: by its driver, by what the bench itself has, and by its fixture.
enum BenchVocabulary {
    static let plugged = PortRecording.EventName.plugged
    static let unplugged = PortRecording.EventName.unplugged
    static let lost = PortRecording.EventName.lost
    static let opened = "line.opened"
    static let lines = PortRecording.EventName.lines
    static let locked = "port.lock"
    static let console = "console.line"
    static let switched = "power.switched"
    static let failed = "bench.failed"

    private static let purpose = FieldKind("port", .choice(PortPurpose.allCases.map(\.rawValue)))
    private static let path = FieldKind("path", .text, "such as /dev/ttyUSB2")

    /// What every node of a bench can tell.
    static let events: [EventKind] = [
        EventKind(plugged, "A port of the device is there again.", fields: [purpose, path]),
        EventKind(unplugged, "A port of the device is gone.", fields: [purpose, path]),
        EventKind(
            lost, "The device left the bus though nothing takes it away then, or was away for much longer than it takes to start: a cable, a hub, or a crash. What fails from there on is blocked.",
            fields: [FieldKind("port", .text), FieldKind("detail", .text)]),
        EventKind(
            opened, "A real port was opened.",
            fields: [FieldKind("port", .text), path, FieldKind("settings", .text, "such as 115200 8N1")]),
        EventKind(
            lines, "The modem lines of a port that has some: when it was opened, and whenever one has changed.",
            fields: [FieldKind("port", .text), FieldKind("lines", .text, "those that are on: dtr rts cts dsr dcd ring")], volume: .traffic),
        EventKind(
            locked, "What was found of the lock file by which other programs know that a port is used, and done with it.",
            fields: [FieldKind("port", .text), FieldKind("detail", .text)]),
        EventKind(console, "A line of the device's console.", fields: [FieldKind("text", .text)], volume: .traffic),
        EventKind(switched, "The bench has switched the device's power.", fields: [FieldKind("on", .bool)]),
        EventKind(failed, "The bench could not do something to the device.", fields: [FieldKind("what", .text), FieldKind("detail", .text)]),
    ]

    static let powerOn = "power_on"
    private static let powerOff = "power_off"
    static let powerCut = "power.cut"

    /// What the bench does to a device of the kind, apart from its driver.
    static func published(for kind: String, _ side: HardwareSide) -> NodeKind {
        let device = device(kind)
        let offers: (String) -> Bool = { name in side.fixture?.offers(name) ?? false }
        let own = [powerOn] + (side.power == nil ? [] : [powerOff, powerCut])
        let isThere: (String) -> Bool = { own.contains($0) || offers($0) }
        return NodeKind(
            name: kind, about: device.about, actions: device.actions.filter { isThere($0.name) }, events: device.events.filter { offers($0.name) || (side.power != nil && powerEvents.contains($0.name)) } + events,
            queries: device.queries.filter { offers($0.name) }, faults: device.faults.filter { isThere($0.name) })
    }

    /// Actions after which a device is on or off for as long as nobody does anything else.
    static let switching = [powerOn, powerOff, "power_key"]
    static let powerEvents = ["power.lost", "power.restored"]

    /// What drivers of the lab's host do and tell for the node.
    static func driver(of kind: String, _ facts: Fields) -> [NodeKind] {
        switch kind {
        case "rg500q": [ModuleAgent.kind]
        case "pile": (facts["line"]?.text ?? "tcp") == "tcp" ? [] : [PileDriver.kind]
        default: []
        }
    }

    /// The ports of a node through which its driver speaks.
    static func driverPorts(of kind: String, _ facts: Fields, node: String) -> [PortPurpose] {
        kind == "pile" ? PileNode(node: node, facts: facts, epoch: 0).driverPorts : [.serial]
    }

    /// What a device of the kind could do and tell, all of which a fixture can offer.
    static func device(_ kind: String) -> NodeKind {
        var device =
            switch kind {
            case "rg500q": CellularModule.kind
            case "pile": ChargingPile.kind
            default: Badge.kind
            }
        if device.fault(powerCut) == nil { device.faults.append(ActionKind(powerCut, "The power is away while the fault lasts.")) }
        return device
    }
}
