/// `+CMGL` and `+CMGR` in text mode: a stored message (3GPP TS 27.005 §3.4.2, §3.4.3).
package struct ATStoredMessage: Sendable, Hashable {
    /// `nil` for `+CMGR`, which was asked for one place.
    package var index: Int?
    /// `REC UNREAD`, `REC READ`, `STO SENT`, `STO UNSENT`
    package var state: String
    /// The sender, or the receiver of one that was sent.
    package var address: String
    /// `24/01/15,10:20:30+04`: the zone in quarters of an hour.
    package var time: String?
    /// Its lines, joined by line feeds; blank lines in it are lost, as the framing does not keep them.
    package var text: String

    package static func read(_ lines: [String]) throws(ATReadingError) -> [ATStoredMessage] {
        var messages: [ATStoredMessage] = []
        var isOpen = false
        for (number, line) in lines.enumerated() {
            switch ATFields.name(of: line) {
            case "+CMGL"?:
                messages.append(try ATStoredMessage(ATFields(line, line: number + 1), stateAt: 1))
                messages[messages.count - 1].index = try ATFields(line, line: number + 1).requiredWhole(0, "<index>", in: 0...100_000)
                isOpen = true
            case "+CMGR"?:
                messages.append(try ATStoredMessage(ATFields(line, line: number + 1), stateAt: 0))
                isOpen = true
            default:
                guard isOpen else { continue }
                let text = messages[messages.count - 1].text
                messages[messages.count - 1].text = text.isEmpty ? line : text + "\n" + line
            }
        }
        return messages
    }

    private init(_ fields: ATFields, stateAt start: Int) throws(ATReadingError) {
        state = try fields.requiredText(start, "<stat>")
        address = try fields.requiredText(start + 1, "the address")
        time = fields.word(start + 3)
        text = ""
    }
}

/// `+CMGS`: the reference that the network gave, 0 to 255.
package enum ATSentMessage {
    package static func reference(_ lines: [String]) throws(ATReadingError) -> Int {
        try ATFields.first("+CMGS", in: lines).requiredWhole(0, "<mr>", in: 0...255)
    }
}

/// `+QFUPL`: what a file was stored as (rg500q.md §3.1).
package struct ATStoredFile: Sendable, Hashable {
    package var size: Int
    /// XOR of the 16-bit words.
    package var checksum: UInt16

    package init(answer lines: [String]) throws(ATReadingError) {
        let fields = try ATFields.first("+QFUPL", in: lines)
        size = try fields.requiredWhole(0, "<size>", in: 0...Int.max)
        let text = try fields.requiredText(1, "<checksum>")
        guard let checksum = UInt16(text, radix: 16) else { throw fields.wrong(1, "<checksum> must be at most four hexadecimal digits") }
        self.checksum = checksum
    }

    /// XOR of big-endian 16-bit words; an odd last byte is the high half.
    package static func checksum(of bytes: some Sequence<UInt8>) -> UInt16 {
        var sum: UInt16 = 0
        var isHigh = true
        for byte in bytes {
            sum ^= isHigh ? UInt16(byte) << 8 : UInt16(byte)
            isHigh.toggle()
        }
        return sum
    }
}
