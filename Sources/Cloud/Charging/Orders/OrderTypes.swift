/// Where an order stands (charging-orders.md 2.1). `held` to `awaitBill` are active: they hold the port.
package enum OrderState: String, Sendable, Hashable, CaseIterable {
    /// The row, the lease of the port and the prepaid hold exist.
    case held
    case starting, charging, stopping
    /// Nothing runs any more, as far as is known; the pile's bill is awaited.
    case awaitBill = "await_bill"
    /// Settled, and not all of it is paid.
    case due
    case closed, cancelled

    package var isActive: Bool {
        switch self {
        case .held, .starting, .charging, .stopping, .awaitBill: true
        case .due, .closed, .cancelled: false
        }
    }

    /// No transition leaves it.
    package var isTerminal: Bool { self == .closed || self == .cancelled }
}

/// What is known of the pile while the order runs.
package enum OrderLink: String, Sendable, Hashable, CaseIterable {
    case online, stale, offline
}

/// Why a person has to look at an order. Its money is safe meanwhile.
package enum OrderReview: String, Sendable, Hashable, CaseIterable, Comparable {
    /// A bill came that cannot be true.
    case badBill = "bad_bill"
    /// A second bill with another content.
    case billConflict = "bill_conflict"
    /// Settled without a bill.
    case estimated
    /// The bill came after the estimate and is higher: the operator bears the difference.
    case lateBillHigher = "late_bill_higher"
    /// A payment service could not pay a refund out.
    case refundFailed = "refund_failed"

    package static func < (left: OrderReview, right: OrderReview) -> Bool { left.rawValue < right.rawValue }
}

/// What an order waits for; each has one time at which the wait is over.
package enum OrderTimer: String, Sendable, Hashable, CaseIterable {
    /// The answer to the start.
    case start
    /// The answer to the stop.
    case stop
    /// The next look at the running charge.
    case stale
    /// The bill; also the end of all waiting for it (give-up).
    case bill
}

/// What is settled when an order is made and never changes.
struct OrderTerms: Sendable, Equatable {
    /// 16 characters of 0-9 and A-Z; unique for ever, the number on the wire.
    let number: String
    /// The operator whose pile it is.
    let tenant: String
    let user: String
    let clientKey: String?
    let pile: String
    let port: Int
    let site: String
    /// The number that the pile itself gave, of a charge that a card began offline.
    let wireNumber: String?
    let card: String?
    /// The tariff as it was at the start, as written (JSON).
    let tariff: String
    /// The version that it is, `acme.depot@3`; the tariff's own name where the price was agreed for this order alone.
    let tariffLabel: String
    let hold: Int64
    let limitEnergy: Int64?
    let limitSeconds: Int64?
    let createdAt: Int64
}

/// One charging order. Times are Unix milliseconds of the cloud's clock, energies dWh, power dW, money fen.
package struct Order: Sendable, Equatable {
    /// The row; 0 before it is written.
    package var row: Int64 = 0
    /// All copies of an order, which are many, have one of these.
    private final class Shared: Sendable, Equatable {
        let terms: OrderTerms
        init(_ terms: OrderTerms) { self.terms = terms }
        static func == (left: Shared, right: Shared) -> Bool { left === right || left.terms == right.terms }
    }
    private let shared: Shared
    package var number: String { shared.terms.number }
    package var tenant: String { shared.terms.tenant }
    package var user: String { shared.terms.user }
    package var clientKey: String? { shared.terms.clientKey }
    package var pile: String { shared.terms.pile }
    package var port: Int { shared.terms.port }
    package var site: String { shared.terms.site }
    package var wireNumber: String? { shared.terms.wireNumber }
    package var card: String? { shared.terms.card }
    package var tariff: String { shared.terms.tariff }
    package var tariffLabel: String { shared.terms.tariffLabel }
    package var hold: Int64 { shared.terms.hold }
    package var limitEnergy: Int64? { shared.terms.limitEnergy }
    package var limitSeconds: Int64? { shared.terms.limitSeconds }
    package var createdAt: Int64 { shared.terms.createdAt }

    package var state: OrderState = .held
    package var link: OrderLink = .online
    package var review: Set<OrderReview> = []
    /// What was odd about readings and clocks: `register_reset`, `meter_rollback`, `clock`, `wrapped`, `power_loss`.
    package var flags: Set<String> = []
    package var isEstimated = false
    package var startedAt: Int64?
    package var endedAt: Int64?
    package var settledAt: Int64?
    /// Of the last good sample; never decreases.
    package var energy: Int64 = 0
    /// What the meter showed then: less than `energy` after it began again near 0.
    package var meter: Int64 = 0
    package var sampledAt: Int64?
    package var power: Int64 = 0
    /// Good samples that are stored.
    package var samples = 0
    /// What the charge costs so far.
    package var running: Int64 = 0
    /// Why it ended, or is to end.
    package var reason: String?
    /// Queries since the last sign of life.
    package var queries = 0
    /// Reminders since the bill is awaited.
    package var tries = 0
    package var awaitingSince: Int64?
    package var timer: OrderTimer?
    /// When the timer is over.
    package var timerAt: Int64?

    /// The row of the bill that settled it, or that came after the estimate.
    package var bill: Int64?
    package var billedEnergy: Int64?
    package var billedSeconds: Int64?
    /// What the user owes in all.
    package var price: Int64 = 0
    /// The lines of the price, as written (JSON): `{"elec":741,"service":494}`.
    package var lines: String?
    /// What he was told at the first settlement; he never pays more (I15).
    package var told: Int64?
    /// Taken from hold and wallet.
    package var captured: Int64 = 0
    /// Came by payment services.
    package var paid: Int64 = 0
    /// Still owed.
    package var open: Int64 = 0
    /// Went back because a later bill or a person corrected the price.
    package var returned: Int64 = 0
    /// Went back on request.
    package var refunded: Int64 = 0
    package var refunds = 0
    /// Borne by the operator.
    package var absorbed: Int64 = 0

    package init(
        number: String, tenant: String, user: String, clientKey: String? = nil, pile: String, port: Int, site: String = "", wireNumber: String? = nil,
        card: String? = nil, tariff: String = "{}", tariffLabel: String = "", hold: Int64 = 0, limitEnergy: Int64? = nil, limitSeconds: Int64? = nil,
        createdAt: Int64
    ) {
        shared = Shared(
            OrderTerms(
                number: number, tenant: tenant, user: user, clientKey: clientKey, pile: pile, port: port, site: site, wireNumber: wireNumber, card: card,
                tariff: tariff, tariffLabel: tariffLabel, hold: hold, limitEnergy: limitEnergy, limitSeconds: limitSeconds, createdAt: createdAt))
    }

    /// Whether nothing differs but what a look at the charge changes.
    func hasOnlyNewReadings(since other: Order) -> Bool {
        guard samples != other.samples else { return false }
        var same = self
        same.energy = other.energy
        same.meter = other.meter
        same.sampledAt = other.sampledAt
        same.power = other.power
        same.samples = other.samples
        same.running = other.running
        same.timerAt = other.timerAt
        return same == other
    }

    /// What the pile said of the charge is more than an answer: there may be something to bill.
    var hasBeenSeen: Bool { samples > 0 }
    /// What can still go back to the user.
    var refundable: Int64 { captured + paid - returned - refunded }
}
