import Foundation
import Synchronization

/// Takes rows from the threads of a load to the one that gives them away: what that does needs descriptors of the process, which those
/// threads do not have, and it keeps nothing from being sent.
final class RowCourier: Sendable {
    private struct State {
        var batches: [[LoadRow]] = []
        var isOver = false
        /// Somebody rang, and nobody has looked yet.
        var hasRung = false
    }

    private let state = Mutex(State())
    private let bell = DispatchSemaphore(value: 0)

    func take(_ rows: [LoadRow]) { change { $0.batches.append(rows) } }

    /// Nothing comes any more.
    func end() { change { $0.isOver = true } }

    private func change(_ body: (inout State) -> Void) {
        let rings = state.withLock { state in
            body(&state)
            defer { state.hasRung = true }
            return !state.hasRung
        }
        if rings { bell.signal() }
    }

    /// Waits for what comes next; `nil` at the end.
    func next() -> [[LoadRow]]? {
        while true {
            bell.wait()
            let (batches, isOver) = state.withLock { state in
                state.hasRung = false
                defer { state.batches = [] }
                return (state.batches, state.isOver)
            }
            // The end is seen again by the next look.
            if isOver { bell.signal() }
            if !batches.isEmpty { return batches }
            if isOver { return nil }
        }
    }
}
