package import LabCore
import WireProtocols

/// The twin of a cellular module, or of whatever speaks AT: answers as a recording of a real one does, at the times that were measured.
///
/// It stands in the place of the emulator for one serial port. It has no model: what is not in the recording is answered `ERROR` and counted.
package struct TwinModule: Device {
    package let script: TwinScript
    /// The port that the recording is of.
    package let port: LinkName
    private let node: String

    package private(set) var isPowered = false
    /// `nil` until somebody has switched it by an action.
    private var isSwitchedOn: Bool?
    /// How often the port has appeared.
    private var appearances = 0
    private var isOpen = false
    private var agenda: [Entry] = []
    private var lastEntry = 0

    private var echoes = false
    private var editor = ModuleLineEditor()
    private var work: Work?
    private var typedAhead: [UInt8] = []
    /// How often each command came in this life. Only looked up.
    private var counts: [String: Int] = [:]
    package private(set) var commandCount = 0
    package private(set) var unknown: [String] = []

    private struct Entry {
        var at: RunInstant
        var order: Int
        var act: Act
    }

    private enum Act {
        case appear, vanish
        case send([UInt8])
        /// The next piece of the answer.
        case part
    }

    /// The command in work.
    private struct Work {
        var exchange: TwinScript.Exchange
        var next = 0
        /// Bytes of the body that have come; `nil` while none is awaited.
        var body: [UInt8]?
        var hasBody = false
    }

    /// Source: chosen, several full lines.
    private static let typeAheadLimit = 8_192
    private static let rememberedUnknown = 256
    /// The longest time from power to the port that is believed (specs/rg500q.md §5.4).
    private static let longestBoot = Duration.seconds(180)
    static let timer = TimerName(rawValue: 1)

    package init(recording: PortRecording, node: String) {
        script = TwinScript(recording)
        port = Self.link(of: recording.header.port)
        self.node = node
    }

    /// Makes it from the file that `emu: {script: …}` of lab.yaml names.
    ///
    /// - Throws: `bad_script` with file, line and what is wrong, and where the recording has nothing that could be answered.
    package init(script file: PlanFile, node: String) throws(ActionFailure) {
        let recording: PortRecording
        do { recording = try PortRecording(file.bytes, file: file.path) } catch { throw ActionFailure("bad_script", error.description) }
        self.init(recording: recording, node: node)
        guard script.lives.contains(where: { !$0.exchanges.isEmpty }) else {
            throw ActionFailure("bad_script", "\(file.path) has no command with an answer; record a port while something speaks through it.")
        }
    }

    /// The module's port by its word; the AT port for every other word.
    private static func link(of label: String) -> LinkName { CellularModule.ports.first { $0.portLabel == label } ?? .at }

    // MARK: Inputs

    package mutating func handle(_ input: DeviceInput, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        switch input {
        case .poweredOn: if isSwitchedOn != false { powerOn(at: now) }
        case .powerLost: powerLost(&effects)
        case .timerFired: break
        case .link(let name, .bytes(let bytes)) where name == port && isOpen: received(bytes, at: now, &effects)
        case .link, .mqtt, .answered, .served, .fault: break
        case .action(let token, let name, _): effects.append(.finish(token, act(name, at: now, &effects)))
        }
        perform(at: now, &effects)
        startTimer(at: now, &effects)
    }

    private mutating func act(_ name: String, at now: RunInstant, _ effects: inout [DeviceEffect]) -> Result<Fields, ActionFailure> {
        switch name {
        case "power_on":
            isSwitchedOn = true
            powerOn(at: now)
        case "power_off":
            isSwitchedOn = false
            vanish(comesBack: false, at: now, &effects)
            powerLost(&effects)
        case "reset":
            guard isPowered else { return .failure(ActionFailure("powered_off", "The twin has no power.")) }
            vanish(comesBack: true, at: now, &effects)
        default:
            return .failure(ActionFailure("not_in_recording", "The node '\(node)' is a twin: it answers as its recording does, and cannot do '\(name)'."))
        }
        return .success([:])
    }

    private mutating func powerOn(at now: RunInstant) {
        guard !isPowered else { return }
        isPowered = true
        let boot = appearances == 0 ? script.boot : script.absence(after: appearances - 1) ?? script.boot
        schedule(.appear, at: now.advanced(by: min(boot, Self.longestBoot)))
    }

    private mutating func powerLost(_ effects: inout [DeviceEffect]) {
        guard isPowered else { return }
        if isOpen { effects.append(.note("port.vanished", portField)) }
        (isPowered, isOpen, agenda) = (false, false, [])
        forget()
    }

    private mutating func forget() { (editor, work, typedAhead, counts) = (ModuleLineEditor(), nil, [], [:]) }

    private var portField: Fields { ["port": .text(port.portLabel)] }

    // MARK: Agenda

    private mutating func schedule(_ act: Act, at: RunInstant) {
        lastEntry += 1
        let entry = Entry(at: at, order: lastEntry, act: act)
        let place = agenda.firstIndex { ($0.at, $0.order) > (entry.at, entry.order) } ?? agenda.count
        agenda.insert(entry, at: place)
    }

    private mutating func perform(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        while let entry = agenda.first, entry.at <= now {
            agenda.removeFirst()
            switch entry.act {
            case .appear: appear(at: now, &effects)
            case .vanish: vanish(comesBack: true, at: now, &effects)
            case .send(let bytes): send(bytes, &effects)
            case .part: sendPart(at: now, &effects)
            }
        }
    }

    private func startTimer(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard let next = agenda.first else { return effects.append(.cancelTimer(Self.timer)) }
        effects.append(.startTimer(Self.timer, after: now.duration(to: next.at)))
    }

    private mutating func appear(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard !isOpen else { return }
        forget()
        isOpen = true
        appearances += 1
        effects.append(.link(port, .open))
        effects.append(.note("port.appeared", portField))
        guard !script.lives.isEmpty else { return }
        let life = script.lives[min(appearances - 1, script.lives.count - 1)]
        echoes = life.echoes
        follow(life.opening, from: now)
    }

    private mutating func vanish(comesBack: Bool, at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard isOpen else { return }
        isOpen = false
        agenda = []
        forget()
        effects.append(.link(port, .close))
        effects.append(.note("port.vanished", portField))
        guard comesBack, let absence = script.absence(after: appearances - 1) ?? knownAbsence else { return }
        schedule(.appear, at: now.advanced(by: absence))
    }

    /// For a reset that the recording does not have: how long it was away at any time, else as long as after power.
    private var knownAbsence: Duration? { script.lives.compactMap(\.absence).last ?? (appearances <= script.lives.count - 1 ? nil : min(script.boot, Self.longestBoot)) }

    private mutating func follow(_ followers: [TwinScript.Follower], from now: RunInstant) {
        for follower in followers {
            switch follower.event {
            case .bytes(let bytes): schedule(.send(bytes), at: now.advanced(by: follower.after))
            case .vanish: schedule(.vanish, at: now.advanced(by: follower.after))
            }
        }
    }

    private func send(_ bytes: [UInt8], _ effects: inout [DeviceEffect]) {
        if isOpen, !bytes.isEmpty { effects.append(.link(port, .send(bytes))) }
    }

    // MARK: Dialogue

    private mutating func received(_ bytes: [UInt8], at now: RunInstant, _ effects: inout [DeviceEffect]) {
        typedAhead += bytes
        takeTypedAhead(at: now, &effects)
        if typedAhead.count > Self.typeAheadLimit { typedAhead.removeLast(typedAhead.count - Self.typeAheadLimit) }
    }

    private mutating func takeTypedAhead(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        var taken = 0
        var echo: [UInt8] = []
        loop: while taken < typedAhead.count {
            let byte = typedAhead[taken]
            if work != nil {
                guard work?.body != nil else { break loop }
                taken += 1
                takeBody(byte, at: now)
                continue
            }
            taken += 1
            let step = editor.take(byte)
            if step != .ignored, echoes { echo.append(byte) }
            switch step {
            case .line(let line):
                send(echo, &effects)
                echo = []
                begin(line, at: now, &effects)
            case .tooLong: refuse(at: now)
            case .ignored, .kept, .repetition: break
            }
        }
        typedAhead.removeFirst(taken)
        send(echo, &effects)
    }

    private mutating func begin(_ line: [UInt8], at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard !line.isEmpty, ModuleCommandLine(line) != nil else { return }
        let key = script.key(line)
        let count = counts[key, default: 0]
        counts[key] = count + 1
        commandCount += 1
        setEcho(key)
        guard let exchange = script.exchange(key, life: appearances - 1, count: count) else {
            unknown.append(key)
            if unknown.count > Self.rememberedUnknown { unknown.removeFirst() }
            effects.append(.note("twin.unknown", portField.merging(["command": .text(key)])))
            return refuse(at: now)
        }
        follow(exchange.followers, from: now)
        guard let first = exchange.answer.first else { return }
        work = Work(exchange: exchange)
        schedule(.part, at: now.advanced(by: first.after))
    }

    private mutating func refuse(at now: RunInstant) {
        let answer = [TwinScript.Part(after: script.usualPause, bytes: ModuleRendering().final(.error))]
        work = Work(exchange: TwinScript.Exchange(key: "", answer: answer))
        schedule(.part, at: now.advanced(by: script.usualPause))
    }

    /// `ATE0` itself is echoed (specs/rg500q.md §5.1): its echo has gone out.
    private mutating func setEcho(_ key: String) {
        switch key {
        case "ATE0": echoes = false
        case "ATE1", "ATE", "ATZ", "AT&F", "ATZ0", "AT&F0": echoes = key != "ATE"
        default: break
        }
    }

    private mutating func sendPart(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard var current = work, current.next < current.exchange.answer.count else { return }
        send(current.exchange.answer[current.next].bytes, &effects)
        current.next += 1
        work = current
        goOn(at: now, &effects)
    }

    /// The next piece, the body, or the end of the command.
    private mutating func goOn(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        guard var current = work else { return }
        if let body = current.exchange.body, body.after == current.next, !current.hasBody {
            current.body = []
            work = current
            return takeTypedAhead(at: now, &effects)
        }
        if current.next < current.exchange.answer.count {
            return schedule(.part, at: now.advanced(by: current.exchange.answer[current.next].after))
        }
        work = nil
        takeTypedAhead(at: now, &effects)
    }

    private mutating func takeBody(_ byte: UInt8, at now: RunInstant) {
        guard var current = work, var body = current.body else { return }
        body.append(byte)
        let isComplete =
            switch current.exchange.body?.1 {
            case .counted(let count): body.count >= count
            case .text, nil: byte == 0x1a || byte == 0x1b
            }
        current.body = isComplete ? nil : body
        current.hasBody = isComplete
        work = current
        guard isComplete else { return }
        if current.next < current.exchange.answer.count {
            schedule(.part, at: now.advanced(by: current.exchange.answer[current.next].after))
        } else {
            work = nil
        }
    }

    // MARK: Queries

    package func answer(_ query: String, _ arguments: Fields, at now: RunInstant) -> Result<Fields, ActionFailure> {
        guard query == "twin" else {
            return .failure(ActionFailure("not_in_recording", "The node '\(node)' is a twin: it has no model that '\(query)' could ask."))
        }
        return .success([
            "commands": .integer(Int64(commandCount)), "unknown": .integer(Int64(unknown.count)), "unknown_commands": .list(unknown.map { .text($0) }),
            "appearances": .integer(Int64(appearances)),
        ])
    }
}

extension TwinModule {
    /// What a twin can do and tell; its part of the node's kind where `emu` of lab.yaml has a script.
    package static let kind = NodeKind(
        name: "rg500q", about: "A recording that answers in the place of a module.", abilities: ["power", "reset"], facts: [],
        actions: [
            ActionKind("power_on", "Switches the power on; does nothing if it is on."), ActionKind("power_off", "Takes the power away without warning."),
            ActionKind("reset", "Pulls the reset line: the port vanishes and comes back after the time of the recording."),
        ],
        events: [
            EventKind("port.appeared", "A port is there on USB.", fields: [FieldKind("port", .text)]),
            EventKind("port.vanished", "A port is gone from USB.", fields: [FieldKind("port", .text)]),
            EventKind(
                "twin.unknown", "A twin got a command that its recording does not have, and answered ERROR.",
                fields: [FieldKind("port", .text), FieldKind("command", .text)]),
        ],
        queries: [
            ActionKind(
                "twin", "What a twin was asked.",
                gives: [
                    FieldKind("commands", .integer), FieldKind("unknown", .integer, "commands that its recording does not have"),
                    FieldKind("unknown_commands", .list(.text)), FieldKind("appearances", .integer, "how often its port appeared"),
                ])
        ], faults: [], media: [.serial])
}
