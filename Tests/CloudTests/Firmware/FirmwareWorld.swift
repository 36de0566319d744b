import Crypto
import FirmwareImages
import GRDB
import LabCore
import Synchronization
import Testing

@testable import Cloud

/// A whole cloud with a clock that the test moves, badges that say what the test has them say, and everything written down.
final class FirmwareWorld: Sendable {
    private struct State {
        var now = RunInstant.start
        var jobs: [(time: RunInstant, number: Int, job: @Sendable () -> Void)] = []
        var jobCount = 0
        var events: [(name: String, fields: Fields)] = []
        var published: [CloudMessage] = []
        var random = SeededGenerator(seed: 11)
        var crashesAt: (event: String, what: String)?
        var cloud: Cloud?
        var life = 0
        var sequences: [String: Int64] = [:]
    }

    let disk: Storage
    let configuration: CloudConfiguration
    private let state = Mutex(State())

    init(bugs: Set<SeededBug> = [], change: (inout CloudConfiguration) -> Void = { _ in }) throws {
        disk = try Storage(path: nil)
        var configuration = CloudConfiguration(
            devices: DeviceSettings(factoryMasterKey: DeviceWorld.factoryMaster, deviceMasterKey: DeviceWorld.deviceMaster, tenantSalt: "salt"),
            tokenKeys: [TokenKey(keyID: "test", secret: Array(repeating: 9, count: 32))],
            passwordCost: PasswordCost(rounds: 2, blockSize: 1, parallelism: 1), bugs: bugs)
        change(&configuration)
        self.configuration = configuration
        try start()
    }

    func start() throws {
        let life = state.withLock { state in
            state.life += 1
            return state.life
        }
        let cloud = try Cloud(configuration: configuration, environment: environment(life: life), storage: disk)
        state.withLock { $0.cloud = cloud }
    }

    func crash() { state.withLock { $0.cloud }?.crash() }
    func restart() throws {
        crash()
        try start()
    }
    func crash(at event: String, of what: String) { state.withLock { $0.crashesAt = (event, what) } }

    var cloud: Cloud { get throws { try #require(state.withLock { $0.cloud }) } }
    var firmware: FirmwareService { get throws { try cloud.firmware } }

    private func environment(life: Int) -> CloudEnvironment {
        CloudEnvironment(
            now: { [self] in state.withLock { $0.now } }, epoch: DeviceWorld.epoch,
            randomBytes: { [self] count in state.withLock { $0.random.bytes(count) } }, sleep: { [self] time in advance(time) },
            schedule: { [self] time, job in
                state.withLock {
                    $0.jobs.append((time, $0.jobCount, job))
                    $0.jobCount += 1
                }
            },
            note: { [self] name, fields in
                VocabularyCheck.event(name, fields)
                let crashes = state.withLock { state -> Bool in
                    state.events.append((name, fields))
                    guard let trap = state.crashesAt, trap.event == name, fields["what"] == .text(trap.what) else { return false }
                    state.crashesAt = nil
                    return true
                }
                if crashes { crash() }
            },
            publish: { [self] message in state.withLock { $0.published.append(message) } }, acknowledge: { _ in }, disconnect: { _, _ in })
    }

    // MARK: Time

    var now: RunInstant { state.withLock { $0.now } }
    var jobsWaiting: Int { state.withLock { $0.jobs.count } }

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

    func events(_ name: String) -> [Fields] { state.withLock { $0.events.filter { $0.name == name }.map(\.fields) } }
    func forgetEvents() { state.withLock { $0.events = [] } }

    /// Notices on a device's update topic, which are forgotten then.
    func takeNotices(_ device: String) throws -> [Fields] {
        let topic = "luna/device/\(device)/update"
        let messages = state.withLock { state -> [CloudMessage] in
            defer { state.published.removeAll { $0.topic == topic } }
            return state.published.filter { $0.topic == topic }
        }
        return try messages.map { message in
            #expect(message.quality == 1)
            return try #require(try JSONReader.read(message.payload).record)
        }
    }
    var noticeCount: Int { state.withLock { $0.published.count { $0.topic.hasSuffix("/update") && !$0.topic.hasSuffix("config/update") } } }

    // MARK: Devices

    static func badge(_ number: Int) -> String { "luna_badge_" + String(repeating: "0", count: max(0, 4 - String(number).count)) + String(number) }

    /// Badges 1 to `count`, registered with a version.
    func addBadges(_ numbers: ClosedRange<Int>, version: String = "2.3.0", type: String = "luna_badge") async throws {
        let devices = try cloud.devices
        _ = try await devices.provision(numbers.map { "BDG-\($0)" }, type: nil, hardwareVersion: nil, tenant: "default")
        for number in numbers {
            _ = try await call(
                "POST", "/api/v1/devices/register",
                body: [
                    "device_id": .text(Self.badge(number)), "device_name": "Badge", "hardware_version": "v1.0", "mac_address": "00:11:22:33:44:55",
                    "serial_no": .text("BDG-\(number)"), "hardware_id": .text("hw\(number)"), "software_version": .text(version), "device_type": .text(type),
                ], as: .factory(serial: "BDG-\(number)"))
        }
    }

    /// Connects a badge and has it say its status.
    func connect(_ device: String, version: String = "2.3.0", confirmed: Bool? = nil) throws {
        try cloud.clientConnected(clientID: device)
        try say(device, version: version, confirmed: confirmed)
    }

    func say(_ device: String, version: String, confirmed: Bool? = nil) throws {
        let confirmed = confirmed.map { #","firmware_confirmed":\#($0)"# } ?? ""
        let payload = #"{"status":"online","firmware":"\#(version)","config_version":0\#(confirmed)}"#
        try cloud.received(topic: "luna/device/\(device)/status", payload: Array(payload.utf8), clientID: device, quality: 0, delivery: nil)
        try cloud.devices.settle()
    }

    // MARK: Calls

    /// A call of an endpoint by somebody whom the gateway has let in.
    @discardableResult
    func call(
        _ method: String, _ path: String, query: Fields = [:], body: Fields = [:], bytes: [UInt8] = [], headers: [(String, String)] = [],
        as identity: Identity = .user(name: "anna", role: .admin)
    ) async throws -> APIAnswer {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        let wanted = method == "HEAD" ? "GET" : method
        let endpoints = try cloud.gateway.endpoints.filter { $0.method == wanted && PathTemplate.matches($0.path, path) }
        let endpoint = try #require(endpoints.first { !$0.path.contains("{") } ?? endpoints.first, "\(method) \(path)")
        var parameters: Fields = [:]
        for (name, segment) in zip(endpoint.path.split(separator: "/", omittingEmptySubsequences: false), segments) where name.hasPrefix("{") {
            parameters[String(name.dropFirst().dropLast())] = .text(String(segment))
        }
        return try await endpoint.handle(
            CloudRequest(
                method: method, path: path, pathParameters: parameters, query: query, body: body, rawBody: bytes,
                headers: headers.map { HTTPCall.Header($0.0, $0.1) }, identity: identity, at: now, id: "request"))
    }

    func fields(_ answer: APIAnswer) throws -> Fields { try #require(answer.data.record) }

    func check(
        _ device: String, _ version: String = "2.3.0", hardware: String = "v1.0", format: String = "mcuboot", counter: Int64 = 1, confirmed: Bool? = nil
    ) async throws -> Fields {
        var query: Fields = [
            "current_version": .text(version), "hardware_version": .text(hardware), "format": .text(format), "security_counter": .integer(counter),
        ]
        if let confirmed { query["confirmed"] = .bool(confirmed) }
        return try fields(try await call("GET", "/api/v1/versions/check", query: query, as: .device(id: device, epoch: 1)))
    }

    /// What a device is offered: version and execution, `nil` for nothing.
    func offer(_ device: String, _ version: String = "2.3.0") async throws -> (version: String, execution: String, action: String)? {
        let answer = try await check(device, version)
        guard answer["has_update"] == true, let info = answer["update_info"]?.record else { return nil }
        return (info["version"]?.text ?? "", info["execution_id"]?.text ?? "", info["action"]?.text ?? "")
    }

    @discardableResult
    func report(
        _ device: String, _ execution: String, _ state: String, sequence: Int64? = nil, running: String? = nil, reason: String? = nil, progress: Int64? = nil
    ) async throws -> Fields {
        let next = self.state.withLock { world -> Int64 in
            let next = sequence ?? (world.sequences[execution] ?? 0) + 1
            world.sequences[execution] = max(next, world.sequences[execution] ?? 0)
            return next
        }
        var body: Fields = ["sequence": .integer(next), "state": .text(state)]
        if let running { body["running_version"] = .text(running) }
        if let reason { body["reason"] = .text(reason) }
        if let progress { body["progress"] = .integer(progress) }
        return try fields(
            try await call("POST", "/api/v1/firmware/executions/\(execution)/report", body: body, as: .device(id: device, epoch: 1)))
    }

    /// A device that asks, and does or does not get on with it.
    @discardableResult
    func update(_ device: String, from: String = "2.3.0", result: String = "succeeded", reason: String? = nil) async throws -> String? {
        guard let offer = try await offer(device, from) else { return nil }
        try await report(device, offer.execution, "downloading")
        try await report(device, offer.execution, result, running: result == "succeeded" ? offer.version : from, reason: reason)
        return offer.execution
    }

    // MARK: Versions and rollouts

    static func image(_ version: String, size: Int = 4_096, counter: UInt32 = 1) throws -> [UInt8] {
        let number = try #require(FirmwareVersion(version))
        return try FactoryImage.make(
            version: number, format: .mcuboot, size: size, securityCounter: counter, privateKey: Array(repeating: 7, count: 32)
        ).image
    }

    /// A manifest by the words of the specification, signed by nobody: the cloud has no keys.
    static func manifest(_ version: String, _ image: [UInt8], number: Int64 = 1, _ change: (inout Fields) -> Void = { _ in }) -> [UInt8] {
        var signed: Fields = [
            "_type": "release", "spec_version": 1, "version": .integer(number), "issued": "2026-01-01T00:00:00Z", "expires": "2027-01-01T00:00:00Z",
            "product": "luna-badge", "tenant": "default", "firmware": .text(version), "format": "mcuboot", "length": .integer(Int64(image.count)),
            "sha256": .text(Hexadecimal.text(SHA256.hash(data: image))), "hardware": ["v1.0"], "security_counter": 1,
        ]
        change(&signed)
        return JSONWriter.bytes(["signed": .record(signed), "signatures": []])
    }

    @discardableResult
    func draft(_ version: String, type: String = "stable", _ further: Fields = [:]) async throws -> APIAnswer {
        try await call("POST", "/api/v1/versions", body: (["version": .text(version), "type": .text(type)] as Fields).merging(further))
    }

    func upload(_ part: String, _ bytes: [UInt8], to version: String, type: String = "luna_badge") async throws {
        try await call("PUT", "/api/v1/versions/\(version)/\(part)", query: ["device_type": .text(type)], bytes: bytes)
    }

    /// A released version.
    @discardableResult
    func release(_ version: String, type: String = "stable", _ further: Fields = [:], manifest change: (inout Fields) -> Void = { _ in }) async throws -> [UInt8] {
        let image = try Self.image(version)
        try await draft(version, type: type, further)
        try await upload("image", image, to: version)
        try await upload("manifest", Self.manifest(version, image, change), to: version)
        try await call("POST", "/api/v1/versions/\(version)/release")
        return image
    }

    /// - Returns: the rollout's id.
    func rollout(_ version: String, _ further: Fields = [:]) async throws -> String {
        let answer = try await call("POST", "/api/v1/rollouts", body: (["version": .text(version)] as Fields).merging(further))
        #expect(answer.status == 201)
        return try #require(answer.data.record?["rollout"]?.text)
    }

    func show(_ rollout: String) async throws -> Fields { try fields(try await call("GET", "/api/v1/rollouts/\(rollout)")) }

    func control(_ rollout: String, _ word: String, _ body: Fields = [:]) async throws -> Fields {
        try fields(try await call("POST", "/api/v1/rollouts/\(rollout)/\(word)", body: body))
    }

    /// The devices of a stage (from 1), in the rollout's order.
    func devices(of rollout: String, stage: Int64) async throws -> [String] {
        let answer = try fields(try await call("GET", "/api/v1/rollouts/\(rollout)/executions", query: ["limit": 100]))
        return (answer["items"]?.list ?? []).compactMap(\.record).filter { $0["stage"] == .integer(stage) }.compactMap { $0["device"]?.text }
    }
}
