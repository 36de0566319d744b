import Bench
import Dispatch
import LabCore
import Simulation
import Transports

/// What a bench does to one real device, and sees of it without its driver: power, fixture, console, hot-plug.
///
/// `@unchecked Sendable`: touched by the kernel's thread only; what blocks runs on a queue of its own and posts its end.
final class BenchHost: NodePart, @unchecked Sendable {
    let publishes: NodeKind
    private let node: String
    private let named: String
    private let side: HardwareSide
    private let kernel: Kernel
    private let recorder: EventRecorder
    private let access: BenchAccess
    private let fixture: FixtureProgram?
    private let console: BenchPort?
    private var lines = LineCollector(limit: 4_096)
    private var absence: Absence
    /// `nil` where nobody has said who it is.
    private var identity: IdentityWatch?
    /// The scenario waits for the device to be unplugged: then that is no fault of the bench.
    private let expectsUnplugging: Bool
    /// The bench has switched it off, and it is to stay off for now.
    private var isOff = false
    /// Since when somebody else has the driver's port.
    private var takenSince: RunInstant?
    /// What blocks, one thing after the other.
    private let errands: DispatchQueue
    /// Driver's ports of this node that were given out.
    private var ports: [BenchPort] = []
    /// Labels of those that are open.
    private var openPorts: Set<String> = []
    /// Faults that the fixture has been told of and has not answered, and who waits for that.
    private var faultsUnderWay = 0
    private var faultWaiters: [(Result<Fields, ActionFailure>) -> Void] = []

    /// What a device never finishes has failed after this time, in the run's time.
    private static let limit = Duration.seconds(180)
    /// Between two looks for a device that is to come back, in the run's time.
    private static let returnPause = Duration.milliseconds(500)
    /// Between two looks at modem lines, in the run's time: a line that changes back sooner is not seen.
    private static let linesTime = Duration.milliseconds(100)

    /// - Parameters:
    ///   - node: the role, under which events are noted.
    ///   - named: the node of lab.yaml.
    /// - Throws: `StreamFailure` where fixture or console cannot be had.
    init(
        node: String, named: NamedNode, side: HardwareSide, expectsUnplugging: Bool, access: BenchAccess, kernel: Kernel, recorder: EventRecorder
    ) throws(StreamFailure) {
        self.node = node
        self.named = named.name
        self.side = side
        self.expectsUnplugging = expectsUnplugging
        self.access = access
        self.kernel = kernel
        self.recorder = recorder
        absence = Absence(speed: access.speed)
        identity = IdentityWatch(of: named, side)
        publishes = BenchVocabulary.published(for: named.kind, side)
        errands = DispatchQueue(label: "bench \(named.name)")
        fixture = if let source = side.fixture { try access.fixture(source, of: named.name) } else { nil }
        console = side.port(.console).map { access.port($0, name: "\(named.name).console") }
        // A device that the bench can switch on may be off when the case begins.
        if side.power != nil || fixture != nil { absence.does(BenchVocabulary.powerOn, at: kernel.now) }
        listen()
    }

    private func listen() {
        fixture?.onEvent = { [weak self] name, fields in self?.told(name, fields) }
        fixture?.onLoss = { [weak self] failure in self?.access.lose(failure) }
        console?.onEvent = { [weak self] event in self?.heard(event) }
        console?.open()
        access.watch { [weak self] change in self?.changed(change) }
    }

    // MARK: The driver's port

    /// The port through which the driver speaks to the device.
    func driverPort(_ source: PortSource, for purpose: PortPurpose, label: String) -> any ByteStream {
        let port = access.port(source, name: "\(named).\(label)")
        port.onSend = { [weak self] bytes in
            guard let self else { return }
            absence.sent(bytes, at: kernel.now)
            if purpose == .serial { identity?.sent(bytes) }
        }
        port.onNote = { [weak self] text in self?.note(BenchVocabulary.locked, ["port": .text(label), "detail": .text(text)]) }
        port.onChange = { [weak self, unowned port] event in self?.portChanged(port, purpose, label, event) }
        ports.append(port)
        return port
    }

    private func portChanged(_ port: BenchPort, _ purpose: PortPurpose, _ label: String, _ event: ByteStreamEvent) {
        switch event {
        case .opened:
            takenSince = nil
            openPorts.insert(label)
            absence.isThere()
            if purpose == .serial { identity?.opened() }
            note(BenchVocabulary.opened, ["port": .text(label), "path": .text(port.medium ?? port.name), "settings": .text(port.settings)])
            look(atLinesOf: port, label, last: nil)
        case .bytes(let bytes, _):
            absence.received(bytes)
            if purpose == .serial { recognize(bytes, port) }
        case .closed(let failure) where failure.reason == .busy: taken(failure)
        case .closed(let failure):
            takenSince = nil
            // What did not open has not gone: a bus tells of a port a moment before it can be opened.
            if openPorts.remove(label) != nil { left(label) }
            missed(failure)
        }
    }

    private func recognize(_ bytes: [UInt8], _ port: BenchPort) {
        guard let stranger = identity?.heard(bytes) else { return }
        access.lose(
            StreamFailure(
                .failed, "\(named): \(port.medium ?? port.name)", stranger.detail,
                remedy: "plug the right one in, or correct `\(stranger.key)` of \(named) in lab.yaml"))
    }

    /// Notes the lines of a port that has some, now and whenever they have changed; the system tells nobody by itself.
    private func look(atLinesOf port: BenchPort, _ label: String, last: ModemLines?) {
        guard let lines = port.lines else { return }
        if lines != last { note(BenchVocabulary.lines, ["port": .text(label), "lines": .text(PortLines(rawValue: UInt8(truncatingIfNeeded: lines.rawValue)).description)]) }
        kernel.schedule(after: Self.linesTime) { [weak self, weak port] in
            guard let self, let port, port.isOpen else { return }
            look(atLinesOf: port, label, last: lines)
        }
    }

    // MARK: Hot-plug

    private func changed(_ change: PortChange) {
        for port in side.ports where BenchAccess.concerns(port.source, change.port) {
            let fields: Fields = ["port": .text(port.purpose.rawValue), "path": .text(change.port.path)]
            switch change {
            case .added:
                note(BenchVocabulary.plugged, fields)
                if port.purpose == .serial { cameBack(port.purpose.rawValue) } else { console?.open() }
            case .removed:
                note(BenchVocabulary.unplugged, fields)
                if port.purpose == .serial { left(port.purpose.rawValue) }
                missed(StreamFailure(.vanished, change.port.path, "it was unplugged", remedy: "plug \(named) in again"))
            }
        }
    }

    private func left(_ port: String) {
        if !absence.left(at: kernel.now) { doubt(port, "it left the bus, and nothing that was done to it takes it away then") }
    }

    private func cameBack(_ port: String) {
        let reason = absence.cause
        guard let time = absence.cameBack(at: kernel.now) else { return }
        doubt(port, "it was on the bus only \(FigureText.duration(nanoseconds: Double(time.nanoseconds))) after \(reason.isEmpty ? "the run had begun" : reason), where 30 s are usual")
    }

    /// What fails from here on may be the bench's fault.
    private func doubt(_ port: String, _ detail: String) {
        guard !expectsUnplugging, !isOff else { return }
        note(BenchVocabulary.lost, ["port": .text(port), "detail": .text(detail)])
    }

    /// A port is gone, or did not open: for a while where the lab itself did something that takes it away, for good otherwise.
    private func missed(_ failure: StreamFailure) {
        guard !expectsUnplugging, !isOff else { return }
        var failure = ofThis(failure)
        guard let patience = absence.patience(at: kernel.now) else { return access.lose(failure) }
        kernel.schedule(after: patience) { [weak self] in
            guard let self, !isOff, absence.patience(at: kernel.now) == nil, let source = side.port(.serial), !access.isPresent(source) else { return }
            failure.detail += ", and did not come back in time"
            access.lose(failure)
        }
    }

    /// Somebody else has the port. Others look at a device that has just come, but not for long (specs/rg500q.md §5.4).
    private func taken(_ failure: StreamFailure) {
        guard takenSince == nil else { return }
        guard absence.patience(at: kernel.now) != nil else { return access.lose(ofThis(failure)) }
        let since = kernel.now
        takenSince = since
        kernel.schedule(after: absence.settling) { [weak self] in
            if let self, takenSince == since { access.lose(ofThis(failure)) }
        }
    }

    private func ofThis(_ failure: StreamFailure) -> StreamFailure {
        var failure = failure
        failure.medium = "\(named): \(failure.medium)"
        return failure
    }

    /// Whether a device that is away was only slow, or is gone, shows when its time is over.
    private func waitForReturn() async {
        guard !isOff, !expectsUnplugging, let source = side.port(.serial), let time = absence.waitForReturn(at: kernel.now) else { return }
        let end = kernel.now.advanced(by: time)
        while !access.isPresent(source) {
            guard kernel.now < end else {
                return access.lose(
                    StreamFailure(
                        .vanished, "\(named): \(source.place)", "it went away after \(absence.cause), and was not back within \(DurationText.format(nanoseconds: time.nanoseconds))",
                        remedy: "look at it; `lab doctor \(named) --fix` tries its power"))
            }
            guard (try? await kernel.sleep(for: Self.returnPause)) != nil else { return }
        }
    }

    // MARK: Console

    private func heard(_ event: ByteStreamEvent) {
        switch event {
        case .opened: note(BenchVocabulary.opened, ["port": .text(PortPurpose.console.rawValue), "path": .text(console?.medium ?? "")])
        case .bytes(let bytes, _):
            guard let whole = lines.take(bytes) else {
                // No line ends for so long: it is no text, or another rate. What came is counted as one line.
                lines = LineCollector(limit: lines.limit)
                return note(BenchVocabulary.console, ["text": .text("(\(bytes.count) bytes without an end of line)")])
            }
            for line in whole { note(BenchVocabulary.console, ["text": .text(String(decoding: line, as: UTF8.self))]) }
        case .closed: break
        }
    }

    // MARK: Doing

    func act(_ name: String, _ arguments: Fields) async -> Result<Fields, ActionFailure> {
        let hasFixture = side.fixture?.offers(name) ?? false
        // What nobody can do to the device is no reason for it to be away.
        if hasFixture || side.power != nil { absence.does(name, at: kernel.now) }
        if hasFixture {
            if BenchVocabulary.switching.contains(name) { isOff = name != BenchVocabulary.powerOn }
            return await ask(fixture, .act, name, arguments).mapError { failure in
                // The words are the fixture's, and they read as if they were the device's.
                ActionFailure(failure.reason, "fixture of \(named): \(failure.message)", failure.fields)
            }
        }
        switch name {
        case "power_on" where side.power != nil: return await setPower(true)
        case "power_off" where side.power != nil: return await setPower(false)
        case "power_on":
            guard let source = side.port(.serial), !access.isPresent(source) else { return .success([:]) }
            return .failure(ActionFailure("not_possible_here", "\(named) is off or not plugged in, and the bench cannot switch it on; see `power` in lab.yaml."))
        default: return .failure(ActionFailure("not_possible_here", "The bench cannot do '\(name)' to \(named)."))
        }
    }

    func answer(_ name: String, _ arguments: Fields) async -> Result<Fields, ActionFailure> { await ask(fixture, .ask, name, arguments) }

    func setFault(_ name: String, _ arguments: Fields, isActive: Bool) {
        absence.does(name, at: kernel.now)
        guard let fixture else { return }
        faultsUnderWay += 1
        fixture.request(.fault(isActive: isActive), name, arguments) { [weak self] result in
            guard let self else { return }
            ended(name, result)
            faultsUnderWay -= 1
            guard faultsUnderWay == 0 else { return }
            let waiters = faultWaiters
            faultWaiters = []
            for waiter in waiters { waiter(.success([:])) }
        }
    }

    func settled() async {
        guard faultsUnderWay > 0 else { return }
        _ = await waiting(for: "fault") { done in faultWaiters.append(done) }
    }

    func losePower() { cutPower(true) }
    func regainPower() { cutPower(false) }

    private func cutPower(_ isCut: Bool) {
        guard side.power != nil else {
            isOff = isCut
            return setFault(BenchVocabulary.powerCut, [:], isActive: isCut)
        }
        absence.does("power", at: kernel.now)
        switchPower(!isCut) { [weak self] result in self?.ended(BenchVocabulary.powerCut, result) }
    }

    /// A fault that the bench could not begin or end makes what follows worthless.
    private func ended(_ name: String, _ result: Result<Fields, ActionFailure>) {
        guard case .failure(let failure) = result else { return }
        note(BenchVocabulary.failed, ["what": .text(name), "detail": .text(failure.message)])
        access.lose(StreamFailure(.failed, "\(named): \(name)", failure.message))
    }

    func prepare() async {
        guard fixture != nil else { return }
        absence.does(FixtureRequest.prepare, at: kernel.now)
        // A fixture that has nothing to put away does not know the word.
        let result = await ask(fixture, .act, FixtureRequest.prepare, ["role": .text(node)])
        absence.does(FixtureRequest.prepare, at: kernel.now)
        if case .failure(let failure) = result, failure.reason != FixtureRequest.unknown, failure.reason != Self.interrupted {
            access.lose(StreamFailure(.failed, "fixture of \(named)", "it could not prepare the device: \(failure.message)"))
        }
    }

    private func ask(_ fixture: FixtureProgram?, _ verb: FixtureRequest.Verb, _ name: String, _ arguments: Fields) async -> Result<Fields, ActionFailure> {
        guard let fixture else { return .failure(ActionFailure("not_possible_here", "\(named) has no fixture that answers '\(name)'.")) }
        let result = await waiting(for: name) { done in fixture.request(verb, name, arguments, done) }
        if case .failure(let failure) = result, failure.reason == Self.noAnswer {
            access.lose(StreamFailure(.timedOut, "fixture of \(named)", "it did not answer '\(name)' within \(DurationText.format(nanoseconds: Self.limit.nanoseconds))", remedy: "see its command at \(side.fixture?.location.description ?? "")"))
        }
        return result
    }

    private func setPower(_ isOn: Bool) async -> Result<Fields, ActionFailure> {
        await waiting(for: "power") { [self] done in switchPower(isOn, done) }
    }

    /// Waits for something, but not for ever.
    private func waiting(for name: String, _ begin: (@escaping (Result<Fields, ActionFailure>) -> Void) -> Void) async -> Result<Fields, ActionFailure> {
        let once = Once()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                once.give = { continuation.resume(returning: $0) }
                kernel.schedule(after: Self.limit) { [named] in
                    once.end(.failure(ActionFailure(Self.noAnswer, "The bench did not finish '\(name)' of \(named).")))
                }
                begin { once.end($0) }
            }
        } onCancel: {
            // Runs on the kernel's thread, where steps are cancelled.
            once.end(.failure(ActionFailure(Self.interrupted, "The run was stopped while the bench did '\(name)' to \(named).")))
        }
    }

    private static let noAnswer = "no_answer"
    private static let interrupted = "interrupted"

    private func switchPower(_ isOn: Bool, _ done: @escaping (Result<Fields, ActionFailure>) -> Void) {
        guard let source = side.power else { return }
        if !isOn { isOff = true }
        let carried = Carried(done)
        errands.async { [self, named] in
            let result: Result<Fields, ActionFailure>
            do throws(StreamFailure) {
                try PowerControl(source, of: named).set(isOn)
                result = .success([:])
            } catch { result = .failure(ActionFailure("power_failed", error.description)) }
            kernel.post { [self] in
                if case .success = result { switched(isOn) }
                carried.body(result)
            }
        }
    }

    private func switched(_ isOn: Bool) {
        isOff = !isOn
        note(BenchVocabulary.switched, ["on": .bool(isOn)])
        let event = isOn ? BenchVocabulary.powerEvents[1] : BenchVocabulary.powerEvents[0]
        if publishes.event(event) != nil, !(side.fixture?.offers(event) ?? false) { note(event, isOn ? [:] : ["reason": "cut"]) }
    }

    /// Puts the bench back: what it has switched off is switched on again. After a failure a device that is away is waited for.
    func tidyUp(hasFailed: Bool) async {
        if hasFailed { await waitForReturn() }
        // From here on a fixture may go.
        fixture?.onLoss = nil
        guard isOff, side.power != nil else { return }
        if case .failure(let failure) = await setPower(true) {
            note(BenchVocabulary.failed, ["what": "power_on", "detail": .text("it stays switched off: \(failure.message)")])
        }
    }

    // MARK: Telling

    private func told(_ name: String, _ fields: Fields) {
        guard let event = publishes.event(name) else {
            // What the kind has and lab.yaml does not offer is not wanted; what no kind has is a fixture for something else.
            if BenchVocabulary.device(publishes.name).event(name) == nil {
                access.lose(StreamFailure(.malformed, "fixture of \(named)", "it told of '\(name)', and a \(publishes.name) has no such event", remedy: "`lab describe \(publishes.name)` lists them"))
            }
            return
        }
        note(name, event.fields.typed(fields))
    }

    private func note(_ name: String, _ fields: Fields) {
        if let sequence = recorder.append(node, name, fields) { kernel.currentCause = sequence }
    }
}

/// Gives the first result to who waits. `@unchecked Sendable`: used on the kernel's thread only.
private final class Once: @unchecked Sendable {
    var give: ((Result<Fields, ActionFailure>) -> Void)? {
        didSet { if let early, let give { (self.early, self.give) = (nil, nil); give(early) } }
    }
    private var early: Result<Fields, ActionFailure>?
    private var isOver = false

    func end(_ result: Result<Fields, ActionFailure>) {
        guard !isOver else { return }
        isOver = true
        if let give { give(result) } else { early = result }
        give = nil
    }
}

/// A closure that belongs to the kernel's thread, on its way over another one. `@unchecked Sendable`: called on the kernel's thread only.
private final class Carried: @unchecked Sendable {
    let body: (Result<Fields, ActionFailure>) -> Void
    init(_ body: @escaping (Result<Fields, ActionFailure>) -> Void) { self.body = body }
}
