import GRDB
import LabCore
import Synchronization

/// The version centre: versions and their files, rollouts, and what devices ask, fetch and report.
///
/// All decisions are in the database, made in the transaction that writes them (`RolloutEngine`). Memory holds what can be
/// read again: files, the list of rollouts that take devices in, who waits to be told.
package final class FirmwareService: CloudService {
    let settings: FirmwareSettings
    let bugs: Set<SeededBug>
    let tenant: String
    /// `https://` and the name under which devices reach the cloud, for notices.
    let publicAddress: String
    let environment: CloudEnvironment
    let storage: Storage
    let devices: DeviceService
    let addresses: DownloadAddress
    let files: FirmwareFiles
    /// Places in the rates of rollouts, by their row.
    let slots = RateLimiter(maximumCallers: 10_000)
    /// KiB of downloads, by device.
    let traffic: RateLimiter
    let faults = Mutex(FirmwareFaults())

    /// What is read from the database once and kept until something of it changes.
    struct Catalogue: Sendable {
        var admitting: [RolloutRecord]
        var newestRoot: Int64
    }

    /// Those of one rollout who wait to be told, in their order.
    struct Queue: Sendable {
        var rollout: Int64
        var waiting: [(row: Int64, device: String)] = []
        var next = 0
    }

    struct State: Sendable {
        var catalogue: Catalogue?
        var queues: [Queue] = []
        /// When the next job is due; there is never more than one that counts.
        var wakeAt: RunInstant?
        /// When a rate has room again.
        var slotAt: RunInstant?
        /// Before this nothing is tried, after a failure of the database.
        var pauseEnd = RunInstant.start
        var isPumping = false
        var isStopped = false
        var downloads: Int64 = 0
        var downloadedBytes: Int64 = 0
    }
    let state = Mutex(State())

    /// - Parameter storage: the session of this life of the cloud.
    /// - Throws: `StorageError` if the schema cannot be brought up to date.
    package init(
        configuration: CloudConfiguration, environment: CloudEnvironment, storage: Storage, devices: DeviceService
    ) throws {
        settings = configuration.firmware
        bugs = configuration.bugs
        tenant = configuration.devices.tenant
        publicAddress = "https://" + configuration.hostName
        self.environment = environment
        self.storage = storage
        self.devices = devices
        addresses = DownloadAddress(master: configuration.devices.deviceMasterKey)
        files = FirmwareFiles(storage: storage, limit: configuration.firmware.cacheBytes)
        traffic = RateLimiter(maximumCallers: configuration.rateLimits.maximumCallers)
        try storage.migrate(service: "firmware", FirmwareSchema.migrations)
    }

    /// Takes up what is under way in the database.
    package func start() throws {
        let running = try storage.read { db in try RolloutStore.running(in: db) }
        let now = environment.now()
        for rollout in running {
            // How many the last life told within the last minute is not known: none more in the first one.
            if let rate = rollout.rate {
                for _ in 0..<rate { _ = slots.take(key: String(rollout.row), limit: RateLimit(rate, per: .seconds(60)), at: now) }
            }
        }
        enqueue(running.map(\.row))
        pump()
    }

    package func crash() {
        state.withLock {
            $0.isStopped = true
            $0.queues = []
        }
    }

    package func addMetrics(to registry: MetricsRegistry) {
        registry.gauge("lab_firmware_downloads", "Downloads of firmware that were answered since the start.") { [weak self] in
            Double(self?.state.withLock { $0.downloads } ?? 0)
        }
        registry.gauge("lab_firmware_downloaded_bytes", "Bytes of firmware that were handed out since the start.") { [weak self] in
            Double(self?.state.withLock { $0.downloadedBytes } ?? 0)
        }
    }

    // MARK: Time

    /// Unix milliseconds of the run's clock.
    var milliseconds: Int64 { devices.milliseconds }

    // MARK: Committing

    func engine(_ db: Database, actor: String) -> RolloutEngine {
        RolloutEngine(
            db: db, now: milliseconds, actor: actor, settings: settings, bugs: bugs,
            makeID: { [environment] in "ex_" + Hexadecimal.text(environment.randomBytes(8)) })
    }

    /// One transaction on rollouts and executions; what follows from it is done after its commit.
    func change<T>(
        _ what: String, _ about: Fields = [:], actor: String, durability: Storage.Durability = .flushed,
        _ body: (inout RolloutEngine) throws -> T
    ) async throws -> T {
        let (result, effects) = try await storage.commitPoint(
            what, about, durability: durability,
            body: { db in
                var engine = engine(db, actor: actor)
                return (try body(&engine), engine.effects)
            }, notes: { $0.1.notes })
        perform(effects)
        return result
    }

    /// The same for jobs, which nobody waits for.
    func changeNow<T>(_ what: String, _ about: Fields = [:], actor: String = "cloud", _ body: (inout RolloutEngine) throws -> T) throws -> T {
        let (result, effects) = try storage.commit(
            what, about,
            body: { db in
                var engine = engine(db, actor: actor)
                return (try body(&engine), engine.effects)
            }, notes: { $0.1.notes })
        perform(effects)
        return result
    }

    func perform(_ effects: RolloutEngine.Effects) {
        if effects.changesCatalogue { state.withLock { $0.catalogue = nil } }
        for execution in effects.cancelled { sendCancellation(execution) }
        enqueue(effects.notify)
        pump()
    }

    /// Rollouts that take devices in, and the newest root.
    func catalogue() throws -> Catalogue {
        if let known = state.withLock({ $0.catalogue }) { return known }
        let read = try storage.read { db in
            Catalogue(
                admitting: try RolloutStore.admitting(tenant: tenant, in: db), newestRoot: try VersionStore.newestRoot(tenant: tenant, in: db))
        }
        state.withLock { $0.catalogue = read }
        return read
    }

    // MARK: Waking

    /// Schedules one job for whatever is due next: the end of somebody's time, or room in a rate.
    func watch() {
        devices.attempt("firmware.deadline") {
            let deadline = bugs.contains(.executionNeverTimesOut) ? nil : try storage.read { db in try RolloutStore.nextDeadline(in: db) }
            let due = deadline.map { devices.instant(ofMilliseconds: $0) }
            let now = environment.now()
            let time = state.withLock { state -> RunInstant? in
                if state.isStopped { return nil }
                guard let next = [due, state.slotAt].compactMap({ $0 }).min() else { return nil }
                let time = max(next, now, state.pauseEnd)
                if let scheduled = state.wakeAt, scheduled <= time { return nil }
                state.wakeAt = time
                return time
            }
            guard let time else { return }
            environment.schedule(time) { [weak self] in self?.wake(scheduledFor: time) }
        }
    }

    private func wake(scheduledFor time: RunInstant) {
        let isCurrent = state.withLock { state in
            guard state.wakeAt == time, !state.isStopped else { return false }
            state.wakeAt = nil
            if let slot = state.slotAt, slot <= time { state.slotAt = nil }
            return true
        }
        guard isCurrent else { return }
        devices.settle()
        let now = environment.now()
        var isDone = false
        devices.attempt("firmware.expire") {
            while try storage.read({ db in try !RolloutStore.due(at: milliseconds, limit: 1, in: db).isEmpty }), !bugs.contains(.executionNeverTimesOut) {
                if try !changeNow("ota.expire", body: { try $0.expire() }) { break }
            }
            isDone = true
        }
        // A full disk stays full for a while: without a pause the next try would come in the same instant.
        if !isDone { state.withLock { $0.pauseEnd = now.advanced(by: .seconds(1)) } }
        pump()
    }

    private func changeNow<T>(_ what: String, body: (inout RolloutEngine) throws -> T) throws -> T {
        try changeNow(what, [:], actor: "cloud", body)
    }
}
