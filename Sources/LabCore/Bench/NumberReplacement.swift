/// Other numbers in the place of those of people, SIMs and modules: the same number becomes the same one, different ones different ones.
///
/// Length, the first digits that tell a country or a network, and a valid check digit stay. What a number becomes follows from a keyed
/// hash; who does not have the key, which nobody keeps, cannot go back.
package struct NumberReplacement: Sendable {
    /// HMAC or another keyed hash with at least 16 bytes.
    package typealias KeyedHash = @Sendable ([UInt8]) -> [UInt8]

    private let hash: KeyedHash
    /// Only looked up, never walked through.
    private var known: [[UInt8]: [UInt8]] = [:]
    private var taken: Set<[UInt8]> = []
    package var count: Int { known.count }

    /// Numbers that are remembered to keep different ones apart; later ones are apart with high probability. Source: chosen, a few MB.
    private static let rememberedNumbers = 65_536
    private static let attempts = 64

    package init(keyedHash: @escaping KeyedHash) { hash = keyedHash }

    /// - Parameter digits: ASCII.
    package mutating func replacement(of digits: [UInt8]) -> [UInt8] {
        if let found = known[digits] { return found }
        var result = digits
        for attempt in 0..<Self.attempts {
            result = draw(digits, attempt: UInt8(attempt))
            if result != digits, !taken.contains(result) { break }
        }
        if known.count < Self.rememberedNumbers {
            known[digits] = result
            taken.insert(result)
        }
        return result
    }

    private func draw(_ digits: [UInt8], attempt: UInt8) -> [UInt8] {
        let kept = Self.keptDigits(of: digits.count)
        var result = Array(digits.prefix(kept))
        var block: UInt8 = 0
        while result.count < digits.count {
            // Ten equal shares of a byte; what is left over is not used.
            for byte in hash(digits + [attempt, block]) where byte < 250 && result.count < digits.count { result.append(UInt8(ascii: "0") + byte % 10) }
            block &+= 1
        }
        if Self.isLuhnValid(digits) { Self.makeLuhnValid(&result) }
        return result
    }

    /// Country and network of an IMSI or ICCID (ITU-T E.212, E.118), the reporting body of an IMEI; the country of a telephone number.
    private static func keptDigits(of count: Int) -> Int {
        switch count {
        case 14...: 5
        case 9...: 2
        default: 0
        }
    }

    /// The check digit of ISO/IEC 7812-1 annex B, as IMEI (3GPP TS 23.003 annex B) and ICCID have it.
    package static func isLuhnValid(_ digits: [UInt8]) -> Bool { digits.count >= 2 && luhnSum(digits) % 10 == 0 }

    private static func luhnSum(_ digits: [UInt8]) -> Int {
        var sum = 0
        for (place, digit) in digits.reversed().enumerated() {
            let value = Int(digit) - 0x30
            let doubled = value * 2
            sum += place % 2 == 0 ? value : doubled > 9 ? doubled - 9 : doubled
        }
        return sum
    }

    private static func makeLuhnValid(_ digits: inout [UInt8]) {
        digits[digits.count - 1] = UInt8(ascii: "0")
        digits[digits.count - 1] += UInt8((10 - luhnSum(digits) % 10) % 10)
    }
}
