import Emulators
import FirmwareImages
import LabCore
import Simulation

/// One badge, its version centre and a broker that takes everything, in virtual time: a value, so that a run can be copied at any
/// point of it and go on in two ways.
struct TortureRun: Sendable {
    /// Why the run ended.
    enum End: Sendable, Equatable { case rest, late }

    private enum Event: Sendable {
        case timer(TimerName)
        case input(DeviceInput)
        case arrival(Token, HTTPCall, HTTPDisturbance)
        case powerLost
        case powerReturned
    }

    private struct Pending: Sendable {
        var at: RunInstant
        var order: UInt64
        var event: Event
    }

    /// Way from the badge to its cloud and back.
    private static let roundTrip = Duration.milliseconds(20)
    /// A request without an answer by then has timed out, as in every world.
    private static let requestLimit = Duration.seconds(30)
    /// How long power stays away.
    static let outage = Duration.seconds(5)
    /// After this time without a result an attempt counts as stuck (O8).
    static let limit = Duration.seconds(26 * 3_600)
    /// An update takes some dozens of inputs, one with every retry some hundreds; what takes more goes round in a circle.
    static let mostInputs = 6_000
    /// One report interval and the checks after a result: what is still to come comes in this time.
    static let rest = Duration.seconds(45)

    var badge: Badge
    var centre: VersionCentreModel
    private(set) var now = RunInstant.start
    private(set) var inputs = 0
    var oracles: Oracles
    var injector = Injector()
    private var pending: [Pending] = []
    private var order: UInt64 = 0
    private var settledAt: RunInstant?
    private(set) var isOnline = false
    /// The bootloader is at work on a copy of the flash: what is done to the flash meanwhile would be lost.
    private(set) var isInBootloader = false
    /// The last note and how often it came, for people.
    private(set) var lastNote = (name: "", nth: 0)
    private var noteCounts: [String: Int]?

    /// Counts notes from now on, or no more: cases do not need it, but for being written as scenarios.
    mutating func countNotes(_ counts: Bool = true) { noteCounts = counts ? [:] : nil }

    /// What the badge noted, for people who look into a case; kept where asked.
    private(set) var journal: [(at: RunInstant, name: String, fields: Fields)]?
    mutating func keepJournal() { journal = [] }

    init(badge: Badge, centre: VersionCentreModel, oracles: Oracles) {
        self.badge = badge
        self.centre = centre
        self.oracles = oracles
    }

    // MARK: Driving

    mutating func give(_ input: DeviceInput) {
        inputs += 1
        if input == .poweredOn { isInBootloader = true }
        var effects: [DeviceEffect] = []
        badge.handle(input, at: now, &effects)
        for effect in effects { perform(effect) }
        oracles.look(at: badge)
        if injector.cutIsDue(after: inputs) { losePower(for: Self.outage) }
    }

    /// Handles what is due next; false if nothing is.
    mutating func step() -> Bool {
        guard let next = pending.indices.min(by: { (pending[$0].at, pending[$0].order) < (pending[$1].at, pending[$1].order) }) else { return false }
        let due = pending[next]
        pending[next] = pending[pending.count - 1]
        pending.removeLast()
        now = max(now, due.at)
        switch due.event {
        case .timer(let name): give(.timerFired(name))
        case .input(let input): give(input)
        case .arrival(let token, let call, let disturbance): arrive(token, call, disturbance)
        case .powerLost: losePower(for: Self.outage)
        case .powerReturned:
            give(.poweredOn)
            if let time = injector.nextBrownOut() { schedule(.powerLost, after: time) }
        }
        return true
    }

    mutating func run(for time: Duration) {
        let end = now.advanced(by: time)
        while let next = pending.map(\.at).min(), next <= end, step() {}
        now = max(now, end)
    }

    /// The cloud tells the badge that there is something; the badge asks.
    mutating func notify() {
        schedule(
            .input(.mqtt(.message(topic: "luna/device/luna_badge_0007/update", payload: Self.notice, quality: 1, isRetained: false))), after: .milliseconds(1))
    }

    private static let notice = Array(#"{"action":"install"}"#.utf8)

    /// Until every offer has its result and the badge has come to rest, or it is too late.
    mutating func runToEnd() -> End {
        let deadline = now.advanced(by: Self.limit)
        let last = inputs + Self.mostInputs * max(1, centre.offers.count)
        while now < deadline, inputs < last {
            if centre.isSettled {
                let settled = settledAt ?? now
                settledAt = settled
                if settled.duration(to: now) >= Self.rest, isOnline || settled.duration(to: now) >= .seconds(3_600) {
                    guard centre.offerNext() else { return isOnline ? .rest : .late }
                    settledAt = nil
                    notify()
                }
            }
            guard step() else { return .late }
        }
        return .late
    }

    // MARK: Effects

    private mutating func perform(_ effect: DeviceEffect) {
        switch effect {
        case .startTimer(let name, let time):
            cancel(name)
            schedule(.timer(name), after: time)
        case .cancelTimer(let name): cancel(name)
        case .mqtt(let command): perform(command)
        case .request(let token, let call): send(token, call)
        case .note(let name, let fields): noted(name, fields)
        case .reboot(let time):
            pending.removeAll()
            isOnline = false
            endLife()
            if time != Badge.never { schedule(.powerReturned, after: time) }
        case .link, .serve, .finish: break
        }
    }

    private mutating func schedule(_ event: Event, after time: Duration) {
        order += 1
        pending.append(Pending(at: now.advanced(by: time), order: order, event: event))
    }

    private mutating func cancel(_ name: TimerName) {
        guard let place = pending.firstIndex(where: { if case .timer(name) = $0.event { true } else { false } }) else { return }
        pending.remove(at: place)
    }

    private mutating func perform(_ command: MQTTCommand) {
        switch command {
        case .connect: schedule(.input(.mqtt(.connected(sessionPresent: true))), after: Self.roundTrip)
        case .subscribe(let filter, let quality): schedule(.input(.mqtt(.subscribed(filter: filter, code: quality))), after: Self.roundTrip)
        case .publish(let topic, let payload, let quality, _, let token):
            if topic.hasSuffix("/status") { centre.heard(payload) }
            if quality > 0 { schedule(.input(.mqtt(.acknowledged(token))), after: Self.roundTrip) }
        case .disconnect, .unsubscribe: break
        }
    }

    private mutating func send(_ token: Token, _ call: HTTPCall) {
        let disturbance = injector.disturbance(of: call, after: lastNote)
        guard !disturbance.isEmpty else {
            let answer = centre.answer(call)
            return schedule(.input(.answered(token, .success(answer))), after: Self.roundTrip)
        }
        if disturbance.isStalled { return schedule(.input(.answered(token, .failure(.timedOut))), after: Self.requestLimit) }
        if disturbance.delay > .zero { return schedule(.arrival(token, call, disturbance), after: disturbance.delay) }
        arrive(token, call, disturbance)
    }

    private mutating func arrive(_ token: Token, _ call: HTTPCall, _ disturbance: HTTPDisturbance) {
        let answer = disturbance.interception ?? centre.answer(disturbance.arriving)
        if disturbance.isDuplicated { _ = centre.answer(disturbance.arriving) }
        let (result, delay) = disturbance.disturb(.success(answer))
        let time = disturbance.delay + delay + Self.roundTrip
        if time > Self.requestLimit { return schedule(.input(.answered(token, .failure(.timedOut))), after: Self.requestLimit) }
        schedule(.input(.answered(token, result)), after: delay + Self.roundTrip)
    }

    private mutating func losePower(for time: Duration) {
        pending.removeAll()
        isOnline = false
        var effects: [DeviceEffect] = []
        badge.handle(.powerLost, at: now, &effects)
        for case .note(let name, let fields) in effects {
            journal?.append((now, name, fields))
            oracles.noted(name, fields, badge)
        }
        oracles.look(at: badge)
        endLife()
        pending.removeAll()
        schedule(.powerReturned, after: time)
    }

    // MARK: Notes

    private mutating func noted(_ name: String, _ fields: Fields) {
        oracles.noted(name, fields, badge)
        journal?.append((now, name, fields))
        if noteCounts != nil {
            noteCounts?[name, default: 0] += 1
            lastNote = (name, noteCounts?[name] ?? 1)
        }
        switch name {
        case "boot.started", "boot.stuck", "power.lost": isInBootloader = false
        case "online": isOnline = true
        case "offline": isOnline = false
        case "power.lost" where fields["reason"]?.text == "flash_cut": if let fault = injector.nextCut() { begin(fault) }
        default: break
        }
        for action in injector.actions(at: name, fields) {
            switch action {
            case .losePower: schedule(.powerLost, after: .zero)
            case .brownOut(let time): schedule(.powerLost, after: time)
            case .fault(let fault): begin(fault)
            }
        }
    }

    /// Puts a fault of the badge into force, or ends it.
    mutating func begin(_ fault: Injector.DeviceFault, isActive: Bool = true) {
        var effects: [DeviceEffect] = []
        badge.handle(.fault(fault.name, fault.fields, isActive: isActive), at: now, &effects)
        for effect in effects { perform(effect) }
    }

    private mutating func endLife() {
        for fault in injector.endOfLife() { begin(fault, isActive: false) }
    }
}
