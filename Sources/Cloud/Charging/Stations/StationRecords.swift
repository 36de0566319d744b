package import LabCore

/// A pile to be entered.
package struct PileEntry: Sendable, Equatable {
    package var id: String
    package var wire: PileProtocol
    package var ports: Int
    /// dW of one port.
    package var ratedPower: Int64
    package var name: String?

    package init(id: String, wire: PileProtocol, ports: Int, ratedPower: Int64 = 20_000, name: String? = nil) {
        self.id = id
        self.wire = wire
        self.ports = ports
        self.ratedPower = ratedPower
        self.name = name
    }

    /// What is wrong with it, by the rules of its protocol; `nil` for nothing.
    package var fault: String? {
        let bytes = id.utf8
        let fits =
            switch wire {
            case .dny:
                bytes.count == 8 && bytes.allSatisfy { Characters.isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) }
            case .bkv: Self.isSocket(id)
            case .ee66: (1...32).contains(bytes.count) && bytes.allSatisfy(Characters.isBase64URL)
            }
        if !fits {
            return switch wire {
            case .dny: "the id of a DNY pile is its physical ID as 8 lower-case hexadecimal digits"
            case .bkv: "the id of a BKV pile is the gateway's 14 digits, '-' and the socket"
            case .ee66: "the id of an EE/66 pile is its serial number of 1 to 32 letters, digits, '-' and '_'"
            }
        }
        if !(1...32).contains(ports) { return "a pile has 1 to 32 ports" }
        if !(1...2_000_000).contains(ratedPower) { return "the rated power of a port is 1 to 2000000 dW" }
        return nil
    }

    private static func isSocket(_ id: String) -> Bool {
        let parts = id.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 14, parts[0].utf8.allSatisfy(Characters.isDigit), let socket = Int(parts[1]) else {
            return false
        }
        return (1...250).contains(socket) && String(socket) == parts[1]
    }
}

/// A pile as the stations know it now: the row, and what came from the pile since the cloud began.
package struct PileState: Sendable, Equatable {
    package var registered: RegisteredPile
    package var wire: PileProtocol
    package var name: String?
    package var model = ""
    package var firmware = ""
    package var iccid = ""
    package var isOnline = false
    /// Unix milliseconds; `nil` for a pile that has never come.
    package var lastSeen: Int64?
    /// When it went; `nil` while it is there, and for a pile that has never come.
    package var offlineSince: Int64?
    /// From port 1 on; `idle` until the pile has said more.
    package var ports: [PortState]
    /// The version of the parameters that it should have, and the one that it is known to have; 0 for none.
    package var desiredVersion: Int64 = 0
    package var reportedVersion: Int64 = 0
    /// The version that is on its way.
    package var sentVersion: Int64?
    /// For its health: times it went, starts that it refused, since the cloud began.
    package var drops: Int32 = 0
    package var refusedStarts: Int32 = 0
    package var starts: Int32 = 0

    package init(_ registered: RegisteredPile, wire: PileProtocol, name: String? = nil) {
        self.registered = registered
        self.wire = wire
        self.name = name
        ports = Array(repeating: .idle, count: registered.ports)
    }

    /// Takes what the pile says of itself; what it leaves out stays as it was.
    mutating func describe(_ facts: PileFacts) {
        if !facts.firmware.isEmpty { firmware = facts.firmware }
        if !facts.model.isEmpty { model = facts.model }
        if !facts.iccid.isEmpty { iccid = facts.iccid }
    }
}

/// One parameter of a pile: what it should be, and what the pile has.
package struct PileParameter: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable { case pending, applied, rejected }
    package var name: String
    package var desired: Int64?
    /// The version of the pile's parameters that set it.
    package var version: Int64
    package var reported: Int64?
    package var state: State
    /// Why the pile did not take it.
    package var reason: String?
    package var changedAt: Int64

    package static let nameRule = "a parameter has a name of 1 to 32 characters of a-z, 0-9 and '_' and a whole number from 0 to 4294967295"
    package static func isName(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                Characters.isDigit($0) || $0 == UInt8(ascii: "_") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
            }
    }

    /// - Throws: `INVALID_FIELD`.
    package static func check(_ parameters: Fields) throws(APIError) {
        guard (1...32).contains(parameters.count) else { throw .invalidField("parameters", "'parameters' must hold 1 to 32 of them") }
        for entry in parameters {
            guard isName(entry.name), let value = entry.value.integer, (0...4_294_967_295).contains(value) else {
                throw .invalidField("parameters.\(entry.name.prefix(32))", "\(nameRule)")
            }
        }
    }
}
