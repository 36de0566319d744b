import Cloud
import Crypto
import LabCore
import Synchronization

/// A cloud's gateway on a clock that the test moves, with two devices, and endpoints that answer what they were told.
final class GatewayBench: DeviceKeys {
    /// 2026-01-01T00:00:00Z.
    static let epoch: Int64 = 1_767_225_600
    static let badge = "luna_badge_0007"
    static let serial = "BDG-0007"
    static let badgeSecret = [UInt8](repeating: 0x22, count: 32)
    static let factoryKey = [UInt8](repeating: 0x11, count: 32)
    static let tokenSecret = Array("0123456789abcdef0123456789abcdef".utf8)

    let clock: ManualClock
    let parts: GatewayParts
    let gateway: GatewayCaller
    let disk: Storage
    private let epochOfBadge = Mutex(1)

    init(
        disk: Storage? = nil, clock: ManualClock = ManualClock(), change: (inout CloudConfiguration) -> Void = { _ in }
    ) throws {
        self.clock = clock
        self.disk = try disk ?? Storage(path: nil)
        var configuration = Self.configuration
        change(&configuration)
        parts = try GatewayParts(configuration: configuration, environment: clock.environment, storage: self.disk.session(clock.environment))
        let caller = GatewayCaller()
        gateway = caller
        caller.set(try parts.gateway(services: [EchoService(sleep: clock.environment.sleep)], keys: self))
    }

    static var configuration: CloudConfiguration {
        var devices = DeviceSettings(
            factoryMasterKey: [UInt8](repeating: 0xf0, count: 32), deviceMasterKey: [UInt8](repeating: 0xd0, count: 32), tenantSalt: "salt")
        devices.tenant = "default"
        return CloudConfiguration(
            devices: devices, tokenKeys: [TokenKey(keyID: "k1", secret: tokenSecret)],
            firstAdministrator: FirstAdministrator(name: "root", email: "root@lab.test", password: "correct horse battery"),
            passwordCost: PasswordCost(rounds: 16, blockSize: 8, parallelism: 1))
    }

    // MARK: The devices that the store knows

    func factoryKey(serial: String) -> [UInt8]? { serial == Self.serial ? Self.factoryKey : nil }
    func deviceKey(id: String) -> (secret: [UInt8], epoch: Int)? {
        switch id {
        case Self.badge: (Self.badgeSecret, epochOfBadge.withLock { $0 })
        case "luna_badge_0008": ([UInt8](repeating: 0x33, count: 32), 1)
        default: nil
        }
    }
    func raiseEpoch() { epochOfBadge.withLock { $0 += 1 } }

    // MARK: Calls

    func send(_ call: HTTPCall, from peer: String = "10.0.0.1") async -> HTTPAnswer {
        await gateway.respond(to: call, from: peer)
    }

    func send(
        _ method: String, _ path: String, _ headers: [(String, String)] = [], body: String = "", from peer: String = "10.0.0.1"
    ) async -> HTTPAnswer {
        var list = headers.map { HTTPCall.Header($0.0, $0.1) }
        if !body.isEmpty, !headers.contains(where: { $0.0 == "content-type" }) {
            list.append(HTTPCall.Header("content-type", "application/json"))
        }
        return await send(HTTPCall(method, path, headers: list, body: Array(body.utf8)), from: peer)
    }

    /// The headers of a signature in version 1, made here by the words of badge-protocol.md.
    func signed(
        _ method: String, _ path: String, body: String = "", device: String = badge, key: [UInt8] = badgeSecret, nonce: String? = nil,
        at timestamp: Int64? = nil, tenant: String = "default"
    ) -> [(String, String)] {
        let nonce = nonce ?? clock.freshNonce()
        let seconds = String(timestamp ?? clock.environment.unixSeconds)
        let parts = path.split(separator: "?", maxSplits: 1).map { String($0) }
        let query = parts.count > 1 ? parts[1].split(separator: "&").sorted().joined(separator: "&") : ""
        let lines = ["v1", method, parts[0], query, "cloud.lab", seconds, nonce, device, tenant, Self.hex(SHA256.hash(data: Array(body.utf8)))]
        return [
            ("host", "cloud.lab"), ("x-device-id", device), ("x-timestamp", seconds), ("x-nonce", nonce),
            ("x-signature", "v1:sha256:" + Self.hmac(lines.joined(separator: "\n"), key)),
        ]
    }

    /// A device's whole set of headers: token and signature.
    func asDevice(
        _ method: String, _ path: String, body: String = "", device: String = badge, key: [UInt8] = badgeSecret
    ) async throws -> [(String, String)] {
        let token = try parts.tokens.issue(device: device, epoch: 1, tenant: "default").token
        return [("authorization", "Bearer " + token)] + signed(method, path, body: body, device: device, key: key)
    }

    func asUser(_ role: UserRole) async throws -> [(String, String)] {
        try parts.users.createOperator(name: "test-\(role.rawValue)", role: role)
        return [("authorization", "Bearer " + (try parts.tokens.issue(user: "test-\(role.rawValue)", role: role, epoch: 1, tenant: "default").token))]
    }

    static func hmac(_ text: String, _ key: [UInt8]) -> String {
        hex(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: SymmetricKey(data: key)))
    }
    static func hex(_ bytes: some Sequence<UInt8>) -> String { Hexadecimal.text(bytes) }
}

/// The gateway is made after the bench that it asks for keys.
final class GatewayCaller: Sendable {
    private let gateway = Mutex<Gateway?>(nil)
    func set(_ value: Gateway) { gateway.withLock { $0 = value } }
    var endpoints: [Endpoint] { gateway.withLock { $0 }?.endpoints ?? [] }
    func respond(to call: HTTPCall, from peer: String) async -> HTTPAnswer {
        guard let gateway = gateway.withLock({ $0 }), let answer = try? await gateway.respond(to: call, from: peer) else {
            return HTTPAnswer(status: 0)
        }
        return answer
    }
}

/// Endpoints with every kind of access, with the seed's paths.
struct EchoService: CloudService {
    var sleep: @Sendable (Duration) async throws -> Void

    var endpoints: [Endpoint] {
        let pages = [FieldKind("page", .integer), FieldKind("limit", .integer), FieldKind("status", .choice(["online", "offline"]))]
        return [
            Endpoint(
                "POST", "/api/v1/devices/register", "Registers.", access: .factory, rateClass: .registration,
                body: [FieldKind("device_id", .text, required: true)], bodyIsOpen: true, statuses: [201], handle: Self.echo),
            Endpoint(
                "GET", "/api/v1/devices", "Lists.", access: .permission(.read, owner: nil), rateClass: .user, query: pages, handle: Self.echo),
            Endpoint(
                "GET", "/api/v1/devices/{device_id}", "Shows.", access: .permission(.read, owner: "device_id"), rateClass: .device,
                query: pages, handle: Self.echo),
            Endpoint(
                "POST", "/api/v1/devices/{device_id}/reports", "Reports.", access: .permission(.writeOwnData, owner: "device_id"),
                rateClass: .device, query: pages,
                body: [
                    FieldKind("level", .choice(["info", "error"]), required: true), FieldKind("count", .integer),
                    FieldKind("tags", .list(.text)), FieldKind("position", .record([FieldKind("x", .number, required: true)])),
                ], handle: Self.echo),
            Endpoint(
                "PUT", "/api/v1/devices/{device_id}/config", "Configures.", access: .permission(.write, owner: nil), rateClass: .user,
                body: [], bodyIsOpen: true, handle: Self.echo),
            Endpoint(
                "DELETE", "/api/v1/devices/{device_id}", "Deletes.", access: .permission(.delete, owner: nil), rateClass: .user,
                handle: Self.echo),
            Endpoint(
                "POST", "/api/v1/factory/devices", "Provisions.", access: .permission(.manage, owner: nil), rateClass: .user, body: [],
                bodyIsOpen: true, handle: Self.echo),
            Endpoint("GET", "/api/v1/broken", "Fails.", access: .open, rateClass: .open) { _ in throw Broken() },
            Endpoint("GET", "/api/v1/slow", "Waits.", access: .open, rateClass: .open) { _ in
                try await sleep(.seconds(1))
                return APIAnswer()
            },
        ]
    }

    struct Broken: Error {}

    @Sendable static func echo(_ request: CloudRequest) async throws -> APIAnswer {
        APIAnswer(data: ["caller": .text(request.identity.label), "query": .record(request.query), "body": .record(request.body)])
    }
}

/// The run's clock in the test's hand, chance from a seed, and the events that were noted.
final class ManualClock: Sendable {
    private struct State {
        var now = RunInstant.start
        var chance = SeededGenerator(seed: 7, purpose: "gateway tests")
        var events: [(name: String, fields: Fields)] = []
        var nonces = 0
    }
    private let state = Mutex(State())

    func advance(_ duration: Duration) { state.withLock { $0.now = $0.now.advanced(by: duration) } }

    func freshNonce() -> String {
        state.withLock {
            $0.nonces += 1
            return "nonce-" + String(1_000_000_000_000 + $0.nonces)
        }
    }

    func events(_ name: String) -> [Fields] { state.withLock { $0.events.filter { $0.name == name }.map(\.fields) } }

    var environment: CloudEnvironment {
        CloudEnvironment(
            now: { self.state.withLock { $0.now } }, epoch: GatewayBench.epoch,
            randomBytes: { count in self.state.withLock { $0.chance.bytes(count) } }, sleep: { _ in }, schedule: { _, _ in },
            note: { name, fields in self.state.withLock { $0.events.append((name, fields)) } }, publish: { _ in }, acknowledge: { _ in },
            disconnect: { _, _ in })
    }
}

extension HTTPAnswer {
    var json: FieldValue? { try? JSONReader.read(body) }
    /// The error's name in the envelope, `ok` for an envelope of success.
    var error: String {
        guard let fields = json?.record else { return "no envelope" }
        if fields["code"] == .integer(0) { return fields["message"]?.text == "success" ? "ok" : "no envelope" }
        return fields.value(at: "data.error")?.text ?? "no envelope"
    }
    func data(_ path: String) -> FieldValue? { json?.record?.value(at: "data.\(path)") }
}
