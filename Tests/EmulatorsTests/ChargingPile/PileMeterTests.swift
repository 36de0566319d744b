import LabCore
import Testing

@testable import Emulators

@Suite("The physical meter: exact sums")
struct PileMeterTests {
    private func second(_ seconds: Int64) -> RunInstant { RunInstant(nanoseconds: seconds * 1_000_000_000) }

    @Test("180 W for 20 minutes are 60 Wh: 600 dWh, to the last picojoule, however often it is counted")
    func constant() {
        var load: PileLoad? = PileLoad(watts: 180)
        var other = load
        var once = PileMeter(register: 0)
        var often = PileMeter(register: 0)
        once.advance(to: second(1_200), &load, isClosed: true, idle: 0)
        for step in 1...1_200 { often.advance(to: RunInstant(nanoseconds: Int64(step) * 999_999_937), &other, isClosed: true, idle: 0) }
        often.advance(to: second(1_200), &other, isClosed: true, idle: 0)
        // 180,000 mW x 1.2e12 ns
        #expect(once.truth == 216_000_000_000_000_000)
        #expect(often.truth == once.truth)
        #expect(PileEnergy.deciwattHours(once.truth) == 600)
    }

    @Test("a battery takes its capacity, however the time is cut: the taper falls in steps around the line")
    func taper() throws {
        // 100 W, 100 Wh, the last 20 Wh falling: 48 min at full power; the line alone would take 2 x 12 min and a bit for the steps.
        var load: PileLoad? = PileLoad(watts: 100, capacity: 100, taper: 0.2)
        var meter = PileMeter(register: 0)
        meter.advance(to: second(48 * 60), &load, isClosed: true, idle: 0)
        #expect(PileEnergy.deciwattHours(meter.truth) == 800)
        #expect(load?.stage.power == 96_875)  // 31/32 of 100 W
        meter.advance(to: second(4 * 3_600), &load, isClosed: true, idle: 0)
        #expect(load?.stage.power == 2_000, "then the trickle")
        let full = try #require(load?.capacity)
        #expect(load!.delivered >= full && meter.truth == load!.delivered)

        var pieces: PileLoad? = PileLoad(watts: 100, capacity: 100, taper: 0.2)
        var other = PileMeter(register: 0)
        for step in 1...(4 * 3_600) { other.advance(to: second(Int64(step)), &pieces, isClosed: true, idle: 0) }
        #expect(other.truth == meter.truth, "what is counted every second is what is counted at once")
    }

    @Test("without a closed relay only what the port draws itself is counted")
    func open() {
        var load: PileLoad? = PileLoad(watts: 100)
        var meter = PileMeter(register: 7)
        meter.advance(to: second(10), &load, isClosed: false, idle: 500)
        #expect(meter.truth == 7 + 500 * 10_000_000_000)
        #expect(load?.delivered == 0)
        meter.advance(to: second(5), &load, isClosed: true, idle: 500)
        #expect(meter.truth == 7 + 500 * 10_000_000_000, "an earlier moment changes nothing")
    }

    @Test("absurd loads are brought into range", arguments: [-5.0, .nan, .infinity, 1e300])
    func absurd(_ watts: Double) {
        var load: PileLoad? = PileLoad(watts: watts, capacity: watts, taper: watts)
        var meter = PileMeter(register: 0)
        meter.advance(to: RunInstant(nanoseconds: 1 << 60), &load, isClosed: true, idle: 0)
        #expect(meter.truth >= 0)
    }

    @Test("counters round down, also below 0")
    func rounding() {
        #expect(PileEnergy.deciwattHours(PileEnergy.perDeciwattHour - 1) == 0)
        #expect(PileEnergy.deciwattHours(-1) == -1)
        #expect(PileEnergy.deciwattHours(-PileEnergy.perDeciwattHour) == -1)
    }
}

@Suite("The pile's clock")
struct PileClockTests {
    @Test("begins in 1970 and runs as fast as its drift says")
    func drift() {
        var clock = PileClock()
        clock.reset(at: .start)
        let day = RunInstant(nanoseconds: 86_400_000_000_000)
        #expect(clock.seconds(at: day) == 86_400 && !clock.isSet)
        clock.drift(100, at: .start)
        #expect(clock.nanoseconds(at: day) == 86_408_640_000_000)  // 100 ppm of a day are 8.64 s
        clock.set(unix: 1_767_225_600, at: day)
        #expect(clock.seconds(at: day) == 1_767_225_600 && clock.isSet)
        clock.jump(by: -420_000_000_000)
        #expect(clock.seconds(at: day) == 1_767_225_600 - 420)
    }

    @Test("bears jumps beyond all dates")
    func jumps() {
        var clock = PileClock()
        clock.jump(by: .min)
        #expect(clock.seconds(at: .start) == -9_223_372_037)
        clock.jump(by: .min)
        clock.jump(by: .max)
        clock.set(unix: .max, at: .start)
        #expect(clock.seconds(at: .start) == 0)
    }

    @Test("tells how long it really takes until it has counted a time", arguments: [-1_000, -1, 0, 1, 250, 1_000] as [Int64])
    func real(_ drift: Int64) {
        var clock = PileClock()
        clock.drift(drift, at: .start)
        for time in [1, 1_000_000_000, 3_600_000_000_000] as [Int64] {
            let real = clock.real(time)
            #expect(clock.scaled(real) >= time)
            #expect(clock.scaled(real - 3) < time)
        }
    }
}

@Suite("What a pile has to do later")
struct PileAgendaTests {
    @Test("comes out in the order of its moments; an entry of the same name replaces the one before")
    func order() {
        var agenda = PileAgenda()
        agenda.set(PileAgenda.Item(40, 1), at: RunInstant(nanoseconds: 30))
        agenda.set(PileAgenda.Item(33), at: RunInstant(nanoseconds: 10))
        agenda.set(PileAgenda.Item(40, 2), at: RunInstant(nanoseconds: 20))
        agenda.set(PileAgenda.Item(33), at: RunInstant(nanoseconds: 25))
        #expect(agenda.next == RunInstant(nanoseconds: 20))
        #expect(agenda.popDue(at: RunInstant(nanoseconds: 19)) == nil)
        var items: [PileAgenda.Item] = []
        while let item = agenda.popDue(at: RunInstant(nanoseconds: 100)) { items.append(item) }
        #expect(items == [PileAgenda.Item(40, 2), PileAgenda.Item(33), PileAgenda.Item(40, 1)])
    }
}
