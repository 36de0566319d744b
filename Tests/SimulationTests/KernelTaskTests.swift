import Dispatch
import Foundation
import Glibc
import LabCore
import Simulation
import Testing

@Suite("Asynchronous code on the kernel (architecture §4)")
struct KernelTaskTests {
    let kernel = Kernel()

    @Test("sleeping takes virtual time only, and tasks wake in the order in which they went to sleep")
    func sleeping() {
        let probe = Probe(kernel)
        for name in ["a", "b", "c"] {
            kernel.start(name) {
                try await kernel.sleep(for: .seconds(86_400))
                probe.note(name)
                try await kernel.sleep(until: at(5))
                probe.note(name)
            }
        }
        kernel.runToIdle()
        #expect(probe.log == ["24h a", "24h b", "24h c", "24h a", "24h b", "24h c"])
    }

    @Test("a cancelled sleep ends at once")
    func cancelledSleep() async {
        let probe = Probe(kernel)
        let task = kernel.start("sleeper") {
            do { try await kernel.sleep(for: .seconds(100)) } catch is CancellationError { probe.note("cancelled") }
            do { try await kernel.sleep(for: .seconds(100)) } catch is CancellationError { probe.note("still cancelled") }
        }
        kernel.schedule(at: at(3)) { task.cancel() }
        #expect(kernel.runToIdle() == .idle)
        #expect(probe.log == ["3ms cancelled", "3ms still cancelled"])
        #expect(kernel.now == at(3))
    }

    @Test("the clock is a Clock")
    func clock() throws {
        let elapsed = try kernel.runBlocking {
            try await kernel.clock.measure { try await kernel.clock.sleep(for: .milliseconds(1_500)) }
        }
        #expect(elapsed == .milliseconds(1_500))
    }

    @Test("a signal wakes those who wait, in order, and has no memory")
    func signal() throws {
        let probe = Probe(kernel)
        let signal = Signal(on: kernel)
        signal.fire()
        for name in ["a", "b", "c"] {
            kernel.start(name) {
                try await signal.wait()
                probe.note(name)
            }
        }
        kernel.schedule(at: at(1)) { signal.fireOne() }
        kernel.schedule(at: at(2)) { signal.fire() }
        kernel.runToIdle()
        #expect(probe.log == ["1ms a", "2ms b", "2ms c"])
    }

    @Test("waiting for a signal ends at the deadline if that comes first; the earlier scheduled wins at one moment")
    func signalOrDeadline() {
        let probe = Probe(kernel)
        let signal = Signal(on: kernel)
        kernel.schedule(at: at(5)) { signal.fire() }
        for (name, deadline) in [("early", 4), ("late", 6), ("same", 5)] {
            kernel.start(name) {
                let came = try await signal.wait(until: at(Int64(deadline)))
                probe.note("\(name) \(came)")
            }
        }
        kernel.runToIdle()
        #expect(probe.log == ["4ms early false", "5ms late true", "5ms same true"])
        #expect(kernel.now == at(5))
    }

    @Test("one who gave up waiting is not woken, nor counted by fireOne")
    func gaveUp() {
        let probe = Probe(kernel)
        let signal = Signal(on: kernel)
        let first = kernel.start("first") { try await signal.wait() }
        kernel.start("second") {
            try await signal.wait()
            probe.note("second")
        }
        kernel.schedule(at: at(1)) { first.cancel() }
        kernel.schedule(at: at(2)) { signal.fireOne() }
        kernel.runToIdle()
        #expect(throws: CancellationError.self) { try first.result?.get() }
        #expect(probe.log == ["2ms second"])
    }

    @Test("10,000 waits with a deadline that is never reached leave nothing behind")
    func waitsLeaveNothing() throws {
        let signal = Signal(on: kernel)
        try kernel.runBlocking {
            for _ in 0..<10_000 {
                kernel.schedule(after: .milliseconds(1)) { signal.fire() }
                _ = try await signal.wait(until: kernel.now.advanced(by: .seconds(3_600)))
            }
        }
        #expect(kernel.entryCount < 200)
        #expect(kernel.now == at(10_000))
    }

    @Test("work within its deadline gives its result; later it is cancelled and fails as late")
    func deadline() throws {
        let quick = try kernel.runBlocking {
            try await kernel.withDeadline(at(10)) {
                try await kernel.sleep(until: at(9))
                return "done"
            }
        }
        #expect(quick == "done")
        #expect(throws: DeadlinePassed(deadline: at(20))) {
            try kernel.runBlocking { try await kernel.withDeadline(at(20)) { try await kernel.sleep(until: at(99)) } }
        }
        #expect(kernel.now == at(20))
        struct Broken: Error {}
        #expect(throws: Broken.self) { try kernel.runBlocking { try await kernel.withDeadline(at(30)) { throw Broken() } } }
        #expect(kernel.now == at(20))
    }

    @Test("cancelling the one who waits cancels the work")
    func deadlineCancelled() {
        let probe = Probe(kernel)
        let outer = kernel.start("outer") {
            try await kernel.withDeadline(at(100)) {
                defer { probe.note("work ended") }
                try await kernel.sleep(until: at(99))
            }
        }
        kernel.schedule(at: at(5)) { outer.cancel() }
        kernel.runToIdle()
        #expect(probe.log == ["5ms work ended"])
        #expect(throws: CancellationError.self) { try outer.result?.get() }
    }

    @Test("one task can wait for the result of another")
    func value() throws {
        let worker = kernel.start("worker") {
            try await kernel.sleep(until: at(5))
            return 42
        }
        let value = try kernel.runBlocking { try await worker.value() }
        #expect(value == 42)
        #expect(try kernel.runBlocking { try await worker.value() } == 42)
    }

    @Test("a run that stands still names the tasks that wait")
    func stalled() {
        let signal = Signal(on: kernel)
        kernel.start("badge") { try await signal.wait() }
        let failure = #expect(throws: KernelFailure.self) {
            try kernel.runBlocking("scenario") {
                try await kernel.sleep(until: at(1))
                try await signal.wait()
            }
        }
        #expect(failure == .stalled(waiting: ["badge", "scenario"], at: at(1)))
        #expect(failure?.description.contains("badge, scenario still wait") == true)
        #expect(failure?.description.contains("Task.sleep") == true)
    }

    @Test("a limit ends a run that goes on too long, and the code can clean up")
    func limit() {
        let probe = Probe(kernel)
        #expect(throws: KernelFailure.timeIsOver(at: at(10))) {
            try kernel.runBlocking("main", until: at(10)) {
                defer { probe.note("cleaned up") }
                try await kernel.sleep(until: at(11))
            }
        }
        #expect(probe.log == ["10ms cleaned up"])
    }
}

@Suite("The end of a world")
struct ShutDownTests {
    final class Host: KernelParticipant, LinkReceiver {
        let kernel: Kernel
        var link: Link?
        init(_ kernel: Kernel) { self.kernel = kernel }
        func timerFired(_ timer: TimerName) {}
        func link(_ link: Link, _ side: LinkSide, received input: LinkInput) {}
    }

    @Test("every wait ends, code cleans up, and nothing of the run stays in memory")
    func lettingGo() {
        weak var host: Host?
        weak var kernel: Kernel?
        let ended = SharedList<String>()
        do {
            let world = Kernel()
            let device = Host(world)
            (kernel, host) = (world, device)
            let link = Link(on: world, name: "l", profile: LinkProfile(delay: .seconds(1)), seed: 1)
            (link.near, link.far, device.link) = (device, device, link)
            link.open(from: .near)
            world.startTimer(timer(1), of: world.add(device), at: at(5_000))
            let signal = Signal(on: world)
            world.start("waits") {
                do { try await signal.wait() } catch { ended.add("signal") }
                do { try await world.sleep(until: at(99)) } catch { ended.add("again") }
            }
            Task(executorPreference: world) {
                do { try await world.sleep(until: at(9_000)) } catch { ended.add("sleep") }
            }
            world.run(until: at(500))
            #expect(ended.list.isEmpty)
            world.shutDown()
            world.shutDown()
            #expect(ended.list == ["signal", "again", "sleep"])
            #expect(world.now == at(500))
            #expect(world.entryCount == 0)
            #expect(world.runToIdle() == .idle)
        }
        #expect(host == nil)
        #expect(kernel == nil)
    }
}

@Suite("What stays on the loop, and what does not (swift-facts B)")
struct ForeignJobTests {
    typealias Calls = SharedList<String>

    actor Counter {
        private(set) var threads: Set<UInt> = []
        func count() { threads.insert(UInt(pthread_self())) }
    }

    @Test("task groups, async let, AsyncStream and default actors stay on the kernel's thread")
    func staysOn() throws {
        let calls = Calls()
        let kernel = Kernel(foreignJobs: .observe { calls.add($0.call) })
        let counter = Counter()
        let threads = SharedList<UInt>()
        let sum = try kernel.runBlocking {
            let (stream, input) = AsyncStream.makeStream(of: Int.self)
            async let total: Int = {
                threads.add(UInt(pthread_self()))
                var total = 0
                for await number in stream {
                    threads.add(UInt(pthread_self()))
                    total += number
                }
                return total
            }()
            await withTaskGroup(of: Void.self) { group in
                for number in 1...10 {
                    group.addTask {
                        try? await kernel.sleep(until: at(Int64(number)))
                        threads.add(UInt(pthread_self()))
                        await counter.count()
                        input.yield(number)
                    }
                }
            }
            input.finish()
            return await total + (counter.threads.count == 1 ? 0 : 1_000)
        }
        #expect(sum == 55)
        #expect(calls.list.isEmpty)
        #expect(Set(threads.list) == [UInt(pthread_self())])
    }

    /// Runs the work on a kernel with a thread of its own, so that the threads of the pool are free for what strays.
    private func calls(of work: @escaping @Sendable (Kernel) async throws -> Void) async -> [String] {
        let calls = Calls()
        await withCheckedContinuation { done in
            Thread.detachNewThread {
                let kernel = Kernel(foreignJobs: .observe { calls.add($0.call) })
                let task = kernel.start("work") { try await work(kernel) }
                while !task.isFinished {
                    kernel.runToIdle()
                    sched_yield()
                }
                done.resume()
            }
        }
        return calls.list
    }

    @Test("waiting for a Task {} is found out", .timeLimit(.minutes(10)))
    func unstructuredTask() async {
        let isWaiting = SharedList<Bool>()
        let calls = await calls { kernel in
            kernel.schedule(after: .zero) { isWaiting.add(true) }
            let elsewhere: Task<Void, Never> = Task { while isWaiting.list.isEmpty { sched_yield() } }
            await elsewhere.value
        }
        #expect(calls == ["resume"])
    }

    @Test("a Task {} that uses the kernel is found out and refused", .timeLimit(.minutes(10)))
    func unstructuredTaskOnKernel() async {
        let refusals = SharedList<KernelFailure>()
        let calls = await calls { kernel in
            let elsewhere: Task<Void, Never> = Task {
                do { try await kernel.sleep(until: at(1)) } catch let failure as KernelFailure { refusals.add(failure) } catch {}
            }
            await elsewhere.value
        }
        #expect(calls.contains("wait"))
        #expect(refusals.list == [.foreignThread("wait")])
    }

    @Test("a detached task that resumes one of the kernel's is found out", .timeLimit(.minutes(10)))
    func detachedTask() async {
        let isWaiting = SharedList<Bool>()
        let calls = await calls { kernel in
            kernel.schedule(after: .zero) { isWaiting.add(true) }
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                Task.detached {
                    while isWaiting.list.isEmpty { sched_yield() }
                    continuation.resume()
                }
            }
        }
        #expect(calls == ["resume"])
    }

    @Test("Task.sleep is found out", .timeLimit(.minutes(10)))
    func taskSleep() async {
        let calls = await calls { _ in try await Task.sleep(for: .milliseconds(20)) }
        #expect(calls == ["resume"])
    }

    @Test("in sim a foreign job stops the program and says what to look for")
    func trap() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let isDone = DispatchSemaphore(value: 0)
            Thread.detachNewThread {
                let kernel = Kernel()
                let task = kernel.start("work") { try await Task.sleep(for: .milliseconds(20)) }
                while !task.isFinished {
                    kernel.runToIdle()
                    sched_yield()
                }
                isDone.signal()
            }
            isDone.wait()
        }
        let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        for word in ["another thread", "Task {}", "Task.detached", "Task.sleep", "await db.write"] { #expect(message.contains(word)) }
    }

    @Test("a call from another thread stops the program")
    func foreignCall() async {
        await #expect(processExitsWith: .failure) {
            let kernel = Kernel()
            let isDone = DispatchSemaphore(value: 0)
            Thread.detachNewThread {
                kernel.schedule(at: at(1)) {}
                isDone.signal()
            }
            isDone.wait()
        }
    }
}
