import Emulators
import LabCore
import Simulation

/// An emulated pile of the lab on a TCP connection of its own.
final class EmulatedPile: KernelParticipant {
    private let loop: LoadLoop
    private let port: Int
    private var device: any Device
    private let connection: Connection
    private var id: ParticipantID?
    private var token: UInt32 = 0
    /// Its network: without one, connections end at once.
    var isConnected = true
    private(set) var sent = 0
    private(set) var received = 0
    var onNote: (String) -> Void = { _ in }

    /// - Parameter facts: as in a scenario.
    init(_ loop: LoadLoop, port: Int, facts: Fields, node: String, epoch: Int64) throws {
        self.loop = loop
        self.port = port
        device = try PileFactory.make(facts, node: node, epoch: epoch, recordsFrames: false)
        connection = Connection(loop)
        id = loop.kernel.add(self)
        connection.onOpen = { [unowned self] in handle(.link(.gateway, .opened)) }
        connection.onBytes = { [unowned self] bytes in
            received += 1
            handle(.link(.gateway, .bytes(Array(bytes))))
        }
        connection.onClosed = { [unowned self] in handle(.link(.gateway, .closed)) }
    }

    func timerFired(_ timer: TimerName) { handle(.timerFired(timer)) }

    func act(_ name: String, _ arguments: Fields) {
        token += 1
        handle(.action(Token(rawValue: token), name, arguments))
    }

    func powerOn() { handle(.poweredOn) }

    func powerOff() {
        drop()
        handle(.powerLost)
    }

    func cutNetwork() {
        isConnected = false
        connection.close()
        handle(.link(.gateway, .closed))
    }

    private func drop() {
        connection.close()
        if let id { loop.kernel.cancelTimers(of: id) }
    }

    private func handle(_ input: DeviceInput) {
        var effects: [DeviceEffect] = []
        device.handle(input, at: loop.kernel.now, &effects)
        for effect in effects { perform(effect) }
    }

    private func perform(_ effect: DeviceEffect) {
        guard let id else { return }
        switch effect {
        case .startTimer(let name, let time): loop.kernel.startTimer(name, of: id, after: time)
        case .cancelTimer(let name): loop.kernel.cancelTimer(name, of: id)
        case .link(_, .open):
            if isConnected { connection.open(port: port) } else { loop.kernel.schedule(after: .zero) { [weak self] in self?.handle(.link(.gateway, .closed)) } }
        case .link(_, .send(let bytes)):
            sent += 1
            connection.send(bytes)
        case .link(_, .close): connection.close()
        case .note(let name, _): onNote(name)
        case .reboot(let time):
            drop()
            // A switch that stays off is no power that returns.
            guard time < .seconds(3_600) else { return }
            loop.kernel.schedule(after: time) { [weak self] in self?.handle(.poweredOn) }
        case .finish, .mqtt, .request, .serve: break
        }
    }
}
