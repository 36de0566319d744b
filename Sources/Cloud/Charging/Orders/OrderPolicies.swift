/// The owner's choices (charging-orders.md 2.2, "policies"), with the specification's defaults. Times in milliseconds, money in fen.
package struct OrderPolicies: Sendable, Equatable {
    /// Until a start without an answer counts as lost; a pile waits 60 s for the plug.
    package var startTimeout: Int64 = 60_000
    package var stopTimeout: Int64 = 30_000
    /// Three heartbeats without a look at the charge.
    package var staleTimeout: Int64 = 540_000
    /// Between queries of a silent charge.
    package var queryInterval: Int64 = 300_000
    /// Since the last look, until the charge counts as over.
    package var silenceLimit: Int64 = 1_440_000
    /// Longer than the 30 minutes after which a pile sends its bill again.
    package var billTimeout: Int64 = 1_860_000
    /// Since the bill is awaited, until the order is settled without it.
    package var giveUp: Int64 = 7_200_000
    /// Active orders of one user.
    package var maximumActive = 1
    /// Taken where neither the request nor its limits say how much.
    package var standardHold: Int64 = 500
    /// A charge is stopped when so much of the hold is left.
    package var holdMargin: Int64 = 2
    package var maximumRefunds = 50
    /// Above the pile's rated power nothing can be true: thousandths.
    package var powerTolerance: Int64 = 1_200
    /// A reading may be so much above that, for the meter's steps and the clocks: dWh.
    package var energyTolerance: Int64 = 200
    /// Between two orders of a port, for the steps of a meter, before a gap counts as a lost order: dWh.
    package var registerTolerance: Int64 = 100
    /// What a port may draw by itself between two orders: dW.
    package var idlePower: Int64 = 30
    /// How far a pile's count of seconds may run ahead of the cloud's.
    package var clockTolerance: Int64 = 180_000

    /// Where a place has no price of its own: 0.60 yuan of electricity and 0.40 of service for a kWh.
    package var standardTariff = #"{"name":"standard","elec":{"flat":60000},"service":{"flat":40000}}"#

    /// Milliseconds that a commit waits for company: 0 for what comes in the same instant only.
    package var commitDelay: Int64 = 0
    /// Everything that must hold (2.2) is looked at after every commit, and what does not is noted: for exploring, since it reads all tables.
    package var auditsCommits = false

    package init() {}
}
