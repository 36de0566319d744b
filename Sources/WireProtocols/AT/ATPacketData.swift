/// `+CGDCONT?`: a packet data context as it is defined (3GPP TS 27.007 §10.1.1).
package struct ATPacketContext: Sendable, Hashable {
    /// 1 to 42 on this series.
    package var id: Int
    /// `IP`, `IPV6`, `IPV4V6`
    package var kind: String
    /// Empty for the network's default.
    package var apn: String

    package static func read(_ lines: [String]) throws(ATReadingError) -> [ATPacketContext] {
        var contexts: [ATPacketContext] = []
        // None is defined on a new module: then the answer is OK alone.
        for (index, line) in lines.enumerated() where ATFields.name(of: line) == "+CGDCONT" {
            let fields = ATFields(line, line: index + 1)
            contexts.append(
                ATPacketContext(
                    id: try fields.requiredWhole(0, "<cid>", in: 1...255), kind: try fields.requiredText(1, "<PDP_type>"),
                    apn: fields.text(2) ?? ""))
        }
        return contexts
    }
}

/// `+CGPADDR`: the addresses of a context; none while it is not active.
package struct ATPacketAddress: Sendable, Hashable {
    package var id: Int
    package var addresses: [String]

    package static func read(_ lines: [String]) throws(ATReadingError) -> [ATPacketAddress] {
        var found: [ATPacketAddress] = []
        for fields in try ATFields.all("+CGPADDR", in: lines) {
            // Some firmware shows a context without an address as 0.0.0.0.
            let addresses = fields.fields.dropFirst().map(\.text).filter { text in text.contains { $0 != "0" && $0 != "." && $0 != ":" } }
            found.append(ATPacketAddress(id: try fields.requiredWhole(0, "<cid>", in: 1...255), addresses: addresses))
        }
        return found
    }
}

/// `+CGACT?`: which contexts are active.
package struct ATContextActivity: Sendable, Hashable {
    package var id: Int
    package var isActive: Bool

    package static func read(_ lines: [String]) throws(ATReadingError) -> [ATContextActivity] {
        var found: [ATContextActivity] = []
        for fields in try ATFields.all("+CGACT", in: lines) {
            let state = try fields.requiredWhole(1, "<state>", in: 0...1)
            found.append(ATContextActivity(id: try fields.requiredWhole(0, "<cid>", in: 1...255), isActive: state == 1))
        }
        return found
    }
}
