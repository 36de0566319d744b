import LabCore
import Simulation
import Testing
import Transports

@Suite("A kernel whose pace is a reactor", .ownThread, .timeLimit(.minutes(2)))
struct KernelPaceTests {
    @Test("waits instead of jumping; what is scheduled comes in the order of its moments and not before them")
    func order() throws {
        // The run's clock begins with the reactor.
        let before = Monotonic.now
        let reactor = try Reactor()
        let kernel = Kernel(pace: reactor, foreignJobs: .accept)
        var came: [(Int, Int64)] = []
        for step in [3, 1, 2] {
            kernel.schedule(after: .milliseconds(step * 5)) { came.append((step, kernel.now.nanoseconds)) }
        }
        #expect(kernel.run(until: RunInstant(nanoseconds: 20_000_000)) == .reached)
        #expect(Monotonic.now - before >= 14_000_000)
        #expect(came.map(\.0) == [1, 2, 3])
        for (step, moment) in came { #expect(moment >= Int64(step) * 5_000_000) }
        #expect(reactor.lateness.count >= 1)
    }

    @Test("bytes come in between, with the clock set")
    func bytes() throws {
        let reactor = try Reactor()
        let kernel = Kernel(pace: reactor, foreignJobs: .accept)
        let pipe = try #require(DescriptorPair())
        var log: [String] = []
        let watch = try reactor.watch(pipe.reading, .reading) { _ in
            #expect(kernel.now > .start)
            log.append(pipe.read())
        }
        kernel.schedule(after: .milliseconds(2)) {
            log.append("first timer")
            pipe.write("bytes")
        }
        // Late enough that a busy machine has looked at the pipe before.
        kernel.schedule(after: .seconds(1)) { log.append("second timer") }
        #expect(kernel.run(until: RunInstant(nanoseconds: 60_000_000_000)) { log.count == 3 } == .satisfied)
        #expect(log == ["first timer", "bytes", "second timer"])
        reactor.unwatch(watch)
    }

    @Test("at a higher speed the same moments come sooner")
    func speed() throws {
        let before = Monotonic.now
        let reactor = try Reactor(speed: 10_000)
        let kernel = Kernel(pace: reactor, foreignJobs: .accept)
        var beats = 0
        func beat() {
            beats += 1
            kernel.schedule(after: .seconds(10)) { beat() }
        }
        beat()
        // 300 s of the run are 30 ms here.
        #expect(kernel.run(until: RunInstant(nanoseconds: 300_000_000_000)) == .reached)
        #expect(Monotonic.now - before >= 29_000_000)
        // A late timer delays the next one by its lateness, so fewer than 31 can be.
        #expect((2...31).contains(beats))
    }

    @Test("other threads hand work to the kernel while it waits")
    func post() throws {
        let reactor = try Reactor()
        let kernel = Kernel(pace: reactor, foreignJobs: .accept)
        let box = Flag()
        let thread = Errands { kernel.post { box.isSet = true } }
        #expect(kernel.run { box.isSet } == .satisfied)
        thread.join()
    }

    /// `@unchecked Sendable`: touched by the kernel's thread only.
    private final class Flag: @unchecked Sendable { var isSet = false }
}
