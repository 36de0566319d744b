import LabCore
import WireProtocols

/// How an emulated BKV gateway with its sockets behaves where devices differ; the defaults were measured (charging-protocols.md 2.14, 2.18).
package struct BKVPileSettings: Sendable, Equatable {
    /// How it answers a query 1D; the guide says 1C, the captured device sent a 1017 (2.6).
    package enum QueryAnswer: String, Sendable, CaseIterable { case status = "1c", cluster = "1017", silence = "none" }

    /// 14 digits.
    package var gateway: String
    /// 20 characters.
    package var iccid: String
    /// At most 8 characters.
    package var firmware = "200.1.17"
    /// 0 to 31.
    package var signal: UInt8 = 17
    package var rssi: UInt8 = 30

    package var firstHeartbeat = Duration.milliseconds(2_000)
    package var heartbeat = Duration.seconds(60)
    /// Gives the connection up when a heartbeat is not answered by the time of the next; no vendor figure (2.4).
    package var needsHeartbeatAnswer = true
    /// Sends 1013 this long after the first heartbeat; `nil` never does.
    package var connectedReport: Duration? = .milliseconds(400)
    package var listAnswer = Duration.milliseconds(3_430)
    package var startAnswer = Duration.milliseconds(1_050)
    package var queryAnswer = QueryAnswer.cluster
    package var queryDelay = Duration.milliseconds(10)
    /// From the answer to a start to the status report.
    package var startStatus = Duration.milliseconds(500)
    /// From the end of a charge to the status report.
    package var endStatus = Duration.milliseconds(1_080)
    /// From one status report to the next while it charges; `nil` for none. The guide says 5 min, the capture shows none while idle.
    package var status: Duration? = .seconds(300)

    package var endDelay = Duration.milliseconds(100)
    /// From the first report of an end to the second, and from that to the third.
    package var endResends = [Duration.milliseconds(10_500), .milliseconds(10_900)]
    /// From the third to the end of the connection.
    package var endClose = Duration.seconds(17)
    /// From the report 1013 to the first stored end.
    package var storedEnd = Duration.milliseconds(140)
    package var nextEnd = Duration.seconds(1)
    package var reconnectPause = Duration.seconds(4)
    /// Takes the middleware's `0002 0f 01` for the acknowledgement of an end; no device is known to (2.6).
    package var acceptsMiddlewareAcknowledgement = false
    /// From the trigger of an upgrade to the restart with it; nothing about it is documented (2.8).
    package var upgradeTime = Duration.seconds(40)

    package init(gateway: String) {
        self.gateway = gateway
        // 20 characters as on the captured SIM: 8986, then digits and hexadecimal letters, made from the gateway's number.
        iccid = "89860855" + gateway.suffix(12)
    }

    /// `gateway` and `socket` of an id such as `82241218000382-1`; a bare gateway is its socket 1.
    package static func parse(_ id: String) -> (gateway: String, socket: Int)? {
        let parts = id.split(separator: "-", omittingEmptySubsequences: false)
        guard let gateway = parts.first, gateway.utf8.count == 14, gateway.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        if parts.count == 1 { return (String(gateway), 1) }
        guard parts.count == 2, let socket = Int(parts[1]), (1...250).contains(socket) else { return nil }
        return (String(gateway), socket)
    }
}

/// What a charge of a BKV socket has to remember, in the 16 bytes of the core's order: it survives in flash, and in the bill.
struct BKVOrder: Sendable, Equatable {
    enum Kind: UInt8, Sendable {
        /// Ends with 02, 18, 0C or 1004.
        case plain = 1
        case power, card, fee
    }

    var kind: Kind
    /// Counts all charges, so that a business number that comes again is another order.
    var count: UInt32
    var business: UInt16
    /// 0.01 yuan that were paid, and the price: for `power` of a period of `minutes`, for `fee` per kWh.
    var amount: UInt16 = 0
    var price: UInt16 = 0
    var service: UInt16 = 0
    var minutes: UInt16 = 0
    /// For `power`: the tier that counted and how many there are.
    var tier: UInt8 = 0
    var tiers: UInt8 = 0
    /// For `card`: 1 time, 2 energy, 3 power.
    var mode: UInt8 = 1

    init(kind: Kind, count: UInt32, business: UInt16) {
        self.kind = kind
        self.count = count
        self.business = business
    }

    init(_ order: PileOrder) {
        let bytes = order.bytes
        func word(_ place: Int) -> UInt16 { UInt16(bytes[place]) << 8 | UInt16(bytes[place + 1]) }
        kind = Kind(rawValue: bytes[0] >> 4) ?? .plain
        mode = bytes[0] & 15
        tier = bytes[1] >> 4
        tiers = bytes[1] & 15
        count = UInt32(word(2)) << 16 | UInt32(word(4))
        amount = word(6)
        price = word(8)
        service = word(10)
        minutes = word(12)
        business = word(14)
    }

    var pile: PileOrder {
        var bytes = [kind.rawValue << 4 | mode & 15, tier << 4 | tiers & 15]
        for word in [UInt16(truncatingIfNeeded: count >> 16), UInt16(truncatingIfNeeded: count), amount, price, service, minutes, business] {
            bytes += [UInt8(word >> 8), UInt8(truncatingIfNeeded: word)]
        }
        return PileOrder(bytes: bytes)
    }
}
