import Cloud
import Emulators
package import LabCore
import Simulation

/// The kinds of nodes that this lab knows, with the faults that the world adds to what devices and cloud publish.
package enum NodeKinds {
    package static let all: [NodeKind] = [badge, cloud]

    private static let badge: NodeKind = {
        var kind = Badge.kind
        kind.faults += LinkFaults.kinds
        return kind
    }()

    private static let cloud: NodeKind = {
        var kind = Cloud.kind
        kind.events += BrokerVocabulary.events
        kind.faults += BrokerVocabulary.faults
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
}

/// The devices behind one node.
struct MadeNode {
    struct Part {
        var device: any Device
        /// What scenarios can ask of this part.
        var publishes: NodeKind
        /// It speaks to the cloud.
        var isOnline = true
        /// Power cuts concern it.
        var isPowered = true
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
    }

    var parts: [Part]
    var ports: [Port] = []
}

/// Makes emulated devices: one case for each kind.
enum DeviceKinds {
    static func make(kind: String, node: String, facts: Fields, setting: DeviceSetting) throws(ActionFailure) -> MadeNode {
        switch kind {
        case "badge": MadeNode(parts: [MadeNode.Part(device: badge(node, facts, setting), publishes: Badge.kind)])
        default: throw ActionFailure("no_device", "There is no emulator for the kind '\(kind)'.")
        }
    }

    private static func badge(_ node: String, _ facts: Fields, _ setting: DeviceSetting) -> Badge {
        let factory = BadgeFactory(master: setting.factoryMasterKey)
        let serial = facts["serial_no"]?.text ?? "BDG-0001"
        var identity = factory.identity(serial: serial, seed: setting.seed)
        // Two boards with one serial number are still two boards.
        identity.hardwareID = BadgeFactory.hardwareID(seed: setting.seed, serial: "\(serial) on \(node)")
        return Badge(
            identity: identity, firmware: facts["firmware"]?.text ?? "2.3.0", hardwareVersion: facts["hardware_version"]?.text ?? "v1.0",
            cloud: BadgeCloudAddress(host: setting.cloudHost), factory: factory, epoch: setting.epoch,
            generator: SeededGenerator(seed: setting.seed, purpose: "device \(node)"))
    }
}
