import LabCore
import GRDB
import Synchronization

/// The nonces of signed requests and connections, each accepted once (security.md 4.2, "Window").
///
/// They are in the database, so that a restart forgets none, and live for twice the window: a timestamp 300 s in the
/// future stays valid for 600 s. Live nonces are never dropped to make room: beyond the bounds claims are refused.
package final class NonceStore: NonceLedger {
    /// Seconds, inclusive.
    package static let life: Int64 = 600

    private let environment: CloudEnvironment
    private let storage: Storage
    private let limit: Int
    private let limitPerDevice: Int
    private let counts: Mutex<Counts>

    /// How many nonces the table holds, so that a claim needs no count over it.
    private struct Counts {
        var total = 0
        var ofDevice: [String: Int] = [:]
        var sweptAt: Int64 = 0
    }

    package init(environment: CloudEnvironment, storage: Storage, limits: RequestLimits) throws {
        self.environment = environment
        self.storage = storage
        limit = limits.nonces
        limitPerDevice = limits.noncesPerDevice
        counts = Mutex(Counts())
        try storage.migrate(
            service: "gateway.nonces",
            [
                Storage.Migration("1 nonces") { db in
                    try db.execute(
                        sql: """
                            CREATE TABLE nonces (
                                device TEXT NOT NULL, nonce TEXT NOT NULL, last_second INTEGER NOT NULL, PRIMARY KEY (device, nonce)
                            ) WITHOUT ROWID;
                            CREATE INDEX nonces_last_second ON nonces (last_second);
                            """)
                }
            ])
        try sweep()
    }

    /// Nonces that are held now, live ones and those that wait for the next sweep.
    package var count: Int { counts.withLock { $0.total } }

    /// Remembers a nonce in one step that only the first of two equal ones passes. No crash of the cloud loses it.
    ///
    /// It is not brought to the disk at once, which would cost every request of a device as much as its effect does. What the
    /// request changes is committed after it into the same write-ahead log: whatever is durable, its nonce is durable too. A machine
    /// without power forgets nonces of requests that changed nothing or whose change is lost as well.
    ///
    /// - Throws: `NONCE_STORE_FULL` at a bound, and the storage's errors.
    package func claim(device: String, nonce: String) throws -> Bool {
        let now = environment.unixSeconds
        let sweptAt = counts.withLock { $0.sweptAt }
        if now - sweptAt >= 60 { try sweep() }
        if isFull(for: device) {
            // Within one second nothing more becomes free, and whoever is at a bound must not make every call a sweep.
            if now > sweptAt { try sweep() }
            if isFull(for: device) {
                throw APIError(.nonceStoreFull, headers: [HTTPCall.Header("retry-after", String(Self.life))])
            }
        }
        // The second form of an insert takes over a row whose time is past but which no sweep has met.
        let (isFirst, isNew) = try storage.join { db in
            try db.execute(cached: "INSERT OR IGNORE INTO nonces VALUES (?, ?, ?)", device, nonce, now + Self.life)
            if db.changesCount == 1 { return (true, true) }
            try db.execute(
                cached: "UPDATE nonces SET last_second = ? WHERE device = ? AND nonce = ? AND last_second < ?",
                now + Self.life, device, nonce, now)
            return (db.changesCount == 1, false)
        }
        if isNew {
            counts.withLock {
                $0.total += 1
                $0.ofDevice[device, default: 0] += 1
            }
        }
        return isFirst
    }

    private func isFull(for device: String) -> Bool {
        counts.withLock { $0.total >= limit || $0.ofDevice[device, default: 0] >= limitPerDevice }
    }

    /// Drops what is past and counts what is left, once a minute and when a bound is met.
    private func sweep() throws {
        let now = environment.unixSeconds
        let rows = try storage.write(.buffered) { db in
            try db.execute(cached: "DELETE FROM nonces WHERE last_second < ?", now)
            return try Row.fetchAll(db, cached: "SELECT device, count(*) FROM nonces GROUP BY device")
        }
        var fresh = Counts()
        fresh.sweptAt = now
        for row in rows {
            let (device, count): (String, Int) = (row[0], row[1])
            fresh.ofDevice[device] = count
            fresh.total += count
        }
        counts.withLock { [fresh] in $0 = fresh }
    }
}
