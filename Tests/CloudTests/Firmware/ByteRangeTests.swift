import LabCore
import Testing

@testable import Cloud

@Suite("Range requests (RFC 9110 §14, §13.1.5)")
struct ByteRangeTests {
    static let tag = "\"sha256-aa\""

    struct Vector: Sendable, CustomTestStringConvertible {
        var range: String?
        var condition: String?
        var size = 10
        var expected: ByteRange
        init(_ range: String?, _ expected: ByteRange, if condition: String? = nil, size: Int = 10) {
            self.range = range
            self.condition = condition
            self.size = size
            self.expected = expected
        }
        var testDescription: String { "\(range ?? "none") if \(condition ?? "none") of \(size)" }
    }

    // The examples of §14.1.2 for 10,000 bytes, scaled where that says nothing else; the rest follows from its grammar.
    static let vectors: [Vector] = [
        Vector(nil, .whole), Vector("bytes=0-499", .part(0..<500), size: 10_000), Vector("bytes=500-999", .part(500..<1000), size: 10_000),
        Vector("bytes=-500", .part(9_500..<10_000), size: 10_000), Vector("bytes=9500-", .part(9_500..<10_000), size: 10_000),
        Vector("bytes=0-0", .part(0..<1)), Vector("bytes=-1", .part(9..<10)), Vector("bytes=9-9", .part(9..<10)), Vector("bytes=9-", .part(9..<10)),
        Vector("bytes=0-9", .part(0..<10)), Vector("bytes=0-10", .part(0..<10)), Vector("bytes=5-99999999999999999999", .part(5..<10)),
        Vector("bytes=-11", .part(0..<10)), Vector("bytes=-10", .part(0..<10)), Vector("bytes=-99999999999999999999", .part(0..<10)),
        Vector("bytes=10-", .unsatisfiable), Vector("bytes=10-20", .unsatisfiable), Vector("bytes=-0", .unsatisfiable),
        Vector("bytes=99999999999999999999-", .unsatisfiable), Vector("bytes=0-", .unsatisfiable, size: 0), Vector("bytes=-1", .unsatisfiable, size: 0),
        // What is no single byte range is ignored, not refused.
        Vector("bytes=5-4", .whole), Vector("bytes=0-1,3-4", .whole), Vector("items=0-1", .whole), Vector("bytes", .whole), Vector("bytes=", .whole),
        Vector("bytes=-", .whole), Vector("bytes=a-b", .whole), Vector("bytes=1-2-3", .whole), Vector("bytes=+1-2", .whole), Vector("bytes=1", .whole),
        Vector("Bytes=0-1", .part(0..<2)), Vector("bytes= 0-1 ", .part(0..<2)),
        // If-Range: the strong tag, byte by byte.
        Vector("bytes=0-1", .part(0..<2), if: tag), Vector("bytes=0-1", .whole, if: "\"sha256-ab\""), Vector("bytes=0-1", .whole, if: "W/\"sha256-aa\""),
        Vector("bytes=0-1", .whole, if: "sha256-aa"), Vector("bytes=0-1", .whole, if: "Thu, 01 Jan 2026 00:00:00 GMT"), Vector("bytes=0-1", .whole, if: "*"),
        Vector("bytes=99-", .whole, if: "\"other\""), Vector("bytes=99-", .unsatisfiable, if: tag), Vector(nil, .whole, if: tag),
    ]

    @Test("gives the bytes that the specification says", arguments: vectors)
    func range(_ vector: Vector) {
        #expect(ByteRange.of(vector.range, ifRange: vector.condition, tag: Self.tag, size: vector.size) == vector.expected)
    }
}

@Suite("Gates of a rollout (specs/ota.md §3, M8)")
struct RolloutGateTests {
    private func counts(total: Int64, succeeded: Int64 = 0, failed: Int64 = 0, silent: Int64 = 0, neutral: Int64 = 0) -> StageCounts {
        var counts = StageCounts()
        (counts.total, counts.succeeded, counts.failed, counts.silent, counts.neutral) = (total, succeeded, failed, silent, neutral)
        return counts
    }

    @Test("20 devices, 10 %: the error gate stands at 2 failures of 20", arguments: [(1, .wait), (2, .stop), (3, .stop)] as [(Int64, GateVerdict)])
    func error(failed: Int64, expected: GateVerdict) {
        let gates = RolloutGates(success: 1_000_000, error: 100_000, minimumSamples: 20)
        #expect(RolloutRules.verdict(counts(total: 100, succeeded: 20 - failed, failed: failed), gates) == expected)
    }

    @Test("the minimum of samples counts those that ended: 9 are too few, 10 are enough", arguments: [(9, .wait), (10, .stop), (11, .stop)] as [(Int64, GateVerdict)])
    func minimum(ended: Int64, expected: GateVerdict) {
        let gates = RolloutGates(success: 1_000_000, error: 50_000, minimumSamples: 10)
        #expect(RolloutRules.verdict(counts(total: 100, succeeded: ended - 1, failed: 1), gates) == expected)
        #expect(RolloutRules.verdict(counts(total: 100, succeeded: ended - 1, failed: 1), gates, bugs: [.gateWithoutMinimum]) == .stop)
    }

    @Test("90 % of 10: 8 successes wait, 9 and 10 pass", arguments: [(8, .wait), (9, .pass), (10, .pass)] as [(Int64, GateVerdict)])
    func success(succeeded: Int64, expected: GateVerdict) {
        let gates = RolloutGates(success: 900_000, error: 1_000_000, minimumSamples: 1)
        #expect(RolloutRules.verdict(counts(total: 10, succeeded: succeeded), gates) == expected)
    }

    @Test("a stage smaller than the minimum is judged when all have ended")
    func small() {
        let gates = RolloutGates(success: 900_000, error: 500_000, minimumSamples: 10)
        #expect(RolloutRules.verdict(counts(total: 2, succeeded: 1), gates) == .wait)
        #expect(RolloutRules.verdict(counts(total: 2, succeeded: 2), gates) == .pass)
        #expect(RolloutRules.verdict(counts(total: 2, succeeded: 1, failed: 1), gates) == .stop)
        #expect(RolloutRules.verdict(counts(total: 1, failed: 1), gates) == .stop)
    }

    @Test("silent devices count against success and are no failures; those left out count nowhere")
    func silent() {
        let gates = RolloutGates(success: 500_000, error: 10_000, minimumSamples: 1)
        #expect(RolloutRules.verdict(counts(total: 10, silent: 10), gates) == .fallShort)
        #expect(RolloutRules.verdict(counts(total: 10, succeeded: 4, silent: 6), gates) == .fallShort)
        #expect(RolloutRules.verdict(counts(total: 10, succeeded: 5, silent: 5), gates) == .pass)
        #expect(RolloutRules.verdict(counts(total: 10, succeeded: 1, neutral: 9), gates) == .pass)
        #expect(RolloutRules.verdict(counts(total: 10, neutral: 10), gates) == .pass)
    }

    @Test("what an operator has forgiven does not stop it again; the next failure does")
    func forgiven() {
        let gates = RolloutGates(success: 1_000_000, error: 500_000, minimumSamples: 1)
        var stage = counts(total: 100, succeeded: 1, failed: 3)
        #expect(RolloutRules.verdict(stage, gates) == .stop)
        (stage.forgivenFailed, stage.forgivenEnded) = (3, 4)
        #expect(RolloutRules.verdict(stage, gates) == .wait)
        stage.failed = 4
        #expect(RolloutRules.verdict(stage, gates) == .stop)
    }

    @Test("a gate of 0 stops at the first failure and at none before; of 1 only when all fail")
    func extremes() {
        let strict = RolloutGates(success: 1_000_000, error: 0, minimumSamples: 1)
        #expect(RolloutRules.verdict(counts(total: 10, succeeded: 5), strict) == .wait)
        #expect(RolloutRules.verdict(counts(total: 10, succeeded: 5, failed: 1), strict) == .stop)
        let loose = RolloutGates(success: 1_000_000, error: 1_000_000, minimumSamples: 1)
        #expect(RolloutRules.verdict(counts(total: 10, succeeded: 1, failed: 5), loose) == .wait)
        #expect(RolloutRules.verdict(counts(total: 10, failed: 5), loose) == .stop)
    }

    @Test("the seeded bug lets it go on at the limit itself")
    func bug() {
        let gates = RolloutGates(success: 1_000_000, error: 100_000, minimumSamples: 10)
        #expect(RolloutRules.verdict(counts(total: 100, succeeded: 18, failed: 2), gates, bugs: [.gateOffByOne]) == .wait)
        #expect(RolloutRules.verdict(counts(total: 100, succeeded: 18, failed: 3), gates, bugs: [.gateOffByOne]) == .stop)
    }

    @Test("shares become stages: what is reached is rounded up, and nobody is in two")
    func sizes() {
        #expect(RolloutRules.sizes(of: [1, 10, 100], total: 1_000) == [10, 90, 900])
        #expect(RolloutRules.sizes(of: [1, 10, 100], total: 5) == [1, 0, 4])
        #expect(RolloutRules.sizes(of: [50], total: 3) == [2])
        #expect(RolloutRules.sizes(of: [10, 20], total: 0) == [0, 0])
    }

    @Test("the order is the same each time, complete, and another for another rollout")
    func order() {
        let devices = (1...100).map { "badge_\($0)" }
        let one = RolloutRules.order(devices, rollout: "ro_1")
        #expect(one == RolloutRules.order(devices.reversed(), rollout: "ro_1"))
        #expect(one.sorted() == devices.sorted())
        #expect(one != RolloutRules.order(devices, rollout: "ro_2"))
        #expect(one != devices)
    }
}
