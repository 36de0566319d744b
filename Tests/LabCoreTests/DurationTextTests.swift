import LabCore
import Testing

@Suite("Durations as scenarios write them (scenario language, grammar: DUR)")
struct DurationTextTests {
    struct Reading: CustomTestStringConvertible {
        let text: String
        let nanoseconds: Int64
        var testDescription: String { text }
        init(_ text: String, _ nanoseconds: Int64) { (self.text, self.nanoseconds) = (text, nanoseconds) }
    }

    @Test(
        "reads digits, at most one point and one unit",
        arguments: [
            Reading("250ms", 250_000_000), Reading("5s", 5_000_000_000), Reading("1.5s", 1_500_000_000),
            Reading("20m", 1_200_000_000_000), Reading("20min", 1_200_000_000_000), Reading("12h", 43_200_000_000_000),
            Reading("2d", 172_800_000_000_000), Reading("7ns", 7), Reading("1.5us", 1_500), Reading("0s", 0),
            Reading("0.25h", 900_000_000_000), Reading("007s", 7_000_000_000), Reading("1.0ns", 1),
            Reading("1.500000000s", 1_500_000_000), Reading("1.0000000000000000000000s", 1_000_000_000),
            Reading("0.00000000005m", 3), Reading("9223372036854775807ns", .max),
        ])
    func reads(_ reading: Reading) { #expect(DurationText.parse(reading.text) == reading.nanoseconds) }

    @Test(
        "refuses what is not a duration, is finer than 1 ns or longer than 292 years",
        arguments: [
            "", "5", "s", ".5s", "5.s", "1..5s", "1.5.2s", "-5s", "+5s", "5 s", " 5s", "5s ", "5S", "5sec", "1h30m", "1,5s", "٥s", "1e3s",
            "0.5ns", "1.0000000001s", "1.000000000001s", "0.00000000001m", "9223372036854775808ns", "9223372036.9s", "292y", "107000d",
            "99999999999999999999s", "1.00000000000000000000000000000000000000000000001s",
        ])
    func refuses(_ text: String) { #expect(DurationText.parse(text) == nil) }

    @Test(
        "writes the largest unit that needs at most three decimals",
        arguments: [
            Reading("0s", 0), Reading("250ms", 250_000_000), Reading("1.5s", 1_500_000_000), Reading("1.001s", 1_001_000_000),
            Reading("90s", 90_000_000_000), Reading("20m", 1_200_000_000_000), Reading("24h", 86_400_000_000_000), Reading("999ns", 999),
            Reading("1.01us", 1_010), Reading("1000.001us", 1_000_001), Reading("-5s", -5_000_000_000),
        ])
    func writes(_ reading: Reading) { #expect(DurationText.format(nanoseconds: reading.nanoseconds) == reading.text) }

    @Test("what is written reads back as the same", arguments: [UInt64(1), 2, 3])
    func roundTrip(seed: UInt64) {
        var chance = SeededGenerator(seed: seed)
        for _ in 0..<5_000 {
            let nanoseconds = Int64(chance.next() >> 1) >> Int64(chance.integer(below: 63))
            let text = DurationText.format(nanoseconds: nanoseconds)
            #expect(DurationText.parse(text) == nanoseconds, "seed \(seed): \(text)")
        }
    }

    @Test("a Duration beyond 292 years counts as 292 years")
    func saturation() {
        #expect(Duration.seconds(Int64.max).nanoseconds == .max)
        #expect(Duration.seconds(Int64.min).nanoseconds == .min)
        #expect(Duration.milliseconds(1).nanoseconds == 1_000_000)
        #expect(RunInstant(nanoseconds: 5).advanced(by: .seconds(Int64.max)) == .distantFuture)
    }
}
