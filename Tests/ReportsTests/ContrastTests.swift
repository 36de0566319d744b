import Foundation
import Testing

@testable import Reports

@Suite("Colours of report.html (WCAG 2.1, 1.4.3: contrast of text at least 4.5)")
struct ContrastTests {
    private static let pairs = [
        ("text", "ground"), ("text", "card"), ("text", "faint"), ("quiet", "ground"), ("quiet", "card"), ("quiet", "faint"), ("accent", "ground"),
        ("accent", "card"), ("pass", "pass-ground"), ("fail", "fail-ground"), ("warn", "warn-ground"), ("idle", "idle-ground"), ("pass", "ground"),
        ("fail", "ground"), ("warn", "ground"), ("idle", "ground"), ("warn", "card"),
    ]

    @Test("every pair that the page uses, in both themes", arguments: ["light", "dark"], pairs)
    func contrast(theme: String, pair: (String, String)) throws {
        let style = PageStyle.text
        let dark = try #require(style.firstRange(of: "@media (prefers-color-scheme: dark)"))
        let part = theme == "light" ? style[..<dark.lowerBound] : style[dark.upperBound...]
        let text = try #require(Self.luminance(of: pair.0, in: part))
        let ground = try #require(Self.luminance(of: pair.1, in: part))
        #expect((max(text, ground) + 0.05) / (min(text, ground) + 0.05) >= 4.5)
    }

    @Test("the formula gives 21 for black on white and 4.54 for #767676")
    func formula() throws {
        func ratio(_ a: String) throws -> Double { 1.05 / (try #require(Self.luminance(of: "x", in: "--x: \(a);")) + 0.05) }
        #expect(try abs(ratio("#000000") - 21) < 0.001)
        #expect(try abs(ratio("#767676") - 4.54) < 0.005)
    }

    /// Relative luminance as WCAG defines it.
    static func luminance(of name: String, in style: Substring) -> Double? {
        guard let place = style.firstRange(of: "--\(name): #") else { return nil }
        let digits = style[place.upperBound...].prefix(6)
        guard let value = Int(digits, radix: 16) else { return nil }
        let red = linear(Double(value >> 16 & 255) / 255)
        let green = linear(Double(value >> 8 & 255) / 255)
        let blue = linear(Double(value & 255) / 255)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    private static func linear(_ value: Double) -> Double {
        value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
    }
}
