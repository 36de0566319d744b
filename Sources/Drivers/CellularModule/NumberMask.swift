import WireProtocols

/// Keeps numbers of people and modules, codes and passwords out of events.
enum NumberMask {
    /// Runs of so many digits are an IMEI (15), an IMSI (14 or 15) or an ICCID (18 to 20); longer ones are PDUs.
    private static let lengths = 14...22
    private static let shownDigits = 4
    /// Their arguments are codes or passwords.
    private static let secretCommands = ["+QICSGP", "+CGAUTH", "+CPIN", "+CLCK", "+CPWD"]

    /// A number with its last 4 digits: `***********0009`.
    static func number(_ text: String) -> String {
        let hidden = max(0, text.count - shownDigits)
        return String(repeating: "*", count: hidden) + text.suffix(shownDigits)
    }

    /// A line of an answer, or an unsolicited one, with every long number masked.
    static func line(_ text: String) -> String {
        if let name = ATFields.name(of: text), name != "+CPIN", secretCommands.contains(name) { return "\(name): ***" }
        var result = ""
        var digits = ""
        for character in text {
            if character.isASCII, character.isNumber {
                digits.append(character)
            } else {
                result += masked(digits)
                digits = ""
                result.append(character)
            }
        }
        return result + masked(digits)
    }

    private static func masked(_ digits: String) -> String { lengths.contains(digits.utf8.count) ? number(digits) : digits }

    /// A command with the arguments of secret ones left out.
    static func command(_ command: ATCommand) -> String {
        let parts = command.parts
        // The query of a download address is a signature, with which anybody gets the file.
        if parts.first?.name == "+QFOTADL", let query = command.text.firstIndex(of: "?") { return command.text[..<query] + "?***\"" }
        guard parts.contains(where: { secretCommands.contains($0.name) && $0.form == .write }) else { return line(command.text) }
        return "AT" + parts.map { $0.form == .write ? "\($0.name)=***" : $0.name }.joined(separator: ";")
    }
}
