import LabCore
import Testing

@Suite("Figures for people")
struct FigureTests {
    @Test("durations in the unit that fits, with three or four digits", arguments: [
        (0, "0 s"), (85, "85 ns"), (12_300, "12.3 µs"), (999.6e3, "1 ms"), (927e6, "927 ms"), (999.96e6, "1 s"), (1.349e9, "1.35 s"),
        (9.996e9, "10 s"), (118.4e9, "118.4 s"), (999.96e9, "16 m 40 s"), (1200e9, "20 m"), (86_400e9, "24 h"), (88_000e9, "24 h 27 m"),
        (-2e9, "-2 s"), (Double.infinity, "for ever"),
    ])
    func durations(nanoseconds: Double, text: String) {
        #expect(FigureText.duration(nanoseconds: nanoseconds) == text)
    }

    @Test("windows as they were written, with a space", arguments: [(180.0, "3 m"), (1.5, "1.5 s"), (0.25, "250 ms"), (10, "10 s")])
    func exact(seconds: Double, text: String) {
        #expect(FigureText.exact(.seconds(seconds)) == text)
    }

    @Test("decimals are rounded half away from zero", arguments: [(0.305, 1, "0.3"), (2.5, 0, "3"), (-2.5, 0, "-3"), (0.05, 2, "0.05"), (241, 1, "241.0")])
    func decimals(value: Double, places: Int, text: String) {
        #expect(FigureText.decimal(value, places: places) == text)
    }

    @Test("numbers and shares without digits that say nothing")
    func numbers() {
        #expect(FigureText.number(412) == "412")
        #expect(FigureText.number(0.92) == "0.92")
        #expect(FigureText.number(12.34567) == "12.3457")
        #expect(FigureText.share(0.999) == "99.9 %")
        #expect(FigureText.share(1) == "100 %")
    }

    @Test("the last lines of a node or of a whole fleet, up to an event")
    func lastLines() {
        let events = (1...6).map { RunEvent(sequence: $0, at: .start, node: $0 % 2 == 0 ? "badges#\($0)" : "cloud", name: "x") }
        #expect(events.last(2, of: "badges").map(\.sequence) == [4, 6])
        #expect(events.last(2, of: "badges", upTo: 5).map(\.sequence) == [2, 4])
        #expect(events.last(9, of: "badges#4").map(\.sequence) == [4])
        #expect(events.last(0, of: "cloud").isEmpty)
    }
}
