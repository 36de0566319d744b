import Foundation
import LabCore
import Testing

@testable import Statistics

@Suite("HdrHistogram with three digits (sla.md §3.2)")
struct LatencyHistogramTests {
    private func histogram(_ times: some Sequence<Int64>) -> LatencyHistogram {
        var histogram = LatencyHistogram()
        for time in times { histogram.record(time) }
        return histogram
    }

    @Test("1 to 10,000 once each: p50 5003, p99 9903, p100 10,000")
    func reference() {
        let histogram = histogram(1...10_000)
        #expect(histogram.percentile(thousandths: 50_000) == 5003)
        #expect(histogram.percentile(thousandths: 99_000) == 9903)
        #expect(histogram.percentile(thousandths: 100_000) == 10_000)
        #expect(histogram.percentile(thousandths: 0) == 1)
        #expect(histogram.count == 10_000)
        #expect(histogram.min == 1)
        #expect(histogram.max == 10_000)
    }

    @Test("180 times 1 to 180: p99 is 179, rounded up to its rank")
    func roundsUp() { #expect(histogram(1...180).percentile(thousandths: 99_000) == 179) }

    @Test("one time of 100,000 is itself at every percentile")
    func single() { #expect(histogram([100_000]).percentile(thousandths: 50_000) == 100_000) }

    @Test("an empty histogram says nothing")
    func empty() {
        let histogram = LatencyHistogram()
        #expect(histogram.count == 0)
        #expect(histogram.percentile(thousandths: 99_000) == nil)
        #expect(histogram.min == nil && histogram.max == nil && histogram.mean == nil)
        #expect(histogram.buckets == [])
        #expect(histogram.value(atRank: 1) == nil)
    }

    @Test("every percentile is that of the nearest rank, within a thousandth", arguments: 0..<20 as Range<UInt64>)
    func nearestRank(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let times = (0..<1 + generator.integer(below: 3000)).map { _ in Int64(exp(generator.unitInterval() * 28)) }
        let histogram = histogram(times)
        let sorted = times.sorted()
        for thousandths in [0, 1, 7_000, 14_000, 50_000, 55_000, 90_000, 99_000, 99_900, 99_950, 99_999, 100_000] {
            let exact = sorted[NearestRank.rank(thousandths: thousandths, count: sorted.count) - 1]
            let found = try #require(histogram.percentile(thousandths: thousandths))
            #expect(exact <= found && Double(found - exact) <= Double(exact) / 1000, "seed \(seed)")
            #expect(histogram.value(atRank: NearestRank.rank(thousandths: thousandths, count: sorted.count)) == found)
        }
        let mean = try #require(histogram.mean)
        let exactMean = Double(times.reduce(0, +)) / Double(times.count)
        #expect(abs(mean - exactMean) <= exactMean / 2000 + 0.5)
        #expect(histogram.buckets.reduce(0) { $0 + $1.count } == times.count)
    }

    @Test("a merge is as if all had been recorded in one; the mean of two percentiles is something else")
    func merge() throws {
        let (fast, slow) = (histogram((1...10_000).map { $0 * 10 }), histogram((1...1000).map { $0 * 1000 }))
        var merged = fast
        merged.merge(slow)
        #expect(merged == histogram((1...10_000).map { $0 * 10 } + (1...1000).map { $0 * 1000 }))
        // Of 11,000 rank 10,890: 110 from above, all of the slow ones: 890,000 by hand, in a bucket of 512.
        #expect(try #require(merged.percentile(thousandths: 99_000)) - 891_000 < 512)
        #expect(merged.count == 11_000)
    }

    @Test("corrected recording adds v-i, v-2i, ... down to i")
    func corrected() {
        var corrected = LatencyHistogram()
        corrected.recordCorrected(100, interval: 30)
        // 100, 70, 40: 10 is below the interval.
        #expect(corrected == histogram([100, 70, 40]))
        corrected = LatencyHistogram()
        corrected.recordCorrected(90, interval: 30)
        #expect(corrected == histogram([90, 60, 30]))
        corrected = LatencyHistogram()
        for interval in [0, -1, 100, 101] as [Int64] { corrected.recordCorrected(100, interval: interval) }
        #expect(corrected == histogram([100, 100, 100, 100]))
    }

    @Test("corrected recording of very many missing ones is the same as one by one", arguments: [37, 90, 91, 1000] as [Int64])
    func correctedManyTimes(interval: Int64) {
        let longest: Int64 = 3_456_789
        var corrected = LatencyHistogram()
        corrected.recordCorrected(longest, interval: interval)
        var single = histogram([longest])
        for time in stride(from: longest - interval, through: interval, by: -Int(interval)) { single.record(time) }
        #expect(corrected.count == single.count)
        #expect(corrected.buckets == single.buckets)
    }

    @Test("an hour, corrected by the nanosecond, takes no time to speak of")
    func correctedHour() {
        var corrected = LatencyHistogram()
        corrected.recordCorrected(.max, interval: 1)
        #expect(corrected.count == 3_600_000_000_000)
        #expect(corrected.beyond == 1)
    }

    @Test("times below 0 count as 0, above an hour as an hour, and are told")
    func outside() {
        let histogram = histogram([-5, 0, .max, LatencyHistogram.highest])
        #expect(histogram.min == 0)
        #expect(histogram.max == LatencyHistogram.highest)
        #expect(histogram.beyond == 1)
        #expect(histogram.percentile(thousandths: 100_000) == LatencyHistogram.highest)
    }

    @Test("unanswered items are longer than all")
    func unanswered() {
        let histogram = histogram(1...98)
        #expect(histogram.percentile(thousandths: 98_000, unanswered: 2) == 98)
        #expect(histogram.percentile(thousandths: 99_000, unanswered: 2) == nil)
        #expect(LatencyHistogram().percentile(thousandths: 1, unanswered: 2) == nil)
    }

    @Test("counts of times at or below a limit")
    func atMost() {
        let histogram = histogram(1...1000)
        #expect(histogram.count(atMost: 200) == 200)
        #expect(histogram.count(atMost: -1) == 0)
        #expect(histogram.count(atMost: .max) == 1000)
    }

    @Test("more than 2^62 times are not counted")
    func full() {
        var histogram = LatencyHistogram()
        histogram.record(1, times: 1 << 61)
        histogram.record(2, times: 1 << 61)
        histogram.record(3)
        histogram.record(3, times: .max)
        histogram.record(3, times: -1)
        #expect(histogram.count == 1 << 62)
        var twice = histogram
        twice.merge(histogram)
        #expect(twice == histogram)
    }
}

@Suite("A histogram as text")
struct LatencyHistogramTextTests {
    @Test("comes back as it was", arguments: 0..<50 as Range<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var histogram = LatencyHistogram()
        for _ in 0..<generator.integer(below: 200) {
            let time = Int64(exp(generator.unitInterval() * 29)) - 1
            histogram.record(time, times: Int(1 + generator.integer(below: 1 << generator.integer(below: 40))))
        }
        let copy = try LatencyHistogram(text: histogram.text)
        #expect(copy == histogram, "seed \(seed)")
        #expect(copy.min == histogram.min && copy.max == histogram.max && copy.beyond == histogram.beyond)
        #expect(copy.text == histogram.text)
    }

    @Test(
        "also with one time, with two in one bucket, and with none",
        arguments: [[], [0], [0, 0], [5], [100_000, 100_001], [.max]] as [[Int64]])
    func small(times: [Int64]) throws {
        var histogram = LatencyHistogram()
        for time in times { histogram.record(time) }
        let copy = try LatencyHistogram(text: histogram.text)
        #expect(copy == histogram)
        #expect(copy.min == histogram.min && copy.max == histogram.max && copy.beyond == histogram.beyond)
    }

    /// By hand after AbstractHistogram.encodeIntoByteBuffer: the head, then -5 zigzag is 9, 2 is 4.
    @Test("two times of 5 ns are 42 bytes")
    func bytes() {
        var histogram = LatencyHistogram()
        histogram.record(5, times: 2)
        #expect(
            HistogramBytes.encode(histogram) == [0x1c, 0x84, 0x93, 0x13, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3]
                + [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0x03, 0x46, 0x30, 0xb8, 0xa0, 0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 9, 4])
        #expect(histogram.text == "5 5 0 " + Data(HistogramBytes.encode(histogram)).base64EncodedString())
    }

    @Test("a text that was damaged anywhere is refused or another histogram, never a crash", arguments: 0..<300 as Range<UInt64>)
    func damaged(seed: UInt64) {
        var generator = SeededGenerator(seed: seed, purpose: "damaged histograms")
        var histogram = LatencyHistogram()
        for _ in 0..<20 { histogram.record(Int64(exp(generator.unitInterval() * 29))) }
        var bytes = Array(histogram.text.utf8)
        for _ in 0...generator.integer(below: 3) {
            bytes[Int(generator.integer(below: UInt64(bytes.count)))] = UInt8(0x20 + generator.integer(below: 0x5f))
        }
        let text = String(decoding: bytes, as: UTF8.self)
        if let read = try? LatencyHistogram(text: text) { #expect(read.count > 0, "seed \(seed)") }
    }

    @Test(
        "what is not a histogram is refused",
        arguments: [
            "x", "1 2 3", "1 2 0 !!", "2 1 0 HISTEw==", "5 5 0 ", "-1 5 0 HISTEw==", "5 5 0 HISTEw==",
            "9999999999999 9999999999999 0 HISTEw==",
        ])
    func refused(text: String) { #expect(throws: LatencyHistogramTextError.self) { try LatencyHistogram(text: text) } }

    @Test("every cut is refused")
    func cut() {
        var histogram = LatencyHistogram()
        for time in [1, 50, 5_000, 5_000_000] as [Int64] { histogram.record(time, times: 1000) }
        let text = histogram.text
        for length in 1..<text.utf8.count {
            #expect(throws: LatencyHistogramTextError.self) { try LatencyHistogram(text: String(text.prefix(length))) }
        }
    }
}
