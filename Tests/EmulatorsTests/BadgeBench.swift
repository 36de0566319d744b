import Crypto
import CloudClient
import LabCore
import Testing

@testable import Emulators

/// A small world around one badge: a queue of inputs in virtual time, a cloud that answers by a script, a broker that accepts.
///
/// It also watches rules that hold for every badge: notes are in the vocabulary, actions are finished once, nothing but notes
/// and finished actions comes of lost power.
struct BadgeBench {
    static let epoch: Int64 = 1_767_225_600  // 2026-01-01T00:00:00Z
    static let master = [UInt8](repeating: 0x5a, count: 32)
    static let secret = [UInt8](repeating: 0x42, count: 32)

    struct Note {
        var at: RunInstant
        var name: String
        var fields: Fields
    }
    struct Publication: Equatable {
        var topic: String
        var payload: [UInt8]
        var quality: UInt8
        var json: Fields { (try? JSONReader.read(payload))?.record ?? [:] }
    }

    /// How the cloud answers one request.
    enum Reply {
        case success(Int, Fields)
        case refusal(Int, String)
        case raw(Int, [UInt8])
        case clockSkew(Int64, isSigned: Bool)
        case failure(HTTPFailure)
        case silence
    }

    var badge: Badge
    var now = RunInstant.start
    var notes: [Note] = []
    var requests: [(at: RunInstant, call: HTTPCall)] = []
    var connections: [(at: RunInstant, connection: MQTTConnection)] = []
    var published: [Publication] = []
    var subscribed: [String] = []
    var finished: [(token: UInt32, result: Result<Fields, ActionFailure>)] = []
    /// Everything the badge did, as text, for comparing two lives; kept where asked, since it takes time.
    var transcript: [String] = []
    var keepsTranscript = false
    /// Answers for the next requests; afterwards the cloud does what it should.
    var replies: [Reply] = []
    /// CONNACK codes for the next connections; afterwards 0.
    var refusals: [UInt8] = []
    var acknowledges = true
    var brokerAnswers = true
    /// Answers what concerns firmware; without one there is never an update.
    var centre: VersionCentre?
    var isRegistered = false
    var isSessionKept = false
    private var queue: [(at: RunInstant, order: Int, input: DeviceInput)] = []
    private var order = 0
    private var lastAction: UInt32 = 1_000_000

    /// One image for all badges to which a test gives none.
    static let firmware: FirmwareStore = {
        do { return try FirmwareStore.factory() } catch { preconditionFailure("no factory image: \(error)") }
    }()

    init(
        serial: String = "BDG-0007", seed: UInt64 = 1, clockError: Int64 = 0, tenant: String = "default", badSectors: [Int] = [],
        firmware: FirmwareStore = Self.firmware, settings: BadgeSettings = BadgeSettings()
    ) {
        let factory = BadgeFactory(master: Self.master)
        badge = Badge(
            identity: factory.identity(serial: serial, seed: seed), firmware: firmware, settings: settings, cloud: BadgeCloudAddress(host: "cloud.lab", tenant: tenant),
            factory: factory, epoch: Self.epoch, clockError: clockError, generator: SeededGenerator(seed: seed, purpose: "badge \(serial)"),
            badSectors: badSectors)
    }

    /// A badge that is registered and online, one second after its power came.
    static func online(seed: UInt64 = 1) -> BadgeBench {
        var bench = BadgeBench(seed: seed)
        bench.give(.poweredOn)
        bench.run(for: .seconds(1))
        return bench
    }

    // MARK: Driving

    mutating func give(_ input: DeviceInput) {
        var effects: [DeviceEffect] = []
        badge.handle(input, at: now, &effects)
        if case .powerLost = input {
            queue.removeAll()
            let isRight = effects.allSatisfy { if case .note = $0 { true } else if case .finish = $0 { true } else { false } }
            #expect(isRight, "power lost: \(effects)")
        }
        for effect in effects { perform(effect) }
    }

    /// Asks for an action. The answer is found with `result`.
    @discardableResult
    mutating func act(_ name: String, _ arguments: Fields = [:]) -> UInt32 {
        lastAction += 1
        give(.action(Token(rawValue: lastAction), name, arguments))
        return lastAction
    }

    /// Why an action fails that is answered at once.
    mutating func failureNow(_ name: String, _ arguments: Fields = [:]) -> String? {
        let action = act(name, arguments)
        return failure(action)
    }

    /// What an action gives that is answered at once.
    mutating func givenNow(_ name: String, _ arguments: Fields = [:]) -> Fields? {
        let action = act(name, arguments)
        return given(action)
    }

    mutating func run(for duration: Duration) {
        let end = now.advanced(by: duration)
        while let next = queue.indices.min(by: { (queue[$0].at, queue[$0].order) < (queue[$1].at, queue[$1].order) }), queue[next].at <= end {
            let entry = queue.remove(at: next)
            now = entry.at
            give(entry.input)
        }
        now = end
    }

    mutating func deliver(_ name: String, _ payload: String) { deliver(name, Array(payload.utf8)) }
    mutating func deliver(_ name: String, _ payload: [UInt8]) {
        give(.mqtt(.message(topic: "luna/device/luna_badge_0007/\(name)", payload: payload, quality: 1, isRetained: false)))
    }

    mutating func fault(_ name: String, _ fields: Fields = [:], isActive: Bool = true) { give(.fault(name, fields, isActive: isActive)) }

    mutating func forget() {
        (notes, requests, connections, published, subscribed, finished) = ([], [], [], [], [], [])
    }

    // MARK: What happened

    func count(_ note: String) -> Int { notes.count { $0.name == note } }
    func last(_ note: String) -> Fields? { notes.last { $0.name == note }?.fields }
    func times(_ note: String) -> [RunInstant] { notes.filter { $0.name == note }.map(\.at) }
    func result(_ action: UInt32) -> Result<Fields, ActionFailure>? { finished.first { $0.token == action }?.result }
    func failure(_ action: UInt32) -> String? { if case .failure(let failure)? = result(action) { failure.reason } else { nil } }
    func given(_ action: UInt32) -> Fields? { if case .success(let fields)? = result(action) { fields } else { nil } }
    func messages(_ name: String) -> [Publication] { published.filter { $0.topic == "luna/device/luna_badge_0007/\(name)" } }
    var state: Fields { if case .success(let fields) = badge.answer("state", [:], at: now) { fields } else { [:] } }
    func setting(_ key: String) -> String? {
        if case .success(let fields) = badge.answer("config", ["key": .text(key)], at: now) { fields["value"]?.text } else { nil }
    }

    // MARK: The world

    private mutating func perform(_ effect: DeviceEffect) {
        if keepsTranscript { transcript.append("\(now.nanoseconds) \(effect)") }
        switch effect {
        case .startTimer(let timer, let duration):
            queue.removeAll { $0.input == .timerFired(timer) }
            enqueue(.timerFired(timer), after: duration)
        case .cancelTimer(let timer): queue.removeAll { $0.input == .timerFired(timer) }
        case .mqtt(let command): perform(command)
        case .request(let token, let call):
            // Without a version centre the checks for updates are no test's subject.
            if centre != nil || !call.path.hasPrefix("/api/v1/versions/check?") { requests.append((now, call)) }
            answer(call).map { enqueue(.answered(token, $0), after: .milliseconds(20)) }
        case .note(let name, let fields):
            notes.append(Note(at: now, name: name, fields: fields))
            check(name, fields)
        case .finish(let token, let result):
            #expect(!finished.contains { $0.token == token.rawValue }, "action \(token.rawValue) is finished twice")
            finished.append((token.rawValue, result))
        case .reboot(let duration):
            queue.removeAll()
            if duration < .seconds(86_400 * 365) { enqueue(.poweredOn, after: duration) }
        case .link: Issue.record("a badge has no byte links")
        case .serve: Issue.record("a badge serves nobody")
        }
    }

    private mutating func enqueue(_ input: DeviceInput, after duration: Duration) {
        #expect(duration >= .zero)
        order += 1
        queue.append((now.advanced(by: duration), order, input))
    }

    private mutating func perform(_ command: MQTTCommand) {
        switch command {
        case .connect(let connection):
            connections.append((now, connection))
            guard brokerAnswers else { return }
            let code = refusals.isEmpty ? 0 : refusals.removeFirst()
            if code == 0 {
                enqueue(.mqtt(.connected(sessionPresent: isSessionKept)), after: .milliseconds(10))
                isSessionKept = true
            } else {
                enqueue(.mqtt(.refused(code: code)), after: .milliseconds(10))
            }
        case .subscribe(let filter, _):
            subscribed.append(filter)
            enqueue(.mqtt(.subscribed(filter: filter, code: 1)), after: .milliseconds(10))
        case .publish(let topic, let payload, let quality, _, let token):
            published.append(Publication(topic: topic, payload: payload, quality: quality))
            if quality > 0, acknowledges { enqueue(.mqtt(.acknowledged(token)), after: .milliseconds(10)) }
        case .unsubscribe: break
        case .disconnect:
            queue.removeAll { if case .mqtt = $0.input { true } else { false } }
        }
    }

    private mutating func answer(_ call: HTTPCall) -> Result<HTTPAnswer, HTTPFailure>? {
        if let answer = centre?.answer(call) { return answer }
        guard !replies.isEmpty, !call.path.hasPrefix("/api/v1/versions/check?") else { return .success(rightAnswer(call)) }
        switch replies.removeFirst() {
        case .success(let status, let data): return .success(Self.answer(status, data))
        case .refusal(let status, let error): return .success(Self.answer(status, ["error": .text(error)], code: 1_000))
        case .raw(let status, let body): return .success(HTTPAnswer(status: status, body: body))
        case .failure(let failure): return .failure(failure)
        case .silence: return nil
        case .clockSkew(let seconds, let isSigned):
            let key = call.path.hasSuffix("register") ? BadgeFactory.key(master: Self.master, serial: "BDG-0007") : Self.secret
            let text = "time\n\(seconds)\n\(call.header("x-nonce") ?? "")"
            let code = HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: SymmetricKey(data: isSigned ? key : [1, 2, 3]))
            var answer = Self.answer(401, ["error": "CLOCK_SKEW"], code: 2_007)
            answer.headers = [.init("x-server-time", String(seconds)), .init("x-server-time-signature", Hexadecimal.text(code))]
            return .success(answer)
        }
    }

    static func answer(_ status: Int, _ data: Fields, code: Int64 = 0) -> HTTPAnswer {
        let message = code == 0 ? "success" : "It was refused."
        return HTTPAnswer(
            status: status, body: JSONWriter.bytes(.record(["code": .integer(code), "data": .record(data), "message": .text(message)])))
    }

    /// What the protocol says that the cloud answers.
    private mutating func rightAnswer(_ call: HTTPCall) -> HTTPAnswer {
        let expiry = Self.epoch + now.nanoseconds / 1_000_000_000 + 900
        switch call.path {
        case "/api/v1/devices/register":
            let status = isRegistered ? 200 : 201
            isRegistered = true
            let device = (try? JSONReader.read(call.body))?.record?["device_id"] ?? ""
            return Self.answer(status, Self.grant(device, expiry: expiry))
        case "/api/v1/auth/device/token":
            return Self.answer(200, ["token": .text("token-\(expiry)"), "token_expires_at": .integer(expiry)])
        case let path where path.hasPrefix("/api/v1/versions/check?"): return Self.answer(200, ["has_update": false])
        default: return Self.answer(200, ["path": .text(call.path)])
        }
    }

    static func grant(_ device: FieldValue, expiry: Int64) -> Fields {
        [
            "device_id": device, "device_secret": .text(Base64URL.text(secret)), "key_epoch": 1, "token": .text("token-\(expiry)"),
            "token_expires_at": .integer(expiry),
            "mqtt": ["host": "cloud.lab", "port": 1883, "client_id": device, "username": device], "config_version": 0,
        ]
    }

    /// Holds a note against the vocabulary.
    private func check(_ name: String, _ fields: Fields) {
        guard let event = Badge.kind.event(name) else {
            Issue.record("the vocabulary has no event \(name)")
            return
        }
        for entry in fields {
            guard let field = event.fields.first(where: { $0.name == entry.name }) else {
                Issue.record("\(name) has no field \(entry.name) in the vocabulary")
                continue
            }
            #expect(Self.fits(entry.value, field.type), "\(name).\(entry.name) is \(entry.value), not \(field.type.name)")
        }
    }

    private static func fits(_ value: FieldValue, _ type: FieldType) -> Bool {
        switch (type, value) {
        case (.list, .list), (.text, .text), (.integer, .integer), (.number, .number), (.number, .integer), (.bool, .bool), (.any, _): true
        case (.choice(let words), .text(let word)): words.contains(word)
        default: false
        }
    }
}
