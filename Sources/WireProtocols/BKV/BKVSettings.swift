/// What the public sources of BKV dispute, with the choice that this codec makes unless it is told otherwise.
package struct BKVSettings: Sendable, Hashable {
    /// Whose reading of the protocol.
    package enum Dialect: String, Sendable, Hashable, CaseIterable {
        /// The vendor's guide and the captures.
        case vendor
        /// The middleware's: its status bits, its acknowledgements (charging-protocols.md 2.13).
        case iotServerCDZ = "iot-server-cdz"
        /// The removed GN package's: data of 1000 as tag, length, value; decoding only (3).
        case gnMiddleware = "gn-middleware"
    }

    /// How a platform acknowledges 02, 0C and 18 (2.6).
    package enum EndAcknowledgement: String, Sendable, Hashable, CaseIterable {
        /// `0002 0c socket 01`: proven on a device.
        case cardEnd = "0c"
        /// `0003 02 socket 01`: in production on a second platform.
        case chargeEnd = "02"
        /// `0002 0f 01`: the middleware's, without evidence that it works.
        case middleware = "0f"
    }

    package var dialect: Dialect
    package var endAcknowledgement: EndAcknowledgement
    /// The outer command of a start by power: the guide's prose says 0015, its bytes 0005. Both are always read.
    package var powerStartCommand: UInt16
    /// Whether the inner length of what is sent counts the sub-command, as the second platform does; the vendor's does not.
    package var countsSubCommand: Bool

    package init(
        dialect: Dialect = .vendor, endAcknowledgement: EndAcknowledgement = .cardEnd, powerStartCommand: UInt16 = 0x0015,
        countsSubCommand: Bool = false
    ) {
        self.dialect = dialect
        self.endAcknowledgement = endAcknowledgement
        self.powerStartCommand = powerStartCommand
        self.countsSubCommand = countsSubCommand
    }

    package static let vendor = BKVSettings()
    /// As the middleware speaks it.
    package static let iotServerCDZ = BKVSettings(dialect: .iotServerCDZ, endAcknowledgement: .middleware)

    /// The protocol words that name BKV in configurations: GN is BKV (0.3, 3).
    package static let protocolNames = ["bkv", "gn"]
}
