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
    /// Whether the last packet of an image is filled with zeros to the full size; the vendor does not say (4.9).
    package var fillsLastPacket = true

    package init() {}
    package static let standard = DNYSettings()

    /// The smallest value of the length field: a frame without data (4.2); of the middleware's, one without data and name.
    package var shortestLength: Int { dialect == .vendor ? 9 : 11 }
    package var lengths: ClosedRange<Int> { shortestLength...max(shortestLength, min(longestLength, Int(UInt16.max))) }
}
