package import LabCore

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

    /// - Parameters:
    ///   - cloudHost: goes into `host` and into signatures.
    ///   - apn: set at the start until the cloud configures another; `nil` leaves the module's.
    ///   - epoch: Unix seconds at the start of the run.
    ///   - generator: its own stream of chance, as in `SeededGenerator(seed:, purpose: "agent modem")`.
    package init(
        identity: ModuleAgentIdentity, cloudHost: String, tenant: String = "default", apn: String? = nil, epoch: Int64, masksNumbers: Bool = true,
        generator: SeededGenerator
    ) {
        self.identity = identity
        self.cloudHost = cloudHost
        self.tenant = tenant
        self.epoch = epoch
        self.masksNumbers = masksNumbers
        self.generator = generator
    }

    package mutating func handle(_ input: DeviceInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if case .action(let token, let name, _) = input {
            effects.append(.finish(token, .failure(ActionFailure("unknown_action", "An agent has no action '\(name)'."))))
        }
    }

    package func answer(_ query: String, _ arguments: Fields, at now: RunInstant) -> Result<Fields, ActionFailure> {
        .failure(ActionFailure("unknown_query", "An agent has no query '\(query)'."))
    }
}
