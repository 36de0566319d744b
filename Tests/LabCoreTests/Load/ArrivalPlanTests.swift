import Foundation
import Testing

@testable import LabCore

@Suite("Plans of a load (sla.md §3.10)")
struct ArrivalPlanTests {
    private static let millisecond: Int64 = 1_000_000

    @Test("a ramp from 0 to 100/s in 10 s: 500 in all, request 50 at 3.1623 s")
    func ramp() throws {
        let plan = try ArrivalPlan(rates: [0, 100], over: .seconds(10))
        let instants = Array(plan.instants)
        #expect(plan.count == 500)
        #expect(instants.count == 500)
        #expect(instants.first == 0)
        // √10 s, by hand.
        #expect(instants[50] == 3_162_277_660)
        // N(t) = 5t²: request k at √(k/5).
        for (number, instant) in instants.enumerated() { #expect(abs(Double(instant) - (Double(number) / 5).squareRoot() * 1e9) <= 1) }
    }

    @Test("a ramp down is the ramp up seen from the end")
    func rampDown() throws {
        let instants = Array(try ArrivalPlan(rates: [100, 0], over: .seconds(10)).instants)
        #expect(instants.count == 500)
        // 500 - N is 5(10-t)², so request k is due at 10 - √((500-k)/5).
        for (number, instant) in instants.enumerated() {
            #expect(abs(Double(instant) - (10 - (Double(500 - number) / 5).squareRoot()) * 1e9) <= 1)
        }
    }

    @Test("a constant rate: request k at k/r, also after a day", arguments: [1, 3, 7, 100, 1000] as [Double])
    func constant(rate: Double) throws {
        let plan = try ArrivalPlan(rates: [rate], over: .seconds(30))
        let instants = Array(plan.instants)
        #expect(instants.count == Int(rate) * 30)
        for (number, instant) in instants.enumerated() { #expect(instant == Int64((Double(number) * 1e9 / rate).rounded())) }
    }

    @Test("thirds of a second do not drift in a day")
    func day() throws {
        let plan = try ArrivalPlan(rates: [3], over: .seconds(86_400))
        var last: Int64 = 0
        var count = 0
        for instant in plan.instants { (last, count) = (instant, count + 1) }
        #expect(count == 259_200)
        #expect(last == 86_399_666_666_667)
    }

    @Test("rates that are nearly the same are like the same", arguments: [0, 1e-12, -1e-12, 1e-6] as [Double])
    func nearlyConstant(difference: Double) throws {
        let instants = Array(try ArrivalPlan(rates: [200, 200 + difference], over: .seconds(10)).instants)
        #expect(instants.count == 2000 || (difference > 0 && instants.count == 2001))
        for (number, instant) in instants.prefix(2000).enumerated() { #expect(abs(instant - Int64(number) * 5 * Self.millisecond) < 100) }
    }

    @Test("a ramp, a plateau and a pause are one line; nothing is due in the pause")
    func line() throws {
        // 0→100 in 10 s, 100 for 10 s, 100→0 in 10 s, 0 for 10 s, 0→100 in 10 s.
        let plan = try ArrivalPlan(rates: [0, 100, 100, 0, 0, 100], over: .seconds(50))
        let instants = Array(plan.instants)
        #expect(plan.count == 2500)
        #expect(instants.count == 2500)
        #expect(instants[500] == 10_000 * Self.millisecond)
        #expect(instants[1000] == 15_000 * Self.millisecond)
        #expect(!instants.contains { $0 > 30_000 * Self.millisecond && $0 < 40_000 * Self.millisecond })
        #expect(instants[2050] == 40_000 * Self.millisecond + 3_162_277_660)
        #expect(try plan.windowCounts(length: .seconds(10)) == [500, 1000, 500, 0, 500])
        // √20 = 4.47 s: N = 5·25 = 125 before 5 s.
        #expect(try plan.windowCounts(length: .seconds(5)) == [125, 375, 500, 500, 375, 125, 0, 0, 125, 375])
    }

    @Test("windows are half-open and the last partial one is left out")
    func windows() throws {
        let plan = try ArrivalPlan(rates: [100], over: .milliseconds(1050))
        #expect(try plan.windowCounts(length: .milliseconds(100)) == Array(repeating: 10, count: 10))
        #expect(try plan.windowCounts(length: .seconds(2)) == [])
        #expect(throws: ArrivalPlanError.self) { try plan.windowCounts(length: .zero) }
        #expect(throws: ArrivalPlanError.self) { try plan.windowCounts(length: .nanoseconds(1)) }
    }

    @Test("even windows count the instants that lie in them", arguments: 0..<50 as Range<UInt64>)
    func windowsCount(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let rates = (0...generator.integer(below: 5)).map { _ in generator.unitInterval() * 50 }
        let plan = try ArrivalPlan(rates: rates, over: .milliseconds(9_700))
        var counted = [Double](repeating: 0, count: 9)
        for instant in plan.instants where instant < 9_000_000_000 { counted[Int(instant / 1_000_000_000)] += 1 }
        #expect(try plan.windowCounts(length: .seconds(1)) == counted, "seed \(seed)")
        #expect(Array(plan.instants).count == plan.count, "seed \(seed)")
    }

    @Test("Poisson at a constant rate: the distances are -ln(1-u)/r of the seed's own stream")
    func poisson() throws {
        let plan = try ArrivalPlan(rates: [200], over: .seconds(120), arrivals: .poisson(seed: 7))
        var generator = SeededGenerator(seed: 7)
        var time = 0.0
        var count = 0
        for instant in plan.instants {
            time += -log(1 - generator.unitInterval()) / 200
            #expect(abs(Double(instant) - time * 1e9) <= 1)
            count += 1
        }
        #expect(plan.count == 24_000)
        // Four standard deviations of √24,000.
        #expect(abs(count - 24_000) < 620)
        #expect(Array(plan.instants) == Array(plan.instants))
    }

    @Test("Poisson in a ramp: each tenth of N gets about a tenth", arguments: [nil, 20_000] as [Int?])
    func poissonRamp(count: Int?) throws {
        let plan = try ArrivalPlan(rates: [0, 4000], over: .seconds(10), arrivals: .poisson(seed: 3), exactCount: count)
        let instants = Array(plan.instants)
        #expect(instants == instants.sorted())
        #expect(instants.allSatisfy { (0..<10_000_000_000).contains($0) })
        if let count { #expect(instants.count == count) }
        var tenths = [Int](repeating: 0, count: 10)
        // N(t)/N(T) = (t/T)².
        for instant in instants { tenths[Int((Double(instant) / 1e10) * (Double(instant) / 1e10) * 10)] += 1 }
        // Five standard deviations of √2000.
        for share in tenths { #expect(abs(share - 2000) < 224) }
        #expect(try plan.windowCounts(length: .seconds(5)) == [5000, 15_000])
    }

    @Test("with an exact count the numbers are those of sorted uniform ones: their distances in N are even in the mean")
    func conditional() throws {
        var sums = [Double](repeating: 0, count: 4)
        for seed in 0..<4000 as Range<UInt64> {
            let plan = try ArrivalPlan(rates: [1], over: .seconds(1), arrivals: .poisson(seed: seed), exactCount: 4)
            for (index, instant) in plan.instants.enumerated() { sums[index] += Double(instant) / 1e9 }
        }
        // The mean of the k-th of n uniform numbers is k/(n+1); its standard deviation is at most 0.2.
        for (index, sum) in sums.enumerated() { #expect(abs(sum / 4000 - Double(index + 1) / 5) < 0.016) }
    }

    @Test("an exact count of even arrivals stretches the plan", arguments: [0, 1, 7, 100_000])
    func exact(count: Int) throws {
        let plan = try ArrivalPlan(rates: [250], over: .seconds(400), exactCount: count)
        let instants = Array(plan.instants)
        #expect(plan.count == count)
        #expect(instants.count == count)
        for (number, instant) in instants.enumerated() {
            #expect(abs(Double(instant) - Double(number) * 4e11 / Double(max(count, 1))) <= 1)
        }
    }

    @Test("a plan of rate 0 is empty, and one of a fraction of a request has the first")
    func small() throws {
        #expect(Array(try ArrivalPlan(rates: [0], over: .seconds(10)).instants) == [])
        #expect(Array(try ArrivalPlan(rates: [0.01], over: .seconds(10)).instants) == [0])
    }

    @Test("impossible plans are refused")
    func refused() {
        #expect(throws: ArrivalPlanError.points(0)) { try ArrivalPlan(rates: [], over: .seconds(1)) }
        #expect(throws: ArrivalPlanError.rate(-1, point: 1)) { try ArrivalPlan(rates: [1, -1], over: .seconds(1)) }
        #expect(throws: ArrivalPlanError.self) { try ArrivalPlan(rates: [.nan], over: .seconds(1)) }
        #expect(throws: ArrivalPlanError.rate(.infinity, point: 0)) { try ArrivalPlan(rates: [.infinity], over: .seconds(1)) }
        #expect(throws: ArrivalPlanError.count(.infinity)) { try ArrivalPlan(rates: [1e308, 1e308], over: .seconds(1_000)) }
        #expect(throws: ArrivalPlanError.duration(.zero)) { try ArrivalPlan(rates: [1], over: .zero) }
        #expect(throws: ArrivalPlanError.duration(.seconds(1e9))) { try ArrivalPlan(rates: [1], over: .seconds(1e9)) }
        #expect(throws: ArrivalPlanError.count(-1)) { try ArrivalPlan(rates: [1], over: .seconds(1), exactCount: -1) }
        #expect(throws: ArrivalPlanError.nothingToSpread(count: 5)) { try ArrivalPlan(rates: [0, 0], over: .seconds(1), exactCount: 5) }
    }
}
