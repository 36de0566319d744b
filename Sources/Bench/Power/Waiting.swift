import CLinux
import Glibc
import LabCore

/// Waits of threads that have nothing else to do: for real devices and other programs, outside of every run and of its clock.
package enum Waiting {
    /// Blocks the calling thread for that long.
    package static func block(_ time: Duration) {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        clinux_wait_until(Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec) + max(0, time.nanoseconds))
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
