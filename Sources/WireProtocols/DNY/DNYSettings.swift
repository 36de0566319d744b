/// How one DNY connection reads and writes where the sources disagree (charging-protocols.md 4.14, 7).
///
/// The defaults are what vendor documents and captures say; the other values are what somebody else was seen to do.
package struct DNYSettings: Sendable, Hashable {
    package enum Dialect: String, Sendable, Hashable, CaseIterable {
        /// The vendor's framing, which real devices speak (4.2).
        case vendor
        /// The framing of the middleware `iot-server-cdz`: the length is that of the whole frame, the device's name is text. No
        /// device speaks it (4.14).
        case iotServerCDZ = "iot-server-cdz"
    }

    /// What one of the overload power in 82 is.
    package enum PowerUnit: String, Sendable, Hashable, CaseIterable {
        case deciwatt
        /// iot-zinx writes watts (4.14).
        case watt
    }

    /// What one of the energy in 82 is.
    package enum EnergyUnit: String, Sendable, Hashable, CaseIterable {
        /// 0.01 kWh
        case hundredth
        /// iot-zinx comments say 0.1 kWh (4.14).
        case tenth
    }

    package var dialect = Dialect.vendor
    /// The largest value of the length field. Source: chosen; the vendor says 256 bytes a packet, and sends 269 itself (4.2).
    package var longestLength = 512
    package var overloadPowerUnit = PowerUnit.deciwatt
    package var energyUnit = EnergyUnit.hundredth
    /// Whether a device stops only if 82 names the order that runs. The vendor says both (4.6).
    package var stopNeedsOrder = true
    /// How often a command is sent again, with the same message ID. The vendor says 1, iot-zinx does 2 (4.3).
    package var resends = 1
    /// How long a command waits for its answer (4.3).
    package var answerLimit = Duration.seconds(15)
    /// Between two commands of the server to one device, at least (4.3).
    package var commandGap = Duration.milliseconds(500)
    /// Whether the last packet of an image is filled with zeros to the full size; the vendor does not say (4.9).
    package var fillsLastPacket = true

    package init() {}
    package static let standard = DNYSettings()

    /// The smallest value of the length field: a frame without data (4.2); of the middleware's, one without data and name.
    package var shortestLength: Int { dialect == .vendor ? 9 : 11 }
    package var lengths: ClosedRange<Int> { shortestLength...max(shortestLength, min(longestLength, Int(UInt16.max))) }
}
