import Glibc
import LabCore

/// Waits of threads that have nothing else to do: for real devices and other programs, outside of every run and of its clock.
package enum Waiting {
    /// Blocks the calling thread for that long.
    package static func block(_ time: Duration) {
        // Until a moment, so that signals do not make it longer.
        var moment = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &moment)
        let end = Int64(moment.tv_nsec) + max(0, time.nanoseconds)
        moment = timespec(tv_sec: moment.tv_sec + Int(end / 1_000_000_000), tv_nsec: Int(end % 1_000_000_000))
        while unsafe clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, nil) == EINTR {}
    }

    /// Asks again and again until the condition holds.
    ///
    /// - Returns: whether it did before the time was over.
    @discardableResult
    package static func until<Failure: Error>(_ limit: Duration, every pause: Duration = .milliseconds(100), _ condition: () throws(Failure) -> Bool) throws(Failure) -> Bool {
        let end = ContinuousClock.now.advanced(by: limit)
        while try !condition() {
            guard ContinuousClock.now < end else { return false }
            block(pause)
        }
        return true
    }
}
