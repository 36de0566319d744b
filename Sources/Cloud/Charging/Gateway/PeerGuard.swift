import LabCore

/// What one address may do: how many connections, how many without a pile, how many refused logins (F57).
///
/// Memory is bounded: when too many addresses are remembered, those that have neither connections nor recent refusals are
/// forgotten; if that does not help, newcomers share one entry.
struct PeerGuard {
    private struct Entry {
        var connections = 0
        /// Of them, those on which no known pile has spoken.
        var strangers = 0
        var windowStart: RunInstant = .start
        /// Refused logins in the minute that began then.
        var refusals = 0
        /// When it was last told that a connection was turned away; a flood is told once a minute, and counted always.
        var toldAt: RunInstant?
    }

    private static let window = Duration.seconds(60)
    private let settings: PileGatewaySettings
    private var entries: [String: Entry] = [:]

    init(_ settings: PileGatewaySettings) { self.settings = settings }

    /// The address without its port: `10.0.0.7` of `10.0.0.7:40112`, `::1` of `[::1]:40112`; other names stay as they are.
    static func address(of peer: String) -> String {
        if peer.first == "[", let end = peer.firstIndex(of: "]") { return String(peer[peer.index(after: peer.startIndex)..<end]) }
        guard let colon = peer.lastIndex(of: ":"), peer.firstIndex(of: ":") == colon else { return peer }
        return peer[peer.index(after: colon)...].allSatisfy(\.isNumber) ? String(peer[..<colon]) : peer
    }

    /// A connection comes.
    ///
    /// - Returns: the address under which it is counted, why it may not stay, if so (it is counted in any case), and whether a
    ///   refusal is worth a note.
    mutating func opened(_ peer: String, at now: RunInstant) -> (address: String, refusal: String?, isToBeTold: Bool) {
        let address = admitted(Self.address(of: peer), at: now)
        var entry = entries[address] ?? Entry()
        let refusal: String? =
            if entry.connections >= settings.connectionsPerPeer || entry.strangers >= settings.strangersPerPeer {
                "too_many_connections"
            } else if isLimited(entry, at: now) { "rate_limited" } else { nil }
        entry.connections += 1
        entry.strangers += 1
        let isToBeTold = entry.toldAt.map { $0.advanced(by: Self.window) <= now } ?? true
        if refusal != nil, isToBeTold { entry.toldAt = now }
        entries[address] = entry
        return (address, refusal, isToBeTold)
    }

    mutating func closed(_ address: String, wasStranger: Bool, at now: RunInstant) {
        guard var entry = entries[address] else { return }
        entry.connections -= 1
        if wasStranger { entry.strangers -= 1 }
        let isQuiet = entry.refusals == 0 || entry.windowStart.advanced(by: Self.window) <= now
        entries[address] = entry.connections == 0 && isQuiet ? nil : entry
    }

    /// A pile that is known has spoken on a connection.
    mutating func loggedIn(_ address: String) { entries[address]?.strangers -= 1 }

    /// A login was refused.
    mutating func refused(_ address: String, at now: RunInstant) {
        var entry = entries[address] ?? Entry()
        if entry.windowStart.advanced(by: Self.window) <= now || entry.refusals == 0 {
            entry.windowStart = now
            entry.refusals = 0
        }
        entry.refusals += 1
        entries[address] = entry
    }

    /// An address at which known piles are is not shut out because of a stranger beside them.
    private func isLimited(_ entry: Entry, at now: RunInstant) -> Bool {
        entry.refusals > settings.refusalsPerMinute && entry.windowStart.advanced(by: Self.window) > now
            && entry.connections == entry.strangers
    }

    private mutating func admitted(_ address: String, at now: RunInstant) -> String {
        guard entries[address] == nil, entries.count >= settings.maximumPeers else { return address }
        entries = entries.filter {
            $0.value.connections > 0 || ($0.value.refusals > 0 && $0.value.windowStart.advanced(by: Self.window) > now)
        }
        return entries.count < settings.maximumPeers ? address : "*"
    }
}
