import LabCore

/// How long a cloud takes in virtual time, where its code takes none: workers that each serve one request at a time.
///
/// Service times are log-normal, as those of real services are: the median is the configured time, and one in a hundred takes
/// about 3.2 times as long. Times of items that went through it are marked as modelled.
struct ServiceModel: Sendable {
    /// What a scenario without facts gets.
    static let defaultWorkers = 2
    static let defaultTime = Duration.microseconds(300)
    private static let spread = 0.5

    private let median: Double
    private var generator: SeededGenerator
    /// When each worker is free again, ns.
    private var free: [Int64]

    init(workers: Int = defaultWorkers, time: Duration = defaultTime, seed: UInt64, purpose: String) {
        median = Double(time.nanoseconds)
        generator = SeededGenerator(seed: seed, purpose: "service times of \(purpose)")
        free = Array(repeating: 0, count: max(1, workers))
    }

    /// The turn of a request that comes now: who is free first takes it, and in the order of coming.
    mutating func turn(at now: RunInstant) -> (begins: RunInstant, ends: RunInstant) {
        var worker = 0
        for index in free.indices where free[index] < free[worker] { worker = index }
        let begin = max(now.nanoseconds, free[worker])
        let end = begin + Int64(median * factor())
        free[worker] = end
        return (RunInstant(nanoseconds: begin), RunInstant(nanoseconds: end))
    }

    /// e to the power of a normal number with the spread, by the sum of twelve: no transcendental function, so that every machine
    /// draws the same.
    private mutating func factor() -> Double {
        var sum = -6.0
        for _ in 0..<12 { sum += generator.unitInterval() }
        return Self.exponential(sum * Self.spread)
    }

    /// The series of e^x for |x| ≤ 3; its rest is below 1e-9 of the value.
    private static func exponential(_ x: Double) -> Double {
        let half = x / 8
        var (term, sum) = (1.0, 1.0)
        for index in 1...12 {
            term *= half / Double(index)
            sum += term
        }
        let square = sum * sum
        let fourth = square * square
        return fourth * fourth
    }
}
