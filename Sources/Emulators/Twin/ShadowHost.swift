import LabCore

/// A device beside a log, with a clock and timers of its own: it gets what a real one got, at the same times, and what it does at one of its links is kept.
struct ShadowHost {
    private(set) var device: any Device
    private(set) var now = RunInstant.start
    /// What it has done at its link since that was taken last; the oldest first.
    private var done: [Deed] = []
    private let link: LinkName
    /// It has waited longer than the log: as much of the next time has gone by already.
    private var ahead = Duration.zero
    private var timers: [(name: TimerName, due: RunInstant, order: Int)] = []
    private var order = 0
    private(set) var poweredAt: RunInstant?
    private var token: UInt32 = 0

    enum Deed {
        case opened
        case sent([UInt8])
        /// The link closed, or the firmware began anew.
        case gone
    }

    /// Times from here on mean never.
    private static let never = Duration.seconds(1 << 32)

    init(_ device: any Device, link: LinkName) {
        self.device = device
        self.link = link
    }

    mutating func takeDeeds() -> [Deed] {
        defer { done = [] }
        return done
    }

    // MARK: Time

    /// The log has gone on for so long.
    ///
    /// - Returns: the end of the time that is still to be lived through by `step`.
    mutating func end(ofTime time: Duration) -> RunInstant {
        let used = min(time, ahead)
        ahead -= used
        return now.advanced(by: time - used)
    }

    /// Time that went by since `start` and that the log has not told of yet.
    mutating func hasWaited(since start: RunInstant) { ahead += start.duration(to: now) }

    /// Does what is due next.
    ///
    /// - Returns: false when nothing is due until `end`, which is now then.
    mutating func step(until end: RunInstant) -> Bool {
        let timer = timers.min { ($0.due, $0.order) < ($1.due, $1.order) }
        let due = [timer?.due, poweredAt].compactMap { $0 }.min() ?? .distantFuture
        guard due <= end else {
            now = end
            return false
        }
        now = max(now, due)
        if poweredAt == due {
            poweredAt = nil
            give(.poweredOn)
        } else if let timer {
            timers.removeAll { $0.name == timer.name }
            give(.timerFired(timer.name))
        }
        return true
    }

    // MARK: Input

    mutating func losePower() {
        give(.powerLost)
        (timers, poweredAt, ahead) = ([], nil, .zero)
    }

    mutating func act(_ name: String, _ arguments: Fields) {
        token += 1
        give(.action(Token(rawValue: token), name, arguments))
    }

    mutating func give(_ input: DeviceInput) {
        var effects: [DeviceEffect] = []
        device.handle(input, at: now, &effects)
        for effect in effects { perform(effect) }
    }

    private mutating func perform(_ effect: DeviceEffect) {
        switch effect {
        case .startTimer(let name, let time):
            timers.removeAll { $0.name == name }
            order += 1
            timers.append((name, now.advanced(by: time), order))
        case .cancelTimer(let name): timers.removeAll { $0.name == name }
        case .link(link, .open): done.append(.opened)
        case .link(link, .close): done.append(.gone)
        case .link(link, .send(let bytes)): done.append(.sent(bytes))
        case .reboot(let time):
            timers = []
            done.append(.gone)
            poweredAt = time >= Self.never ? nil : now.advanced(by: time)
        case .link, .mqtt, .request, .serve, .note, .finish: break
        }
    }
}
