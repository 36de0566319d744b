import LabCore
import Testing

@Suite("Arrivals of a load step")
struct LoadArrivalsTests {
    private func load(_ change: (inout Step.Load) -> Void = { _ in }) -> Step.Load {
        var load = Step.Load(
            target: NodeReference(role: "cloud", name: "request"), arguments: .record([]), rates: [4], duration: .constant(.duration(0)), id: "api")
        change(&load)
        return load
    }

    @Test("At an even rate of 4 a second the items of a second are due every 250 ms, whatever the seed")
    func even() throws {
        for seed in [UInt64(0), 7] {
            #expect(Array(try load().arrivalPlan(over: .seconds(1), seed: seed).instants) == [0, 250_000_000, 500_000_000, 750_000_000])
        }
    }

    @Test("Poisson arrivals are of the load's own seed, and of the given one where it has none")
    func seeds() throws {
        let drawn = load { $0.arrivals = .poisson }
        let fixed = load { ($0.arrivals, $0.seed) = (.poisson, 42) }
        #expect(try drawn.arrivalPlan(over: .seconds(9), seed: 7).arrivals == .poisson(seed: 7))
        #expect(try fixed.arrivalPlan(over: .seconds(9), seed: 7).arrivals == .poisson(seed: 42))
    }

    @Test("An exact count is kept")
    func count() throws { #expect(try load { $0.count = 3 }.arrivalPlan(over: .seconds(10), seed: 0).count == 3) }

    @Test("A load without a length has no plan")
    func refused() {
        #expect(throws: ArrivalPlanError.self) { try load().arrivalPlan(over: .zero, seed: 0) }
    }
}
