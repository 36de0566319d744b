import LabCore
import Simulation

/// A stream whose bytes take the time that a serial line would take: the system passes them at once, whatever the rate is.
final class PacedStream: ByteStream {
    private let stream: any ByteStream
    private let kernel: Kernel
    private var outward: LinkDirection
    private var inward: LinkDirection
    /// Counts openings: what belongs to an earlier one is dropped.
    private var epoch = 0

    var name: String { stream.name }
    var isOpen: Bool { stream.isOpen }
    var onEvent: ((ByteStreamEvent) -> Void)?

    /// - Parameter baud: bits in a second, 8N1.
    init(_ stream: any ByteStream, kernel: Kernel, baud: UInt32, seed: UInt64) {
        self.stream = stream
        self.kernel = kernel
        let profile = SharedProfile(LinkProfile(speed: .serial(baud: baud)))
        outward = LinkDirection(.raw(.byte), profile: profile, seed: seed, name: "line \(stream.name) out")
        inward = LinkDirection(.raw(.byte), profile: profile, seed: seed, name: "line \(stream.name) in")
        stream.onEvent = { [weak self] event in self?.received(event) }
    }

    func open() { stream.open() }

    func send(_ bytes: [UInt8]) {
        var deliveries: [LinkDelivery] = []
        outward.transmit(bytes, at: kernel.now, &deliveries)
        later(deliveries) { [weak self] in self?.stream.send($0) }
    }

    func close() {
        epoch += 1
        stream.close()
    }

    private func received(_ event: ByteStreamEvent) {
        guard case .bytes(let bytes, _) = event else {
            epoch += 1
            onEvent?(event)
            return
        }
        var deliveries: [LinkDelivery] = []
        inward.transmit(bytes, at: kernel.now, &deliveries)
        later(deliveries) { [weak self] in
            guard let self else { return }
            onEvent?(.bytes($0, at: kernel.now))
        }
    }

    private func later(_ deliveries: [LinkDelivery], _ hand: @escaping ([UInt8]) -> Void) {
        let epoch = epoch
        for delivery in deliveries {
            guard case .bytes(let bytes) = delivery.content else { continue }
            kernel.schedule(at: delivery.at) { [weak self] in if self?.epoch == epoch { hand(bytes) } }
        }
    }
}
