package import LabCore

// The border between orders and stations: what an order asks about the port at which it begins, and what it tells.

/// What the orders ask of the stations; they answer from memory.
package protocol StationDesk: PileRegistry {
    /// - Returns: `nil` for a pile or a port that nobody has entered.
    func condition(pile: String, port: Int) -> PortCondition?
    /// The version that holds at the pile's site at a moment (Unix milliseconds): the site's own, else its region's, else the
    /// operator's; `nil` where there is none. An order freezes its `rules`.
    func tariff(pile: String, at moment: Int64) -> TariffVersion?
    /// The moments (Unix milliseconds, ascending) at which another version may begin to hold there, behind `first` and not behind `last`.
    func tariffStarts(pile: String, after first: Int64, through last: Int64) -> [Int64]
    /// Raises an alarm of the orders, once while it is open: `lost_order`, `energy_without_order`.
    func raise(pile: String, port: Int?, kind: String, text: String, order: String?)
    func clear(pile: String, port: Int?, kind: String)
}

/// Whether an order may begin at a port, and if not, why.
package struct PortCondition: Sendable, Equatable {
    package var isOnline: Bool
    package var isDisabled: Bool
    /// The open alarm that forbids charging, or `port_fault`; `nil` for none.
    package var fault: String?
    package var state: PortState

    package init(isOnline: Bool, isDisabled: Bool, fault: String?, state: PortState) {
        self.isOnline = isOnline
        self.isDisabled = isDisabled
        self.fault = fault
        self.state = state
    }
}

/// One version of an organisation's tariff. It never changes: orders name it, and a month that is settled again finds it.
package struct TariffVersion: Sendable, Equatable {
    /// Whose tariff it is; it holds for all sites below that have none of their own.
    package var organisation: String
    /// From 1.
    package var version: Int
    package var name: String
    /// The tariff as `Tariff(fields:)` reads it.
    package var rules: Fields
    /// Unix milliseconds.
    package var effectiveAt: Int64
    package var createdAt: Int64
    package var createdBy: String

    /// What an order keeps: `acme.depot@3`.
    package var label: String { "\(organisation)@\(version)" }

    package init(organisation: String, version: Int, name: String, rules: Fields, effectiveAt: Int64, createdAt: Int64, createdBy: String) {
        self.organisation = organisation
        self.version = version
        self.name = name
        self.rules = rules
        self.effectiveAt = effectiveAt
        self.createdAt = createdAt
        self.createdBy = createdBy
    }
}
