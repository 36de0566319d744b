import Dispatch
import Foundation
package import LabCore
import Synchronization

/// Beats for a lease from a thread of its own, so that a run that is busy keeps it, and tells when it is lost.
package final class LeaseKeeper: Sendable {
    package let lease: Lease
    private let stop = DispatchSemaphore(value: 0)
    private let state = Mutex(State())

    private struct State: Sendable {
        var hasEnded = false
        var loss: StreamFailure?
    }

    /// How soon a beat that could not be written is tried again.
    private static let retry: Duration = .seconds(1)

    /// - Parameters:
    ///   - interval: between beats; a third of the time to live where that is less.
    ///   - timeToLive: the lease's own. Where no beat could be written for so long, it counts as lost.
    ///   - onLoss: called once, on the keeper's thread.
    package init(_ lease: Lease, every interval: Duration, timeToLive: Duration, onLoss: @escaping @Sendable (StreamFailure) -> Void = { _ in }) {
        self.lease = lease
        let (interval, stop) = (max(.milliseconds(1), min(interval, timeToLive / 3)), stop)
        let thread = Thread { [weak self, weak lease] in
            var (pause, quiet) = (interval, Duration.zero)
            // Neither lease nor keeper is kept by its own thread.
            while stop.wait(timeout: .now() + .nanoseconds(Int(pause.nanoseconds))) == .timedOut {
                guard let self, let lease else { return }
                quiet += pause
                do throws(StreamFailure) {
                    try lease.beat()
                    (pause, quiet) = (interval, .zero)
                } catch {
                    guard error.reason == .vanished || quiet >= timeToLive else {
                        pause = min(interval, Self.retry)
                        continue
                    }
                    if lose(error) { onLoss(error) }
                    return
                }
            }
        }
        thread.name = "lease"
        thread.start()
    }

    deinit { release() }

    /// Why the lease is lost; `nil` while it is not.
    package var loss: StreamFailure? { state.withLock { $0.loss } }

    private func lose(_ failure: StreamFailure) -> Bool {
        state.withLock { state in
            guard !state.hasEnded else { return false }
            state.loss = failure
            return true
        }
    }

    /// Gives everything back; as often as one likes.
    package func release() {
        let isFirst = state.withLock { state in
            defer { state.hasEnded = true }
            return !state.hasEnded
        }
        guard isFirst else { return }
        stop.signal()
        lease.release()
    }
}
