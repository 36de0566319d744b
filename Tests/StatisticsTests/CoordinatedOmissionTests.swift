import Testing

@testable import Statistics

/// One connection, a request planned each 10 ms for 3 s, answers after 1 ms, a server that stands still from 1 s to 2 s.
@Suite("Coordinated omission (sla.md §3.3)")
struct CoordinatedOmissionTests {
    /// ms from the plan and from the sending.
    private let times: [(planned: Double, sent: Double)]

    init() {
        var free = 0.0
        times = (0..<300).map { number in
            let plan = Double(number) * 10
            let sent = max(plan, free)
            free = ((1000..<2000).contains(sent) ? 2000 : sent) + 1
            return (free - plan, free - sent)
        }
    }

    @Test("from the plan: p90 731 ms, p99 974 ms, mean 187.9 ms, 89 of 300 over 200 ms")
    func planned() throws {
        let sorted = times.map(\.planned).sorted()
        #expect(NearestRank.value(of: sorted, thousandths: 90_000) == 731)
        #expect(NearestRank.value(of: sorted, thousandths: 99_000) == 974)
        #expect(abs(Values.mean(sorted) - 187.9) < 0.05)
        #expect(sorted.count { $0 > 200 } == 89)
    }

    @Test("from the sending: p99 1.0 ms, 1 of 300 over 200 ms")
    func sent() {
        let sorted = times.map(\.sent).sorted()
        #expect(NearestRank.value(of: sorted, thousandths: 99_000) == 1)
        #expect(sorted.count { $0 > 200 } == 1)
    }

    @Test("corrected recording of what was measured from the sending comes near to the plan")
    func corrected() throws {
        var histogram = LatencyHistogram()
        for time in times { histogram.recordCorrected(Int64(time.sent * 1e6), interval: 10_000_000) }
        // 1001 ms stands for 991, 981, ... down to 11.
        #expect(histogram.count == 399)
        let p90 = Double(try #require(histogram.percentile(thousandths: 90_000)))
        // Rank 360 of 399: 40th from above, 1001-390.
        #expect(abs(p90 / 1e6 - 611) < 0.611)
    }
}
