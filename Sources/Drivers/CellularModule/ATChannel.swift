package import LabCore
package import WireProtocols

/// One AT port as the host uses it, sans I/O: a queue of commands, one at a time, each with its time; waits for the port,
/// opens it again when it vanishes, and makes sure with `AT` that the module listens (rg500q.md §5.2, §5.4).
///
/// The device that owns it hands in what its link and its timers say, and performs the effects.
package struct ATChannel: Sendable {
    package struct Ticket: Sendable, Hashable {
        package var number: UInt32
    }

    package enum Outcome: Sendable, Equatable {
        case answered(ATResponse)
        /// No final result within the command's limit.
        case timedOut
        /// The port went away, or was closed, before there was an answer.
        case lost
    }

    package enum Event: Sendable, Equatable {
        /// The port is open; the module has not answered yet.
        case opened(attempts: Int)
        /// The module answers `AT`; commands flow.
        case ready
        /// The module did not answer any of the `AT`s; commands wait until `synchronise`.
        case silent
        /// The port went away; with the command that waited.
        case lost(command: String?)
        /// The port has not come back within `absenceLimit`; the channel goes on trying.
        case absent
        case sent(ATCommand)
        case information(ATLine)
        case final(ATFinal)
        case unsolicited(ATURC)
        case stray(ATLine)
        case damaged(ATLine)
        case finished(Ticket, ATCommand, Outcome)
    }

    package enum Port: String, Sendable { case closed, opening, open }

    /// Commands that may wait. Source: chosen; the agent itself never has more than a dozen.
    package static let longestQueue = 64
    /// The first tries to open are a second apart, since udev and others hold a new port for about that long; then three seconds, as
    /// public test scripts do (rg500q.md §5.4).
    static let quickTries = 10
    static let quickPause = Duration.seconds(1)
    static let slowPause = Duration.seconds(3)
    /// After a reset the port must be back by then (rg500q.md §5.4).
    static let absenceLimit = Duration.seconds(180)
    /// How many `AT`s a port that was just opened gets: a module that boots leaves the first unanswered.
    static let firstAttempts = 10
    /// Line silence after a command that was given up: what comes in it is dropped.
    static let quietTime = Duration.milliseconds(300)
    /// The silence is not waited for longer than this.
    static let longestQuiet = Duration.seconds(3)

    private enum State: Equatable { case closed, opening, synchronising, quiet, ready, silent }

    private let link: LinkName
    private let timers: UInt16
    private var state = State.closed
    private var isWanted = false
    private var dialogue = ATDialogue()
    private var queue: [(ticket: Ticket, command: ATCommand)] = []
    /// What the dialogue waits for; `nil` for the channel's own `AT`.
    private var current: (ticket: Ticket, command: ATCommand)?
    private var lastTicket: UInt32 = 0
    private var openAttempts = 0
    private var attemptsLeft = 0
    private var isAbsent = false
    private var quietEnd = RunInstant.start

    /// - Parameter timers: the first of four timer numbers of the device that the channel may use.
    package init(link: LinkName, timers: UInt16) {
        self.link = link
        self.timers = timers
    }

    private var commandTimer: TimerName { TimerName(rawValue: timers) }
    private var openTimer: TimerName { TimerName(rawValue: timers + 1) }
    private var quietTimer: TimerName { TimerName(rawValue: timers + 2) }
    private var absenceTimer: TimerName { TimerName(rawValue: timers + 3) }

    package func owns(_ timer: TimerName) -> Bool { (timers..<timers + 4).contains(timer.rawValue) }

    package var port: Port {
        switch state {
        case .closed: .closed
        case .opening: .opening
        default: .open
        }
    }

    package var isReady: Bool { state == .ready || state == .quiet }
    package var isIdle: Bool { state == .ready && current == nil && queue.isEmpty }

    // MARK: What the owner asks for

    package mutating func open(_ effects: inout [DeviceEffect]) {
        guard state == .closed else { return }
        isWanted = true
        startOpening(&effects)
    }

    private mutating func startOpening(_ effects: inout [DeviceEffect]) {
        openAttempts = 0
        isAbsent = false
        effects.append(.startTimer(absenceTimer, after: Self.absenceLimit))
        tryToOpen(&effects)
    }

    /// Closes the port; commands that wait are lost.
    package mutating func close(_ effects: inout [DeviceEffect]) -> [Event] {
        isWanted = false
        for timer in [commandTimer, openTimer, quietTimer, absenceTimer] { effects.append(.cancelTimer(timer)) }
        if state != .closed { effects.append(.link(link, .close)) }
        state = .closed
        return dropAll()
    }

    /// Queues a command.
    ///
    /// - Returns: `nil` if the queue is full, the module is silent, or the port is not wanted.
    package mutating func submit(_ command: ATCommand, _ effects: inout [DeviceEffect]) -> (Ticket, [Event])? {
        guard isWanted, state != .silent, queue.count < Self.longestQueue else { return nil }
        lastTicket &+= 1
        let ticket = Ticket(number: lastTicket)
        queue.append((ticket, command))
        return (ticket, advance(&effects))
    }

    /// Asks with `AT` whether the module listens, and drops what it may still send of older commands.
    ///
    /// - Parameter attempts: `AT`s without an answer until the module counts as silent.
    package mutating func synchronise(attempts: Int, _ effects: inout [DeviceEffect]) -> [Event] {
        guard state == .ready || state == .quiet || state == .silent, current == nil else { return [] }
        effects.append(.cancelTimer(quietTimer))
        state = .synchronising
        attemptsLeft = attempts
        // A module that waits for the text of a message takes everything for it; ESC ends that.
        effects.append(.link(link, .send([0x1b, 0x0d])))
        return sendProbe(&effects)
    }

    /// Drops the commands that have not been sent yet.
    package mutating func dropWaiting() -> [Event] { dropQueue() }

    // MARK: Inputs

    package mutating func handle(_ input: LinkInput, at now: RunInstant, _ effects: inout [DeviceEffect]) -> [Event] {
        switch input {
        case .opened: opened(&effects)
        case .closed: closed(&effects)
        case .bytes(let bytes): received(bytes, at: now, &effects)
        }
    }

    package mutating func timerFired(_ timer: TimerName, at now: RunInstant, _ effects: inout [DeviceEffect]) -> [Event] {
        switch timer {
        case commandTimer: return commandTimedOut(at: now, &effects)
        case openTimer:
            if state == .opening { tryToOpen(&effects) }
            return []
        case quietTimer:
            guard state == .quiet else { return [] }
            state = .ready
            return advance(&effects)
        case absenceTimer:
            guard state == .opening, !isAbsent else { return [] }
            isAbsent = true
            return [.absent]
        default: return []
        }
    }

    // MARK: The port

    private mutating func tryToOpen(_ effects: inout [DeviceEffect]) {
        state = .opening
        openAttempts += 1
        effects.append(.link(link, .open))
    }

    private mutating func opened(_ effects: inout [DeviceEffect]) -> [Event] {
        guard state == .opening else { return [] }
        effects.append(.cancelTimer(absenceTimer))
        effects.append(.cancelTimer(openTimer))
        dialogue.reset()
        state = .synchronising
        attemptsLeft = Self.firstAttempts
        return [.opened(attempts: openAttempts)] + sendProbe(&effects)
    }

    private mutating func closed(_ effects: inout [DeviceEffect]) -> [Event] {
        guard state != .closed else { return [] }
        if state == .opening {
            let pause = openAttempts < Self.quickTries ? Self.quickPause : Self.slowPause
            effects.append(.startTimer(openTimer, after: pause))
            return []
        }
        let command = dialogue.pending?.text
        effects.append(.cancelTimer(commandTimer))
        effects.append(.cancelTimer(quietTimer))
        state = .closed
        let dropped = dropAll()
        if isWanted {
            openAttempts = 0
            isAbsent = false
            state = .opening
            effects.append(.startTimer(absenceTimer, after: Self.absenceLimit))
            // The descriptor is closed at once; the node needs a moment to come back under its name.
            effects.append(.startTimer(openTimer, after: Self.quickPause))
        }
        return [.lost(command: command)] + dropped
    }

    private mutating func dropAll() -> [Event] {
        let waiting = current.map { [Event.finished($0.ticket, $0.command, .lost)] } ?? []
        current = nil
        dialogue.reset()
        return waiting + dropQueue()
    }

    private mutating func dropQueue() -> [Event] {
        defer { queue = [] }
        return queue.map { .finished($0.ticket, $0.command, .lost) }
    }

    // MARK: Commands

    /// Sends the next command if the line is free.
    private mutating func advance(_ effects: inout [DeviceEffect]) -> [Event] {
        guard state == .ready, dialogue.pending == nil, !queue.isEmpty else { return [] }
        let next = queue.removeFirst()
        current = next
        return send(next.command, &effects)
    }

    private mutating func send(_ command: ATCommand, _ effects: inout [DeviceEffect]) -> [Event] {
        effects.append(.link(link, .send(dialogue.begin(command))))
        effects.append(.startTimer(commandTimer, after: command.limit))
        return [.sent(command)]
    }

    private mutating func sendProbe(_ effects: inout [DeviceEffect]) -> [Event] {
        attemptsLeft -= 1
        return send(ATCommand("AT"), &effects)
    }

    private mutating func received(_ bytes: [UInt8], at now: RunInstant, _ effects: inout [DeviceEffect]) -> [Event] {
        guard state != .closed, state != .opening else { return [] }
        var events: [Event] = []
        for event in dialogue.receive(bytes) {
            switch event {
            case .information(let line): events.append(.information(line))
            case .unsolicited(let urc): events.append(.unsolicited(urc))
            case .stray(let line): events.append(.stray(line))
            case .damaged(let line): events.append(.damaged(line))
            case .wantsBody: effects.append(.link(link, .send(dialogue.body())))
            case .finished(let response): events += finished(response, &effects)
            }
        }
        if state == .quiet { waitForQuiet(at: now, &effects) }
        // What came behind the answer in the same bytes is told before the next command goes out.
        return events + advance(&effects)
    }

    private mutating func finished(_ response: ATResponse, _ effects: inout [DeviceEffect]) -> [Event] {
        effects.append(.cancelTimer(commandTimer))
        let final = Event.final(response.final)
        guard let (ticket, command) = current else {
            guard state == .synchronising else { return [final] }
            // Late answers to the `AT`s before come right behind.
            state = dialogue.abandoned.isEmpty ? .ready : .quiet
            if state == .quiet { effects.append(.startTimer(quietTimer, after: Self.quietTime)) }
            quietEnd = .distantFuture
            return [final, .ready]
        }
        current = nil
        return [final, .finished(ticket, command, .answered(response))]
    }

    private mutating func commandTimedOut(at now: RunInstant, _ effects: inout [DeviceEffect]) -> [Event] {
        guard dialogue.pending != nil else { return [] }
        dialogue.abandon()
        guard let (ticket, command) = current else {
            guard state == .synchronising else { return [] }
            if attemptsLeft > 0 { return sendProbe(&effects) }
            state = .silent
            return [.silent] + dropQueue()
        }
        current = nil
        state = .quiet
        quietEnd = now.advanced(by: Self.longestQuiet)
        effects.append(.startTimer(quietTimer, after: Self.quietTime))
        return [.finished(ticket, command, .timedOut)]
    }

    /// Something came in the silence: it begins anew, but not for ever.
    private mutating func waitForQuiet(at now: RunInstant, _ effects: inout [DeviceEffect]) {
        if quietEnd == .distantFuture { quietEnd = now.advanced(by: Self.longestQuiet) }
        let left = now.duration(to: quietEnd)
        guard left > .zero else { return }
        effects.append(.startTimer(quietTimer, after: min(Self.quietTime, left)))
    }
}
