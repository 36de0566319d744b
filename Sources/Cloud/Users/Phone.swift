/// Telephone numbers of users: personal data, which no answer and no log shows whole.
package enum Phone {
    package static let rule =
        "a telephone number is '+', the country and the number, 8 to 15 digits in all (E.164), or 11 digits of mainland China"

    package static func isNumber(_ text: String) -> Bool {
        let digits = text.hasPrefix("+") ? text.dropFirst() : text[...]
        guard digits.utf8.allSatisfy(Characters.isDigit) else { return false }
        return text.hasPrefix("+")
            ? (8...15).contains(digits.utf8.count) && !digits.hasPrefix("0") : digits.utf8.count == 11 && digits.hasPrefix("1")
    }

    /// The number as it is stored: with its country, so that one number has one spelling.
    package static func canonical(_ text: String) -> String { text.hasPrefix("+") ? text : "+86" + text }

    /// `138****5678`, `+44****3210`: the first three signs and the last four.
    package static func masked(_ number: String) -> String {
        let shown = number.hasPrefix("+86") ? number.dropFirst(3) : number[...]
        guard shown.utf8.count > 7 else { return "****" }
        return "\(shown.prefix(3))****\(shown.suffix(4))"
    }
}
