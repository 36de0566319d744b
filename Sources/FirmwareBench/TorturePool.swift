import Foundation
import Synchronization

/// Runs cases on several threads; the only place of the bench that has any. What comes out does not depend on how many there are.
package final class TorturePool: Sendable {
    private struct State {
        var next = 0
        var done = 0
        var outcomes: [TortureOutcome?]
        var isStopped = false
    }

    /// Cases that a worker takes at once.
    private static let share = 64
    private let bench: TortureBench
    private let numbers: [Int]
    private let state: Mutex<State>

    /// - Parameter numbers: of the cases; the outcomes come in this order.
    package init(_ bench: TortureBench, numbers: [Int]) {
        self.bench = bench
        self.numbers = numbers
        state = Mutex(State(outcomes: Array(repeating: nil, count: numbers.count)))
    }

    /// Cases that are done.
    package var done: Int { state.withLock { $0.done } }

    /// Lets no worker begin another share.
    package func stop() { state.withLock { $0.isStopped = true } }

    /// Runs all cases and gives the outcomes in the order of the cases; fewer after `stop`.
    ///
    /// - Parameters:
    ///   - jobs: threads, 1 or more.
    ///   - onProgress: called about ten times a second on the caller's thread with how many are done; gives false to stop.
    package func run(jobs: Int, onProgress: (Int) -> Bool = { _ in true }) -> [TortureOutcome] {
        let ended = DispatchSemaphore(value: 0)
        let workers = (0..<max(1, jobs)).map { _ in
            let thread = Thread { [self] in
                work()
                ended.signal()
            }
            thread.stackSize = 8 << 20
            return thread
        }
        for worker in workers { worker.start() }
        var running = workers.count
        while running > 0 {
            if ended.wait(timeout: .now() + .milliseconds(100)) == .success { running -= 1 }
            if !onProgress(done) { stop() }
        }
        return state.withLock { $0.outcomes.compactMap(\.self) }
    }

    private func work() {
        while let range = takeShare() {
            let outcomes = range.map { bench.run(numbers[$0]) }
            state.withLock { state in
                for (index, outcome) in zip(range, outcomes) { state.outcomes[index] = outcome }
                state.done += outcomes.count
            }
        }
    }

    private func takeShare() -> Range<Int>? {
        state.withLock { state in
            guard !state.isStopped, state.next < numbers.count else { return nil }
            let range = state.next..<min(state.next + Self.share, numbers.count)
            state.next = range.upperBound
            return range
        }
    }
}
