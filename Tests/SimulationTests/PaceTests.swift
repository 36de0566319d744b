import LabCore
import Simulation
import Synchronization
import Testing

@Suite("The same loop with a clock that it must wait for")
struct PaceTests {
    /// A machine's clock as a script: each wait ends a little late, or early because something came from outside.
    final class ScriptedPace: Pace {
        private let state = Mutex((now: Int64(0), visits: [@Sendable () -> Void](), waits: [Int64]()))
        let lateness: Int64

        init(lateness: Int64) { self.lateness = lateness }

        var waits: [Int64] { state.withLock { $0.waits } }

        /// Something comes from outside during the next wait, 1 ms after it began.
        func interrupt(_ visit: @escaping @Sendable () -> Void) { state.withLock { $0.visits.append(visit) } }

        func wait(until deadline: RunInstant) -> RunInstant {
            let visit: (@Sendable () -> Void)? = state.withLock { state in
                state.waits.append(deadline.nanoseconds)
                guard state.visits.isEmpty else {
                    state.now += 1_000_000
                    return state.visits.removeFirst()
                }
                state.now = max(state.now, deadline.nanoseconds + lateness)
                return nil
            }
            visit?()
            return RunInstant(nanoseconds: state.withLock { $0.now })
        }

        func dispatch() {}
        func wake() {}
    }

    @Test("what is late is handled when the wait is over, in the same order")
    func late() {
        let pace = ScriptedPace(lateness: 300_000)
        let kernel = Kernel(pace: pace, foreignJobs: .accept)
        let probe = Probe(kernel)
        kernel.schedule(at: at(10)) { probe.note("b") }
        kernel.schedule(at: RunInstant(nanoseconds: 10_200_000)) { probe.note("c") }
        kernel.schedule(at: at(5)) { probe.note("a") }
        #expect(kernel.run(until: at(20)) == .reached)
        #expect(probe.log == ["5.3ms a", "10.3ms b", "10.3ms c"])
        #expect(kernel.now == RunInstant(nanoseconds: 20_300_000))
    }

    @Test("what other threads hand in is handled at the time when it comes")
    func mail() async {
        let pace = ScriptedPace(lateness: 0)
        let kernel = Kernel(pace: pace, foreignJobs: .accept)
        let moments = SharedList<String>()
        pace.interrupt { kernel.post { moments.add("mail \(kernel.now.nanoseconds)") } }
        kernel.schedule(at: at(10)) { moments.add("timer \(kernel.now.nanoseconds)") }
        kernel.run(until: at(20))
        #expect(moments.list == ["mail 1000000", "timer 10000000"])
        #expect(pace.waits == [10_000_000, 10_000_000, 20_000_000])
    }
}
