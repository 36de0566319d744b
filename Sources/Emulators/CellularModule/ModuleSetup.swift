package import LabCore

/// What an emulated module is made with.
package struct ModuleSetup: Sendable {
    package var profile = ModuleProfile.standard
    /// As `ATI` says it. Source: specs/rg500q.md §4.5.
    package var firmware = "RG500QEAAAR11A06M4G"
    /// What follows the `_` in the answer to `AT+QGMR`.
    package var subVersion = "01.001.01.001"
    /// What `AT+CSUB` says.
    package var subEdition = "V01"
    package var manufacturer = "Quectel"
    package var product = "RG500Q-EA"
    package var imei = "860000000000009"
    /// The SIM that is in it; `nil` for none.
    package var card: SIMCard? = SIMCard()
    package var network = RadioNetwork()
    package var position = GeographicPosition(latitude: 52.5200, longitude: 13.4050)
    /// Unix seconds at the start of the run.
    package var epoch: Int64 = 0
    /// From power or reset to the ports on USB. Source: 30 s typical, 180 s at most (§5.4).
    package var bootTime = Duration.seconds(20)
    /// From the ports to the SIM, then to the messages, then to the phone book, and up to twice that.
    package var startTime = Duration.milliseconds(1_200)
    /// From the beginning of a search to the registration. Source: chosen; real networks need 2 to 30 s, the limit is 300 s (§2.3).
    package var attachTime = Duration.seconds(3)
    /// From a command to its answer where nothing else says so, and up to twice that; the limit is 300 ms (§2.1). Zero answers at once.
    package var answerTime = Duration.milliseconds(4)
    /// From `AT+QGPS=1` to the first fix.
    package var fixTime = Duration.seconds(12)
    /// `AT+CFUN=1` while that is so already is answered with `+CME ERROR: 0`, as two logs of this family show (§2.3).
    package var refusesFullFunctionality = false
    package var update = UpdateSetup()

    package init() {}

    /// Takes the facts of a node.
    ///
    /// - Throws: `bad_fact` with the fact that cannot be and what it may be.
    package init(facts: Fields, epoch: Int64) throws(ActionFailure) {
        self.epoch = epoch
        if let name = facts["profile"]?.text {
            guard let known = ModuleProfile.named(name) else {
                throw Self.bad("profile", "is one of \(ModuleProfile.all.map(\.name).joined(separator: ", "))")
            }
            profile = known
        }
        firmware = try Self.word("firmware", facts, 1...64) ?? firmware
        subVersion = try Self.word("sub_version", facts, 13...13) ?? subVersion
        imei = try Self.digits("imei", facts, 15...15) ?? imei
        var card = SIMCard()
        card.imsi = try Self.digits("imsi", facts, 6...15) ?? card.imsi
        card.iccid = try Self.digits("iccid", facts, 19...20) ?? card.iccid
        card.number = try Self.word("number", facts, 1...21) ?? card.number
        card.pin = try Self.digits("pin", facts, 4...8)
        self.card = facts["sim"]?.bool == false ? nil : card
        if let mode = facts["mode"]?.text {
            guard let known = RadioNetwork.Mode(rawValue: mode) else {
                throw Self.bad("mode", "is one of \(RadioNetwork.Mode.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            network.mode = known
        }
        // At home wherever the IMSI belongs to, unless the facts name another network.
        network.setOperator(name: facts["operator"]?.text, plmn: facts["plmn"]?.text ?? String(card.imsi.prefix(5)))
        bootTime = facts["boot_time"]?.durationNanoseconds.map { .nanoseconds(max(0, $0)) } ?? bootTime
        startTime = facts["start_time"]?.durationNanoseconds.map { .nanoseconds(max(0, $0)) } ?? startTime
        attachTime = facts["attach_time"]?.durationNanoseconds.map { .nanoseconds(max(0, $0)) } ?? attachTime
        answerTime = facts["answer_time"]?.durationNanoseconds.map { .nanoseconds(max(0, $0)) } ?? answerTime
        update.take(facts)
    }

    /// Facts that are numbers in YAML, such as an IMEI without quotation marks, are taken by their digits.
    private static func digits(_ name: String, _ facts: Fields, _ length: ClosedRange<Int>) throws(ActionFailure) -> String? {
        guard let value = facts[name] else { return nil }
        let text = value.description
        guard length.contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            let count = length.lowerBound == length.upperBound ? "\(length.lowerBound)" : "\(length.lowerBound) to \(length.upperBound)"
            throw bad(name, "needs \(count) digits")
        }
        return text
    }

    private static func word(_ name: String, _ facts: Fields, _ length: ClosedRange<Int>) throws(ActionFailure) -> String? {
        guard let value = facts[name] else { return nil }
        let text = value.description
        guard length.contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != 0x22 }) else {
            throw bad(name, "needs \(length.lowerBound) to \(length.upperBound) printable characters without blanks and quotation marks")
        }
        return text
    }

    private static func bad(_ fact: String, _ rule: String) -> ActionFailure {
        ActionFailure("bad_fact", "The fact '\(fact)' of the module \(rule).")
    }
}

/// A SIM as the module sees it. Its messages stay on it when it is taken out.
package struct SIMCard: Sendable, Equatable {
    /// Test network 001 01.
    package var imsi = "001010123456780"
    /// 19 or 20 digits.
    package var iccid = "89001010000000000018"
    /// The own number, as `AT+CNUM` shows it.
    package var number = "15550000001"
    package var serviceCentre = "+15550000000"
    /// Asked for after power if there is one.
    package var pin: String?
    /// Tries that are left; at 0 the PUK is needed, which this card has not.
    package var pinTries = 3
    /// `SM`, 50 places.
    package var messages = MessageMemory(capacity: 50)

    package init() {}
}

package struct GeographicPosition: Sendable, Equatable {
    /// Degrees, north and east positive.
    package var latitude: Double
    package var longitude: Double
    /// Metres above the sea.
    package var altitude = 34.0

    package init(latitude: Double, longitude: Double) {
        self.latitude = latitude
        self.longitude = longitude
    }
}
