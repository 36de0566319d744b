import LabCore
import Testing
import WireProtocols

@testable import Drivers

/// A driver in virtual time, with a device at its serial port and a server at its gateway link, both played by closures or by an emulator.
struct DriverBench {
    static let epoch: Int64 = 1_767_225_600  // 2026-01-01T00:00:00Z

    private struct Input {
        var at: RunInstant
        var order: Int
        /// 0 the driver, 1 the device at the serial port.
        var part: Int
        var input: DeviceInput
        /// Of the connection that it belongs to; `nil` for others.
        var life: Int?
    }

    var driver: any Device
    /// An emulated device at the serial port; its own link there is `partnerLink`.
    var partner: (any Device)?
    var partnerLink = PileDriverLink.serial
    var now = RunInstant.start
    var notes: [(at: RunInstant, name: String, fields: Fields)] = []
    var partnerNotes: [(name: String, fields: Fields)] = []
    /// What went up to the gateway, and out of the serial port.
    var up: [(at: RunInstant, bytes: [UInt8])] = []
    var serial: [(at: RunInstant, bytes: [UInt8])] = []
    var gatewayOpenings: [RunInstant] = []
    var accepts = true
    /// What the server says to these bytes, 50 ms later.
    var server: (_ bytes: [UInt8]) -> [[UInt8]] = { _ in [] }
    /// What the thing at the serial port says, after a time; used where there is no partner.
    var board: (_ bytes: [UInt8]) -> [(Duration, [UInt8])] = { _ in [] }
    var isConnected = false
    private var life = 0
    private var timers: [(part: Int, name: TimerName, at: RunInstant, order: Int)] = []
    private var inputs: [Input] = []
    private var order = 0
    private var lastToken: UInt32 = 0
    private var results: [UInt32: Result<Fields, ActionFailure>] = [:]

    init(_ driver: any Device, partner: (any Device)? = nil) {
        self.driver = driver
        self.partner = partner
    }

    mutating func handle(_ input: DeviceInput, part: Int = 0) {
        var effects: [DeviceEffect] = []
        if part == 0 { driver.handle(input, at: now, &effects) } else { partner?.handle(input, at: now, &effects) }
        for effect in effects { perform(effect, part) }
    }

    private mutating func post(_ part: Int, _ input: DeviceInput, after time: Duration = .zero, life: Int? = nil) {
        order += 1
        inputs.append(Input(at: now.advanced(by: time), order: order, part: part, input: input, life: life))
    }

    private mutating func perform(_ effect: DeviceEffect, _ part: Int) {
        order += 1
        switch effect {
        case .startTimer(let name, let time):
            timers.removeAll { $0.part == part && $0.name == name }
            timers.append((part, name, now.advanced(by: time), order))
        case .cancelTimer(let name): timers.removeAll { $0.part == part && $0.name == name }
        case .note(let name, let fields): note(name, fields, part)
        case .finish(let token, let result): results[token.rawValue] = result
        case .reboot(let time) where part == 1:
            timers.removeAll { $0.part == 1 }
            inputs.removeAll { $0.part == 1 }
            if time < .seconds(1_000_000) { post(1, .poweredOn, after: time) }
        case .link(let link, let command) where part == 0 && link == PileDriverLink.gateway: gateway(command)
        case .link(PileDriverLink.meter, let command) where part == 0: meterLine(command)
        case .link(_, let command) where part == 0: serialLine(command)
        case .link(PileDriverLink.meter, .send(let bytes)): if isMeterThere { post(0, .link(PileDriverLink.meter, .bytes(bytes)), after: .milliseconds(100)) }
        case .link(let link, .send(let bytes)) where link == partnerLink: post(0, .link(PileDriverLink.serial, .bytes(bytes)))
        case .link: break
        default: Issue.record("a driver does not do \(effect)")
        }
    }

    private mutating func note(_ name: String, _ fields: Fields, _ part: Int) {
        guard part == 0 else { return partnerNotes.append((name, fields)) }
        notes.append((now, name, fields))
        guard let kind = PileDriver.kind.event(name) else {
            Issue.record("the vocabulary lacks the event \(name)")
            return
        }
        for field in fields where !kind.fields.contains(where: { $0.name == field.name }) {
            Issue.record("the vocabulary lacks the field \(field.name) of \(name)")
        }
    }

    private mutating func gateway(_ command: LinkCommand) {
        switch command {
        case .open:
            gatewayOpenings.append(now)
            life += 1
            isConnected = accepts
            post(0, .link(PileDriverLink.gateway, accepts ? .opened : .closed), after: .milliseconds(20), life: life)
        case .close:
            isConnected = false
            life += 1
        case .send(let bytes):
            up.append((now, bytes))
            for answer in server(bytes) { post(0, .link(PileDriverLink.gateway, .bytes(answer)), after: .milliseconds(50), life: life) }
        }
    }

    private mutating func serialLine(_ command: LinkCommand) {
        switch command {
        case .open:
            post(0, .link(PileDriverLink.serial, .opened))
            if partner != nil { post(1, .link(partnerLink, .opened)) }
        case .close: if partner != nil { post(1, .link(partnerLink, .closed)) }
        case .send(let bytes):
            serial.append((now, bytes))
            if partner != nil { return post(1, .link(partnerLink, .bytes(bytes))) }
            for (time, answer) in board(bytes) { post(0, .link(PileDriverLink.serial, .bytes(answer)), after: time) }
        }
    }

    /// The line of the meter beside a board; without its plug nothing passes.
    var isMeterThere = true
    private mutating func meterLine(_ command: LinkCommand) {
        switch command {
        case .open:
            post(0, .link(PileDriverLink.meter, isMeterThere ? .opened : .closed))
            if isMeterThere { post(1, .link(PileDriverLink.meter, .opened)) }
        case .close: post(1, .link(PileDriverLink.meter, .closed))
        case .send(let bytes): if isMeterThere { post(1, .link(PileDriverLink.meter, .bytes(bytes)), after: .milliseconds(100)) }
        }
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
                handle(.timerFired(timer.name), part: timer.part)
            } else if let input {
                inputs.removeAll { $0.order == input.order }
                guard input.life == nil || input.life == life else { continue }
                handle(input.input, part: input.part)
            }
        }
        now = end
    }

    /// The server says something by itself; it arrives at once.
    mutating func say(_ bytes: [UInt8]) { handle(.link(PileDriverLink.gateway, .bytes(bytes))) }

    /// Switches on the board, then its driver, which has so long to find the board and the cloud.
    mutating func begin(settling time: Duration = .seconds(3)) {
        act("power_on", part: 1)
        run(for: .seconds(2))
        act("driver.start")
        run(for: time)
    }

    /// The board has power again, and finds the serial line as it was.
    mutating func returnPower() {
        act("power_on", part: 1)
        run(for: .seconds(2))
        handle(.link(partnerLink, .opened), part: 1)
    }

    mutating func loseConnection() {
        isConnected = false
        life += 1
        handle(.link(PileDriverLink.gateway, .closed))
    }

    /// Power goes for the program alone; what is on its disk stays.
    mutating func cutDriver() {
        handle(.powerLost)
        timers.removeAll { $0.part == 0 }
        inputs.removeAll { $0.part == 0 }
        isConnected = false
        life += 1
    }

    @discardableResult
    mutating func act(_ name: String, _ arguments: Fields = [:], part: Int = 0) -> Result<Fields, ActionFailure> {
        lastToken += 1
        handle(.action(Token(rawValue: lastToken), name, arguments), part: part)
        return results[lastToken] ?? .failure(ActionFailure("unfinished", "not finished at once"))
    }

    func ask() -> Fields {
        guard case .success(let fields) = driver.answer("driver", [:], at: now) else { return [:] }
        return fields
    }

    func notes(_ name: String) -> [Fields] { notes.filter { $0.name == name }.map(\.fields) }

    /// The DNY frames that went up, with their seconds.
    var frames: [(at: Double, frame: DNYFrame)] {
        var result: [(Double, DNYFrame)] = []
        var decoder = DNYStreamDecoder()
        for entry in up {
            for item in decoder.decode(entry.bytes) { if case .frame(let frame) = item { result.append((Double(entry.at.nanoseconds) / 1e9, frame)) } }
        }
        return result
    }

    func frames(_ command: UInt8) -> [(at: Double, frame: DNYFrame)] { frames.filter { $0.frame.command == command } }
}

/// A DNY server that answers what a server has to answer (charging-protocols.md 4.15).
struct DNYServer {
    var silent: Set<UInt8> = []

    func answers(_ bytes: [UInt8]) -> [[UInt8]] {
        var decoder = DNYStreamDecoder()
        return decoder.decode(bytes).compactMap { item in
            guard case .frame(let frame) = item, !silent.contains(frame.command) else { return nil }
            let data: [UInt8]
            switch frame.command {
            case 0x20, 0x21, 0x03: data = [0]
            case 0x22, 0x12: data = (0..<4).map { UInt8(truncatingIfNeeded: DriverBench.epoch >> (8 * Int64($0))) }
            default: return nil
            }
            return try? DNYFrame(physicalID: frame.physicalID, messageID: frame.messageID, command: frame.command, data: data).encoded()
        }
    }

    /// 82.
    static func charge(
        _ order: String, to id: UInt32, messageID: UInt16, port: UInt8 = 0, isStart: Bool = true, mode: DNYRateMode = .time, amount: UInt16 = 0,
        longest: UInt16 = 0
    ) throws -> [UInt8] {
        var command = DNYCharge()
        command.rateMode = mode
        command.port = port
        command.action = isStart ? .start : .stop
        command.durationOrEnergy = amount
        command.maximumSeconds = longest
        command.order = DNYOrder(order.utf8)
        return try DNYMessage.charge(command).frame(to: id, messageID: messageID).encoded()
    }
}
