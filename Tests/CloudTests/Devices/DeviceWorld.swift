import Crypto
import Foundation
import GRDB
import LabCore
import Synchronization
import Testing

@testable import Cloud

/// A device service in a world with a clock that the test moves, and with everything that leaves it written down.
final class DeviceWorld: Sendable {
    struct Event: Sendable, Equatable, CustomStringConvertible {
        var name: String
        var fields: Fields
        var description: String { "\(name) \(JSONWriter.text(.record(fields)))" }
    }

    private struct State {
        var now = RunInstant.start
        var jobs: [(time: RunInstant, number: Int, job: @Sendable () -> Void)] = []
        var jobCount = 0
        var events: [Event] = []
        var published: [CloudMessage] = []
        var acknowledged: [UInt64] = []
        var disconnected: [String] = []
        var nonces: Set<String> = []
        var random = SeededGenerator(seed: 7)
        /// The cloud crashes when this is noted: event and `what`.
        var crashesAt: (event: String, what: String)?
        var service: DeviceService?
        var session: Storage?
    }

    /// 2026-01-01T00:00:00Z
    static let epoch: Int64 = 1_767_225_600
    static let factoryMaster = Array(UInt8(0)..<32)
    static let deviceMaster = Array(UInt8(32)..<64)

    let disk: Storage
    let settings: DeviceSettings
    private let state = Mutex(State())

    init(path: String? = nil, settings change: (inout DeviceSettings) -> Void = { _ in }) throws {
        disk = try Storage(path: path)
        var settings = DeviceSettings(factoryMasterKey: Self.factoryMaster, deviceMasterKey: Self.deviceMaster, tenantSalt: "salt")
        change(&settings)
        self.settings = settings
        try start()
    }

    /// Starts the cloud over the database as it is.
    func start() throws {
        let environment = environment
        let session = disk.session(environment)
        let service = try DeviceService(
            settings: settings, environment: environment, storage: session, tokens: FixedTokens(), nonces: WorldNonces(world: self))
        state.withLock {
            $0.service = service
            $0.session = session
        }
        try service.start()
    }

    func crash() {
        let (service, session) = state.withLock { ($0.service, $0.session) }
        session?.crash()
        service?.crash()
    }

    func restart() throws {
        crash()
        try start()
    }

    func crash(at event: String, of what: String) { state.withLock { $0.crashesAt = (event, what) } }

    var service: DeviceService {
        get throws { try #require(state.withLock { $0.service }) }
    }

    var storage: Storage {
        get throws { try #require(state.withLock { $0.session }) }
    }

    var environment: CloudEnvironment {
        CloudEnvironment(
            now: { [self] in state.withLock { $0.now } }, epoch: Self.epoch,
            randomBytes: { [self] count in state.withLock { $0.random.bytes(count) } },
            sleep: { [self] time in advance(time) },
            schedule: { [self] time, job in
                state.withLock {
                    $0.jobs.append((time, $0.jobCount, job))
                    $0.jobCount += 1
                }
            },
            note: { [self] name, fields in
                VocabularyCheck.event(name, fields)
                let crashes = state.withLock { state -> Bool in
                    state.events.append(Event(name: name, fields: fields))
                    guard let trap = state.crashesAt, trap.event == name, fields["what"] == .text(trap.what) else { return false }
                    state.crashesAt = nil
                    return true
                }
                if crashes { crash() }
            },
            publish: { [self] message in state.withLock { $0.published.append(message) } },
            acknowledge: { [self] delivery in state.withLock { $0.acknowledged.append(delivery) } },
            disconnect: { [self] client, reason in state.withLock { $0.disconnected.append("\(client) \(reason)") } })
    }

    // MARK: Time

    var now: RunInstant { state.withLock { $0.now } }

    /// Moves the clock and does what is due meanwhile, in order.
    func advance(_ time: Duration) {
        let target = now.advanced(by: time)
        while true {
            let job = state.withLock { state -> (@Sendable () -> Void)? in
                let next = state.jobs.indices.min { (state.jobs[$0].time, state.jobs[$0].number) < (state.jobs[$1].time, state.jobs[$1].number) }
                guard let next, state.jobs[next].time <= target else {
                    state.now = target
                    return nil
                }
                state.now = max(state.now, state.jobs[next].time)
                return state.jobs.remove(at: next).job
            }
            guard let job else { return }
            job()
        }
    }

    // MARK: What came out

    var events: [Event] { state.withLock { $0.events } }
    var acknowledged: [UInt64] { state.withLock { $0.acknowledged } }
    var disconnected: [String] { state.withLock { $0.disconnected } }
    func events(_ name: String) -> [Fields] { events.filter { $0.name == name }.map(\.fields) }
    func forgetEvents() { state.withLock { $0.events = [] } }

    /// Payloads that were published below the device's topic, and forgets them.
    func takePublished(_ topic: String, device: String = "luna_badge_0007") throws -> [Fields] {
        let full = "luna/device/\(device)/\(topic)"
        let messages = state.withLock { state -> [CloudMessage] in
            defer { state.published.removeAll { $0.topic == full } }
            return state.published.filter { $0.topic == full }
        }
        return try messages.map { message in
            #expect(message.quality == 1)
            return try #require(try JSONReader.read(message.payload).record)
        }
    }

    func claimNonce(_ nonce: String) -> Bool { state.withLock { $0.nonces.insert(nonce).inserted } }

    /// The whole database as text, table by table, in the order of the rows.
    func databaseText() throws -> String {
        try storage.read { db in
            var lines: [String] = []
            for table in ["factory_devices", "devices", "configs", "config_changes", "commands", "heartbeats", "error_logs"] {
                for row in try Row.fetchAll(db, sql: "SELECT * FROM \(table)") {
                    lines.append(table + ": " + row.map { "\($0)=\($1)" }.joined(separator: " "))
                }
            }
            return lines.joined(separator: "\n")
        }
    }

    // MARK: Requests

    static let badge: Fields = [
        "device_id": "luna_badge_0007", "device_name": "Luna Badge 0007", "hardware_version": "v1.0", "mac_address": "00:11:22:33:44:55",
        "serial_no": "BDG-0007", "hardware_id": "0123456789abcdef01234567", "software_version": "2.3.0",
    ]

    func call(
        _ method: String, _ path: String, body: Fields = [:], query: Fields = [:], parameters: Fields = [:], identity: Identity = .anonymous,
        tenant: String = "default"
    ) async throws -> APIAnswer {
        let service = try service
        let endpoint = try #require(service.endpoints.first { $0.method == method && $0.path == path })
        return try await endpoint.handle(
            CloudRequest(
                method: method, path: path, pathParameters: parameters, query: query, body: body, identity: identity, tenant: tenant, at: now,
                id: "request"))
    }

    @discardableResult
    func provision(_ serial: String = "BDG-0007", type: String? = nil) async throws -> Int {
        try await service.provision([serial], type: type, hardwareVersion: nil, tenant: "default")
    }

    func register(_ body: Fields = DeviceWorld.badge, serial: String? = "BDG-0007", tenant: String = "default") async throws -> APIAnswer {
        try await call(
            "POST", "/api/v1/devices/register", body: body, identity: serial.map { .factory(serial: $0) } ?? .anonymous, tenant: tenant)
    }

    /// A registered badge that is connected and has said its status.
    func bringOnline(configVersion: Int64 = 0) async throws {
        try await provision()
        _ = try await register()
        try connect()
        try status(configVersion: configVersion)
    }

    func connect(_ device: String = "luna_badge_0007") throws { try service.clientConnected(clientID: device) }

    // MARK: Messages

    func send(
        _ topic: String, _ payload: String, device: String = "luna_badge_0007", client: String? = nil, delivery: UInt64? = nil
    ) throws {
        try service.received(
            topic: "luna/device/\(device)/\(topic)", payload: Array(payload.utf8), clientID: client ?? device, quality: delivery == nil ? 0 : 1,
            delivery: delivery)
    }

    func heartbeat(_ device: String = "luna_badge_0007") throws {
        try send(
            "heartbeat", #"{"timestamp":"2026-01-01T00:00:30Z","status":"online","cpu_usage":45.2,"memory_usage":67.8,"temperature":42.5}"#,
            device: device)
    }

    /// Sends a status and waits for its commit.
    func status(configVersion: Int64, device: String = "luna_badge_0007") throws {
        try send(
            "status", #"{"timestamp":"2026-01-01T00:00:00Z","status":"online","firmware":"2.3.0","config_version":\#(configVersion),"boot_count":1}"#,
            device: device)
        try service.settle()
    }

    func acknowledge(version: Int64, status: String = "applied", device: String = "luna_badge_0007") throws {
        try send(
            "config/ack", #"{"config_version":\#(version),"status":"\#(status)","reason":"because","timestamp":"2026-01-01T00:00:00Z"}"#,
            device: device)
        try service.settle()
    }
}

struct FixedTokens: DeviceTokens {
    func issue(device: String, epoch: Int, tenant: String) throws -> (token: String, expiresAt: Int64) {
        ("token of \(device) in epoch \(epoch)", DeviceWorld.epoch + 900)
    }
}

struct WorldNonces: NonceLedger {
    unowned let world: DeviceWorld
    func claim(device: String, nonce: String) throws -> Bool { world.claimNonce("\(device) \(nonce)") }
}

/// The error that a call ends with.
func failure<T>(of body: () async throws -> T) async -> APIError? {
    do {
        _ = try await body()
        return nil
    } catch { return error as? APIError }
}

/// Holds what the cloud says against the vocabulary that scenarios are checked with.
enum VocabularyCheck {
    static func event(_ name: String, _ fields: Fields) {
        guard let kind = Cloud.kind.event(name) else {
            Issue.record("the event \(name) is not in the vocabulary")
            return
        }
        check(fields, kind.fields, "event \(name)")
    }

    static func check(_ fields: Fields, _ kinds: [FieldKind], _ place: String) {
        for field in fields {
            guard let kind = kinds.first(where: { $0.name == field.name }) else {
                Issue.record("\(place) has no field '\(field.name)'")
                continue
            }
            if !fits(field.value, kind.type) { Issue.record("\(place): '\(field.name)' is \(field.value), not \(kind.type.name)") }
        }
    }

    private static func fits(_ value: FieldValue, _ type: FieldType) -> Bool {
        switch (type, value) {
        case (.any, _), (.text, .text), (.integer, .integer), (.number, .number), (.number, .integer), (.bool, .bool), (.duration, .duration): true
        case (.ratio, .number), (.ratio, .integer), (.file, .record): true
        case (.choice(let words), .text(let word)): words.contains(word)
        case (.list(let element), .list(let items)): items.allSatisfy { fits($0, element) }
        case (.record(let kinds), .record(let fields)): fields.allSatisfy { entry in kinds.contains { $0.name == entry.name && fits(entry.value, $0.type) } }
        default: false
        }
    }
}
