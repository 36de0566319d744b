import Glibc
import LabCore
import Synchronization
import Testing
import Transports

@Suite("Reactor", .ownThread, .timeLimit(.minutes(2)))
struct ReactorTests {
    private let reactor: Reactor
    init() throws { reactor = try Reactor() }

    @Test("what became ready during a wait is handed out by dispatch, and not before")
    func dispatch() throws {
        let pipe = try #require(DescriptorPair())
        var read: [String] = []
        let watch = try reactor.watch(pipe.reading, .reading) { _ in read.append(pipe.read()) }
        pipe.write("one")
        _ = reactor.wait(until: .distantFuture)
        #expect(read == [])
        reactor.dispatch()
        #expect(read == ["one"])
        reactor.unwatch(watch)
    }

    @Test("a descriptor that is left as it is stays ready; one that is not watched any more is silent")
    func levels() throws {
        let pipe = try #require(DescriptorPair())
        var count = 0
        let watch = try reactor.watch(pipe.reading, .reading) { _ in count += 1 }
        pipe.write("x")
        for _ in 0..<3 {
            _ = reactor.wait(until: .distantFuture)
            reactor.dispatch()
        }
        #expect(count == 3)
        reactor.unwatch(watch)
        #expect(!reactor.run(until: { count > 3 }, timeout: .milliseconds(5)))
    }

    @Test("interest can be changed: a pipe with room is ready to be written to")
    func modify() throws {
        let pipe = try #require(DescriptorPair())
        var found: Reactor.Readiness = []
        let watch = try reactor.watch(pipe.writing, []) { found = $0 }
        #expect(!reactor.run(until: { !found.isEmpty }, timeout: .milliseconds(5)))
        reactor.modify(watch, .writing)
        #expect(reactor.run(until: { !found.isEmpty }, timeout: .seconds(20)))
        #expect(found == .writable)
    }

    @Test("hang-up is told without being asked for")
    func hangup() throws {
        let pipe = try #require(DescriptorPair())
        var found: Reactor.Readiness = []
        let watch = try reactor.watch(pipe.reading, []) { found = $0 }
        let end = dup(pipe.reading)
        pipe.close(pipe.writing)
        #expect(reactor.run(until: { !found.isEmpty }, timeout: .seconds(20)))
        #expect(found.contains(.hangup))
        reactor.unwatch(watch)
        Glibc.close(end)
    }

    @Test("what was ready before a close does not reach the next owner of the descriptor's number")
    func staleEvents() throws {
        let pipes = [try #require(DescriptorPair()), try #require(DescriptorPair())]
        let third = try #require(DescriptorPair())
        for pipe in pipes { pipe.write("x") }
        var later: [Reactor.Readiness] = []
        var watches: [Reactor.WatchID] = []
        var isReplaced = false
        // Both are ready in the same wait; whichever comes first replaces the other.
        func replace(_ index: Int) {
            guard !isReplaced else { return }
            isReplaced = true
            reactor.unwatch(watches[index])
            // Closes what had the number, and gives it to the third pipe.
            dup2(third.reading, pipes[index].reading)
            _ = try? reactor.watch(pipes[index].reading, .reading) { later.append($0) }
        }
        watches.append(try reactor.watch(pipes[0].reading, .reading) { _ in replace(1) })
        watches.append(try reactor.watch(pipes[1].reading, .reading) { _ in replace(0) })
        _ = reactor.wait(until: .distantFuture)
        reactor.dispatch()
        #expect(isReplaced)
        #expect(later == [])
        third.write("new")
        #expect(reactor.run(until: { !later.isEmpty }, timeout: .seconds(20)))
    }

    @Test("a handler may end its own watch")
    func unwatchInside() throws {
        let pipe = try #require(DescriptorPair())
        var watch: Reactor.WatchID?
        var count = 0
        watch = try reactor.watch(pipe.reading, .reading) { [reactor] _ in
            count += 1
            if let watch { reactor.unwatch(watch) }
        }
        pipe.write("x")
        #expect(reactor.run(until: { count > 0 }, timeout: .seconds(20)))
        _ = reactor.wait(until: reactor.now)
        reactor.dispatch()
        #expect(count == 1)
    }

    @Test("what is no descriptor cannot be watched, and the error says which")
    func noDescriptor() throws {
        // A number that was just closed could be somebody else's by now.
        let failure = #expect(throws: StreamFailure.self) { _ = try reactor.watch(-1, .reading) { _ in } }
        #expect(failure?.description == "descriptor -1: it cannot be waited for (error \(EBADF))")
    }

    // MARK: Posting

    @Test("an action posted by another thread ends a wait; actions are called in their order")
    func post() throws {
        let called = Mutex<[Int]>([])
        let thread = Errands { [reactor] in
            for number in 0..<1_000 { reactor.post { called.withLock { $0.append(number) } } }
        }
        #expect(reactor.run(until: { called.withLock { $0.count } == 1_000 }, timeout: .seconds(20)))
        #expect(called.withLock { $0 } == Array(0..<1_000))
        thread.join()
    }

    @Test("an action posted by an action comes with the next dispatch")
    func postFromPosted() {
        let count = Mutex(0)
        reactor.post { [reactor] in
            count.withLock { $0 += 1 }
            reactor.post { count.withLock { $0 += 1 } }
        }
        reactor.dispatch()
        #expect(count.withLock { $0 } == 1)
        // The second one has rung, so this wait without an end comes back.
        _ = reactor.wait(until: .distantFuture)
        reactor.dispatch()
        #expect(count.withLock { $0 } == 2)
    }

    @Test("wake ends a wait without an end")
    func wake() {
        reactor.wake()
        _ = reactor.wait(until: .distantFuture)
    }

    // MARK: Time

    @Test("a wait ends at its deadline, and not before", arguments: [1.0, 60.0])
    func deadline(speed: Double) throws {
        let reactor = try Reactor(speed: speed)
        let before = Monotonic.now
        let deadline = reactor.now.advanced(byNanoseconds: Int64(3_000_000 * speed))
        while reactor.wait(until: deadline) < deadline { reactor.dispatch() }
        #expect(Monotonic.now - before >= 2_900_000)
        #expect(reactor.lateness.count == 1)
    }

    @Test("the clock is the machine's times the speed")
    func speed() throws {
        let outer = Monotonic.now
        let reactor = try Reactor(speed: 100)
        let inner = Monotonic.now
        reactor.run(until: { false }, timeout: .milliseconds(500))
        let innerSpan = Monotonic.now - inner
        let moment = reactor.now.nanoseconds
        let outerSpan = Monotonic.now - outer
        #expect(moment >= innerSpan * 100)
        #expect(moment <= outerSpan * 100)
    }

    @Test("turns that are gathered begin so far apart at least; what is rare is handled at once")
    func gathering() throws {
        let reactor = try Reactor(gathering: .milliseconds(200))
        reactor.wake()
        let before = Monotonic.now
        _ = reactor.wait(until: .distantFuture)
        #expect(Monotonic.now - before < 190_000_000)
        let first = Monotonic.now
        reactor.wake()
        _ = reactor.wait(until: .distantFuture)
        #expect(Monotonic.now - first >= 190_000_000)
        // A deadline in between is late by no more than that, and it shows.
        let deadline = reactor.now.advanced(by: .milliseconds(1))
        reactor.dispatch()
        while reactor.wait(until: deadline) < deadline { reactor.dispatch() }
        #expect(reactor.lateness.maximum >= 100_000_000)
    }

    @Test("a deadline that is over is only looked at: no wait, and its lateness counts")
    func overdue() throws {
        let pipe = try #require(DescriptorPair())
        var count = 0
        let watch = try reactor.watch(pipe.reading, .reading) { _ in count += 1 }
        pipe.write("x")
        _ = reactor.wait(until: .start)
        reactor.dispatch()
        #expect(count == 1)
        #expect(reactor.lateness.count == 1)
        #expect(reactor.lateness.maximum > 0)
        reactor.unwatch(watch)
    }

    @Test("a wait that ended for another reason says nothing about lateness")
    func earlyReturn() {
        reactor.wake()
        _ = reactor.wait(until: reactor.now.advanced(by: .seconds(60)))
        #expect(reactor.lateness.count == 0)
    }

    @Test("a repeating timer comes again; a timer for once comes once; a cancelled one does not come")
    func timers() throws {
        var (again, once, never) = (0, 0, 0)
        let repeating = try reactor.every(.milliseconds(1)) { again += 1 }
        let single = try reactor.after(.zero) { once += 1 }
        let cancelled = try reactor.after(.zero) { never += 1 }
        cancelled.cancel()
        #expect(reactor.run(until: { again >= 3 }, timeout: .seconds(20)))
        #expect((once, never) == (1, 0))
        repeating.cancel()
        repeating.cancel()
        single.cancel()
    }

    @Test("run gives up when its time is over")
    func timeout() { #expect(!reactor.run(until: { false }, timeout: .milliseconds(2))) }
}

@Suite("Lateness")
struct LatenessTests {
    @Test("without deadlines there is nothing to tell")
    func empty() {
        let lateness = LatenessStatistics()
        #expect((lateness.count, lateness.median, lateness.p99, lateness.maximum) == (0, 0, 0, 0))
    }

    @Test("figures are at most a sixteenth too high, and the maximum is exact")
    func quantiles() {
        // 1 µs to 1 ms in steps of 1 µs: the median is 500 µs, 99 of 100 are within 990 µs.
        var lateness = LatenessStatistics()
        for step in (1...1_000).reversed() { lateness.record(Int64(step) * 1_000) }
        #expect(lateness.count == 1_000)
        #expect((500_000...531_250).contains(lateness.median))
        #expect((990_000...1_000_000).contains(lateness.p99))
        #expect(lateness.maximum == 1_000_000)
    }

    @Test(
        "every length is told within a sixteenth", arguments: [0, 1, 15, 16, 17, 31, 32, 999, 65_535, 65_536, 3_600_000_000_000, 1 << 61])
    func oneValue(_ value: Int64) {
        var lateness = LatenessStatistics()
        lateness.record(value)
        lateness.record(.max)
        #expect(lateness.median >= value)
        #expect(Double(lateness.median) <= Double(value) * 1.0625)
        #expect(lateness.maximum == .max)
    }

    @Test("being early counts as being in time")
    func early() {
        var lateness = LatenessStatistics()
        lateness.record(-5)
        #expect((lateness.count, lateness.maximum) == (1, 0))
    }
}

/// The machine's clock, in nanoseconds.
enum Monotonic {
    private static let start = ContinuousClock.now
    static var now: Int64 { start.duration(to: .now).nanoseconds }
}
