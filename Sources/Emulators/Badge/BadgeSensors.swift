import LabCore

/// What a heartbeat says of the badge: three values that wander slowly, in tenths of their units.
struct BadgeSensors: Sendable, Equatable {
    /// Percent · 10.
    private(set) var cpuUsage: Int32
    /// Percent · 10.
    private(set) var memoryUsage: Int32
    /// °C · 10.
    private(set) var temperature: Int32
    private var generator: SeededGenerator

    init(_ generator: SeededGenerator) {
        self.generator = generator
        cpuUsage = 452
        memoryUsage = 678
        temperature = 425
    }

    /// One step of the walk: a small change by chance, and a pull towards the values of the seed document.
    mutating func step(celsius: Double?) {
        let chance = generator.next()
        cpuUsage = Self.wander(cpuUsage, chance, home: 452, span: 32, in: 10...990)
        memoryUsage = Self.wander(memoryUsage, chance >> 16, home: 678, span: 8, in: 200...980)
        temperature = Self.wander(temperature, chance >> 32, home: 425 + (cpuUsage - 452) / 8, span: 4, in: 200...750)
        if let celsius { temperature = Int32(min(max(-55, celsius), 150) * 10) }
    }

    private static func wander(_ value: Int32, _ chance: UInt64, home: Int32, span: Int32, in range: ClosedRange<Int32>) -> Int32 {
        let drift = Int32(truncatingIfNeeded: chance & 0xffff) % (2 * span + 1) - span
        return min(max(range.lowerBound, value + drift + (home - value) / 16), range.upperBound)
    }

    /// Appends a value in tenths as a decimal number: `45.2`.
    static func append(tenths value: Int32, to output: inout [UInt8]) {
        if value < 0 { output.append(UInt8(ascii: "-")) }
        let magnitude = value.magnitude
        if magnitude >= 1_000 { output.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: magnitude / 1_000)) }
        if magnitude >= 100 { output.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: magnitude / 100 % 10)) }
        output.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: magnitude / 10 % 10))
        output.append(UInt8(ascii: "."))
        output.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: magnitude % 10))
    }
}
