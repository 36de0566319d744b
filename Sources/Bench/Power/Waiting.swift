import Glibc
package import LabCore

/// Waits of threads that have nothing else to do.
package enum Waiting {
    /// Blocks the calling thread for that long.
    package static func block(_ time: Duration) {
        let nanoseconds = max(0, time.nanoseconds)
        var left = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        while unsafe nanosleep(&left, &left) != 0, errno == EINTR {}
    }

    /// Asks again and again until the condition holds.
    ///
    /// - Returns: whether it did before the time was over.
    package static func until<Failure: Error>(_ limit: Duration, every pause: Duration = .milliseconds(100), _ condition: () throws(Failure) -> Bool) throws(Failure) -> Bool {
        let end = ContinuousClock.now.advanced(by: limit)
        while try !condition() {
            guard ContinuousClock.now < end else { return false }
            block(pause)
        }
        return true
    }
}
