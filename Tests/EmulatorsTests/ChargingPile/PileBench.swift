import LabCore
import Testing
import WireProtocols

@testable import Emulators

/// A pile on a bench: virtual time, a server that answers by a few switches.
///
/// It also watches rules that hold for every pile: notes are in the vocabulary with their fields, actions are finished once, nothing
/// but notes and finished actions comes of lost power.
struct PileBench {
    static let epoch: Int64 = 1_767_225_600  // 2026-01-01T00:00:00Z

    struct Note {
        var at: RunInstant
        var name: String
        var fields: Fields
        subscript(name: String) -> FieldValue? { fields[name] }
    }

    struct Sent {
        var at: RunInstant
        var frame: DNYFrame
        var bytes: [UInt8]
        var seconds: Double { Double(at.nanoseconds) / 1e9 }
    }

    var pile: any Device
    var now = RunInstant.start
    var notes: [Note] = []
    var sent: [Sent] = []
    /// Bytes that are no frame, such as ICCID and `link`.
    var unframed: [(at: RunInstant, bytes: [UInt8])] = []
    var openings: [RunInstant] = []
    var closings: [RunInstant] = []
    var reboots: [Duration] = []
    /// What the server answers.
    var accepts = true
    var answersRegistration = true
    var answersHeartbeat = true
    var answersTime = true
    var answersBills = true
    /// Every frame must be one that the codec of the protocol reads to its end and writes the same; off where a test forges.
    var checksFrames = true
    var latency = Duration.milliseconds(50)
    private(set) var isConnected = false
    private var timers: [(name: TimerName, at: RunInstant, order: Int)] = []
    private var inputs: [(at: RunInstant, order: Int, life: Int, input: DeviceInput)] = []
    private var order = 0
    private var life = 0
    private var lastToken: UInt32 = 0
    private var results: [UInt32: Result<Fields, ActionFailure>] = [:]
    private var decoder = DNYStreamDecoder()
    let physicalID: UInt32

    static let standardFacts: Fields = ["pile": "04ab373b"]

    init(_ facts: Fields = standardFacts, node: String = "pile") throws {
        pile = try PileFactory.make(facts, node: node, epoch: Self.epoch)
        physicalID = (facts["pile"]?.text).flatMap { DNYPhysicalID($0) }?.rawValue ?? 0
    }

    /// With settings that no fact reaches.
    init(settings: DNYPileSettings, setup: PileSetup? = nil) {
        let setup = setup ?? PileSetup(id: DNYPhysicalID(settings.physicalID).text, ports: 2, epoch: Self.epoch)
        pile = ChargingPile(PileUnit(PileCore(setup), DNYPile(settings), PileLine(.tcp)))
        physicalID = settings.physicalID
    }

    var core: PileCore? { (pile as? ChargingPile)?.unit.core }

    // MARK: Inputs

    mutating func handle(_ input: DeviceInput) {
        var effects: [DeviceEffect] = []
        pile.handle(input, at: now, &effects)
        for effect in effects { perform(effect, after: input) }
    }

    private mutating func perform(_ effect: DeviceEffect, after input: DeviceInput) {
        if case .powerLost = input {
            switch effect {
            case .note, .finish: break
            default: return
            }
        }
        order += 1
        switch effect {
        case .startTimer(let name, let time):
            timers.removeAll { $0.name == name }
            timers.append((name, now.advanced(by: time), order))
        case .cancelTimer(let name): timers.removeAll { $0.name == name }
        case .note(let name, let fields): note(name, fields)
        case .finish(let token, let result):
            #expect(results[token.rawValue] == nil, "an action is finished once")
            results[token.rawValue] = result
        case .link(_, .open):
            openings.append(now)
            guard !isConnected else { break }
            post(accepts ? .opened : .closed, after: .milliseconds(20))
        case .link(_, .close):
            closings.append(now)
            isConnected = false
            life += 1
        case .link(_, .send(let bytes)): if isConnected { arrived(bytes) }
        case .reboot(let time):
            reboots.append(time)
            drop()
            if time < .seconds(1_000_000) { inputs.append((now.advanced(by: time), order, life, .poweredOn)) }
        case .mqtt, .request, .serve: Issue.record("a pile does not do \(effect)")
        }
    }

    private mutating func note(_ name: String, _ fields: Fields) {
        notes.append(Note(at: now, name: name, fields: fields))
        guard let kind = ChargingPile.kind.event(name) else {
            Issue.record("the vocabulary lacks the event \(name)")
            return
        }
        for field in fields where !kind.fields.contains(where: { $0.name == field.name }) {
            Issue.record("the vocabulary lacks the field \(field.name) of \(name)")
        }
    }

    private mutating func drop() {
        timers = []
        life += 1
        isConnected = false
        inputs = []
    }

    private mutating func post(_ input: LinkInput, after time: Duration) {
        order += 1
        inputs.append((now.advanced(by: time), order, life, .link(link, input)))
    }

    var link: LinkName { (pile as? ChargingPile)?.unit.line.link ?? .serial }

    // MARK: Time

    /// Runs everything that is due up to that moment.
    mutating func run(until end: RunInstant) {
        while true {
            let timer = timers.min { ($0.at, $0.order) < ($1.at, $1.order) }
            let input = inputs.min { ($0.at, $0.order) < ($1.at, $1.order) }
            let takesTimer = timer.map { first in input.map { (first.at, first.order) < ($0.at, $0.order) } ?? true } ?? false
            guard let next = takesTimer ? timer?.at : input?.at, next <= end else { break }
            now = max(now, next)
            if takesTimer, let timer {
                timers.removeAll { $0.order == timer.order }
                handle(.timerFired(timer.name))
            } else if let input {
                inputs.removeAll { $0.order == input.order }
                guard input.life == life else { continue }
                if case .link(_, .opened) = input.input { isConnected = true }
                if case .link(_, .closed) = input.input { isConnected = false }
                handle(input.input)
            }
        }
        now = max(now, end)
    }

    mutating func run(for time: Duration) { run(until: now.advanced(by: time)) }

    // MARK: Server

    private mutating func arrived(_ bytes: [UInt8]) {
        for item in decoder.decode(bytes) {
            switch item {
            case .frame(let frame):
                sent.append(Sent(at: now, frame: frame, bytes: (try? frame.encoded()) ?? []))
                if checksFrames { check(frame) }
                answer(frame)
            case .iccid(let text): unframed.append((now, Array(text.utf8)))
            case .link: unframed.append((now, Array("link".utf8)))
            case .garbage(let bytes, _), .refused(_, let bytes, _): unframed.append((now, bytes))
            }
        }
    }

    private func check(_ frame: DNYFrame) {
        do {
            let message = try DNYMessage(frame, from: .device)
            let again = try message.frame(to: frame.physicalID, messageID: frame.messageID)
            #expect(again.data == frame.data, "\(message)")
        } catch { Issue.record("the codec does not read \(frame): \(error)") }
    }

    private mutating func answer(_ frame: DNYFrame) {
        var data: [UInt8] = [0]
        switch frame.command {
        case 0x20: guard answersRegistration else { return }
        case 0x21: guard answersHeartbeat else { return }
        case 0x03: guard answersBills else { return }
        case 0x22, 0x12:
            guard answersTime else { return }
            let time = UInt32(truncatingIfNeeded: Self.epoch + now.nanoseconds / 1_000_000_000)
            data = (0..<4).map { UInt8(truncatingIfNeeded: time >> (8 * $0)) }
        default: return
        }
        send(frame.command, messageID: frame.messageID, data, to: frame.physicalID)
    }

    /// The server sends a frame; it arrives after the latency.
    mutating func send(_ command: UInt8, messageID: UInt16, _ data: [UInt8], to id: UInt32? = nil) {
        let frame = DNYFrame(physicalID: id ?? physicalID, messageID: messageID, command: command, data: data)
        if let bytes = try? frame.encoded() { send(bytes: bytes) }
    }

    mutating func send(bytes: [UInt8]) { post(.bytes(bytes), after: latency) }

    /// 82 in the 29 bytes of the vendor's example and 8 more, as real servers send.
    mutating func start(
        port: UInt8 = 0, order: String = "ORDER00000000001", seconds: UInt16 = 3_600, mode: UInt8 = 0, messageID: UInt16 = 0x100,
        maximum: UInt16 = 0,
        overload: UInt16 = 0
    ) { send(0x82, messageID: messageID, Self.command(1, port, order, seconds, mode, maximum, overload)) }

    mutating func stop(port: UInt8 = 0, order: String = "ORDER00000000001", messageID: UInt16 = 0x200) {
        send(0x82, messageID: messageID, Self.command(0, port, order, 0, 0, 0, 0))
    }

    static func command(
        _ action: UInt8, _ port: UInt8, _ order: String, _ amount: UInt16, _ mode: UInt8, _ maximum: UInt16, _ overload: UInt16
    ) -> [UInt8] {
        func word(_ number: UInt16) -> [UInt8] { [UInt8(truncatingIfNeeded: number), UInt8(number >> 8)] }
        return [mode, 0, 0, 0, 0, port, action] + word(amount) + PileOrder(text: order).bytes + word(maximum) + word(overload)
            + Array(repeating: 0, count: 8)
    }

    mutating func loseConnection() {
        isConnected = false
        life += 1
        handle(.link(link, .closed))
    }

    // MARK: Scenario

    @discardableResult
    mutating func act(_ name: String, _ arguments: Fields = [:]) -> Result<Fields, ActionFailure> {
        #expect(ChargingPile.kind.action(name) != nil, "the vocabulary lacks the action \(name)")
        lastToken += 1
        let token = lastToken
        handle(.action(Token(rawValue: token), name, arguments))
        return results[token] ?? .failure(ActionFailure("unfinished", "not finished at once"))
    }

    mutating func fault(_ name: String, _ arguments: Fields = [:]) {
        #expect(ChargingPile.kind.fault(name) != nil, "the vocabulary lacks the fault \(name)")
        handle(.fault(name, arguments, isActive: true))
    }

    mutating func clear(_ name: String, _ arguments: Fields = [:]) { handle(.fault(name, arguments, isActive: false)) }

    mutating func cutPower() {
        drop()
        handle(.powerLost)
    }

    mutating func restorePower() { handle(.poweredOn) }

    func ask(_ query: String, _ arguments: Fields = [:]) -> Fields {
        guard case .success(let fields) = pile.answer(query, arguments, at: now) else { return [:] }
        return fields
    }

    func notes(_ name: String) -> [Note] { notes.filter { $0.name == name } }
    func frames(_ command: UInt8) -> [Sent] { sent.filter { $0.frame.command == command } }

    /// Powered, registered, with the time: 5 s after the power.
    static func online(_ facts: Fields = standardFacts) throws -> PileBench {
        var bench = try PileBench(facts)
        bench.act("power_on")
        bench.run(for: .seconds(5))
        return bench
    }

    /// With 180 W at port 1 and an order that runs since the returned moment.
    static func charging(_ facts: Fields = standardFacts, watts: Double = 180, seconds: UInt16 = 3_600, order: String = "ORDER00000000001")
        throws -> PileBench
    {
        var bench = try online(facts)
        bench.act("plug", ["port": 1, "watts": .number(watts)])
        bench.start(order: order, seconds: seconds)
        bench.run(for: .seconds(3))
        return bench
    }
}

/// Numbers of frames, low byte first.
func word(_ bytes: [UInt8], _ place: Int) -> Int { Int(bytes[place]) | Int(bytes[place + 1]) << 8 }
func long(_ bytes: [UInt8], _ place: Int) -> Int { word(bytes, place) | word(bytes, place + 2) << 16 }
