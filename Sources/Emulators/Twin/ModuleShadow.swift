import LabCore
import WireProtocols

/// An emulated module beside a real one: it gets what the host sent, at the same times, and what it says is kept for comparison.
struct ModuleShadow {
    private var host: ShadowHost
    private(set) var isOpen = false
    /// It went away by itself since this was last set to false.
    var hasVanished = false
    private(set) var response: ATResponse?
    private(set) var unsolicited: Set<String> = []
    private let port: LinkName
    private var dialogue = ATDialogue()

    /// Source: chosen, above the longest answers (specs/rg500q.md §2.1).
    private static let patience = Duration.seconds(300)

    init(_ module: CellularModule, port: LinkName) {
        host = ShadowHost(module, link: port)
        self.port = port
    }

    var isAnswering: Bool { dialogue.pending != nil }

    // MARK: Time

    mutating func advance(by time: Duration) { run(until: { _ in false }, end: host.end(ofTime: time)) }

    private mutating func run(until condition: (ModuleShadow) -> Bool, end: RunInstant) {
        while !condition(self) {
            let goesOn = host.step(until: end)
            takeDeeds()
            if !goesOn { return }
        }
    }

    /// Waits longer than the log does.
    private mutating func wait(until condition: (ModuleShadow) -> Bool) {
        let start = host.now
        run(until: condition, end: start.advanced(by: Self.patience))
        host.hasWaited(since: start)
    }

    mutating func waitForAnswer() { if isAnswering { wait { !$0.isAnswering || !$0.isOpen } } }

    /// The port is there, as after power where it was not.
    mutating func appear() {
        guard !isOpen else { return }
        if (host.device as? CellularModule)?.isPowered != true, host.poweredAt == nil { give(.poweredOn) }
        wait { $0.isOpen }
        hasVanished = false
    }

    /// Everything that it would still have said by itself.
    mutating func settle() { wait { _ in false } }

    /// Power away and there again; the port comes with `appear`.
    mutating func restart() {
        host.losePower()
        takeDeeds()
        isOpen = false
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
        host.act(name, arguments)
        takeDeeds()
    }

    mutating func give(_ input: DeviceInput) {
        host.give(input)
        takeDeeds()
    }

    private mutating func takeDeeds() {
        for deed in host.takeDeeds() {
            switch deed {
            case .opened: isOpen = true
            case .gone: if isOpen { vanish() }
            case .sent(let bytes): take(bytes)
            }
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
