import LabCore
import WireProtocols

/// Whether two modules mean the same by their answers to one command, whatever differs between any two modules or moments.
enum AnswerComparison {
    /// Measurements, times, addresses and references: the same fields of the same sort, with other values.
    private static let varying: Set<String> = [
        "+CSQ", "+CESQ", "+CCLK", "+QLTS", "+CGPADDR", "+QIACT", "+QGDCNT", "+CMGS", "+CMGW", "+CMSS", "+QRSRP", "+QRSRQ", "+QSINR", "+QFLDS", "+CBC",
        "+QGPSLOC", "+QCSQ", "+CPMS",
    ]
    /// What depends on the surroundings in its length as well: cells, lists, networks, contexts.
    private static let surroundings: Set<String> = [
        "+QENG", "+QCAINFO", "+QNWINFO", "+QTEMP", "+CMGL", "+CMGR", "+COPS", "+CPBR", "+CGDCONT", "+QSCAN", "+QMBNCFG", "+QFLST", "+CLCC", "+CGACT", "+CRSM",
        "+CSIM", "+COPN", "+CPOL", "+QSPN", "+CGCONTRDP",
    ]
    /// Numbers of the module, its SIM and people: another number of the same sort.
    private static let identity: Set<String> = ["+CGSN", "+GSN", "+CIMI", "+QCCID", "+ICCID", "+CNUM", "+CSCA", "+EGMR"]
    private static let registration: Set<String> = ["+CREG", "+CGREG", "+CEREG", "+C5GREG"]

    /// What differs; `nil` where nothing does.
    static func difference(_ command: String, device: ATResponse, model: ATResponse) -> String? {
        if device.final.isSuccess != model.final.isSuccess { return "final result" }
        if case .failure(let one) = device.final, case .failure(let other) = model.final, one != other { return "error number" }
        guard device.final.isSuccess else { return nil }
        let names = ATCommand(command).parts.map(\.name)
        if names.contains(where: surroundings.contains) { return otherNames(device, model) }
        let (ours, theirs) = (device.lines, model.lines)
        guard ours.count == theirs.count else { return "number of lines" }
        for (one, other) in zip(ours, theirs) where !agree(one, other, names) { return "information" }
        return nil
    }

    /// Lines may be more or fewer, but not of another name.
    private static func otherNames(_ device: ATResponse, _ model: ATResponse) -> String? {
        let ours = Set(device.lines.compactMap { ATFields.name(of: $0) })
        let theirs = Set(model.lines.compactMap { ATFields.name(of: $0) })
        return ours.isEmpty || theirs.isEmpty || !ours.isDisjoint(with: theirs) ? nil : "names of lines"
    }

    private static func agree(_ one: String, _ other: String, _ commands: [String]) -> Bool {
        if one == other { return true }
        let name = ATFields.name(of: one)
        guard name == ATFields.name(of: other) else { return false }
        let asked = name.map { [$0] } ?? commands
        if asked.contains(where: identity.contains) { return sorts(one, isIdentity: true) == sorts(other, isIdentity: true) }
        if asked.contains(where: varying.contains) { return sorts(one) == sorts(other) }
        guard let name, registration.contains(name) else { return false }
        let (ours, theirs) = (ATFields(one), ATFields(other))
        return (ours.text(0), ours.text(1)) == (theirs.text(0), theirs.text(1)) && ours.count == theirs.count
    }

    private enum Sort: Equatable { case absent, number, word, text, identity(Int) }

    private static func sorts(_ line: String, isIdentity: Bool = false) -> [Sort] {
        let rest = ATFields.name(of: line) == nil ? line : String(line.drop { $0 != ":" }.dropFirst())
        return rest.split(separator: ",", omittingEmptySubsequences: false).map { sort($0, isIdentity) }
    }

    private static func sort(_ field: Substring, _ isIdentity: Bool) -> Sort {
        let text = field.filter { $0 != " " && $0 != "\"" }
        if text.isEmpty { return .absent }
        let digits = text.utf8.count { (0x30...0x39).contains($0) }
        if isIdentity, digits >= 5 {
            // An ICCID has 19 or 20 digits, one of them perhaps an F; a telephone number has any length.
            return .identity(digits >= 18 ? 20 : digits >= 14 ? 15 : 7)
        }
        if text == "-" || Double(text) != nil || digits * 2 >= text.utf8.count { return .number }
        return field.contains("\"") ? .text : .word
    }

    /// What an unsolicited line is about: its name, and for `+QIND` the first word behind it.
    static func kind(of urc: ATURC) -> String {
        guard let name = ATFields.name(of: urc.text) else { return urc.text }
        guard name == "+QIND" else { return name }
        let first = urc.text.drop { $0 != ":" }.dropFirst().split(separator: ",").first.map { $0.filter { $0 != " " && $0 != "\"" } }
        return name + ": " + (first ?? "")
    }

    /// What the network or a person causes, which a model alone cannot know of.
    static let outside: Set<String> = [
        "+CMTI", "+CMT", "+CDS", "+CDSI", "+CBM", "RING", "+CRING", "+CLIP", "+CTZV", "+CTZE", "+CUSD", "+CGEV", "+QIURC", "+QNETRC", "NO CARRIER", "+QIND: csq",
        "+QIND: act", "+QIND: FOTA",
    ]
}
