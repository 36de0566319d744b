import LabCore
import Testing

@testable import Emulators

/// A pile at the end of a line in virtual time; what it sends is kept with its moment, and a closure plays the other side.
struct LineBench {
    static let epoch: Int64 = 1_767_225_600  // 2026-01-01T00:00:00Z

    var pile: any Device
    let link: LinkName
    var now = RunInstant.start
    var notes: [(at: RunInstant, name: String, fields: Fields)] = []
    var sent: [(at: RunInstant, bytes: [UInt8])] = []
    var openings: [RunInstant] = []
    var closings: [RunInstant] = []
    var isConnected = false
    /// What the other side says to these bytes, 50 ms later.
    var answers: (_ bytes: [UInt8]) -> [[UInt8]] = { _ in [] }
    private var timers: [(name: TimerName, at: RunInstant, order: Int)] = []
    private var inputs: [(at: RunInstant, order: Int, input: DeviceInput)] = []
    private var order = 0
    private var lastToken: UInt32 = 0
    private var results: [UInt32: Result<Fields, ActionFailure>] = [:]

    init(_ facts: Fields) throws {
        pile = try PileFactory.make(facts, node: "pile", epoch: Self.epoch)
        link = facts["line"]?.text == "serial" ? .serial : .gateway
    }

    init(_ pile: any Device, link: LinkName) {
        self.pile = pile
        self.link = link
    }

    mutating func handle(_ input: DeviceInput) {
        var effects: [DeviceEffect] = []
        pile.handle(input, at: now, &effects)
        for effect in effects { perform(effect) }
    }

    private mutating func perform(_ effect: DeviceEffect) {
        order += 1
        switch effect {
        case .startTimer(let name, let time):
            timers.removeAll { $0.name == name }
            timers.append((name, now.advanced(by: time), order))
        case .cancelTimer(let name): timers.removeAll { $0.name == name }
        case .note(let name, let fields): note(name, fields)
        case .finish(let token, let result): results[token.rawValue] = result
        case .link(let to, .open):
            if to == link { openings.append(now) }
            post(.link(to, .opened), after: .milliseconds(20))
        case .link(let to, .close):
            guard to == link else { break }
            closings.append(now)
            isConnected = false
            let own = link
            inputs.removeAll { if case .link(own, _) = $0.input { true } else { false } }
        case .link(let to, .send(let bytes)):
            sent.append((now, bytes))
            if to == link { for answer in answers(bytes) { post(.link(to, .bytes(answer)), after: .milliseconds(50)) } }
        case .reboot(let time):
            timers = []
            inputs = []
            isConnected = false
            if time < .seconds(1_000_000) { post(.poweredOn, after: time) }
        case .mqtt, .request, .serve: Issue.record("a pile does not do \(effect)")
        }
    }

    private mutating func note(_ name: String, _ fields: Fields) {
        notes.append((now, name, fields))
        guard let kind = ChargingPile.kind.event(name) else {
            Issue.record("the vocabulary lacks the event \(name)")
            return
        }
        for field in fields where !kind.fields.contains(where: { $0.name == field.name }) {
            Issue.record("the vocabulary lacks the field \(field.name) of \(name)")
        }
    }

    private mutating func post(_ input: DeviceInput, after time: Duration) {
        order += 1
        inputs.append((now.advanced(by: time), order, input))
    }

    mutating func run(for time: Duration) {
        let end = now.advanced(by: time)
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
                if case .link(link, .opened) = input.input { isConnected = true }
                handle(input.input)
            }
        }
        now = end
    }

    /// The other side says something now; it arrives at once.
    mutating func say(_ bytes: [UInt8], on other: LinkName? = nil) { handle(.link(other ?? link, .bytes(bytes))) }

    mutating func loseConnection() {
        isConnected = false
        handle(.link(link, .closed))
    }

    mutating func cutPower() {
        handle(.powerLost)
        timers = []
        inputs = []
        isConnected = false
    }

    @discardableResult
    mutating func act(_ name: String, _ arguments: Fields = [:]) -> Result<Fields, ActionFailure> {
        lastToken += 1
        handle(.action(Token(rawValue: lastToken), name, arguments))
        return results[lastToken] ?? .failure(ActionFailure("unfinished", "not finished at once"))
    }

    func ask(_ query: String, _ arguments: Fields = [:]) -> Fields {
        guard case .success(let fields) = pile.answer(query, arguments, at: now) else { return [:] }
        return fields
    }

    func notes(_ name: String) -> [Fields] { notes.filter { $0.name == name }.map(\.fields) }
    static func seconds(_ at: RunInstant) -> Double { Double(at.nanoseconds) / 1e9 }
}
