import LabCore

/// How an emulated EE/66 board behaves where boards differ (charging-protocols.md 5.1).
package struct EE66PileSettings: Sendable, Equatable {
    /// What the amount of a start, and what is left, count.
    package enum Unit: String, Sendable, CaseIterable { case minutes, energy }

    package var unit = Unit.minutes
    /// From a request to its answer. Source: chosen; the module of the public gateway waits 5 s.
    package var answer = Duration.milliseconds(30)
    /// From the end of a charge to its report, and from a report that nobody acknowledged to the next; whether boards repeat it is not known.
    package var endDelay = Duration.milliseconds(100)
    package var endResend = Duration.seconds(5)
    /// Reports in a row; then it waits for `endPause`.
    package var endSends = 3
    package var endPause = Duration.seconds(60)
    /// Per cent by which the power that it tells is off; what flows is not.
    package var powerError: Int64 = 0
    /// Answers 24; the tested board was silent for 24 to 2A.
    package var knowsAllPorts = false
    /// What a card of the synchronised kind buys.
    package var cardMinutes: UInt16 = 240
    /// 0.1 yuan.
    package var cardPrice: UInt8 = 10

    package init() {}
}

/// What a charge of a board remembers, in the 16 bytes of the core's order.
struct EE66Order: Sendable, Equatable {
    /// Counts the board's charges.
    var count: UInt32
    /// Minutes or 0.01 kWh that were bought.
    var amount: UInt16

    init(count: UInt32, amount: UInt16) {
        self.count = count
        self.amount = amount
    }

    init(_ order: PileOrder) {
        count = UInt32(truncatingIfNeeded: order.low >> 16)
        amount = UInt16(truncatingIfNeeded: order.low)
    }

    var pile: PileOrder { PileOrder(high: 0x4545_3636_0000_0000, low: UInt64(count) << 16 | UInt64(amount)) }
}
