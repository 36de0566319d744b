import LabCore

/// Times and limits of the pile gateway, with the specification's defaults (charging-protocols.md 2.14, 2.18, 4.3, 4.15).
package struct PileGatewaySettings: Sendable, Equatable {
    // MARK: Connections

    /// By then the first bytes must have told the protocol.
    package var identificationTimeout: Duration = .seconds(5)
    /// By then a pile that is known must have spoken.
    package var loginTimeout: Duration = .seconds(60)
    /// Bytes before the first mark of a protocol; more than that is no pile.
    package var leadingGarbage = 512
    /// Bytes that belong to no frame since the last good one; more than that closes the connection.
    package var garbageBetween = 4_096
    /// Frames that are damaged or make no sense since the last good one; more than that closes the connection.
    package var badFrames = 64
    /// A frame that stays incomplete so long is taken for a false head.
    package var incompleteFrame: Duration = .seconds(10)
    package var maximumConnections = 65_536
    /// From one address; a whole fleet may come through one.
    package var connectionsPerPeer = 20_000
    /// From one address, without a pile that is known.
    package var strangersPerPeer = 5_000
    /// Refused logins of one address in a minute, before its new connections are closed at once.
    package var refusalsPerMinute = 30
    /// Addresses that are remembered.
    package var maximumPeers = 10_000
    /// Refusals of one connection that are noted one by one; all are counted.
    package var notedRefusals = 16

    // MARK: Silence

    /// The heartbeat that piles are set to; after two missed ones they count as offline (4.3).
    package var dnyHeartbeat: Duration = .seconds(180)
    /// What a heartbeat may be late.
    package var heartbeatSlack: Duration = .seconds(20)
    /// A module that has said `link` says it after each 30 s without traffic; this is four of them (4.2).
    package var keepAliveSilence: Duration = .seconds(120)
    /// A gateway's heartbeat comes every minute; this is two missed ones (2.4).
    package var bkvSilence: Duration = .seconds(150)

    // MARK: Commands

    package var answerTimeout: Duration = .seconds(15)
    /// How often a command is sent at most, with the same number.
    package var sends = 2
    /// Between two commands to one device.
    package var commandGap: Duration = .milliseconds(500)
    /// Commands to one pile that may wait.
    package var queueLimit = 32
    /// Commands to one device that may wait for their answers.
    package var inFlightLimit = 8
    /// How long a start that got no answer looks for a status report before it is sent again (2.18).
    package var lookTimeout: Duration = .seconds(5)
    /// The first number of a command; `nil` to begin with the time, so that a restart does not repeat numbers.
    package var firstNumber: UInt32?

    // MARK: Upgrades

    package var packetTimeout: Duration = .seconds(30)
    /// How often one packet is sent again.
    package var packetResends = 3
    /// The FTP server that BKV gateways fetch firmware from; without it their upgrades are refused.
    package var upgradeServer: UpgradeServer?
    /// BKV defines no answer to an upgrade; by then the gateway must have come back with the new version.
    package var upgradeTimeout: Duration = .seconds(900)

    package struct UpgradeServer: Sendable, Equatable {
        /// IPv4, four bytes.
        package var address: [UInt8]
        package var port: UInt16
        package init(address: [UInt8], port: UInt16) {
            self.address = address
            self.port = port
        }
    }

    // MARK: Sense

    /// dWh; no two-wheeler pile gives more to one order, whatever its rating.
    package var absurdEnergy: Int64 = 2_000_000
    /// Bills of one pile that may be under way to the orders.
    package var billsUnderWay = 16

    package init() {}
}
