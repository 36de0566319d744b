import Synchronization

/// How many bodies beyond the usual limit are being received or answered.
final class LargeBodies: Sendable {
    private let count = Mutex(0)

    /// - Returns: false where there are so many already.
    func enter(atMost most: Int) -> Bool {
        count.withLock { count in
            guard count < most else { return false }
            count += 1
            return true
        }
    }

    func leave() { count.withLock { $0 -= 1 } }
}
