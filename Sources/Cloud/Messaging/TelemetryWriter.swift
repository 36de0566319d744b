import LabCore
import Synchronization

/// Collects what devices send and commits it in batches, so that telemetry does not cost a commit each.
///
/// A delivery that somebody waits for (QoS 1 and 2) is acknowledged after the commit that holds it and never before.
/// A batch is due when 500 rows are there, 50 ms after the first such delivery, or 5 s after the first heartbeat,
/// for which nobody waits.
final class TelemetryWriter: Sendable {
    static let batchRows = 500
    static let acknowledgementDelay = Duration.milliseconds(50)
    static let heartbeatDelay = Duration.seconds(5)
    /// Until the next try while the database takes nothing.
    static let retryDelay = Duration.seconds(1)
    /// Rows that wait at most; beyond that nothing more is taken, and nothing more is acknowledged.
    static let maximumRows = 20_000

    struct Batch: Sendable {
        var heartbeats: [HeartbeatRow] = []
        var reports: [TelemetryReport] = []
        var deliveries: [UInt64] = []
        var devices: [DeviceChange] = []

        var rows: Int { heartbeats.count + reports.count }
        var isEmpty: Bool { heartbeats.isEmpty && reports.isEmpty && deliveries.isEmpty && devices.isEmpty }
    }

    private struct State: Sendable {
        var batch = Batch()
        /// A batch is on its way to the database.
        var isWriting = false
        /// When the buffer is due; `nil` when nothing waits.
        var due: RunInstant?
        /// After a failure: the time before which new rows cause no further try.
        var pauseEnd = RunInstant.start
        var isClosed = false
    }

    private let environment: CloudEnvironment
    private let storage: Storage
    private let state = Mutex(State())
    /// Called after the commit, outside of every lock.
    private let committed: @Sendable ([TelemetryStore.Consequence]) -> Void
    /// Called before the commit: the devices whose presence or heartbeat has changed.
    private let takeChangedDevices: @Sendable () -> [DeviceChange]

    init(
        environment: CloudEnvironment, storage: Storage, takeChangedDevices: @escaping @Sendable () -> [DeviceChange],
        committed: @escaping @Sendable ([TelemetryStore.Consequence]) -> Void
    ) {
        self.environment = environment
        self.storage = storage
        self.takeChangedDevices = takeChangedDevices
        self.committed = committed
    }

    /// - Returns: `false` if the buffer is full; then the message is lost to the cloud and must not be acknowledged.
    func add(_ row: HeartbeatRow, delivery: UInt64?) -> Bool {
        add(delivery: delivery) { $0.heartbeats.append(row) }
    }

    func add(_ report: TelemetryReport, delivery: UInt64?) -> Bool {
        add(delivery: delivery) { $0.reports.append(report) }
    }

    /// Has the changed devices written with the next batch.
    func noteChange() {
        _ = add(delivery: nil) { _ in }
    }

    private func add(delivery: UInt64?, _ append: (inout Batch) -> Void) -> Bool {
        let now = environment.now()
        let (isTaken, isFull, timer) = state.withLock { state -> (Bool, Bool, RunInstant?) in
            if state.isClosed || state.batch.rows >= Self.maximumRows { return (false, false, nil) }
            append(&state.batch)
            if let delivery { state.batch.deliveries.append(delivery) }
            if state.isWriting { return (true, false, nil) }
            if state.batch.rows >= Self.batchRows, now >= state.pauseEnd { return (true, true, nil) }
            let due = max(now.advanced(by: delivery == nil ? Self.heartbeatDelay : Self.acknowledgementDelay), state.pauseEnd)
            if let earlier = state.due, earlier <= due { return (true, false, nil) }
            state.due = due
            return (true, false, due)
        }
        if let timer { schedule(timer) }
        if isFull { flush() }
        return isTaken
    }

    private func schedule(_ time: RunInstant) {
        environment.schedule(time) { [self] in
            // The job of a batch that went earlier finds another time, or none.
            if state.withLock({ $0.due == time }) { flush() }
        }
    }

    /// Sends what waits to the database at once, also within the pause after a failure, unless a batch is on its way.
    func flush() {
        let batch = state.withLock { state -> Batch? in
            if state.isWriting || state.isClosed { return nil }
            let batch = state.batch
            state.batch = Batch()
            state.due = nil
            state.isWriting = true
            return batch
        }
        guard let batch else { return }
        let slowness = storage.slowness
        if slowness > .zero {
            environment.schedule(environment.now().advanced(by: slowness)) { [self] in write(batch) }
        } else {
            write(batch)
        }
    }

    private func write(_ batch: Batch) {
        var batch = batch
        let changes = takeChangedDevices()
        // A batch that failed before brings older states along.
        batch.devices = batch.devices.isEmpty ? changes : latest(of: batch.devices + changes)
        guard !batch.isEmpty else { return finish(retrying: nil) }
        do {
            let consequences = try commit(batch)
            for delivery in batch.deliveries { environment.acknowledge(delivery) }
            finish(retrying: nil)
            committed(consequences)
        } catch is CloudCrashed {
            close()
        } catch {
            environment.note("storage.failed", ["what": "telemetry", "reason": .text("\(error)"), "rows": .integer(Int64(batch.rows))])
            finish(retrying: batch)
        }
    }

    private func commit(_ batch: Batch) throws -> [TelemetryStore.Consequence] {
        // Nobody waits for heartbeats: they need neither the disk nor a place in the log.
        if batch.reports.isEmpty && batch.deliveries.isEmpty {
            return try storage.write(.buffered) { db in
                try TelemetryStore.insert(batch.heartbeats, in: db)
                try TelemetryStore.update(batch.devices, in: db)
                return []
            }
        }
        return try storage.commit(
            "telemetry", ["rows": .integer(Int64(batch.rows))],
            body: { db in
                try TelemetryStore.insert(batch.heartbeats, in: db)
                try TelemetryStore.update(batch.devices, in: db)
                return try batch.reports.flatMap { try TelemetryStore.apply($0, in: db) }
            }, notes: { $0.compactMap { if case .note(let note) = $0 { note } else { nil } } })
    }

    /// The last state of each device, in the order in which they first occur.
    private func latest(of changes: [DeviceChange]) -> [DeviceChange] {
        var positions: [Int64: Int] = [:]
        var result: [DeviceChange] = []
        for change in changes {
            if let position = positions[change.row] {
                result[position] = change
            } else {
                positions[change.row] = result.count
                result.append(change)
            }
        }
        return result
    }

    /// Gives the buffer free; a failed batch goes to its front and is tried again after a while.
    private func finish(retrying failed: Batch?) {
        let now = environment.now()
        let (isFull, timer) = state.withLock { state -> (Bool, RunInstant?) in
            state.isWriting = false
            if state.isClosed { return (false, nil) }
            if let failed {
                state.batch.heartbeats = failed.heartbeats + state.batch.heartbeats
                state.batch.reports = failed.reports + state.batch.reports
                state.batch.deliveries = failed.deliveries + state.batch.deliveries
                state.batch.devices = failed.devices + state.batch.devices
            }
            if state.batch.isEmpty { return (false, nil) }
            if failed == nil, state.batch.rows >= Self.batchRows { return (true, nil) }
            let delay = failed != nil ? Self.retryDelay : (state.batch.deliveries.isEmpty ? Self.heartbeatDelay : Self.acknowledgementDelay)
            let due = now.advanced(by: delay)
            if failed != nil { state.pauseEnd = due }
            state.due = due
            return (false, due)
        }
        if let timer { schedule(timer) }
        if isFull { flush() }
    }

    /// Rows that wait for the database.
    var waiting: Int { state.withLock { $0.batch.rows } }

    /// Drops what waits and takes nothing more.
    func close() {
        state.withLock { state in
            state.isClosed = true
            state.batch = Batch()
        }
    }
}
