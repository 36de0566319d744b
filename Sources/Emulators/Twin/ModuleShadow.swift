import LabCore
import WireProtocols

/// An emulated module beside a real one: it gets what the host sent, at the same times, and what it says is kept for comparison.
struct ModuleShadow {
    private(set) var module: CellularModule
    private(set) var isOpen = false
    /// It went away by itself since this was last set to false.
    var hasVanished = false
    private(set) var response: ATResponse?
    private(set) var unsolicited: Set<String> = []
    private let port: LinkName
    private var dialogue = ATDialogue()
    private var now = RunInstant.start
    /// It has waited longer than the log: as much of the next time has gone by already.
    private var ahead = Duration.zero
    private var timers: [(name: TimerName, due: RunInstant, order: Int)] = []
    private var order = 0
    private var poweredAt: RunInstant?
    private var token: UInt32 = 0

    /// Source: chosen, above the longest answers (specs/rg500q.md §2.1).
    private static let patience = Duration.seconds(300)

    init(_ module: CellularModule, port: LinkName) {
        self.module = module
        self.port = port
    }

    var isAnswering: Bool { dialogue.pending != nil }

    // MARK: Time

    mutating func advance(by time: Duration) {
        let used = min(time, ahead)
        ahead -= used
        run(until: { _ in false }, atMost: time - used)
    }

    private mutating func run(until condition: (ModuleShadow) -> Bool, atMost time: Duration) {
        let end = now.advanced(by: time)
        while !condition(self) {
            let timer = timers.min { ($0.due, $0.order) < ($1.due, $1.order) }
            let due = [timer?.due, poweredAt].compactMap { $0 }.min() ?? .distantFuture
            guard due <= end else {
                now = end
                return
            }
            now = max(now, due)
            if poweredAt == due {
                poweredAt = nil
                give(.poweredOn)
            } else if let timer {
                timers.removeAll { $0.name == timer.name }
                give(.timerFired(timer.name))
            }
        }
    }

    /// Waits longer than the log does.
    private mutating func wait(until condition: (ModuleShadow) -> Bool) {
        let start = now
        run(until: condition, atMost: Self.patience)
        ahead += start.duration(to: now)
    }

    mutating func waitForAnswer() { if isAnswering { wait { !$0.isAnswering || !$0.isOpen } } }

    /// The port is there, as after power where it was not.
    mutating func appear() {
        guard !isOpen else { return }
        if !module.isPowered, poweredAt == nil { give(.poweredOn) }
        wait { $0.isOpen }
        hasVanished = false
    }

    /// Everything that it would still have said by itself.
    mutating func settle() { wait { _ in false } }

    /// Power away and there again; the port comes with `appear`.
    mutating func restart() {
        give(.powerLost)
        (timers, poweredAt, isOpen, ahead) = ([], nil, false, .zero)
        dialogue.reset()
    }

    // MARK: Dialogue

    mutating func begin(_ command: ATCommand) {
        waitForAnswer()
        dialogue.abandon()
        response = nil
        send(dialogue.begin(command))
    }

    mutating func send(_ bytes: [UInt8]) {
        guard isOpen else { return }
        give(.link(port, .bytes(bytes)))
    }

    mutating func act(_ name: String, _ arguments: Fields) {
        token += 1
        give(.action(Token(rawValue: token), name, arguments))
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
            timers.append((name, now.advanced(by: time), order))
        case .cancelTimer(let name): timers.removeAll { $0.name == name }
        case .link(port, .open): isOpen = true
        case .link(port, .close): vanish()
        case .link(port, .send(let bytes)): take(bytes)
        case .reboot(let time):
            timers = []
            if isOpen { vanish() }
            poweredAt = time == CellularModule.never ? nil : now.advanced(by: time)
        case .link, .mqtt, .request, .serve, .note, .finish: break
        }
    }

    private mutating func vanish() {
        (isOpen, hasVanished) = (false, true)
        dialogue.reset()
    }

    private mutating func take(_ bytes: [UInt8]) {
        for event in dialogue.receive(bytes) {
            switch event {
            case .finished(let answer): response = answer
            case .unsolicited(let urc): unsolicited.insert(AnswerComparison.kind(of: urc))
            case .wantsBody: _ = dialogue.body()
            default: break
            }
        }
    }
}
