/// What has become of an order's money, read from its entries alone. All in fen.
package struct OrderMoney: Sendable, Equatable {
    /// Set aside at the start.
    package private(set) var held: Int64 = 0
    /// Given back of it.
    package private(set) var released: Int64 = 0
    /// Still set aside.
    package private(set) var hold: Int64 = 0
    /// Taken at the settlement, from the hold and from the wallet.
    package private(set) var captured: Int64 = 0
    /// Came by payment services, less what went back because nothing was owed for it.
    package private(set) var paid: Int64 = 0
    /// Still owed.
    package private(set) var open: Int64 = 0
    /// Went back because the price was lowered.
    package private(set) var returned: Int64 = 0
    /// Went back on request.
    package private(set) var refunded: Int64 = 0
    /// Borne by the operator, written off or never charged.
    package private(set) var absorbed: Int64 = 0
    /// On its way to the payer.
    package private(set) var transit: Int64 = 0
    /// The lines of the price as it stands, before refunds; in the order of `PriceLineKind`.
    package private(set) var lines: [PriceLine] = []
    /// The same less what was refunded of each.
    package private(set) var remaining: [PriceLine] = []
    package private(set) var isSettled = false
    /// Postings of kind hold, and of kinds settle and release: each is there once at most.
    private(set) var holds: [String] = []
    private(set) var ends: [String] = []

    /// What the order costs: the sum of the lines.
    package var price: Int64 { lines.reduce(0) { $0 + $1.fen } }
    /// What can still go back on request (I6).
    package var refundable: Int64 { captured + paid - returned - refunded }

    package init(_ entries: [LedgerEntry]) {
        for entry in entries { add(entry) }
    }

    mutating func add(_ entry: LedgerEntry) {
        note(entry)
        switch (entry.account, entry.kind) {
        case (.hold, _): addHold(entry)
        case (.wallet, .settle):
            captured -= entry.fen
            released += max(0, entry.fen)
        case (.wallet, .release): released += entry.fen
        case (.receivable, let kind):
            open -= entry.fen
            if kind == .payment || kind == .paymentReturn { paid += entry.fen }
        case (.wallet, .adjustment): returned += entry.fen
        case (.wallet, .refund): refunded += entry.fen
        case (.transit, let kind):
            transit += entry.fen
            if kind == .adjustment { returned += entry.fen }
            if kind == .refund { refunded += entry.fen }
        case (.absorbed, _): absorbed -= entry.fen
        case (.revenue(_, let line), let kind):
            guard let line = PriceLineKind(rawValue: line) else { break }
            Self.add(line, entry.fen, to: &remaining)
            if kind != .refund { Self.add(line, entry.fen, to: &lines) }
        default: break
        }
    }

    private mutating func addHold(_ entry: LedgerEntry) {
        hold += entry.fen
        if entry.kind == .hold { held += entry.fen }
        if entry.kind == .settle { captured -= entry.fen }
    }

    private mutating func note(_ entry: LedgerEntry) {
        switch entry.kind {
        case .hold: if holds.last != entry.key { holds.append(entry.key) }
        case .settle, .release:
            if ends.last != entry.key { ends.append(entry.key) }
            if entry.kind == .settle { isSettled = true }
        default: break
        }
    }

    private static func add(_ kind: PriceLineKind, _ fen: Int64, to lines: inout [PriceLine]) {
        if let index = lines.firstIndex(where: { $0.kind == kind }) {
            lines[index].fen += fen
        } else {
            lines.append(PriceLine(kind: kind, fen: fen))
            lines.sort { PriceLineKind.rank($0.kind) < PriceLineKind.rank($1.kind) }
        }
    }
}

extension PriceLineKind {
    static func rank(_ kind: PriceLineKind) -> Int { allCases.firstIndex(of: kind) ?? allCases.count }
}
