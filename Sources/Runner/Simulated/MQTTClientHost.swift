import LabCore
import Simulation
import WireProtocols

/// What an MQTT client asks of the host of its device.
protocol MQTTClientOwner: AnyObject {
    var now: RunInstant { get }
    func mqttClient(notes notice: MQTTNotice)
    func mqttClient(starts timer: TimerName, after time: Duration)
    func mqttClient(cancels timer: TimerName)
}

/// Carries a device's MQTT session over its link: the session decides, this sends and times.
final class MQTTClientHost: LinkReceiver {
    /// The timers of the session have names from here on; devices use lower ones.
    static let timerBase: UInt16 = 0xff00

    weak var owner: (any MQTTClientOwner)?
    private let link: Link
    private var session = MQTTClientSession()
    /// What the session decided and is not performed yet. Performing can lead to further decisions, which come after.
    private var pending: [MQTTClientEffect] = []
    private var isPerforming = false
    /// Counts what was forgotten, so that decisions of a dead session are not performed.
    private var life = 0

    init(link: Link) { self.link = link }

    func perform(_ command: MQTTCommand) { handle(.command(command)) }

    func timerFired(_ timer: TimerName) {
        guard let name = MQTTClientTimer(rawValue: UInt8(truncatingIfNeeded: timer.rawValue - Self.timerBase)) else { return }
        handle(.timerFired(name))
    }

    func link(_ link: Link, _ side: LinkSide, received input: LinkInput) {
        switch input {
        case .opened: handle(.transportOpened)
        case .bytes(let bytes): handle(.received(bytes))
        case .closed: handle(.transportClosed("connection lost"))
        }
    }

    /// The device has no power: nothing is said to anybody, and the session is forgotten with the RAM.
    func vanish() {
        session = MQTTClientSession()
        pending = []
        life += 1
        link.vanish(.near)
    }

    private func handle(_ input: MQTTClientInput) {
        guard let owner else { return }
        session.handle(input, at: owner.now, &pending)
        guard !isPerforming else { return }
        isPerforming = true
        defer { isPerforming = false }
        while !pending.isEmpty {
            let effects = pending
            pending.removeAll(keepingCapacity: true)
            let life = life
            for effect in effects where life == self.life { perform(effect, owner) }
        }
    }

    private func perform(_ effect: MQTTClientEffect, _ owner: any MQTTClientOwner) {
        switch effect {
        case .openTransport: link.open(from: .near)
        case .send(let bytes): link.send(bytes, from: .near)
        case .closeTransport: link.close(from: .near)
        case .startTimer(let timer, let deadline): owner.mqttClient(starts: name(timer), after: owner.now.duration(to: deadline))
        case .cancelTimer(let timer): owner.mqttClient(cancels: name(timer))
        default:
            var notices: [MQTTNotice] = []
            effect.appendNotices(to: &notices)
            for notice in notices { owner.mqttClient(notes: notice) }
        }
    }

    private func name(_ timer: MQTTClientTimer) -> TimerName { TimerName(rawValue: Self.timerBase + UInt16(timer.rawValue)) }
}
