import LabCore
import Simulation

/// Carries out in a simulated world what one device decides: timers on the kernel, bytes and requests on its link.
///
/// `@unchecked Sendable`: touched by the kernel's thread only; cancellation of a step comes from there as well.
final class DeviceHost: KernelParticipant, @unchecked Sendable {
    /// The name under which its events are noted: `badge`, `badges#17`.
    let node: String
    let link: Link
    private let kernel: Kernel
    private let recorder: EventRecorder
    private let cloud: CloudHost
    private var device: any Device
    private var id: ParticipantID?
    private var mqtt: MQTTClientHost
    /// Counts power losses and resets: answers to what was asked before are dropped.
    private var life = 0
    private var powerLosses = 0
    private var actions: [(token: Token, answer: CheckedContinuation<Result<Fields, ActionFailure>, Never>)] = []
    private var nextToken: UInt32 = 0

    /// Requests without an answer by then have timed out for the device.
    private static let requestLimit = Duration.seconds(30)
    /// An action that the device never finishes has failed after this time.
    private static let actionLimit = Duration.seconds(120)

    init(node: String, device: any Device, link: Link, kernel: Kernel, recorder: EventRecorder, cloud: CloudHost) {
        self.node = node
        self.device = device
        self.link = link
        self.kernel = kernel
        self.recorder = recorder
        self.cloud = cloud
        mqtt = MQTTClientHost(link: link)
        id = kernel.add(self)
        mqtt.owner = self
        link.near = mqtt
    }

    // MARK: Inputs

    func timerFired(_ timer: TimerName) {
        if timer.rawValue >= MQTTClientHost.timerBase { mqtt.timerFired(timer) } else { handle(.timerFired(timer)) }
    }

    func receive(_ input: DeviceInput) { handle(input) }

    func handle(_ input: DeviceInput) {
        var effects: [DeviceEffect] = []
        device.handle(input, at: kernel.now, &effects)
        perform(effects)
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

    func answer(_ query: String, _ arguments: Fields) -> Result<Fields, ActionFailure> {
        device.answer(query, arguments, at: kernel.now)
    }

    // MARK: Faults

    /// Power goes away: only the device's notes are performed, everything else of it is forgotten.
    func losePower() {
        dropEverything()
        powerLosses += 1
        handle(.powerLost)
    }

    func regainPower() { handle(.poweredOn) }

    private func dropEverything() {
        life += 1
        if let id { kernel.cancelTimers(of: id) }
        mqtt.vanish()
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
        case .mqtt(let command): mqtt.perform(command)
        case .request(let token, let call): send(call, token)
        case .link: break
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

    // MARK: Requests

    private func send(_ call: HTTPCall, _ token: Token) {
        let life = life
        var isAnswered = false
        let answer: (Result<HTTPAnswer, HTTPFailure>) -> Void = { [weak self] result in
            guard let self, !isAnswered, self.life == life else { return }
            isAnswered = true
            handle(.answered(token, result))
        }
        kernel.schedule(after: Self.requestLimit) { answer(.failure(.timedOut)) }
        let bytes = HTTPText.bytes(of: call)
        link.exchange(size: bytes.count, from: .near) { [kernel, cloud, link, node] fate in
            guard case .arrives(_, let corruptions) = fate else { return answer(.failure(.unreachable)) }
            kernel.start("request \(call.method) \(call.path)") {
                let result = await cloud.respond(toBytes: bytes, corruptions: corruptions, of: call, from: node)
                guard case .success(let reply) = result else { return answer(result) }
                let size = HTTPText.bytes(of: reply).count
                link.exchange(size: size, from: .far) { fate in
                    guard case .arrives(_, let corruptions) = fate else { return answer(.failure(.interrupted)) }
                    answer(corruptions.isEmpty ? .success(reply) : HTTPText.answer(HTTPText.bytes(of: reply), corruptions))
                }
            }
        }
    }
}

extension DeviceHost: MQTTClientOwner {
    func mqttClient(notes notice: MQTTNotice) { handle(.mqtt(notice)) }
    func mqttClient(starts timer: TimerName, after time: Duration) {
        if let id { kernel.startTimer(timer, of: id, after: time) }
    }
    func mqttClient(cancels timer: TimerName) { if let id { kernel.cancelTimer(timer, of: id) } }
    var now: RunInstant { kernel.now }
}

extension CloudHost {
    /// Answers a request as it arrives after the link: unharmed, changed, or no longer a request at all.
    func respond(toBytes bytes: [UInt8], corruptions: [ByteCorruption], of call: HTTPCall, from peer: String) async -> Result<HTTPAnswer, HTTPFailure> {
        guard !corruptions.isEmpty else { return await respond(to: call, from: peer) }
        guard let changed = HTTPText.call(bytes, corruptions) else {
            return .success(HTTPAnswer(status: 400, headers: [HTTPCall.Header("connection", "close")]))
        }
        return await respond(to: changed, from: peer)
    }
}
