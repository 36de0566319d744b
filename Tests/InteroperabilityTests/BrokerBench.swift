import Foundation
import LabCore
import MQTTBroker
import Runner
import Synchronization
import Testing
import Transports

/// A broker on ports of its own, and what it noted.
final class BrokerBench: Sendable {
    let loop = StreamLoop()
    let service: BrokerService
    let listeners: [BrokerServiceSettings.Listener]
    private let notes: AsyncStream<BrokerNote>

    init(_ settings: BrokerServiceSettings = BrokerServiceSettings()) throws {
        let (notes, continuation) = AsyncStream<BrokerNote>.makeStream()
        self.notes = notes
        service = try BrokerService(settings, on: loop, observer: { note, _ in continuation.yield(note) })
        listeners = try service.start()
    }

    func stop() { service.stop() }

    var port: String { String(listeners[0].address.port) }

    /// Waits until a client has subscribed.
    func subscribed(_ count: Int = 1) async {
        var left = count
        for await note in notes {
            if case .subscribed = note { left -= 1 }
            if left == 0 { return }
        }
    }

    /// Waits until a client has gone.
    func disconnected(_ client: String) async {
        for await note in notes { if case .disconnected(client, _, _) = note { return } }
    }
}
