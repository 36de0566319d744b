/// `+CREG`, `+CGREG`, `+CEREG`, `+C5GREG`: the registration in one domain (3GPP TS 27.007 §7.2, §10.1.20, §10.1.22, §10.1.47).
package struct ATRegistration: Sendable, Hashable {
    package enum Domain: String, Sendable, CaseIterable {
        case circuit = "+CREG"
        case packet = "+CGREG"
        case eps = "+CEREG"
        case fiveG = "+C5GREG"
    }

    /// <stat>
    package enum Status: Int, Sendable, CaseIterable {
        case off = 0
        case home = 1
        case searching = 2
        case denied = 3
        case unknown = 4
        case roaming = 5
        /// 6 and 7: registered for messages only.
        case homeMessages = 6
        case roamingMessages = 7
        case emergencyOnly = 8
        /// 9 and 10: registered, no preference for circuit-switched fallback.
        case homeNoFallback = 9
        case roamingNoFallback = 10

        /// Data can flow. Source: rg500q.md §2.4.
        package var isRegistered: Bool { self == .home || self == .roaming }
    }

    package var domain: Domain
    /// <n>: which URCs are on; in answers only.
    package var mode: Int?
    package var status: Status
    /// Hexadecimal, as it came; cells have 7 digits in LTE and 8 or 9 in NR.
    package var area: String?
    package var cell: String?
    /// <AcT>
    package var access: ATAccess?

    /// Reads the answer to a read command: `+CEREG: 2,1,"DE10","5A29C0B",7`.
    package init(answer lines: [String], _ domain: Domain) throws(ATReadingError) {
        let all = try ATFields.all(domain.rawValue, in: lines)
        guard let fields = all.first(where: Self.isReadAnswer) else {
            throw all[0].wrong(0, "no answer to a read command: <n>,<stat> is wanted")
        }
        try self.init(fields, domain, statusAt: 1)
        mode = fields.whole(0)
    }

    /// Reads an unsolicited line: `+CREG: 1,"D509","80D413D",7`.
    package init(unsolicited line: String) throws(ATReadingError) {
        let fields = ATFields(line)
        guard let domain = Domain(rawValue: fields.name) else { throw ATReadingError(line: 1, offset: 0, "no registration") }
        try self.init(fields, domain, statusAt: 0)
    }

    private init(_ fields: ATFields, _ domain: Domain, statusAt index: Int) throws(ATReadingError) {
        let number = try fields.requiredWhole(index, "<stat>")
        guard let status = Status(rawValue: number) else { throw fields.wrong(index, "<stat> \(number) has no meaning") }
        self.domain = domain
        self.status = status
        area = fields.word(index + 1)
        cell = fields.word(index + 2)
        access = fields.whole(index + 3).flatMap { ATAccess(rawValue: $0) }
    }

    /// <n> and <stat> are small numbers; then nothing more, or the quoted or empty area. `+CREG: 1` alone is unsolicited.
    static func isReadAnswer(_ line: String) -> Bool { isReadAnswer(ATFields(line)) }

    private static func isReadAnswer(_ fields: ATFields) -> Bool {
        guard let mode = fields.whole(0), let status = fields.whole(1), (0...9).contains(mode), (0...10).contains(status) else {
            return false
        }
        guard let third = fields.field(2) else { return true }
        return third.isQuoted || third.text.isEmpty
    }
}

/// <AcT>: the access technology (3GPP TS 27.007 §7.3).
package enum ATAccess: Int, Sendable, CaseIterable {
    case gsm = 0
    case wcdma = 2
    case edge = 3
    case hsdpa = 4
    case hsupa = 5
    case hspa = 6
    case lte = 7
    case lteOnFiveGCore = 10
    /// NR on a 5G core: standalone.
    case nr = 11
    /// NG-RAN: what is written to select standalone.
    case ngRAN = 12
    /// E-UTRA and NR together: non-standalone.
    case dualConnectivity = 13
}

/// `+COPS?`: the operator that is selected.
package struct ATOperator: Sendable, Hashable {
    /// 0 automatic, 1 manual, 2 deregistered, 4 manual and then automatic.
    package var mode: Int
    /// `nil` where the module is not registered.
    package var name: String?
    /// The name is MCC and MNC.
    package var isNumeric: Bool
    package var access: ATAccess?

    package init(answer lines: [String]) throws(ATReadingError) {
        let fields = try ATFields.first("+COPS", in: lines)
        mode = try fields.requiredWhole(0, "<mode>", in: 0...4)
        name = fields.word(2)
        isNumeric = fields.whole(1) == 2
        access = fields.whole(3).flatMap { ATAccess(rawValue: $0) }
    }
}

/// `+QNWINFO`: the network of each cell in use; none without service (rg500q.md §2.6).
package struct ATNetworkInformation: Sendable, Hashable {
    /// `FDD LTE`, `TDD NR5G`, `WCDMA`
    package var access: String
    /// MCC and MNC
    package var network: String
    /// `LTE BAND 3`
    package var band: String
    package var channel: Int?

    /// - Returns: the LTE cell before the NR cell in NSA; empty without service.
    package static func read(_ lines: [String]) throws(ATReadingError) -> [ATNetworkInformation] {
        var found: [ATNetworkInformation] = []
        for fields in try ATFields.all("+QNWINFO", in: lines) {
            if fields.rest == "No Service" || fields.text(0) == "NONE" || fields.text(0) == "No Service" { continue }
            found.append(
                ATNetworkInformation(
                    access: try fields.requiredText(0, "<AcT>"), network: try fields.requiredText(1, "<oper>"),
                    band: try fields.requiredText(2, "<band>"), channel: fields.whole(3)))
        }
        return found
    }
}

/// `+CPIN`: what the SIM waits for.
package enum ATPINState: String, Sendable, CaseIterable {
    case ready = "READY"
    case pin = "SIM PIN"
    case puk = "SIM PUK"
    case pin2 = "SIM PIN2"
    case puk2 = "SIM PUK2"
    case networkPIN = "PH-NET PIN"
    case phonePIN = "PH-SIM PIN"
    /// Unsolicited only.
    case notReady = "NOT READY"
    case notInserted = "NOT INSERTED"

    package init(answer lines: [String]) throws(ATReadingError) {
        let fields = try ATFields.first("+CPIN", in: lines)
        guard let state = ATPINState(rawValue: fields.rest) else { throw fields.wrong(0, "'\(fields.rest)' is no state of a SIM") }
        self = state
    }
}
