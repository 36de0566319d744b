/// A line that nobody asked for: an unsolicited result code (rg500q.md §2.12), with what belongs to it.
package struct ATURC: Sendable, Hashable {
    /// The line, and for `+CMT` and `+CDS` the one behind it.
    package var lines: [String]
    /// The bytes behind `+QIURC: "recv",<connection>,<length>`.
    package var data: [UInt8]

    package init(_ line: String, data: [UInt8] = []) {
        lines = [line]
        self.data = data
    }

    package enum Kind: Sendable, Hashable {
        /// `RDY`: the firmware runs.
        case ready
        /// `+CFUN: n`
        case functionality(Int)
        /// `+CPIN: …`
        case pin(ATPINState)
        case registration(ATRegistration)
        /// `+QIND: SMS DONE`, `+QIND: "FOTA","END",0`: what stands behind the colon.
        case indication(String)
        /// `+CMTI: "ME",1`: a message was stored.
        case messageStored(memory: String, index: Int)
        /// `+CGEV: NW DETACH` and the like.
        case packetEvent(String)
        /// `NORMAL POWER DOWN`: the module is about to switch off.
        case poweringDown
        case poweredDown
        case ring
        case other
    }

    package var text: String { lines.first ?? "" }

    /// What it says, as far as this lab understands it; a damaged one is `.other`.
    package var kind: Kind {
        switch text {
        case "RDY": return .ready
        case "POWERED DOWN": return .poweredDown
        case "NORMAL POWER DOWN": return .poweringDown
        case "RING": return .ring
        default: break
        }
        guard let name = ATFields.name(of: text) else { return .other }
        let fields = ATFields(text)
        switch name {
        case "+CFUN": return fields.whole(0).map(Kind.functionality) ?? .other
        case "+CPIN": return ATPINState(rawValue: fields.rest).map(Kind.pin) ?? .other
        case "+QIND": return .indication(fields.rest)
        case "+CGEV": return .packetEvent(fields.rest)
        case "+CRING": return .ring
        case "+CMTI":
            guard let memory = fields.text(0), let index = fields.whole(1) else { return .other }
            return .messageStored(memory: memory, index: index)
        default: return (try? ATRegistration(unsolicited: text)).map(Kind.registration) ?? .other
        }
    }
}

/// Tells answers and unsolicited lines apart while a command waits.
enum ATSorting {
    enum Place { case information, unsolicited, stray }

    private static let bareWords = ["RDY", "RING", "POWERED DOWN", "NORMAL POWER DOWN", "NO CARRIER"]

    /// Never an answer.
    private static let alwaysUnsolicited = [
        "+CMTI", "+CMT", "+CDS", "+CDSI", "+CBM", "+CRING", "+CGEV", "+CTZV", "+CTZE", "+QIURC", "+QIND", "+QUSIM", "+QGPSURC", "+QLWURC",
        "+QMTSTAT",
        "+QMTRECV", "+QSSLURC",
    ]

    /// Their line comes after the OK of the writing form, whenever the network has answered (rg500q.md §3).
    private static let laterResults = [
        "+QIOPEN", "+QMTOPEN", "+QMTCONN", "+QMTSUB", "+QMTUNS", "+QMTPUB", "+QMTPUBEX", "+QMTDISC", "+QMTCLOSE", "+QHTTPGET", "+QHTTPPOST",
        "+QHTTPREAD", "+CUSD", "+CPIN", "+CFUN",
    ]

    /// Known names that modules send by themselves beside answering.
    private static let sometimesUnsolicited = [
        "+CREG", "+CGREG", "+CEREG", "+C5GREG", "+CLIP", "+QCSQ", "+QENDC", "+QNETRC", "+QSIMSTAT", "+CCWA",
    ]

    static let registrations = ["+CREG", "+CGREG", "+CEREG", "+C5GREG"]

    static func isKnownUnsolicited(_ line: String) -> Bool {
        if bareWords.contains(line) { return true }
        guard let name = ATFields.name(of: line) else { return false }
        return alwaysUnsolicited.contains(name) || laterResults.contains(name) || sometimesUnsolicited.contains(name)
    }

    /// Where a line belongs that is neither echo nor final result.
    ///
    /// - Parameter taken: names that have answered already, of which there is one line only.
    static func place(_ line: String, among parts: [ATCommand.Part], taken: [String]) -> Place {
        if bareWords.contains(line) { return .unsolicited }
        guard let name = ATFields.name(of: line) else { return .information }
        if alwaysUnsolicited.contains(name) { return .unsolicited }
        guard let part = parts.first(where: { $0.name == name }) else {
            return isKnownUnsolicited(line) ? .unsolicited : .stray
        }
        return answers(line, name, part, isTaken: taken.contains(name)) ? .information : .unsolicited
    }

    private static func answers(_ line: String, _ name: String, _ part: ATCommand.Part, isTaken: Bool) -> Bool {
        if part.form == .test { return true }
        if registrations.contains(name) {
            // A read answer has <n> before <stat>: two small numbers, then nothing or a quoted area (rg500q.md §2.4).
            return part.form == .read && !isTaken && ATRegistration.isReadAnswer(line)
        }
        if laterResults.contains(name), part.form == .write { return false }
        switch name {
        case "+CPIN": return !isTaken && !["NOT READY", "NOT INSERTED"].contains(ATFields(line).rest)
        case "+CFUN", "+QSIMSTAT": return !isTaken
        case "+CLIP": return part.form == .read && ATFields(line).whole(0) != nil
        default: return true
        }
    }

    /// Whether the next line belongs to this one: `+CMT` always, `+CDS` in PDU mode, where it has the length alone.
    static func hasSecondLine(_ line: String) -> Bool {
        switch ATFields.name(of: line) {
        case "+CMT"?: true
        case "+CDS"?: ATFields(line).count == 1
        default: false
        }
    }

    /// Bytes that follow an unsolicited line: data pushed by a socket.
    static func dataLength(behind line: String) -> Int? {
        guard ATFields.name(of: line) == "+QIURC" else { return nil }
        let fields = ATFields(line)
        return fields.text(0) == "recv" ? fields.whole(2) : nil
    }
}
