/// The energy of an order as a line over time, made from its samples (charging-orders.md 2.3, rules 1 and 3).
struct MeterReadings {
    struct Point: Equatable {
        var at: Int64
        /// dWh since the start.
        var energy: Int64
    }

    /// Ascending in time and energy; the last one is at the order's end and has the total.
    private(set) var points: [Point] = []
    private(set) var flags: Set<PriceFlag> = []
    let total: Int64

    /// dWh; a drop to this or less is a register that began again.
    static let restartLevel: Int64 = 50

    init(_ usage: Usage) throws(PricingError) {
        try Self.check(usage)
        let samples = try Self.inOrder(usage)
        var (last, sum) = (usage.base, Int64(0))
        for sample in samples {
            if sample.energy < last {
                guard sample.energy <= Self.restartLevel else {
                    flags.insert(.meterRollback)
                    continue
                }
                flags.insert(.registerReset)
                sum += sample.energy
            } else {
                sum += sample.energy - last
            }
            last = sample.energy
            guard sum <= Usage.maximumEnergy else { throw .energyTooLarge(sum) }
            points.append(Point(at: sample.at, energy: sum))
        }
        total = usage.total ?? sum
        if sum > total { flags.insert(.samplesAboveTotal) }
        for index in points.indices where points[index].energy > total { points[index].energy = total }
        points.append(Point(at: usage.ended, energy: total))
    }

    private static func check(_ usage: Usage) throws(PricingError) {
        let times = 0...Usage.maximumTime
        for time in [usage.started, usage.ended] where !times.contains(time) { throw .timeOutOfRange(time) }
        guard usage.ended >= usage.started else { throw .endBeforeStart(started: usage.started, ended: usage.ended) }
        guard usage.seconds <= Usage.maximumSeconds else { throw .tooLong(seconds: usage.seconds) }
        guard (-Usage.maximumTime...Usage.maximumTime).contains(usage.clockOffset) else { throw .timeOutOfRange(usage.clockOffset) }
        guard (0...Usage.maximumSeconds / 60).contains(usage.idleMinutes) else { throw .idleOutOfRange(usage.idleMinutes) }
        guard usage.samples.count <= Usage.maximumSamples else { throw .tooManySamples(usage.samples.count) }
        try check(energy: usage.base, upTo: Usage.maximumReading)
        if let total = usage.total { try check(energy: total, upTo: Usage.maximumEnergy) }
        for register in usage.bandRegisters?.all ?? [] { try check(energy: register, upTo: Usage.maximumEnergy) }
    }

    private static func check(energy: Int64, upTo limit: Int64) throws(PricingError) {
        if energy < 0 { throw .negativeEnergy(energy) }
        if energy > limit { throw .energyTooLarge(energy) }
    }

    /// The samples on the cloud's clock within the order's time, one for each instant: the larger.
    private static func inOrder(_ usage: Usage) throws(PricingError) -> [Usage.Sample] {
        var samples: [Usage.Sample] = []
        samples.reserveCapacity(usage.samples.count)
        var isSorted = true
        for var sample in usage.samples {
            guard (0...Usage.maximumTime).contains(sample.at) else { throw .timeOutOfRange(sample.at) }
            try check(energy: sample.energy, upTo: Usage.maximumReading)
            sample.at -= usage.clockOffset
            if let last = samples.last, sample.at <= last.at { isSorted = false }
            samples.append(sample)
        }
        if !isSorted {
            samples.sort { ($0.at, $1.energy) < ($1.at, $0.energy) }
            var kept: [Usage.Sample] = []
            for sample in samples where kept.last?.at != sample.at { kept.append(sample) }
            samples = kept
        }
        for index in samples.indices { samples[index].at = min(max(samples[index].at, usage.started), usage.ended) }
        return samples
    }

    /// Reads the line at ascending times, each step in constant time on the average.
    struct Cursor {
        private let points: [Point]
        private var index = 0
        private var before: Point

        init(_ readings: MeterReadings, from started: Int64) {
            points = readings.points
            before = Point(at: started, energy: 0)
        }

        /// The floor of the linear interpolation at `time`, with all that is there at that instant; `time` must not go back.
        mutating func energy(at time: Int64) -> Int64 {
            while index < points.count, points[index].at <= time {
                before = points[index]
                index += 1
            }
            guard index < points.count else { return before.energy }
            let after = points[index]
            // At most 1e9 dWh times a year of seconds: far within 64 bits.
            return before.energy + (after.energy - before.energy) * (time - before.at) / (after.at - before.at)
        }
    }
}
