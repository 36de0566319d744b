import LabCore
import MQTTBroker
import Transports

/// The broker on the event loop of its sockets: bytes in, bytes out, nothing in between.
///
/// `@unchecked Sendable`: everything here happens on the event loop.
final class BrokerEngine: StreamServerHandler, @unchecked Sendable {
    private var broker: Broker
    private let loop: StreamLoop
    private let clock: @Sendable () -> RunInstant
    private let observer: (@Sendable (BrokerNote, RunInstant) -> Void)?
    private var server: StreamServer?
    private var effects: [BrokerEffect] = []
    private var wake: StreamTimer?

    init(
        _ broker: Broker, on loop: StreamLoop, clock: @escaping @Sendable () -> RunInstant,
        observer: (@Sendable (BrokerNote, RunInstant) -> Void)?
    ) {
        self.broker = broker
        self.loop = loop
        self.clock = clock
        self.observer = observer
    }

    func start(with server: StreamServer) {
        self.server = server
        handle(.started)
    }

    func stop() {
        handle(.stop)
        wake?.cancel()
        wake = nil
        server = nil
    }

    var counters: BrokerStatistics { broker.counters }

    // MARK: Inputs

    func opened(_ connection: StreamID, _ peer: StreamPeer) {
        handle(.opened(ConnectionID(rawValue: connection.rawValue), peer: peer.address.description, certificateSubject: peer.certificateSubject))
    }

    func received(_ connection: StreamID, _ bytes: [UInt8]) { handle(.received(ConnectionID(rawValue: connection.rawValue), bytes)) }

    func writabilityChanged(_ connection: StreamID, _ isWritable: Bool) {
        handle(.congested(ConnectionID(rawValue: connection.rawValue), !isWritable))
    }

    func closed(_ connection: StreamID, _ failure: StreamFailure) {
        handle(.closed(ConnectionID(rawValue: connection.rawValue), reason: failure.detail))
    }

    func refused(_ peer: StreamAddress, _ failure: StreamFailure) {
        observer?(.connectionClosed(peer: peer.description, .closedByPeer(failure.detail)), clock())
    }

    func handle(_ input: BrokerInput) {
        let now = clock()
        // The array's storage is used again and again.
        var effects: [BrokerEffect] = []
        swap(&effects, &self.effects)
        broker.handle(input, at: now, &effects)
        for effect in effects { perform(effect, now) }
        effects.removeAll(keepingCapacity: true)
        swap(&effects, &self.effects)
    }

    // MARK: Effects

    private func perform(_ effect: BrokerEffect, _ now: RunInstant) {
        switch effect {
        case .send(let id, let bytes): server?.send(StreamID(rawValue: id.rawValue), bytes)
        case .close(let id, _): server?.close(StreamID(rawValue: id.rawValue))
        case .pauseReading(let id): server?.pauseReading(StreamID(rawValue: id.rawValue))
        case .resumeReading(let id): server?.resumeReading(StreamID(rawValue: id.rawValue))
        case .wake(let moment): plan(moment, now)
        case .note(let note): observer?(note, now)
        case .deliver: break  // Only consumers in the process are delivered to, and there is none.
        }
    }

    private func plan(_ moment: RunInstant, _ now: RunInstant) {
        wake?.cancel()
        wake = nil
        guard moment < .distantFuture else { return }
        wake = loop.schedule(after: now.duration(to: moment)) { [weak self] in
            self?.wake = nil
            self?.handle(.timerFired)
        }
    }
}
