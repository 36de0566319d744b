import Emulators
import LabCore

/// A module on a table: virtual time, four ports, everything that it says.
struct ModuleBench {
    struct Said: Equatable {
        var at: RunInstant
        var port: LinkName
        var bytes: [UInt8]
    }

    struct Noted: Equatable {
        var at: RunInstant
        var name: String
        var fields: Fields
    }

    private struct Timer {
        var name: TimerName
        var due: RunInstant
        var order: Int
    }

    var module: CellularModule
    private(set) var now = RunInstant.start
    private(set) var said: [Said] = []
    private(set) var notes: [Noted] = []
    private(set) var openPorts: [LinkName] = []
    private var timers: [Timer] = []
    private var order = 0
    private var poweredAt: RunInstant?
    private var nextToken: UInt32 = 0
    /// What the module asked of its network, and what it is answered after 50 ms, in this order; then nothing.
    private(set) var requests: [HTTPCall] = []
    var answers: [Result<HTTPAnswer, HTTPFailure>] = []
    private var arriving: [(due: RunInstant, input: DeviceInput)] = []

    init(_ setup: ModuleSetup = ModuleSetup(), seed: UInt64 = 1) {
        module = CellularModule(setup, generator: SeededGenerator(seed: seed, purpose: "module"))
    }

    /// Booted, registered and quiet, if the setup lets it.
    static func ready(seed: UInt64 = 1, _ change: (inout ModuleSetup) -> Void = { _ in }) -> ModuleBench {
        var setup = ModuleSetup()
        setup.epoch = 1_704_067_200
        change(&setup)
        var bench = ModuleBench(setup, seed: seed)
        bench.give(.poweredOn)
        bench.run(for: .seconds(90))
        bench.forget()
        return bench
    }

    mutating func give(_ input: DeviceInput) {
        var effects: [DeviceEffect] = []
        module.handle(input, at: now, &effects)
        for effect in effects { perform(effect) }
    }

    private mutating func perform(_ effect: DeviceEffect) {
        switch effect {
        case .startTimer(let name, let time):
            timers.removeAll { $0.name == name }
            order += 1
            timers.append(Timer(name: name, due: now.advanced(by: time), order: order))
        case .cancelTimer(let name): timers.removeAll { $0.name == name }
        case .link(let port, .open): openPorts.append(port)
        case .link(let port, .close): openPorts.removeAll { $0 == port }
        case .link(let port, .send(let bytes)): said.append(Said(at: now, port: port, bytes: bytes))
        case .note(let name, let fields): notes.append(Noted(at: now, name: name, fields: fields))
        case .reboot(let time):
            timers = []
            arriving = []
            openPorts = []
            poweredAt = time == CellularModule.never ? nil : now.advanced(by: time)
        case .request(let token, let call):
            requests.append(call)
            if !answers.isEmpty { arriving.append((now.advanced(by: .milliseconds(50)), .answered(token, answers.removeFirst()))) }
        case .mqtt, .serve, .finish: break
        }
    }

    /// Lets time pass.
    mutating func run(for time: Duration) {
        let end = now.advanced(by: time)
        while true {
            let next = timers.min { ($0.due, $0.order) < ($1.due, $1.order) }
            if let answer = arriving.first, answer.due <= end, answer.due <= min(next?.due ?? .distantFuture, poweredAt ?? .distantFuture) {
                now = max(now, answer.due)
                arriving.removeFirst()
                give(answer.input)
            } else if let moment = poweredAt, moment <= end, moment <= next?.due ?? .distantFuture {
                now = max(now, moment)
                poweredAt = nil
                give(.poweredOn)
            } else if let next, next.due <= end {
                now = max(now, next.due)
                timers.removeAll { $0.order == next.order }
                give(.timerFired(next.name))
            } else {
                break
            }
        }
        now = end
    }

    mutating func type(_ text: String, on port: LinkName = .at) { give(.link(port, .bytes(Array(text.utf8)))) }

    /// Types a line and gives what comes on that port in the time, echo included.
    mutating func ask(_ line: String, on port: LinkName = .at, within time: Duration = .milliseconds(300)) -> String {
        let start = said.count
        type(line + "\r", on: port)
        run(for: time)
        return text(on: port, from: start)
    }

    /// The lines of the answer without echo and blank lines.
    mutating func lines(_ line: String, on port: LinkName = .at, within time: Duration = .milliseconds(300)) -> [String] {
        let answer = ask(line, on: port, within: time)
        let echo = (line + "\r").unicodeScalars
        // Scalars, since CR and LF together are one character.
        guard answer.unicodeScalars.starts(with: echo) else { return Self.lines(answer) }
        return Self.lines(String(answer.unicodeScalars.dropFirst(echo.count)))
    }

    static func lines(_ text: String) -> [String] {
        text.unicodeScalars.split { $0 == "\r" || $0 == "\n" }.map { String($0) }
    }

    func text(on port: LinkName, from start: Int = 0) -> String {
        String(decoding: said[start...].filter { $0.port == port }.flatMap(\.bytes), as: UTF8.self)
    }

    mutating func act(_ name: String, _ arguments: Fields = [:]) -> Result<Fields, ActionFailure>? {
        nextToken += 1
        var effects: [DeviceEffect] = []
        module.handle(.action(Token(rawValue: nextToken), name, arguments), at: now, &effects)
        for effect in effects { perform(effect) }
        for case .finish(Token(rawValue: nextToken), let result) in effects { return result }
        return nil
    }

    mutating func fault(_ name: String, _ arguments: Fields = [:], isActive: Bool = true) {
        give(.fault(name, arguments, isActive: isActive))
    }

    /// Power goes, as the host of a device does it.
    mutating func cutPower() {
        timers = []
        arriving = []
        openPorts = []
        poweredAt = nil
        give(.powerLost)
    }

    mutating func forget() {
        said = []
        notes = []
    }

    var firmware: Fields { (try? module.answer("firmware", [:], at: now).get()) ?? [:] }
    var truth: Fields { (try? module.answer("truth", [:], at: now).get()) ?? [:] }
    func noted(_ name: String) -> [Fields] { notes.filter { $0.name == name }.map(\.fields) }
}
