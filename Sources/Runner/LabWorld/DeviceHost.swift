import LabCore
import Simulation

/// One end of a byte link that a device can open, by its own name for it.
struct DevicePort {
    var name: LinkName
    var stream: any ByteStream
    /// The port in the log of bytes; `nil` for the end whose bytes are not recorded, so that they are there once.
    var recordedAs: String?
}

/// Carries out what one device decides: timers on the kernel, messages and requests over its network, bytes through its ports.
///
/// `@unchecked Sendable`: touched by the kernel's thread only; cancellation of a step comes from there as well.
final class DeviceHost: KernelParticipant, @unchecked Sendable {
    /// The name under which its events are noted: `badge`, `badges#17`.
    let node: String
    private let kernel: Kernel
    private let recorder: EventRecorder
    /// Follows the items of loads; `nil` where there are none.
    private let tracer: LoadTracer?
    private let network: (any DeviceNetwork)?
    private let requester: (any HTTPRequester)?
    private let ports: [DevicePort]
    private var device: any Device
    private var id: ParticipantID?
    /// Counts power losses and resets: answers to what was asked before are dropped.
    private var life = 0
    private var powerLosses = 0
    private var actions: [(token: Token, answer: CheckedContinuation<Result<Fields, ActionFailure>, Never>)] = []
    /// Requests of others that wait for this device's answer, by their tokens.
    private var serving: [Token: CheckedContinuation<Result<HTTPAnswer, HTTPFailure>, Never>] = [:]
    private var nextToken: UInt32 = 0
    private var httpFaults = HTTPFaultStack()

    /// Requests without an answer by then have timed out for the device.
    private static let requestLimit = Duration.seconds(30)
    /// An action that the device never finishes has failed after this time.
    private static let actionLimit = Duration.seconds(120)

    /// - Parameters:
    ///   - network: `nil` for a device that has no MQTT client.
    ///   - requester: `nil` for a device that makes no requests; they get no answer.
    ///   - ports: the byte links that the device can open, by its own names for them.
    init(
        node: String, device: any Device, network: (any DeviceNetwork)?, requester: (any HTTPRequester)?, ports: [DevicePort] = [], kernel: Kernel,
        recorder: EventRecorder, tracer: LoadTracer? = nil
    ) {
        self.tracer = tracer
        self.node = node
        self.device = device
        self.network = network
        self.requester = requester
        self.ports = ports
        self.kernel = kernel
        self.recorder = recorder
        id = kernel.add(self)
        network?.onNotice = { [unowned self] notice in
            tracer?.sees(notice, at: self.node)
            handle(.mqtt(notice))
        }
        for port in ports { port.stream.onEvent = { [unowned self] event in received(event, on: port) } }
    }

    // MARK: Inputs

    func timerFired(_ timer: TimerName) { handle(.timerFired(timer)) }

    func receive(_ input: DeviceInput) { handle(input) }

    func handle(_ input: DeviceInput) {
        var effects: [DeviceEffect] = []
        device.handle(input, at: kernel.now, &effects)
        perform(effects)
    }

    private func received(_ event: ByteStreamEvent, on port: DevicePort) {
        switch event {
        case .opened: handle(.link(port.name, .opened))
        case .bytes(let bytes, _):
            record(PortVocabulary.received, bytes, port)
            handle(.link(port.name, .bytes(bytes)))
        case .closed(let failure):
            recorder.append(node, PortVocabulary.closed, ["port": .text(port.stream.name), "reason": .text(failure.reason.rawValue), "detail": .text(failure.detail)])
            handle(.link(port.name, .closed))
        }
    }

    /// Asks the device for one of its actions and waits for the answer.
    func act(_ name: String, _ arguments: Fields) async -> Result<Fields, ActionFailure> {
        nextToken += 1
        let token = Token(rawValue: nextToken)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in begin(name, arguments, token, continuation) }
        } onCancel: {
            // Runs on the kernel's thread, where steps are cancelled.
            finish(token, .failure(ActionFailure("interrupted", "The run was stopped while the device carried out '\(name)'.")))
        }
    }

    private func begin(
        _ name: String, _ arguments: Fields, _ token: Token, _ continuation: CheckedContinuation<Result<Fields, ActionFailure>, Never>
    ) {
        actions.append((token, continuation))
        let limit = DurationText.format(nanoseconds: Self.actionLimit.nanoseconds)
        kernel.schedule(after: Self.actionLimit) { [weak self] in
            self?.finish(token, .failure(ActionFailure("no_answer", "The device did not finish '\(name)' within \(limit).")))
        }
        handle(.action(token, name, arguments))
    }

    /// Asks a device that is a service of its own; without power nobody answers.
    func serve(_ call: HTTPCall) async -> Result<HTTPAnswer, HTTPFailure> {
        nextToken += 1
        let token = Token(rawValue: nextToken)
        return await withCheckedContinuation { continuation in
            serving[token] = continuation
            handle(.served(token, call))
        }
    }

    /// What the device answers to a query.
    func state(_ query: String, _ arguments: Fields) -> Result<Fields, ActionFailure> {
        device.answer(query, arguments, at: kernel.now)
    }

    // MARK: Faults

    /// Begins a fault of the device's way to the cloud. Concerns requests that are sent from now on.
    func apply(_ fault: HTTPFault, id: Int) { httpFaults.apply(fault, id: id) }
    func clearHTTPFault(_ id: Int) { httpFaults.clear(id) }

    /// Power goes away: only the device's notes are performed, everything else of it is forgotten.
    func losePower() {
        dropEverything()
        powerLosses += 1
        handle(.powerLost)
    }

    func regainPower() { handle(.poweredOn) }

    /// Another device takes its place at the same ports: nothing of this one happens any more.
    func retire() {
        dropEverything()
        if let id { kernel.remove(id) }
        id = nil
        for port in ports { port.stream.onEvent = nil }
    }

    private func dropEverything() {
        life += 1
        if let id { kernel.cancelTimers(of: id) }
        network?.vanish()
        for port in ports { port.stream.vanish() }
        stopServing()
    }

    /// Who waits for an answer gets none.
    func stopServing() {
        let open = serving.sorted { $0.key.rawValue < $1.key.rawValue }
        serving = [:]
        for (_, waiting) in open { waiting.resume(returning: .failure(.interrupted)) }
    }

    private func record(_ name: String, _ bytes: [UInt8], _ port: DevicePort) {
        guard let label = port.recordedAs else { return }
        recorder.append(node, name, ["port": .text(label), "bytes": .bytes(bytes)])
    }

    // MARK: Effects

    private func perform(_ effects: [DeviceEffect]) {
        let losses = powerLosses
        let cause = kernel.currentCause
        defer { kernel.currentCause = cause }
        for effect in effects {
            perform(effect)
            // A fault that waited for this very event has cut the power; the rest did not happen.
            guard powerLosses == losses else { return }
        }
    }

    private func perform(_ effect: DeviceEffect) {
        guard let id else { return }
        switch effect {
        case .startTimer(let name, let time): kernel.startTimer(name, of: id, after: time)
        case .cancelTimer(let name): kernel.cancelTimer(name, of: id)
        case .mqtt(let command):
            tracer?.sends(command, by: node)
            network?.perform(command)
        case .request(let token, let call): send(call, token)
        case .link(let port, let command): perform(command, on: port)
        case .serve(let token, let answer): serving.removeValue(forKey: token)?.resume(returning: answer)
        case .note(let name, let fields):
            // What the device does next follows from what it has just noted.
            if let sequence = recorder.append(node, name, fields) { kernel.currentCause = sequence }
        case .finish(let token, let result): finish(token, result)
        case .reboot(let time): reboot(after: time)
        }
    }

    private func reboot(after time: Duration) {
        dropEverything()
        let life = life
        kernel.schedule(after: time) { [weak self] in
            guard let self, self.life == life else { return }
            handle(.poweredOn)
        }
    }

    private func finish(_ token: Token, _ result: Result<Fields, ActionFailure>) {
        guard let index = actions.firstIndex(where: { $0.token == token }) else { return }
        actions.remove(at: index).answer.resume(returning: result)
    }

    private func perform(_ command: LinkCommand, on name: LinkName) {
        guard let port = ports.first(where: { $0.name == name }) else { return }
        switch command {
        case .open: port.stream.open()
        case .send(let bytes):
            if port.stream.isOpen { record(PortVocabulary.sent, bytes, port) }
            port.stream.send(bytes)
        case .close: port.stream.close()
        }
    }

    /// The device gets an answer in any case, but for one that belongs to an earlier life of it.
    private func send(_ call: HTTPCall, _ token: Token) {
        tracer?.sends(call)
        let life = life
        var isAnswered = false
        let answer: (Result<HTTPAnswer, HTTPFailure>) -> Void = { [weak self] result in
            guard let self, !isAnswered, self.life == life else { return }
            isAnswered = true
            handle(.answered(token, result))
        }
        kernel.schedule(after: Self.requestLimit) { answer(.failure(.timedOut)) }
        let disturbance = httpFaults.disturbance(of: call)
        guard !disturbance.isEmpty else {
            requester?.send(call, answer)
            return
        }
        recorder.append(
            node, "http.disturbed",
            ["method": .text(call.method), "path": .text(call.path), "faults": .list(disturbance.faults.map { .text($0.name) })])
        send(disturbance, answer)
    }

    private func send(_ disturbance: HTTPDisturbance, _ answer: @escaping (Result<HTTPAnswer, HTTPFailure>) -> Void) {
        if disturbance.isStalled { return }
        kernel.schedule(after: disturbance.delay) { [weak self] in
            guard let self else { return }
            let arrive: (Result<HTTPAnswer, HTTPFailure>) -> Void = { [weak self] result in
                let (result, delay) = disturbance.disturb(result)
                if delay == .zero { answer(result) } else { self?.kernel.schedule(after: delay) { answer(result) } }
            }
            if let interception = disturbance.interception { return arrive(.success(interception)) }
            requester?.send(disturbance.arriving, arrive)
            if disturbance.isDuplicated { requester?.send(disturbance.arriving) { _ in } }
        }
    }
}
