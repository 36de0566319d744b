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

/// Makes emulated devices: one case for each kind.
enum DeviceKinds {
    static func make(kind: String, node: String, facts: Fields, setting: DeviceSetting) throws(ActionFailure) -> any Device {
        switch kind {
        case "badge":
            let factory = BadgeFactory(master: setting.factoryMasterKey)
            let serial = facts["serial_no"]?.text ?? "BDG-0001"
            var identity = factory.identity(serial: serial, seed: setting.seed)
            // Two boards with one serial number are still two boards.
            identity.hardwareID = BadgeFactory.hardwareID(seed: setting.seed, serial: "\(serial) on \(node)")
            return Badge(
                identity: identity, firmware: facts["firmware"]?.text ?? "2.3.0",
                hardwareVersion: facts["hardware_version"]?.text ?? "v1.0", cloud: BadgeCloudAddress(host: setting.cloudHost),
                factory: factory, epoch: setting.epoch, generator: SeededGenerator(seed: setting.seed, purpose: "device \(node)"))
        default:
            throw ActionFailure("no_device", "There is no emulator for the kind '\(kind)'.")
        }
    }
}
