/// A pot of money in the ledger.
///
/// Amounts are credits: above 0 means that the account's owner has it to come. What the company has or is owed itself (`bank`,
/// `receivable`, `external`) is below 0, so that all accounts together are always 0. Docs/charging-ledger.md has the table.
package enum Account: Sendable, Hashable {
    /// What a user has prepaid. An empty tenant is the wallet that counts at every operator. Never below 0.
    case wallet(tenant: String, user: String)
    /// What is set aside for a running order. Never below 0, and 0 once the order is settled.
    case hold(order: String)
    /// Below 0 by what the user still owes for an order.
    case receivable(order: String)
    /// On its way back to a payer by a payment service.
    case transit(channel: String)
    /// Below 0 by what a payment service has taken in for us.
    case bank(channel: String)
    /// What an operator has earned, by line of the price.
    case revenue(operatorID: String, line: String)
    /// Below 0 by what an operator bears himself.
    case absorbed(operatorID: String)
    /// What a party gets of a month (`2026-01`).
    case shares(party: String, month: String)
    /// The world outside: where money comes from that no payment service brings.
    case external

    /// What kind of account it is: the first word of its text.
    package enum Family: String, Sendable, Hashable, CaseIterable {
        case wallet, hold, receivable, transit, bank, revenue, absorbed, shares, external
    }

    package var family: Family {
        switch self {
        case .wallet: .wallet
        case .hold: .hold
        case .receivable: .receivable
        case .transit: .transit
        case .bank: .bank
        case .revenue: .revenue
        case .absorbed: .absorbed
        case .shares: .shares
        case .external: .external
        }
    }

    /// The name in the tables: `wallet::rider`, `revenue:op-1:elec`.
    package var text: String {
        switch self {
        case .wallet(let tenant, let user): "wallet:\(Self.escaped(tenant)):\(Self.escaped(user))"
        case .hold(let order): "hold:\(Self.escaped(order))"
        case .receivable(let order): "receivable:\(Self.escaped(order))"
        case .transit(let channel): "transit:\(Self.escaped(channel))"
        case .bank(let channel): "bank:\(Self.escaped(channel))"
        case .revenue(let operatorID, let line): "revenue:\(Self.escaped(operatorID)):\(Self.escaped(line))"
        case .absorbed(let operatorID): "absorbed:\(Self.escaped(operatorID))"
        case .shares(let party, let month): "shares:\(Self.escaped(party)):\(Self.escaped(month))"
        case .external: "external"
        }
    }

    /// The account of that name; `nil` for a text that names none.
    package init?(text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(Self.unescaped)
        guard let family = parts.first.flatMap(Family.init) else { return nil }
        switch (family, parts.count) {
        case (.wallet, 3): self = .wallet(tenant: parts[1], user: parts[2])
        case (.hold, 2): self = .hold(order: parts[1])
        case (.receivable, 2): self = .receivable(order: parts[1])
        case (.transit, 2): self = .transit(channel: parts[1])
        case (.bank, 2): self = .bank(channel: parts[1])
        case (.revenue, 3): self = .revenue(operatorID: parts[1], line: parts[2])
        case (.absorbed, 2): self = .absorbed(operatorID: parts[1])
        case (.shares, 3): self = .shares(party: parts[1], month: parts[2])
        case (.external, 1): self = .external
        default: return nil
        }
    }

    /// Two different accounts must never have one name, whatever is in the names of users and operators.
    static func escaped(_ part: String) -> String {
        guard part.utf8.contains(where: { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "%") }) else { return part }
        var bytes: [UInt8] = []
        for byte in part.utf8 {
            switch byte {
            case UInt8(ascii: ":"): bytes.append(contentsOf: "%3A".utf8)
            case UInt8(ascii: "%"): bytes.append(contentsOf: "%25".utf8)
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func unescaped(_ part: Substring) -> String {
        guard part.utf8.contains(UInt8(ascii: "%")) else { return String(part) }
        var bytes: [UInt8] = []
        var rest = Array(part.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.starts(with: "3A".utf8) {
                bytes.append(UInt8(ascii: ":"))
                rest = rest.dropFirst(2)
            } else if byte == UInt8(ascii: "%"), rest.starts(with: "25".utf8) {
                bytes.append(UInt8(ascii: "%"))
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
