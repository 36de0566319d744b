/// Which options both sides have agreed on (RFC 854, in the way of RFC 1143, which cannot go round in circles).
package struct TelnetOptions: Sendable {
    package enum Agreement: Sendable, Hashable {
        case open
        /// Asked for, not answered.
        case wanted
        case agreed
        case refused
    }

    /// What this side would do, and what it would have the other side do.
    private var ours: [Telnet.Option: Agreement]
    private var theirs: [Telnet.Option: Agreement]

    package init(ours: [Telnet.Option], theirs: [Telnet.Option]) {
        self.ours = Dictionary(ours.map { ($0, .open) }, uniquingKeysWith: { first, _ in first })
        self.theirs = Dictionary(theirs.map { ($0, .open) }, uniquingKeysWith: { first, _ in first })
    }

    /// What this side does; `.refused` for what it never would.
    package func ours(_ option: Telnet.Option) -> Agreement { ours[option] ?? .refused }
    /// What the other side does; `.refused` for what it is never to do.
    package func theirs(_ option: Telnet.Option) -> Agreement { theirs[option] ?? .refused }

    /// Offers everything that this side would do, and asks for everything that the other side is to do.
    package mutating func offer() -> [UInt8] {
        var output: [UInt8] = []
        for option in ours.keys.sorted(by: { $0.rawValue < $1.rawValue }) where ours[option] == .open {
            ours[option] = .wanted
            output += Telnet.negotiation(.will, option)
        }
        for option in theirs.keys.sorted(by: { $0.rawValue < $1.rawValue }) where theirs[option] == .open {
            theirs[option] = .wanted
            output += Telnet.negotiation(.do, option)
        }
        return output
    }

    /// What the other side said; gives what is to be answered, which is nothing to an answer.
    package mutating func receive(_ verb: Telnet.Verb, _ option: Telnet.Option) -> [UInt8] {
        switch verb {
        case .do: Self.asked(&ours[option], yes: Telnet.negotiation(.will, option), no: Telnet.negotiation(.wont, option))
        case .will: Self.asked(&theirs[option], yes: Telnet.negotiation(.do, option), no: Telnet.negotiation(.dont, option))
        case .dont: Self.forbidden(&ours[option], answer: Telnet.negotiation(.wont, option))
        case .wont: Self.forbidden(&theirs[option], answer: Telnet.negotiation(.dont, option))
        }
    }

    private static func asked(_ agreement: inout Agreement?, yes: [UInt8], no: [UInt8]) -> [UInt8] {
        switch agreement {
        case nil: return no
        case .agreed: return []
        case .wanted:
            agreement = .agreed
            return []
        case .open, .refused:
            agreement = .agreed
            return yes
        }
    }

    private static func forbidden(_ agreement: inout Agreement?, answer: [UInt8]) -> [UInt8] {
        defer { if agreement != nil { agreement = .refused } }
        return agreement == .agreed ? answer : []
    }
}
