import LabCore
import Simulation
import WireProtocols

/// A device's way to the cloud in memory: the MQTT session and the requests share one link.
///
/// The session decides, this sends and times. `@unchecked Sendable`: touched by the kernel's thread only.
final class SimulatedNetwork: DeviceNetwork, LinkReceiver, KernelParticipant, @unchecked Sendable {
    var onNotice: ((MQTTNotice) -> Void)?
    private let node: String
    let link: Link
    private let kernel: Kernel
    private let cloud: CloudHost
    private var id: ParticipantID?
    private var session = MQTTClientSession()
    /// What the session decided and is not performed yet. Performing can lead to further decisions, which come after.
    private var pending: [MQTTClientEffect] = []
    private var isPerforming = false
    /// Counts what was forgotten, so that decisions of a dead session are not performed.
    private var life = 0

    init(node: String, link: Link, cloud: CloudHost) {
        self.node = node
        self.link = link
        self.cloud = cloud
        kernel = link.kernel
        id = kernel.add(self)
        link.near = self
    }

    /// A device's way with a link of its own, at whose other end are the broker and the cloud.
    static func connected(to cloud: CloudHost, _ broker: BrokerHost, node: String, on kernel: Kernel, profile: SharedProfile, seed: UInt64) -> SimulatedNetwork {
        let link = Link(on: kernel, name: "\(node).link", up: profile, down: profile, seed: seed)
        _ = LinkConnection(host: broker, link: link, peer: node)
        return SimulatedNetwork(node: node, link: link, cloud: cloud)
    }

    func apply(_ fault: LinkFault, id: Int) { link.apply(fault, id: id) }
    func clear(_ id: Int) { link.clear(id) }

    // MARK: MQTT

    func perform(_ command: MQTTCommand) { handle(.command(command)) }

    func timerFired(_ timer: TimerName) {
        guard let name = MQTTClientTimer(rawValue: UInt8(truncatingIfNeeded: timer.rawValue)) else { return }
        handle(.timerFired(name))
    }

    func link(_ link: Link, _ side: LinkSide, received input: LinkInput) {
        switch input {
        case .opened: handle(.transportOpened)
        case .bytes(let bytes): handle(.received(bytes))
        case .closed: handle(.transportClosed("connection lost"))
        }
    }

    func vanish() {
        session = MQTTClientSession()
        pending = []
        life += 1
        if let id { kernel.cancelTimers(of: id) }
        link.vanish(.near)
    }

    private func handle(_ input: MQTTClientInput) {
        session.handle(input, at: kernel.now, &pending)
        guard !isPerforming else { return }
        isPerforming = true
        defer { isPerforming = false }
        while !pending.isEmpty {
            let effects = pending
            pending.removeAll(keepingCapacity: true)
            let life = life
            for effect in effects where life == self.life { perform(effect) }
        }
    }

    private func perform(_ effect: MQTTClientEffect) {
        guard let id else { return }
        switch effect {
        case .openTransport: link.open(from: .near)
        case .send(let bytes): link.send(bytes, from: .near)
        case .closeTransport: link.close(from: .near)
        case .startTimer(let timer, let deadline): kernel.startTimer(TimerName(rawValue: UInt16(timer.rawValue)), of: id, at: deadline)
        case .cancelTimer(let timer): kernel.cancelTimer(TimerName(rawValue: UInt16(timer.rawValue)), of: id)
        default:
            var notices: [MQTTNotice] = []
            effect.appendNotices(to: &notices)
            for notice in notices { onNotice?(notice) }
        }
    }

    // MARK: HTTP

    func send(_ call: HTTPCall, _ done: @escaping (Result<HTTPAnswer, HTTPFailure>) -> Void) {
        let bytes = HTTPText.bytes(of: call)
        link.exchange(size: bytes.count, from: .near) { [kernel, cloud, link, node] fate in
            guard case .arrives(_, let corruptions) = fate else { return done(.failure(.unreachable)) }
            kernel.start("request \(call.method) \(call.path)") {
                let result = await cloud.respond(toBytes: bytes, corruptions: corruptions, of: call, from: node)
                guard case .success(let reply) = result else { return done(result) }
                let size = HTTPText.bytes(of: reply).count
                link.exchange(size: size, from: .far) { fate in
                    guard case .arrives(_, let corruptions) = fate else { return done(.failure(.interrupted)) }
                    done(corruptions.isEmpty ? .success(reply) : HTTPText.answer(HTTPText.bytes(of: reply), corruptions))
                }
            }
        }
    }
}

extension CloudHost {
    /// Answers a request as it arrives after the link: unharmed, changed, or no longer a request at all.
    fileprivate func respond(
        toBytes bytes: [UInt8], corruptions: [ByteCorruption], of call: HTTPCall, from peer: String
    ) async -> Result<HTTPAnswer, HTTPFailure> {
        guard !corruptions.isEmpty else { return await respond(to: call, from: peer) }
        guard let changed = HTTPText.call(bytes, corruptions) else {
            return .success(HTTPAnswer(status: 400, headers: [HTTPCall.Header("connection", "close")]))
        }
        return await respond(to: changed, from: peer)
    }
}
