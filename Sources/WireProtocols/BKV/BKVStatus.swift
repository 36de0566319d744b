/// The status byte of a port, which in an end report is the cause of the end (charging-protocols.md 2.11).
package struct BKVStatus: RawRepresentable, Sendable, Hashable {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let idle = BKVStatus(rawValue: 0x80)
    package static let charging = BKVStatus(rawValue: 0x90)
    package static let noLoad = BKVStatus(rawValue: 0x98)
    package static let full = BKVStatus(rawValue: 0xa0)
    package static let timeUp = BKVStatus(rawValue: 0xb0)

    package var isOnline: Bool { rawValue & 0x80 != 0 }
    /// Bit 5: ended by itself (inferred from A0 and B0).
    package var isCompleted: Bool { rawValue & 0x20 != 0 }
    package var isNoLoad: Bool { rawValue & 0x08 != 0 }
    package var hasTemperatureFault: Bool { rawValue & 0x04 != 0 }
    package var hasCurrentFault: Bool { rawValue & 0x02 != 0 }
    package var hasPowerFault: Bool { rawValue & 0x01 != 0 }
    package var hasFault: Bool { rawValue & 0x07 != 0 }

    /// Whether a charge runs: bit 4, and neither "completed" nor "no load" beside it; of the values seen only 90.
    package var isCharging: Bool { rawValue & 0x38 == 0x10 }

    /// Whether a charge runs as `dialect` reads the byte: the middleware takes bit 5 for it (2.13).
    package func isCharging(in dialect: BKVSettings.Dialect) -> Bool {
        dialect == .iotServerCDZ ? rawValue & 0x20 != 0 : isCharging
    }

    /// Why a charge ended. A0 and B0 were also seen for a stop by the user: who sent one knows.
    package enum EndCause: String, Sendable, Hashable, CaseIterable {
        case noLoad = "no_load"
        case timeUp = "time_up"
        case full
        case overTemperature = "over_temperature"
        case overCurrent = "over_current"
        case overPower = "over_power"
        case unknown
    }

    package var endCause: EndCause {
        if hasTemperatureFault { return .overTemperature }
        if hasCurrentFault { return .overCurrent }
        if hasPowerFault { return .overPower }
        if isNoLoad { return .noLoad }
        if isCompleted { return rawValue & 0x10 != 0 ? .timeUp : .full }
        return .unknown
    }

    /// The byte of an end report with that cause.
    package init(ended cause: EndCause) {
        self =
            switch cause {
            case .noLoad: .noLoad
            case .timeUp: .timeUp
            case .full, .unknown: .full
            case .overTemperature: BKVStatus(rawValue: 0x94)
            case .overCurrent: BKVStatus(rawValue: 0x92)
            case .overPower: BKVStatus(rawValue: 0x91)
            }
    }

    /// For people: `online, charging, no load`.
    package var text: String {
        var words = [isOnline ? "online" : "offline"]
        if rawValue & 0x40 != 0 { words.append("metering fault") }
        if isCompleted { words.append("completed") }
        if rawValue & 0x10 != 0 { words.append("charging") } else if !isCompleted { words.append("idle") }
        if isNoLoad { words.append("no load") }
        if hasTemperatureFault { words.append("temperature fault") }
        if hasCurrentFault { words.append("current fault") }
        if hasPowerFault { words.append("power fault") }
        return words.joined(separator: ", ")
    }
}
