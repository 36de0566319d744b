/// The GSM 7-bit default alphabet and its packing (3GPP TS 23.038 §6.1.2, §6.2.1).
enum GSMAlphabet {
    private static let basic = Array(
        ("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
            + "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà").unicodeScalars)

    /// After the escape 0x1B.
    private static let extended: [(code: UInt8, scalar: Unicode.Scalar)] = [
        (0x0a, "\u{0c}"), (0x14, "^"), (0x28, "{"), (0x29, "}"), (0x2f, "\\"), (0x3c, "["), (0x3d, "~"), (0x3e, "]"), (0x40, "|"),
        (0x65, "€"),
    ]

    /// The septets of a text; `nil` if it has a character that the alphabet lacks.
    static func septets(_ text: String) -> [UInt8]? {
        var septets: [UInt8] = []
        for scalar in text.unicodeScalars {
            if scalar != "\u{1b}", let code = basic.firstIndex(of: scalar) {
                septets.append(UInt8(code))
            } else if let entry = extended.first(where: { $0.scalar == scalar }) {
                septets += [0x1b, entry.code]
            } else {
                return nil
            }
        }
        return septets
    }

    static func text(_ septets: some Sequence<UInt8>) -> String {
        var text = String.UnicodeScalarView()
        var isEscaped = false
        for septet in septets {
            let code = septet & 0x7f
            if isEscaped {
                // An unknown one is shown as the character of the basic table (§6.2.1.1).
                text.append(extended.first { $0.code == code }?.scalar ?? basic[Int(code)])
                isEscaped = false
            } else if code == 0x1b {
                isEscaped = true
            } else {
                text.append(basic[Int(code)])
            }
        }
        return String(text)
    }

    /// Packs septets into octets, the first one `fill` bits into the first octet.
    static func pack(_ septets: [UInt8], fill: Int = 0) -> [UInt8] {
        var octets: [UInt8] = []
        var bits = UInt32(0)
        var count = fill
        for septet in septets {
            bits |= UInt32(septet & 0x7f) << UInt32(count)
            count += 7
            while count >= 8 {
                octets.append(UInt8(truncatingIfNeeded: bits))
                bits >>= 8
                count -= 8
            }
        }
        if count > 0 { octets.append(UInt8(truncatingIfNeeded: bits)) }
        return octets
    }

    /// The `count` septets that begin `fill` bits into the octets; fewer if the octets end before.
    static func unpack(_ octets: [UInt8], count: Int, fill: Int = 0) -> [UInt8] {
        var septets: [UInt8] = []
        for number in 0..<max(0, count) {
            let bit = fill + 7 * number
            guard bit + 7 <= octets.count * 8 else { break }
            let low = UInt16(octets[bit / 8])
            let high = bit / 8 + 1 < octets.count ? UInt16(octets[bit / 8 + 1]) : 0
            septets.append(UInt8(truncatingIfNeeded: (high << 8 | low) >> UInt16(bit % 8)) & 0x7f)
        }
        return septets
    }
}
