import Foundation

/// Which cells run beside each other: first tries do, and further ones by themselves, since in real time the load of the others may have
/// been what made a cell late.
///
/// `@unchecked Sendable`: everything is read and changed under the lock.
final class CellTurns: @unchecked Sendable {
    private let lock = NSCondition()
    private var running = 0
    private var waitingToBeAlone = 0

    /// Runs the work beside others of its kind; nothing of it begins while somebody waits to be alone.
    func together<Result>(_ work: () -> Result) -> Result { taking({ $0.waitingToBeAlone == 0 }, work) }

    /// Runs the work when nothing else runs.
    func alone<Result>(_ work: () -> Result) -> Result {
        lock.withLock { waitingToBeAlone += 1 }
        defer {
            lock.withLock {
                waitingToBeAlone -= 1
                lock.broadcast()
            }
        }
        return taking({ $0.running == 0 }, work)
    }

    private func taking<Result>(_ mayBegin: (CellTurns) -> Bool, _ work: () -> Result) -> Result {
        lock.withLock {
            while !mayBegin(self) { lock.wait() }
            running += 1
        }
        defer {
            lock.withLock {
                running -= 1
                lock.broadcast()
            }
        }
        return work()
    }
}
