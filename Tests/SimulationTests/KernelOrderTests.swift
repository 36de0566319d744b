import LabCore
import Simulation
import Testing

@Suite("The kernel's order (architecture §4)")
struct KernelOrderTests {
    let kernel = Kernel()

    @Test("what is due at one moment is handled in the order in which it was scheduled, whatever it is")
    func ties() {
        let probe = Probe(kernel)
        let id = kernel.add(probe)
        kernel.schedule(at: at(5)) { probe.note("first") }
        kernel.startTimer(timer(1), of: id, at: at(5))
        kernel.deliver(.timerFired(timer(9)), to: id, at: at(5))
        kernel.start("task") {
            try await kernel.sleep(until: at(5))
            probe.note("task")
        }
        kernel.schedule(at: at(1)) { kernel.schedule(at: at(5)) { probe.note("last scheduled") } }
        kernel.startTimer(timer(2), of: id, at: at(5))
        kernel.schedule(at: at(4)) { probe.note("earlier") }
        kernel.runToIdle()
        // The task went to sleep when the loop first ran, after timer 2 was started; what wakes it takes one more step.
        #expect(
            probe.log == [
                "4ms earlier", "5ms first", "5ms timer 1", "5ms input 9", "5ms timer 2", "5ms last scheduled", "5ms task",
            ])
    }

    @Test("what is scheduled for now, or for the past, comes after all that was scheduled for now before")
    func now() {
        let probe = Probe(kernel)
        kernel.schedule(at: at(3)) {
            kernel.schedule(at: at(3)) { probe.note("c") }
            kernel.schedule(at: at(1)) { probe.note("d") }
            probe.note("a")
        }
        kernel.schedule(at: at(3)) { probe.note("b") }
        kernel.runToIdle()
        #expect(probe.log == ["3ms a", "3ms b", "3ms c", "3ms d"])
    }

    @Test("the order is that of a sorted list, for any load", arguments: [UInt64(1), 2, 3, 4, 5])
    func likeASortedList(seed: UInt64) {
        var chance = SeededGenerator(seed: seed)
        var expected: [(moment: Int64, number: Int)] = []
        var handled: [Int] = []
        var cancelled: [Int] = []
        var items: [ScheduledItem] = []
        for number in 0..<3_000 {
            let moment = Int64(chance.integer(below: 200))
            items.append(kernel.schedule(at: at(moment)) { handled.append(number) })
            expected.append((moment, number))
            if chance.chance(0.4) {
                let victim = Int(chance.integer(below: UInt64(items.count)))
                kernel.cancel(items[victim])
                cancelled.append(victim)
            }
        }
        #expect(kernel.runToIdle() == .idle)
        let gone = Set(cancelled)
        let order = expected.filter { !gone.contains($0.number) }.sorted { ($0.moment, $0.number) < ($1.moment, $1.number) }.map(\.number)
        #expect(handled == order, "seed \(seed)")
    }

    // The digest comes from a model in Python: heapq over (time, number of the scheduling), its own SplitMix64 and FNV-1a.
    // Waits are whole milliseconds from 1 to 20, so that 757 of the 1,000 entries share their moment with another.
    static let modelDigest: UInt64 = 0x3ce9_77f4_f5bf_62dc

    @Test("a load with many ties gives the log of an independent model: timers")
    func modelWithTimers() {
        final class Device: KernelParticipant {
            let world: World
            let number: Int
            var chance: SeededGenerator
            var rounds = 0
            var id: ParticipantID?
            init(_ world: World, _ number: Int) {
                (self.world, self.number) = (world, number)
                chance = SeededGenerator(seed: 42, purpose: "device \(number)")
            }
            func begin() {
                guard let id else { return }
                world.kernel.startTimer(timer(1), of: id, after: .milliseconds(1 + chance.integer(below: 20)))
            }
            func timerFired(_ timer: TimerName) {
                world.digest.add("\(world.kernel.now.nanoseconds) \(number)\n")
                rounds += 1
                if rounds < 20 { begin() }
            }
        }
        final class World {
            let kernel = Kernel()
            var digest = TextDigest()
        }
        let world = World()
        for number in 0..<50 {
            let device = Device(world, number)
            device.id = world.kernel.add(device)
            device.begin()
        }
        world.kernel.runToIdle()
        #expect(world.digest.value == Self.modelDigest)
    }

    @Test("a load with many ties gives the log of an independent model: tasks")
    func modelWithTasks() {
        var digest = TextDigest()
        for number in 0..<50 {
            kernel.start("device \(number)") {
                var chance = SeededGenerator(seed: 42, purpose: "device \(number)")
                for _ in 0..<20 {
                    try await kernel.sleep(for: .milliseconds(1 + chance.integer(below: 20)))
                    digest.add("\(kernel.now.nanoseconds) \(number)\n")
                }
            }
        }
        kernel.runToIdle()
        #expect(digest.value == Self.modelDigest)
    }
}

@Suite("The kernel's timers")
struct KernelTimerTests {
    let kernel = Kernel()
    let probe: Probe
    let id: ParticipantID

    init() {
        probe = Probe(kernel)
        id = kernel.add(probe)
    }

    @Test("starting a timer that runs moves it, later or earlier")
    func restart() {
        kernel.startTimer(timer(1), of: id, at: at(10))
        kernel.startTimer(timer(1), of: id, at: at(30))
        kernel.startTimer(timer(2), of: id, at: at(20))
        kernel.startTimer(timer(2), of: id, at: at(5))
        #expect(kernel.deadline(of: timer(1), of: id) == at(30))
        kernel.runToIdle()
        #expect(probe.log == ["5ms timer 2", "30ms timer 1"])
        #expect(kernel.deadline(of: timer(1), of: id) == nil)
    }

    @Test("a timer that was moved has the place of its last start among equal deadlines")
    func movedTies() {
        kernel.startTimer(timer(1), of: id, at: at(5))
        kernel.startTimer(timer(2), of: id, at: at(20))
        kernel.startTimer(timer(1), of: id, at: at(20))
        kernel.startTimer(timer(3), of: id, at: at(20))
        kernel.startTimer(timer(2), of: id, at: at(20))
        kernel.runToIdle()
        #expect(probe.log == ["20ms timer 1", "20ms timer 3", "20ms timer 2"])
    }

    @Test("a cancelled timer does not fire, even if it is due at this very moment, and can be started again")
    func cancel() {
        kernel.startTimer(timer(1), of: id, at: at(5))
        kernel.startTimer(timer(2), of: id, at: at(5))
        probe.reaction = { [kernel, id] text in
            guard text == "timer 1", kernel.now == at(5) else { return }
            kernel.cancelTimer(timer(2), of: id)
            kernel.startTimer(timer(1), of: id, at: at(7))
        }
        kernel.cancelTimer(timer(3), of: id)
        kernel.runToIdle()
        #expect(probe.log == ["5ms timer 1", "7ms timer 1"])
        kernel.startTimer(timer(2), of: id, at: at(9))
        kernel.runToIdle()
        #expect(probe.log.last == "9ms timer 2")
    }

    @Test("a power cut stops all timers of one participant and of no other")
    func cancelAll() {
        let other = Probe(kernel)
        kernel.startTimer(timer(1), of: id, at: at(1))
        kernel.startTimer(timer(2), of: id, at: at(2))
        kernel.startTimer(timer(1), of: kernel.add(other), at: at(3))
        kernel.cancelTimers(of: id)
        kernel.runToIdle()
        #expect(probe.log.isEmpty)
        #expect(other.log == ["3ms timer 1"])
    }

    @Test("a removed participant gets nothing, nor does the one that takes its place")
    func remove() {
        kernel.startTimer(timer(1), of: id, at: at(1))
        kernel.deliver(.poweredOn, to: id, at: at(2))
        kernel.remove(id)
        kernel.remove(id)
        let successor = Probe(kernel)
        let successorID = kernel.add(successor)
        kernel.startTimer(timer(1), of: id, at: at(3))
        kernel.startTimer(timer(1), of: successorID, at: at(4))
        kernel.runToIdle()
        #expect(probe.log.isEmpty)
        #expect(successor.log == ["4ms timer 1"])
    }

    @Test("a timer for never does not run")
    func never() {
        kernel.startTimer(timer(1), of: id, after: .seconds(Int64.max))
        #expect(kernel.deadline(of: timer(1), of: id) == nil)
        #expect(kernel.runToIdle() == .idle)
        #expect(kernel.now == .start)
    }

    @Test("pushing back a watchdog, or cancelling, 100,000 times leaves no more than a few entries behind")
    func noGarbage() {
        for round in 0..<100_000 {
            kernel.startTimer(timer(1), of: id, at: at(60_000 + Int64(round)))
            kernel.startTimer(timer(2), of: id, at: at(600_000 - Int64(round)))
            kernel.cancel(kernel.schedule(at: at(90_000 + Int64(round))) {})
        }
        #expect(kernel.entryCount < 200)
        kernel.runToIdle()
        #expect(probe.log == ["159.999s timer 1", "500.001s timer 2"])
    }
}

@Suite("The kernel's loop")
struct KernelRunTests {
    let kernel = Kernel()

    @Test("the clock jumps from moment to moment, and to the limit at the end")
    func clock() {
        var moments: [RunInstant] = []
        for moment in [30, 10, 20] { kernel.schedule(at: at(Int64(moment))) { [kernel] in moments.append(kernel.now) } }
        #expect(kernel.run(until: at(20)) == .reached)
        #expect(moments == [at(10), at(20)])
        #expect(kernel.now == at(20))
        #expect(kernel.run(until: at(25)) == .reached)
        #expect(kernel.now == at(25))
        #expect(kernel.runToIdle() == .idle)
        #expect(moments == [at(10), at(20), at(30)])
        #expect(kernel.now == at(30))
    }

    @Test("what was cancelled does not move the clock")
    func cancelled() {
        kernel.schedule(at: at(10)) {}
        let item = kernel.schedule(at: at(99)) {}
        kernel.cancel(item)
        kernel.cancel(item)
        #expect(kernel.runToIdle() == .idle)
        #expect(kernel.now == at(10))
        kernel.cancel(item)
    }

    @Test("a cancelled item does not take another with it that got its place")
    func slots() {
        var isHandled = false
        let first = kernel.schedule(at: at(1)) {}
        kernel.runToIdle()
        kernel.schedule(at: at(2)) { isHandled = true }
        kernel.cancel(first)
        kernel.runToIdle()
        #expect(isHandled)
    }

    @Test("a condition is asked before the first step and after each one")
    func condition() {
        var count = 0
        for moment in 1...5 { kernel.schedule(at: at(Int64(moment))) { count += 1 } }
        #expect(kernel.run { count == 0 } == .satisfied)
        #expect(kernel.run { count == 3 } == .satisfied)
        #expect(kernel.now == at(3))
        #expect(kernel.run(until: at(4)) { count == 9 } == .reached)
        #expect(kernel.run { count == 9 } == .idle)
    }

    @Test("stop ends the loop after the current step; it can go on later")
    func stop() {
        let probe = Probe(kernel)
        kernel.schedule(at: at(1)) { [kernel] in
            kernel.stop()
            probe.note("a")
        }
        kernel.schedule(at: at(1)) { probe.note("b") }
        #expect(kernel.runToIdle() == .stopped)
        #expect(probe.log == ["1ms a"])
        #expect(kernel.runToIdle() == .idle)
        #expect(probe.log == ["1ms a", "1ms b"])
    }

    @Test("two that answer one another without delay are found out")
    func spinning() {
        var limits = Kernel.Limits()
        limits.stepsPerInstant = 1_000
        let kernel = Kernel(limits: limits)
        var count = 0
        func again() {
            count += 1
            kernel.schedule(at: kernel.now) { again() }
        }
        kernel.schedule(at: at(7)) { again() }
        #expect(kernel.run(until: at(8)) == .spinning)
        #expect(kernel.now == at(7))
        #expect(count == 1_001)
    }

    @Test("what is scheduled inherits the cause of what is handled, timers and tasks included")
    func causes() {
        var seen: [String: Int?] = [:]
        final class Listener: KernelParticipant {
            var seen: ((String) -> Void)?
            func timerFired(_ timer: TimerName) { seen?("timer") }
            func receive(_ input: DeviceInput) { seen?("input") }
        }
        let listener = Listener()
        listener.seen = { [kernel] in seen[$0] = kernel.currentCause }
        let id = kernel.add(listener)
        kernel.schedule(at: at(1)) { [kernel] in seen["none"] = kernel.currentCause }
        kernel.withCause(7) {
            kernel.schedule(at: at(2)) { [kernel] in
                kernel.currentCause = 8
                kernel.startTimer(timer(1), of: id, at: at(3))
                kernel.withCause(9) { _ = kernel.deliver(.poweredOn, to: id, at: at(3)) }
                kernel.start("task") {
                    seen["task"] = kernel.currentCause
                    try await kernel.sleep(until: at(4))
                    seen["slept"] = kernel.currentCause
                }
            }
        }
        kernel.runToIdle()
        #expect(seen == ["none": nil, "timer": 8, "input": 9, "task": 8, "slept": 8])
        #expect(kernel.currentCause == nil)
    }
}
