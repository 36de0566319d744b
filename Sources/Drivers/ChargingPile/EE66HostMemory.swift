import LabCore
import WireProtocols

/// How the host of an EE/66 board works (charging-protocols.md 5.1; towards the cloud it is a DNY pile, 4).
package struct EE66HostSettings: Sendable, Equatable {
    /// What the board's amounts count, as it was set in the factory.
    package enum Unit: String, Sendable, CaseIterable { case minutes, energy }

    package var physicalID: UInt32
    package var ports: Int
    package var unit = Unit.minutes
    /// Address of the DL/T 645 meter beside the board, 12 digits; `nil` for none.
    package var meter: String?
    /// Hundredths: 100 is V1.00.
    package var firmware: UInt16 = 100
    package var deviceType: UInt8 = 0x20
    /// The public gateway waits this long for the board's answer.
    package var answerTimeout = Duration.seconds(5)
    /// Sends of a request in all.
    package var sends = 3
    /// From one look at all ports (01) and the running ones (06) to the next.
    package var poll = Duration.seconds(30)
    /// Two looks and the repetitions of one; after more the power that was told last is not believed any more.
    package var silence = Duration.seconds(75)
    package var heartbeat = Duration.seconds(180)
    package var report = Duration.seconds(300)
    package var firstReport = Duration.seconds(10)
    package var registrationRepeat = Duration.milliseconds(19_600)
    package var billDelay = Duration.seconds(2)
    package var billResend = Duration.seconds(26)
    package var billRepeat = Duration.seconds(1_800)
    /// What an order without a limit buys: minutes, or 0.01 kWh.
    package var longest: UInt16 = 600
    package var uplink: PileUplinkSettings

    /// - Parameter ports: 1 to 16; others are brought into that range.
    package init(physicalID: UInt32, ports: Int, iccid: String) {
        self.physicalID = physicalID
        self.ports = min(max(ports, 1), 16)
        uplink = .dny(iccid: iccid)
    }
}

/// What survives a stop of the program and a power cut: files on the host's disk.
struct EE66HostDisk: Sendable {
    /// A charge that runs for an order of the cloud.
    struct Order: Sendable, Equatable {
        /// From 0.
        var port: Int
        var order: DNYOrder
        /// Minutes or 0.01 kWh that the board was given.
        var amount: UInt16
        /// dWh at which the host stops it, since the board counts minutes; `nil` for none.
        var energyLimit: Int64?
        /// Seconds after which the host stops it, where the board cannot do that by its amount; `nil` for none.
        var timeLimit: Int64?
        /// Unix seconds.
        var started: Int64
        /// mWs (1e-3 J) that flowed, summed up from what 06 tells, and put right by the meter where there is one.
        var energy: Int64 = 0
        /// mWs of it since the meter was read last.
        var sinceMeter: Int64 = 0
        /// 0.1 W
        var power: UInt16 = 0
        var maximumPower: UInt16 = 0
        /// Unix seconds up to which `energy` is counted.
        var counted: Int64
        /// What the board said last that is left of the amount; `nil` before it said anything.
        var remaining: UInt16?
        /// Seconds of `counted` in which the board was not heard and charged nothing.
        var silent: Int64 = 0
        /// The server wants it to end, or the host.
        var isStopping = false
        /// Why the host ends it; `nil` where the server does.
        var end: DNYStopReason?

        /// 0.1 Wh are 360 J.
        var deciwattHours: Int64 { energy / 360_000 }
    }

    /// A settlement that the cloud has not acknowledged.
    struct Bill: Sendable, Equatable {
        var serial: UInt32
        var settlement: DNYSettlement
        var messageID: UInt16 = 0
        var earlierID: UInt16?
        /// Sends of this round.
        var count = 0
    }

    /// What the meter showed last; `nil` before that.
    var meter: MeterSpan?
    var orders: [Order] = []
    var bills: [Bill] = []
    var lastSerial: UInt32 = 0
    var lastMessageID: UInt16 = 0
    var wasRunning = false
}

/// A question to the board with what it is for.
struct EE66Job: Sendable {
    enum Purpose: Sendable, Equatable {
        case states
        case look(port: Int)
        case start(port: Int, messageID: UInt16)
        /// `messageID` is `nil` where the host stops it by itself.
        case stop(port: Int, messageID: UInt16?)
    }

    var purpose: Purpose
    var message: EE66Message
    var sends = 0
}
