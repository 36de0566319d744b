import Foundation
import Synchronization

/// Runs work on a thread with room for code that nests deeply, as the cloud's router does in debug builds.
func onLargeStack(_ work: @escaping @Sendable () throws -> Void) throws {
    let outcome = Mutex<Result<Void, any Error>>(.success(()))
    let ended = DispatchSemaphore(value: 0)
    let thread = Thread {
        let result = Result { try work() }
        outcome.withLock { $0 = result }
        ended.signal()
    }
    thread.stackSize = 16 << 20
    thread.start()
    ended.wait()
    try outcome.withLock { $0 }.get()
}
