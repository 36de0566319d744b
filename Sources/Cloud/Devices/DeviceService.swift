import LabCore
import Synchronization

/// Devices, their configuration and commands, and what they send over MQTT.
///
/// The REST half answers `endpoints`; the broker's half is told of connections and messages. Both decide by the
/// database, inside of the transaction that writes; memory holds who is connected, who is silent, and what waits.
package final class DeviceService: CloudService, DeviceKeys {
    let settings: DeviceSettings
    let environment: CloudEnvironment
    let storage: Storage
    let keyring: DeviceKeyring
    let tokens: any DeviceTokens
    let nonces: any NonceLedger
    let reader = HeartbeatReader()

    struct State: Sendable {
        var directory = DeviceDirectory()
        var counters = Counters()
        /// When the sweep for silent devices is due; `nil` when none is scheduled.
        var sweepAt: RunInstant?
        /// When the sweep for expired commands is due.
        var expiryAt: RunInstant?
        var isStopped = false
    }

    /// What the metrics tell.
    package struct Counters: Sendable, Equatable {
        package var heartbeats: Int64 = 0
        package var logs: Int64 = 0
        package var refusals: Int64 = 0
        package var registrations: Int64 = 0
        package var cloneAlarms: Int64 = 0
    }

    let state = Mutex(State())
    /// The version centre, which wants to know who is there and what runs.
    private let observerBox = Mutex<ObserverBox>(ObserverBox())
    /// Set once by `init`; the writer calls back into the service.
    private let writerBox = Mutex<TelemetryWriter?>(nil)

    /// - Parameter storage: the session of this life of the cloud.
    /// - Throws: `StorageError` if the schema cannot be brought up to date.
    package init(
        settings: DeviceSettings, environment: CloudEnvironment, storage: Storage, tokens: any DeviceTokens, nonces: any NonceLedger
    ) throws {
        self.settings = settings
        self.environment = environment
        self.storage = storage
        self.tokens = tokens
        self.nonces = nonces
        keyring = DeviceKeyring(settings)
        try storage.migrate(service: "devices", DeviceSchema.migrations)
        let writer = TelemetryWriter(
            environment: environment, storage: storage,
            takeChangedDevices: { [weak self] in self?.state.withLock { $0.directory.takeChanged() } ?? [] },
            committed: { [weak self] in self?.follow($0) })
        writerBox.withLock { $0 = writer }
    }

    var writer: TelemetryWriter? { writerBox.withLock { $0 } }

    private struct ObserverBox: Sendable { weak var observer: (any DeviceObserver)? }

    /// Set once, before `start`; held weakly, since the observer holds this.
    func setObserver(_ observer: any DeviceObserver) { observerBox.withLock { $0.observer = observer } }

    func tellObserver(of device: Int, _ body: (any DeviceObserver, String) -> Void) {
        let id = state.withLock { $0.directory[device].id }
        if let observer = observerBox.withLock({ $0.observer }) { body(observer, id) }
    }

    /// Whether a device is connected and its subscriptions stand.
    func isReachable(_ id: String) -> Bool {
        state.withLock { state in
            guard let device = state.directory.number(of: id) else { return false }
            return state.directory[device].isActive && state.directory[device].isReady
        }
    }

    /// Takes up the devices of the database. Those that were online are given the full time until they count as silent:
    /// the cloud cannot know what it missed while it was down.
    ///
    /// - Throws: `CloudCrashed`, `StorageError`.
    package func start() throws {
        let records = try storage.read { db in try DeviceStore.all(in: db) }
        let now = environment.now()
        let online = state.withLock { state -> [Int] in
            var online: [Int] = []
            for record in records {
                let device = state.directory.add(record.entry)
                guard record.presence == .online else { continue }
                state.directory[device].isConnected = true
                state.directory[device].isReady = true
                state.directory[device].isDescribed = true
                state.directory.heard(device, at: now)
                online.append(device)
            }
            return online
        }
        watchSilence()
        watchExpiry()
        for device in online { synchronise(device, cause: "restart", repeatsCommands: true) }
    }

    /// Loses what is only in memory; nothing is acknowledged or published any more.
    package func crash() {
        writer?.close()
        state.withLock { $0.isStopped = true }
    }

    // MARK: Keys, for the gateway

    package func factoryKey(serial: String) throws -> [UInt8]? {
        guard DeviceNames.isSerial(serial) else { return nil }
        if !settings.allowsOpenRegistration {
            guard try storage.read({ db in try DeviceStore.isProvisioned(serial, in: db) }) else { return nil }
        }
        return keyring.factoryKey(serial: serial)
    }

    package func deviceKey(id: String) throws -> (secret: [UInt8], epoch: Int)? {
        guard DeviceNames.isDeviceID(id), let record = try storage.read({ db in try DeviceStore.find(id, in: db) }), !record.isDeleted else {
            return nil
        }
        return (keyring.deviceSecret(id: id, epoch: record.epoch), record.epoch)
    }

    // MARK: For all parts of the service

    /// Unix milliseconds of the run's clock.
    var milliseconds: Int64 { environment.epoch * 1000 + environment.now().nanoseconds / 1_000_000 }

    var timestamp: String { Timestamp.text(unixSeconds: environment.unixSeconds) }

    /// A moment of the database as a moment of the run.
    func instant(ofMilliseconds milliseconds: Int64) -> RunInstant {
        RunInstant.start.advanced(by: .milliseconds(milliseconds - environment.epoch * 1000))
    }

    /// Does what nobody waits for: a crash ends it silently, any other failure is noted.
    func attempt(_ what: String, _ body: () throws -> Void) {
        do { try body() } catch is CloudCrashed {} catch {
            environment.note("storage.failed", ["what": .text(what), "reason": .text("\(error)")])
        }
    }

    /// Brings to the database what waits, so that a reader finds it there. A slow database is not waited for.
    package func settle() {
        if storage.slowness == .zero { writer?.flush() }
    }

    package var counters: Counters { state.withLock { $0.counters } }
    package var onlineDevices: Int { state.withLock { $0.directory.entries.count { $0.isActive && $0.isOnline } } }

    /// Publishes the numbers of devices and messages.
    package func addMetrics(to registry: MetricsRegistry) {
        let values: [(String, String, @Sendable (DeviceService) -> Double)] = [
            ("lab_devices_online", "Devices that are online.", { Double($0.onlineDevices) }),
            ("lab_devices_registered", "Devices that are registered.", { Double($0.state.withLock { $0.directory.entries.count { $0.isActive } }) }),
            ("lab_heartbeats_received", "Heartbeats since the start.", { Double($0.counters.heartbeats) }),
            ("lab_logs_received", "Log entries of devices since the start.", { Double($0.counters.logs) }),
            ("lab_telemetry_refused", "Messages of devices that were not taken since the start.", { Double($0.counters.refusals) }),
            ("lab_registrations", "Registrations since the start.", { Double($0.counters.registrations) }),
            ("lab_clone_alarms", "Clone alarms since the start.", { Double($0.counters.cloneAlarms) }),
            ("lab_telemetry_waiting", "Rows that wait for the next commit.", { Double($0.writer?.waiting ?? 0) }),
        ]
        for (name, help, value) in values {
            registry.gauge(name, help) { [weak self] in self.map(value) ?? 0 }
        }
    }
}

/// Whoever wants to know of devices beside their own service.
protocol DeviceObserver: AnyObject, Sendable {
    /// It is connected, its subscriptions stand, and it has said how it is.
    func deviceIsReachable(_ id: String)
    /// It has said which firmware it runs.
    func device(_ id: String, runs version: String, isConfirmed: Bool)
    func deviceWasDeleted(_ id: String)
}
