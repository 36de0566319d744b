import LabCore

/// What a log tells of one order.
struct OrderTrail: Sendable {
    struct Settlement: Sendable, Equatable {
        var cents: Int64
        /// dWh.
        var energy: Int64
        var seconds: Int64
        var isEstimated: Bool
        var sequence: Int
        /// Unix seconds.
        var at: Int64
    }

    /// Stands for one that is being looked at elsewhere.
    static let none = OrderTrail(number: "", user: "", pile: "", port: 0, tariff: nil, isOffline: false, createdAt: 0, sequence: 0)

    var number: String
    var user: String
    var pile: String
    var port: Int64
    /// As it was frozen on the order; `nil` where the log does not have it.
    var tariff: Fields?
    /// A charge that a card began while the pile was alone: the order was made of its bill.
    var isOffline: Bool
    /// Unix seconds.
    var createdAt: Int64
    var startedAt: Int64?
    var sequence: Int

    var state = ""
    var cancelledAt: Int64?
    var samples: [PriceOracle.Sample] = []
    var settlement: Settlement?
    var reviews: Set<String> = []
    /// Charged to the user, taken and owed together, refunds and corrections taken off; and what is still owed of it.
    var debited: Int64 = 0
    var owed: Int64 = 0
    /// By the names of the lines, "absorbed" apart.
    var lines: [String: Int64] = [:]
    var absorbed: Int64 = 0
    var revenue: Int64 = 0
    /// Came by payment services.
    var booked: Int64 = 0
    var refunded: Int64 = 0
    var resolved: Int64 = 0
    /// The charges at piles that are this order's, by their places in the list of all.
    var charges: [Int] = []

    var isActive: Bool { ["held", "starting", "charging", "stopping", "await_bill"].contains(state) }
    var isTerminal: Bool { state == "closed" || state == "cancelled" }

    /// The lines of the tariff's price are credited with the settlement; later events change them.
    var hasCorrections: Bool { refunded != 0 || resolved != 0 || absorbed != 0 || (settlement.map { $0.cents != debited } ?? false) }
}

/// One charge as it really was, told by an emulated pile.
struct TrueCharge: Sendable {
    var node: String
    var unit: Int64?
    /// As the pile writes it: the order's number, or what its wire has instead of one.
    var wireOrder: String
    var port: Int64
    /// The order that was on the port when it began, or that has its number.
    var order: String?
    /// What the gateway calls pile and port; `nil` for a pile that never said who it is.
    var place: Place?
    /// dWh of the true register; `nil` while it runs.
    var energy: Int64?
    /// Unix seconds of the world.
    var started: Int64 = 0
    var ended: Int64 = 0
    /// The true energy at half hours.
    var marks: [PriceOracle.Sample] = []
    /// What its bill says, dWh and seconds.
    var bill: (energy: Int64, seconds: Int64)?
    var isAcknowledged = false
    var isLost = false
    /// A board that tells no energy: its host sums up the power, so that it may miss a step more than the wire does.
    var isHosted = false
    /// dWh by which a bill may differ from the truth without being wrong.
    var tolerance: Int64 { isHosted ? 2 * Wire.energyStep : Wire.energyStep }
    /// Times that power was away while it was not over.
    var outages = 0
    var sequence: Int
}

struct Place: Sendable, Hashable {
    var pile: String
    var port: Int64
}

/// The wires' resolution of energy.
enum Wire {
    /// 0.01 kWh, in dWh.
    static let energyStep: Int64 = 100
    /// Seconds that a bill is waited for before an order ends without it (charging-orders.md 2.1, give-up).
    static let giveUp: Int64 = 7_200
    /// Seconds that the two ends of a charge may differ between pile and world.
    static let seconds: Int64 = 60
}
