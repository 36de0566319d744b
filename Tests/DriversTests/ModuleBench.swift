import CloudClient
import Emulators
import LabCore
import Testing
import WireProtocols

@testable import Drivers

/// An agent and an emulated module with a cable between them, in virtual time; a cloud that answers by a script, a broker that accepts.
///
/// It also watches rules that hold for every agent: notes are in the vocabulary with its fields, actions are finished once,
/// nothing goes to the cloud without a data connection, and no number of a person or module is in an event.
struct ModuleBench {
    static let epoch: Int64 = 1_767_225_600  // 2026-01-01T00:00:00Z
    static let secret = [UInt8](repeating: 0x42, count: 32)
    static let serial = "QT_001"

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
        case failure(HTTPFailure)
        case silence
    }

    var agent: ModuleAgent
    var module: CellularModule
    var now = RunInstant.start
    /// Of the agent; those of the module are apart.
    var notes: [Note] = []
    var moduleNotes: [Note] = []
    var requests: [(at: RunInstant, call: HTTPCall)] = []
    var connections: [(at: RunInstant, connection: MQTTConnection)] = []
    var disconnections = 0
    var published: [Publication] = []
    var finished: [(token: UInt32, result: Result<Fields, ActionFailure>)] = []
    var replies: [Reply] = []
    /// The version centre: what it offers, what it was asked and told, how it answers results that it does not take, what the module fetches.
    var offer: Fields?
    var checks: [String] = []
    var checkReplies: [Reply] = []
    var renewals = 0
    var reports: [(execution: String, fields: Fields)] = []
    var resultReplies: [Reply] = []
    /// The same for states on the way.
    var stateReplies: [Reply] = []
    var downloads: [HTTPCall] = []
    var downloadReplies: [Result<HTTPAnswer, HTTPFailure>] = []
    var refusals: [UInt8] = []
    /// What the agent sent and got on its port.
    var sent = ""
    /// Bytes from the module come in pieces of this size.
    var pieces = Int.max
    /// Changes what the module sends, as a bad line does.
    var line: (@Sendable ([UInt8]) -> [UInt8])?
    var isRegistered = false
    private var isSessionKept = false
    private var visible: Set<UInt8> = []
    private var isPortOpen = false
    private var queue: [(at: RunInstant, order: Int, target: Target, input: DeviceInput)] = []
    private var order = 0
    private var lastAction: UInt32 = 1_000_000

    enum Target { case agent, module }

    init(facts: Fields = [:], apn: String? = nil, seed: UInt64 = 1) {
        agent = ModuleAgent(
            identity: ModuleAgentIdentity(serialNumber: Self.serial, factoryKey: [UInt8](repeating: 7, count: 32)), cloudHost: "cloud.lab",
            apn: apn,
            epoch: Self.epoch, generator: SeededGenerator(seed: seed, purpose: "agent"))
        let setup = (try? ModuleSetup(facts: (["boot_time": "3s"] as Fields).merging(facts), epoch: Self.epoch)) ?? ModuleSetup()
        module = CellularModule(setup, generator: SeededGenerator(seed: seed, purpose: "module"))
    }

    /// A module with power and an agent that has started, after so long.
    static func started(facts: Fields = [:], apn: String? = nil, seed: UInt64 = 1, after time: Duration = .seconds(30)) -> ModuleBench {
        var bench = ModuleBench(facts: facts, apn: apn, seed: seed)
        bench.actModule("power_on")
        bench.act("start")
        bench.run(for: time)
        return bench
    }

    // MARK: Driving

    mutating func give(_ input: DeviceInput) {
        var effects: [DeviceEffect] = []
        agent.handle(input, at: now, &effects)
        for effect in effects { performAgent(effect) }
    }

    mutating func giveModule(_ input: DeviceInput) {
        var effects: [DeviceEffect] = []
        module.handle(input, at: now, &effects)
        for effect in effects { performModule(effect) }
    }

    @discardableResult
    mutating func act(_ name: String, _ arguments: Fields = [:]) -> UInt32 {
        lastAction += 1
        give(.action(Token(rawValue: lastAction), name, arguments))
        return lastAction
    }

    mutating func actModule(_ name: String, _ arguments: Fields = [:]) {
        lastAction += 1
        giveModule(.action(Token(rawValue: lastAction), name, arguments))
    }

    mutating func fault(_ name: String, _ fields: Fields = [:], isActive: Bool = true) {
        giveModule(.fault(name, fields, isActive: isActive))
    }

    mutating func run(for duration: Duration) {
        let end = now.advanced(by: duration)
        var inputsAtOnce = 0
        while let next = queue.indices.min(by: { (queue[$0].at, queue[$0].order) < (queue[$1].at, queue[$1].order) }), queue[next].at <= end
        {
            let entry = queue.remove(at: next)
            inputsAtOnce = entry.at == now ? inputsAtOnce + 1 : 0
            guard inputsAtOnce < 10_000 else {
                Issue.record("time stands still at \(now): \(entry.target) \(entry.input)")
                return
            }
            now = entry.at
            switch entry.target {
            case .agent: deliver(entry.input)
            case .module: giveModule(entry.input)
            }
        }
        now = end
    }

    /// The power of the program's host goes, not that of the module.
    mutating func loseHostPower() {
        queue.removeAll { $0.target == .agent }
        isPortOpen = false
        give(.powerLost)
    }

    private mutating func deliver(_ input: DeviceInput) {
        guard case .link(let link, .bytes(let bytes)) = input else { return give(input) }
        guard isPortOpen else { return }
        var rest = (line?(bytes) ?? bytes)[...]
        while !rest.isEmpty {
            let piece = rest.prefix(pieces)
            rest = rest.dropFirst(piece.count)
            give(.link(link, .bytes(Array(piece))))
        }
    }

    mutating func message(_ name: String, _ payload: String) {
        give(.mqtt(.message(topic: "luna/device/\(Self.serial)/\(name)", payload: Array(payload.utf8), quality: 1, isRetained: false)))
    }

    /// The power of the module goes, not that of the program's host.
    mutating func cutModulePower() {
        queue.removeAll { $0.target == .module }
        for link in visible.sorted() { vanish(link) }
        giveModule(.powerLost)
    }

    /// The host's program ends without a word and is started again; what is on its disk stays.
    mutating func restartProgram() {
        loseHostPower()
        give(.poweredOn)
    }

    mutating func forget() { (notes, moduleNotes, requests, connections, published, finished, sent) = ([], [], [], [], [], [], "") }

    // MARK: What happened

    func count(_ note: String) -> Int { notes.count { $0.name == note } }
    func last(_ note: String) -> Fields? { notes.last { $0.name == note }?.fields }
    func all(_ note: String) -> [Fields] { notes.filter { $0.name == note }.map(\.fields) }
    func at(_ note: String) -> RunInstant? { notes.last { $0.name == note }?.at }
    func result(_ action: UInt32) -> Result<Fields, ActionFailure>? { finished.first { $0.token == action }?.result }
    func failure(_ action: UInt32) -> ActionFailure? { if case .failure(let failure)? = result(action) { failure } else { nil } }
    func given(_ action: UInt32) -> Fields? { if case .success(let fields)? = result(action) { fields } else { nil } }
    func messages(_ name: String) -> [Fields] { published.filter { $0.topic == "luna/device/\(Self.serial)/\(name)" }.map(\.json) }
    func query(_ name: String) -> Fields { if case .success(let fields) = agent.answer(name, [:], at: now) { fields } else { [:] } }
    var truth: Fields { if case .success(let fields) = module.answer("truth", [:], at: now) { fields } else { [:] } }
    /// Milestones of the agent in their order, without the checks for updates, which come after every connection.
    var course: [String] {
        let traffic = Set(ModuleAgent.kind.events.filter { $0.volume == .traffic }.map(\.name))
        return notes.map(\.name).filter { !traffic.contains($0) && $0 != "ota.checked" }
    }

    // MARK: The world

    private mutating func enqueue(_ target: Target, _ input: DeviceInput, after duration: Duration) {
        #expect(duration >= .zero)
        order += 1
        queue.append((now.advanced(by: duration), order, target, input))
    }

    private mutating func perform(timer: DeviceEffect, _ target: Target) {
        switch timer {
        case .startTimer(let name, let duration):
            queue.removeAll { $0.target == target && $0.input == .timerFired(name) }
            enqueue(target, .timerFired(name), after: duration)
        case .cancelTimer(let name): queue.removeAll { $0.target == target && $0.input == .timerFired(name) }
        default: break
        }
    }

    private mutating func performAgent(_ effect: DeviceEffect) {
        switch effect {
        case .startTimer, .cancelTimer: perform(timer: effect, .agent)
        case .mqtt(let command): perform(command)
        case .request(let token, let call):
            #expect(isAttached, "a request without a data connection")
            if let reply = centreAnswer(call) { return enqueue(.agent, .answered(token, reply), after: .milliseconds(20)) }
            requests.append((now, call))
            answer(call).map { enqueue(.agent, .answered(token, $0), after: .milliseconds(20)) }
        case .note(let name, let fields):
            notes.append(Note(at: now, name: name, fields: fields))
            check(name, fields)
        case .finish(let token, let result):
            #expect(!finished.contains { $0.token == token.rawValue }, "action \(token.rawValue) is finished twice")
            finished.append((token.rawValue, result))
        case .link(let link, let command):
            #expect(link == ModuleAgent.port)
            perform(command)
        case .reboot: Issue.record("an agent does not reboot")
        case .serve: Issue.record("an agent serves nobody")
        }
    }

    private var isAttached: Bool { query("network")["attached"] == true }

    private mutating func perform(_ command: LinkCommand) {
        switch command {
        case .open:
            #expect(!isPortOpen)
            if visible.contains(2) {
                isPortOpen = true
                enqueue(.agent, .link(ModuleAgent.port, .opened), after: .milliseconds(1))
            } else {
                enqueue(.agent, .link(ModuleAgent.port, .closed), after: .milliseconds(1))
            }
        case .send(let bytes):
            #expect(isPortOpen)
            sent += String(decoding: bytes, as: UTF8.self)
            enqueue(.module, .link(ModuleAgent.port, .bytes(bytes)), after: .microseconds(200))
        case .close:
            isPortOpen = false
            queue.removeAll { if case .link = $0.input { true } else { false } }
        }
    }

    private mutating func performModule(_ effect: DeviceEffect) {
        switch effect {
        case .startTimer, .cancelTimer: perform(timer: effect, .module)
        case .note(let name, let fields): moduleNotes.append(Note(at: now, name: name, fields: fields))
        case .link(let link, .open): visible.insert(link.rawValue)
        case .link(let link, .close): vanish(link.rawValue)
        case .link(let link, .send(let bytes)):
            if link == ModuleAgent.port, isPortOpen { enqueue(.agent, .link(link, .bytes(bytes)), after: .microseconds(200)) }
        case .reboot(let duration):
            queue.removeAll { $0.target == .module }
            for link in visible.sorted() { vanish(link) }
            if duration < .seconds(86_400 * 365) { enqueue(.module, .poweredOn, after: duration) }
        case .finish: break
        case .request(let token, let call):
            downloads.append(call)
            let reply = downloadReplies.count > 1 ? downloadReplies.removeFirst() : downloadReplies.first
            enqueue(.module, .answered(token, reply ?? .failure(.unreachable)), after: .milliseconds(100))
        case .mqtt, .serve: Issue.record("a module asks by HTTP only")
        }
    }

    private mutating func vanish(_ link: UInt8) {
        visible.remove(link)
        guard link == ModuleAgent.port.rawValue, isPortOpen else { return }
        isPortOpen = false
        queue.removeAll { if case .link = $0.input { true } else { false } }
        enqueue(.agent, .link(ModuleAgent.port, .closed), after: .milliseconds(1))
    }

    private mutating func perform(_ command: MQTTCommand) {
        switch command {
        case .connect(let connection):
            #expect(isAttached, "a connection without a data connection")
            connections.append((now, connection))
            let code = refusals.isEmpty ? 0 : refusals.removeFirst()
            if code == 0 {
                enqueue(.agent, .mqtt(.connected(sessionPresent: isSessionKept)), after: .milliseconds(10))
                isSessionKept = true
            } else {
                enqueue(.agent, .mqtt(.refused(code: code)), after: .milliseconds(10))
            }
        case .subscribe(let filter, _): enqueue(.agent, .mqtt(.subscribed(filter: filter, code: 1)), after: .milliseconds(10))
        case .publish(let topic, let payload, let quality, _, let token):
            published.append(Publication(topic: topic, payload: payload, quality: quality))
            if quality > 0 { enqueue(.agent, .mqtt(.acknowledged(token)), after: .milliseconds(10)) }
        case .unsubscribe: break
        case .disconnect:
            disconnections += 1
            queue.removeAll { if case .mqtt = $0.input { true } else { false } }
        }
    }

    /// The answer to requests for the version centre; `nil` for any other.
    private mutating func centreAnswer(_ call: HTTPCall) -> Result<HTTPAnswer, HTTPFailure>? {
        if call.path == "/api/v1/auth/device/token" {
            renewals += 1
            let expiry = Self.epoch + now.nanoseconds / 1_000_000_000 + 900
            return .success(Self.answer(200, code: 0, ["token": "token", "token_expires_at": .integer(expiry)]))
        }
        if call.path.hasPrefix("/api/v1/versions/check") {
            #expect(call.header("authorization") == "Bearer token")
            checks.append(call.path)
            switch checkReplies.isEmpty ? nil : checkReplies.removeFirst() {
            case .success(let status, let data)?: return .success(Self.answer(status, code: 0, data))
            case .refusal(let status, let error)?: return .success(Self.answer(status, code: 1, ["error": .text(error)]))
            case .failure(let failure)?: return .failure(failure)
            case .silence?, nil: break
            }
            guard let offer else { return .success(Self.answer(200, code: 0, ["has_update": false])) }
            return .success(Self.answer(200, code: 0, ["has_update": true, "update_info": .record(offer)]))
        }
        let parts = call.path.split(separator: "/")
        guard parts.count == 6, parts[3] == "executions", parts[5] == "report" else { return nil }
        let fields = (try? JSONReader.read(call.body))?.record ?? [:]
        if let last = reports.last(where: { $0.execution == parts[4] })?.fields["sequence"]?.integer {
            #expect((fields["sequence"]?.integer ?? 0) >= last)
        }
        reports.append((String(parts[4]), fields))
        let state = fields["state"] ?? .null
        let isLast = ["succeeded", "failed", "rolled_back", "rejected", "cancelled"].contains(state.text ?? "")
        let isScripted = isLast ? !resultReplies.isEmpty : !stateReplies.isEmpty
        switch !isScripted ? nil : isLast ? resultReplies.removeFirst() : stateReplies.removeFirst() {
        case .success(let status, let data)?: return .success(Self.answer(status, code: 0, data))
        case .refusal(let status, let error)?: return .success(Self.answer(status, code: 1, ["error": .text(error)]))
        case .failure(let failure)?: return .failure(failure)
        case .silence?, nil:
            // What has ended is not offered any more.
            if isLast { offer = nil }
            return .success(Self.answer(200, code: 0, ["state": state, "cancel": false, "terminal": .bool(isLast)]))
        }
    }

    private mutating func answer(_ call: HTTPCall) -> Result<HTTPAnswer, HTTPFailure>? {
        switch replies.isEmpty ? nil : replies.removeFirst() {
        case .success(let status, let data)?: return .success(Self.answer(status, code: 0, data))
        case .refusal(let status, let error)?: return .success(Self.answer(status, code: 1, ["error": .text(error)]))
        case .failure(let failure)?: return .failure(failure)
        case .silence?: return nil
        case nil:
            let status = isRegistered ? 200 : 201
            isRegistered = true
            return .success(
                Self.answer(
                    status, code: 0,
                    [
                        "device_id": .text(Self.serial), "device_secret": .text(Base64URL.text(Self.secret)), "key_epoch": 1,
                        "token": "token",
                        "token_expires_at": .integer(Self.epoch + 900), "config_version": 0,
                    ]))
        }
    }

    private static func answer(_ status: Int, code: Int64, _ data: Fields) -> HTTPAnswer {
        HTTPAnswer(status: status, body: JSONWriter.bytes(["code": .integer(code), "data": .record(data), "message": "text"]))
    }

    private func check(_ name: String, _ fields: Fields) {
        guard let kind = ModuleAgent.kind.event(name) else {
            Issue.record("the event '\(name)' is not in the vocabulary")
            return
        }
        for entry in fields where !kind.fields.contains(where: { $0.name == entry.name }) {
            Issue.record("the field '\(entry.name)' of '\(name)' is not in the vocabulary")
        }
        for entry in fields {
            guard let field = kind.fields.first(where: { $0.name == entry.name }), case .choice(let words) = field.type else { continue }
            #expect(words.contains(entry.value.description), "'\(entry.value)' is no word for \(name).\(entry.name)")
        }
        let text = JSONWriter.text(.record(fields))
        for secret in ["860000000000009", "001010123456780", "89001010000000000018", "s3cret"] {
            #expect(!text.contains(secret), "\(name): \(text)")
        }
    }
}
