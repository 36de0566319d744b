import Foundation
import Glibc
import LabCore
import Synchronization

@testable import Bench

/// A folder of its own for one test.
final class LeaseTestFolder: Sendable {
    let path = "\(FileManager.default.temporaryDirectory.path)/leases-\(UUID().uuidString)"
    deinit { try? FileManager.default.removeItem(atPath: path) }
    func file(_ name: String) -> String { "\(path)/\(name)" }
}

/// A clock that the test moves, in place of the machine's.
final class LeaseTestClock: Sendable {
    private let moment = Mutex(LeaseMoment(boot: "boot a", elapsed: 1_000_000_000_000, calendar: 0))

    func advance(by duration: Duration) { moment.withLock { $0.elapsed += duration.nanoseconds } }
    func stepCalendar(by duration: Duration) { moment.withLock { $0.calendar += duration.nanoseconds } }
    func reboot() { moment.withLock { $0 = LeaseMoment(boot: $0.boot + "'", elapsed: 1, calendar: $0.calendar) } }

    var machine: LeaseMachine { LeaseMachine(now: { [self] in moment.withLock { $0 } }, pause: { _ in sched_yield() }) }
}

/// Work on a thread of its own, since it blocks.
final class LeaseTestThread<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>?>(nil)
    private let isDone = DispatchSemaphore(value: 0)

    init(_ work: @escaping @Sendable () throws -> Value) {
        Thread.detachNewThread { [self] in
            let outcome = Result { try work() }
            result.withLock { $0 = outcome }
            isDone.signal()
        }
    }

    struct Hangs: Error {}

    /// Waits for its end.
    func value(within seconds: Double = 60) throws -> Value {
        guard isDone.wait(timeout: .now() + seconds) == .success, let result = result.withLock({ $0 }) else { throw Hangs() }
        isDone.signal()
        return try result.get()
    }
}

extension LeaseHolder {
    static func named(_ user: String, number: UInt32 = 1_000, run: String = "0611-1") -> LeaseHolder {
        LeaseHolder(user: user, userNumber: number, process: getpid(), processStart: 1, lab: "/bench", run: run)
    }
}

extension LeaseBook {
    /// Without waiting.
    func take(_ keys: [String], as user: String = "anna", ttl: Duration = .seconds(600), joining: Bool = false) throws(StreamFailure) -> Lease {
        try acquire(keys.map { LeaseKey($0) }, for: .named(user), timeToLive: ttl, joining: joining) { _, _ in false }
    }
}
