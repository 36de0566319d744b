import LabCore
import Synchronization

/// Slows down the guessing of passwords: after some failures each further one doubles the wait, up to a limit.
///
/// Never a lock for good, which anybody could put on anybody. Counted by name and address, for names that exist and
/// names that do not, so that the wait tells nothing.
final class LoginGuard: Sendable {
    static let freeFailures = 5
    static let longestWait: Int64 = 900
    /// Failures are forgotten after an hour without one.
    static let memory: Int64 = 3_600
    static let maximumEntries = 10_000

    private struct Entry {
        var failures: Int
        /// Unix seconds: before this, no password is looked at.
        var closedUntil: Int64
        var forgottenAt: Int64
    }

    private let entries = Mutex<[String: Entry]>([:])

    /// Seconds to wait before the next try, 0 for none.
    func wait(name: String, peer: String, at now: Int64) -> Int64 {
        entries.withLock { max(0, ($0[Self.key(name, peer)]?.closedUntil ?? 0) - now) }
    }

    /// Notes a failure; gives their number.
    func failed(name: String, peer: String, at now: Int64) -> Int {
        entries.withLock { entries in
            var key = Self.key(name, peer)
            if entries[key] == nil, entries.count >= Self.maximumEntries {
                entries = entries.filter { $0.value.forgottenAt > now }
                // Still full: newcomers share one entry, so that a flood of names does not switch the guard off.
                if entries.count >= Self.maximumEntries { key = "*" }
            }
            let before = entries[key].flatMap { $0.forgottenAt > now ? $0.failures : nil } ?? 0
            let failures = before + 1
            let doublings = failures - Self.freeFailures
            let wait = doublings < 0 ? 0 : min(Self.longestWait, Int64(1) << Int64(min(doublings, 20)))
            entries[key] = Entry(failures: failures, closedUntil: now + wait, forgottenAt: now + Self.memory)
            return failures
        }
    }

    func succeeded(name: String, peer: String) { entries.withLock { _ = $0.removeValue(forKey: Self.key(name, peer)) } }

    private static func key(_ name: String, _ peer: String) -> String { "\(name)|\(peer)" }
}
