/// Decides for each word of a line whether it is a number or code that must not be in a file, and what stands there instead.
struct RedactedWords: Sendable {
    private var numbers: NumberReplacement

    init(_ numbers: NumberReplacement) { self.numbers = numbers }

    var count: Int { numbers.count }

    /// What stands before a word.
    struct Context: Sendable {
        /// Of the line, up to the word.
        private(set) var line: [UInt8] = []
        /// The line before this one announced a message: this one is its text or its PDU.
        private(set) var isMessage = false
        /// The line so far has quotation marks and the sign of a command that sets something: a password may come.
        private(set) var setsText = false
        private var hasEquals = false
        /// More of a line than this says nothing more.
        private static let longestLine = 512

        mutating func take(_ byte: UInt8) {
            if byte == 0x0d || byte == 0x0a || byte == 0x1a || byte == 0x1b { return endLine() }
            if byte == UInt8(ascii: "=") { hasEquals = true }
            if byte == UInt8(ascii: "\""), hasEquals { setsText = true }
            if line.count < Self.longestLine { line.append(byte) } else { line[Self.longestLine - 1] = byte }
        }

        /// A word has neither line ends nor signs.
        mutating func take(_ word: [UInt8]) { line += word.prefix(Self.longestLine - line.count) }

        private mutating func endLine() {
            guard !line.isEmpty else { return }
            let isFinal = isMessage && (line == Array("OK".utf8) || line == Array("ERROR".utf8))
            if line.contains(0x2b), RedactedWords.messages.contains(where: { holds($0) }) { isMessage = true } else if isFinal || line.first == 0x2b { isMessage = false }
            line.removeAll(keepingCapacity: true)
            (hasEquals, setsText) = (false, false)
        }

        func holds(_ text: String) -> Bool { line.count >= text.utf8.count && line.firstRange(ofASCII: Array(text.utf8)) }
    }

    /// Lines after which a message stands (3GPP TS 27.005 §3.4, §4): answers, unsolicited ones, and commands with a prompt.
    fileprivate static let messages = ["+CMGL:", "+CMGR:", "+CMT:", "+CDS:", "+CBM:", "+CMGS=", "+CMGW="]
    /// Commands and answers with telephone numbers.
    private static let telephone = [
        "+CNUM", "+CMGL", "+CMGR", "+CMT", "+CMGS", "+CMGW", "+CLIP", "+CLCC", "+CCWA", "+CSCA", "+CPBR", "+CPBW", "+CPBF", "+COLP", "+CUSD", "+CDS",
        "+CRING", "+CCFC", "+CMSS",
    ]
    private static let codes = ["+CPIN=", "+CPWD=", "+CLCK=", "+CPIN2=", "+QPIN="]
    private static let passwords = ["+CGAUTH=", "+QICSGP="]
    private static let cardFiles = ["+CRSM", "+CSIM"]
    private static let longNumber = 14...22
    private static let telephoneNumber = 7...21

    mutating func replace(_ word: [UInt8], _ context: Context, isFromHost: Bool) -> [UInt8] {
        if word.allSatisfy(\.isDigit), let digits = replaceDigits(word, context) { return digits }
        if context.setsText, Self.passwords.contains(where: { context.holds($0) }), context.line.filter({ $0 == UInt8(ascii: "\"") }).count % 2 == 1,
            context.line.filter({ $0 == UInt8(ascii: ",") }).count >= 2
        {
            return [UInt8](repeating: UInt8(ascii: "x"), count: word.count)
        }
        if let dialled = dialled(word) { return dialled }
        if let bytes = Self.octets(word) { return replaceHexadecimal(word, bytes, context) }
        return replaceRuns(in: word, of: Self.longNumber)
    }

    /// `nil` where the digits may be something else, such as a PDU.
    private mutating func replaceDigits(_ word: [UInt8], _ context: Context) -> [UInt8]? {
        if Self.longNumber.contains(word.count) { return numbers.replacement(of: word) }
        let before = context.line.last
        if before == UInt8(ascii: "+"), Self.telephoneNumber.contains(word.count) { return numbers.replacement(of: word) }
        if word.count >= 5, word.count < 14, before == UInt8(ascii: "\""), Self.telephone.contains(where: { context.holds($0) }) {
            return numbers.replacement(of: word)
        }
        if word.count >= 4, word.count <= 8, Self.codes.contains(where: { context.holds($0) }) { return numbers.replacement(of: word) }
        if Self.telephoneNumber.contains(word.count), context.isMessage || context.holds("+CUSD:") { return numbers.replacement(of: word) }
        return nil
    }

    /// `ATD15551234567`, where letters and digits are one word.
    private mutating func dialled(_ word: [UInt8]) -> [UInt8]? {
        let letters = word.prefix { !$0.isDigit }
        let digits = Array(word.dropFirst(letters.count))
        guard ["ATD", "ATDT", "ATDP"].contains(String(decoding: letters, as: UTF8.self).uppercased()), digits.count >= 5, digits.allSatisfy(\.isDigit) else { return nil }
        return letters + numbers.replacement(of: digits)
    }

    /// Runs of digits between letters: `IMEI860000000000009`, and the F that fills an ICCID.
    private mutating func replaceRuns(in word: [UInt8], of lengths: ClosedRange<Int>) -> [UInt8] {
        var result: [UInt8] = []
        var run: [UInt8] = []
        for byte in word + [0] {
            if byte.isDigit {
                run.append(byte)
                continue
            }
            result += lengths.contains(run.count) ? numbers.replacement(of: run) : run
            run = []
            if byte != 0 { result.append(byte) }
        }
        return result
    }

    // MARK: Hexadecimal

    private static func octets(_ word: [UInt8]) -> [UInt8]? {
        guard word.count >= 16, word.count % 2 == 0 else { return nil }
        return Hexadecimal.bytes(String(decoding: word, as: UTF8.self))
    }

    private mutating func replaceHexadecimal(_ word: [UInt8], _ octets: [UInt8], _ context: Context) -> [UInt8] {
        var bytes = octets
        let isWholeLine = context.line.isEmpty || context.line == Array("> ".utf8)
        if isWholeLine || context.isMessage { MessagePDU.replaceNumbers(in: &bytes, &numbers) }
        if bytes == octets { Self.replaceWideNumbers(in: &bytes, &numbers) }
        if bytes == octets, Self.cardFiles.contains(where: { context.holds($0) }) { CardFile.replaceNumbers(in: &bytes, &numbers) }
        guard bytes != octets else {
            // An ICCID with its F. Other digits within hexadecimal ones are no number.
            let digits = word.prefix(while: \.isDigit)
            return word.count - digits.count <= 2 && word[digits.count...].allSatisfy { $0 == 0x46 || $0 == 0x66 } ? replaceRuns(in: word, of: Self.longNumber) : word
        }
        let isUpper = word.contains { (0x41...0x46).contains($0) }
        let text = Array(Hexadecimal.text(bytes).utf8)
        return isUpper ? text.map { (0x61...0x66).contains($0) ? $0 - 0x20 : $0 } : text
    }

    /// UCS2 in hexadecimal digits, as after AT+CSCS="UCS2".
    private static func replaceWideNumbers(in bytes: inout [UInt8], _ numbers: inout NumberReplacement) {
        guard bytes.count % 2 == 0 else { return }
        WideText.replaceNumbers(in: &bytes, at: 0, &numbers)
    }
}

extension [UInt8] {
    fileprivate func firstRange(ofASCII text: [UInt8]) -> Bool {
        guard count >= text.count, let first = text.first else { return false }
        for start in 0...(count - text.count) where self[start].capital == first && self[start..<(start + text.count)].lazy.map(\.capital).elementsEqual(text) {
            return true
        }
        return false
    }
}

extension UInt8 {
    fileprivate var capital: UInt8 { (0x61...0x7a).contains(self) ? self - 0x20 : self }
}
