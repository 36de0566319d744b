/// Numbers in the octets of a short message (3GPP TS 23.040 §9.2, with the service centre in front as in TS 27.005 §3.1).
enum MessagePDU {
    /// Addresses, and numbers in the text. Leaves alone what is no PDU.
    static func replaceNumbers(in octets: inout [UInt8], _ numbers: inout NumberReplacement) {
        guard let parts = parts(of: octets) else { return }
        for address in parts.addresses { SwappedDigits.replace(in: &octets, at: address.start, count: address.digits, &numbers) }
        switch parts.coding {
        case .septets: PackedText.replaceNumbers(in: &octets, at: parts.text, septets: parts.length, header: parts.header, &numbers)
        case .wide: WideText.replaceNumbers(in: &octets, at: parts.text + parts.header, &numbers)
        case .octets: break
        }
    }

    private enum Coding { case septets, octets, wide }

    private struct Parts {
        var addresses: [(start: Int, digits: Int)] = []
        var coding = Coding.septets
        /// Where the user data begin, their length field, and the octets of their header.
        var text = 0
        var length = 0
        var header = 0
    }

    private static func parts(of octets: [UInt8]) -> Parts? {
        var parts = Parts()
        guard let centre = octets.first, centre <= 12, octets.count > Int(centre) + 2 else { return nil }
        if centre > 0 {
            guard centre >= 2, octets[1] & 0x80 != 0 else { return nil }
            parts.addresses.append((2, (Int(centre) - 1) * 2))
        }
        let start = Int(centre) + 1
        let first = octets[start]
        // The kind of message: DELIVER has its sender here, SUBMIT and STATUS REPORT have a reference before the address.
        var position = start + (first & 3 == 0 ? 1 : 2)
        guard first & 3 != 3, position + 2 < octets.count else { return nil }
        let digits = Int(octets[position])
        let kind = octets[position + 1]
        let size = (digits + 1) / 2
        guard digits <= 20, kind & 0x80 != 0, position + 2 + size <= octets.count else { return nil }
        // An address of letters is packed text.
        if kind >> 4 & 7 != 5, digits >= 3 { parts.addresses.append((position + 2, digits)) }
        position += 2 + size
        guard first & 3 != 2 else { return parts }
        guard position + 1 < octets.count else { return nil }
        parts.coding = coding(octets[position + 1])
        let validity = first & 3 == 0 ? 7 : [0, 7, 1, 7][Int(first >> 3 & 3)]
        position += 2 + validity
        guard position < octets.count else { return nil }
        parts.length = Int(octets[position])
        parts.text = position + 1
        if first & 0x40 != 0 {
            guard parts.text < octets.count else { return nil }
            parts.header = Int(octets[parts.text]) + 1
        }
        return parts
    }

    /// 3GPP TS 23.038 §4.
    private static func coding(_ scheme: UInt8) -> Coding {
        switch scheme >> 4 {
        case 0...7: [.septets, .octets, .wide, .octets][Int(scheme >> 2 & 3)]
        case 0xf: scheme & 4 == 0 ? .septets : .octets
        case 0xe: .wide
        default: .septets
        }
    }
}

/// Digits as telephony stores them: two in an octet, the first in the low half, F in what is left over (3GPP TS 23.040 §9.1.2.3).
enum SwappedDigits {
    static func replace(in octets: inout [UInt8], at start: Int, count: Int, _ numbers: inout NumberReplacement) {
        var digits: [UInt8] = []
        for place in 0..<count {
            let index = start + place / 2
            guard index < octets.count else { return }
            let value = place % 2 == 0 ? octets[index] & 15 : octets[index] >> 4
            guard value < 10 else { break }
            digits.append(0x30 + value)
        }
        guard digits.count >= 5 else { return }
        write(numbers.replacement(of: digits), to: &octets, at: start)
    }

    static func write(_ digits: [UInt8], to octets: inout [UInt8], at start: Int) {
        for (place, digit) in digits.enumerated() {
            let index = start + place / 2
            let value = digit - 0x30
            octets[index] = place % 2 == 0 ? octets[index] & 0xf0 | value : octets[index] & 0x0f | value << 4
        }
    }
}

/// Files of a SIM in the answers of AT+CRSM (3GPP TS 31.102 §4.2): EF ICCID, EF IMSI, EF MSISDN.
enum CardFile {
    static func replaceNumbers(in octets: inout [UInt8], _ numbers: inout NumberReplacement) {
        switch octets.count {
        case 10: SwappedDigits.replace(in: &octets, at: 0, count: 20, &numbers)
        case 9 where octets[0] == 8: replaceIMSI(in: &octets, &numbers)
        case 14...:
            // The number stands in the last 14 octets of a record: length, kind, ten octets of digits.
            let start = octets.count - 14
            guard (2...11).contains(octets[start]), octets[start + 1] & 0x80 != 0, octets[start + 1] != 0xff else { return }
            SwappedDigits.replace(in: &octets, at: start + 2, count: (Int(octets[start]) - 1) * 2, &numbers)
        default: break
        }
    }

    /// The first digit stands in the high half of the second octet, beside its parity.
    private static func replaceIMSI(in octets: inout [UInt8], _ numbers: inout NumberReplacement) {
        var digits: [UInt8] = [octets[1] >> 4]
        for octet in octets[2...] { digits += [octet & 15, octet >> 4] }
        digits = digits.prefix { $0 < 10 }.map { $0 + 0x30 }
        guard (14...15).contains(digits.count) else { return }
        let replaced = numbers.replacement(of: digits)
        octets[1] = octets[1] & 0x0f | (replaced[0] - 0x30) << 4
        SwappedDigits.write(Array(replaced.dropFirst()), to: &octets, at: 2)
    }
}

/// Seven bits for each character (3GPP TS 23.038 §6.1.2.1); digits are those of ASCII.
enum PackedText {
    static func replaceNumbers(in octets: inout [UInt8], at start: Int, septets: Int, header: Int, _ numbers: inout NumberReplacement) {
        let first = (header * 8 + 6) / 7
        guard septets > first, start + (septets * 7 + 7) / 8 <= octets.count else { return }
        var run: [UInt8] = []
        for place in first...septets {
            let character = place < septets ? septet(place, of: octets, start) : 0
            if character.isDigit {
                run.append(character)
                continue
            }
            if run.count >= 7 {
                for (offset, digit) in numbers.replacement(of: run).enumerated() { set(digit, place - run.count + offset, of: &octets, start) }
            }
            run = []
        }
    }

    private static func septet(_ place: Int, of octets: [UInt8], _ start: Int) -> UInt8 {
        let bit = place * 7
        let index = start + bit / 8
        let pair = UInt16(octets[index]) | (index + 1 < octets.count ? UInt16(octets[index + 1]) << 8 : 0)
        return UInt8(pair >> UInt16(bit % 8) & 0x7f)
    }

    private static func set(_ value: UInt8, _ place: Int, of octets: inout [UInt8], _ start: Int) {
        for offset in 0..<7 {
            let bit = place * 7 + offset
            let mask = UInt8(1) << UInt8(bit % 8)
            if value >> UInt8(offset) & 1 == 1 { octets[start + bit / 8] |= mask } else { octets[start + bit / 8] &= ~mask }
        }
    }
}

/// Two octets for each character.
enum WideText {
    static func replaceNumbers(in octets: inout [UInt8], at start: Int, _ numbers: inout NumberReplacement) {
        var run: [UInt8] = []
        var position = start
        while position <= octets.count {
            let isDigit = position + 1 < octets.count && octets[position] == 0 && octets[position + 1].isDigit
            if isDigit {
                run.append(octets[position + 1])
            } else {
                if run.count >= 7 {
                    for (offset, digit) in numbers.replacement(of: run).enumerated() { octets[position - 2 * (run.count - offset) + 1] = digit }
                }
                run = []
            }
            position += 2
        }
    }
}
