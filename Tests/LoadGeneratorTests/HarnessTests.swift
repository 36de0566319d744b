import LabCore
import Testing

@testable import LoadGenerator

@Suite("The lab measures itself (SLA §1.3)")
struct HarnessTests {
    @Test("plan kept is the share that was turned to; the busiest thread is the loader's processor share")
    func plan() {
        var meter = HarnessMeter()
        for _ in 0..<999 { meter.took(lag: 20) }
        meter.dropped()
        meter.worked(cpu: 30, of: 100)
        var other = HarnessMeter()
        other.worked(cpu: 10, of: 100)
        meter.add(other)
        let report = meter.report(MachineWatch.Figures(foreign: 0.25, clockSteps: 2))
        #expect(report.planKept == 0.999)
        #expect((report.loaderCPU, report.foreignCPU, report.clockSteps, report.sendLagP99) == (0.3, 0.25, 2, 20))
    }

    @Test("the busy time of a machine is user, nice, system and steal of proc(5)")
    func busy() {
        // Ticks of 10 ms: 10 + 2 + 30 + 4 of them.
        #expect(MachineWatch.busy("cpu  10 2 30 1000 50 6 7 4 0 0\ncpu0 1 2 3\n") == 460_000_000)
        #expect(MachineWatch.busy("cpu0 10 2 30 1000") == nil)
        #expect(MachineWatch.busy("") == nil)
    }

    @Test("neighbours are what is busy without this process and the named ones")
    func neighbours() {
        let second: Int64 = 1_000_000_000
        var record = MachineWatch.Record(.init(monotonic: 0, wall: 0, busy: 0, own: 0, named: 0), processors: 2)
        // One second of two processors: 1.1 s busy, 0.5 s of it the lab's and 0.2 s the cloud's.
        record.add(.init(monotonic: second, wall: second, busy: 1_100_000_000, own: 500_000_000, named: 200_000_000))
        #expect(abs(record.figures.foreign - 0.2) < 1e-9)
        // Another one with a neighbour on one whole processor.
        record.add(.init(monotonic: 2 * second, wall: 2 * second, busy: 2_100_000_000, own: 500_000_000, named: 200_000_000))
        #expect(abs(record.figures.foreignPeak - 0.5) < 1e-9 && abs(record.figures.foreign - 0.35) < 1e-9)
        #expect((record.figures.own, record.figures.named) == (500_000_000, 200_000_000))
    }

    @Test("a wall clock that is set is seen, one that is slewed is not")
    func clockSteps() {
        let second: Int64 = 1_000_000_000
        var record = MachineWatch.Record(.init(monotonic: 0, wall: 0, busy: 0, own: 0, named: 0), processors: 1)
        record.add(.init(monotonic: second, wall: second + 500_000, busy: 0, own: 0, named: 0))
        #expect(record.figures.clockSteps == 0)
        record.add(.init(monotonic: 2 * second, wall: 2 * second - 80_000_000, busy: 0, own: 0, named: 0))
        #expect(record.figures.clockSteps == 1)
        #expect(record.figures.largestStep == -80_500_000)
    }

    @Test("a processor that is used by this process is not a neighbour")
    func live() {
        let watch = MachineWatch()
        var sum: UInt64 = 0
        let start = MachineClock.threadCPU
        while MachineClock.threadCPU - start < 20_000_000 { sum &+= 1 }
        let figures = watch.stop()
        #expect(figures.own >= 20_000_000 && sum > 0)
        #expect((0...1).contains(figures.foreign))
    }
}

@Suite("Items of a load and who sends them")
struct ItemSourceTests {
    @Test("threads share a plan: each item belongs to one of them, at its planned moment")
    func share() throws {
        let plan = try ArrivalPlan(rates: [100], over: .seconds(1))
        var found: [PlannedItem] = []
        for thread in 0..<3 {
            var source = ItemSource(.arrivals(plan), thread: thread, of: 3)
            while let next = source.next {
                #expect(next.index % 3 == thread)
                found.append(next)
                source.advance()
            }
        }
        found.sort { $0.index < $1.index }
        // k / 100 s.
        #expect(found == (0..<100).map { PlannedItem(index: $0, planned: Int64($0) * 10_000_000) })
    }

    @Test("what is held begins at k / rate, and nothing begins after the end")
    func held() {
        var source = ItemSource(.heldRequests(.init(count: 10, rate: 3, duration: .seconds(1))), thread: 0, of: 1)
        var planned: [Int64] = []
        while let next = source.next {
            planned.append(next.planned)
            source.advance()
        }
        #expect(planned == [0, 333_333_333, 666_666_667])
    }

    @Test("kinds of requests come by their weights, and each item has its own whoever asks")
    func mix() {
        let requests = ["a", "b"].map { LoadRequest(label: $0) { _, _ in } }
        let mix = RequestMix([(requests[0], 3), (requests[1], 1)], seed: 5)
        let choices = (0..<10_000).map { mix.choice($0) }
        let share = Double(choices.filter { $0 == 0 }.count) / 10_000
        // Four standard deviations of a binomial share of 3/4.
        #expect(abs(share - 0.75) < 0.018)
        #expect((0..<10_000).reversed().map { mix.choice($0) } == choices.reversed())
    }

    @Test("the moment of an answer is the system's note of its arrival, by the load's clock")
    func arrival() {
        var clock = ArrivalClock()
        // The wall clock shows a second where the load shows 0.
        clock.compare(wall: 1_000_000_000, with: 0)
        clock.compare(wall: 1_000_500_000, with: 500_000)
        #expect(clock.moment(1_000_300_000, noEarlierThan: 0, norLaterThan: 500_000) == 300_000)
        // It came after the request was written, and before it was read.
        #expect(clock.moment(1_000_300_000, noEarlierThan: 400_000, norLaterThan: 500_000) == 400_000)
        #expect(clock.moment(1_000_900_000, noEarlierThan: 0, norLaterThan: 500_000) == 500_000)
        #expect(clock.isKnown)
    }

    @Test("a wall clock that was set meanwhile is not believed, and neither is the first look; a system that notes nothing gives the moment of reading")
    func step() {
        var clock = ArrivalClock()
        #expect(clock.moment(1_000_300_000, noEarlierThan: 0, norLaterThan: 500_000) == 500_000)
        clock.compare(wall: 1_000_000_000, with: 0)
        #expect(clock.moment(999_999_000, noEarlierThan: 0, norLaterThan: 7) == 7)
        // Set ahead by a second.
        clock.compare(wall: 2_000_500_000, with: 500_000)
        #expect(clock.moment(1_000_300_000, noEarlierThan: 0, norLaterThan: 500_000) == 500_000)
        clock.compare(wall: 2_000_600_000, with: 600_000)
        #expect(clock.moment(2_000_550_000, noEarlierThan: 0, norLaterThan: 600_000) == 550_000)
        var blind = ArrivalClock()
        blind.compare(wall: 0, with: 0)
        #expect(blind.moment(0, noEarlierThan: 0, norLaterThan: 9) == 9 && !blind.isKnown)
    }
}
