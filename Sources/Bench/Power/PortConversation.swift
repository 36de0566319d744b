package import LabCore
package import Transports

/// A talk over one port by a thread that waits for the answers: power switches and the doctor have time, and no kernel.
///
/// Confined to the thread that made it. The port is closed with this object.
package final class PortConversation {
    /// Bytes that came and nobody asked for are kept up to this.
    package static let longestMemory = 65_536

    package let stream: any ByteStream
    private let reactor: Reactor
    private var opened = false
    private var ending: StreamFailure?
    private var received: [UInt8] = []
    /// Called with all that goes either way, as it happens.
    package var onTraffic: ((_ isSent: Bool, _ bytes: [UInt8]) -> Void)?

    package init(_ stream: any ByteStream, on reactor: Reactor) {
        self.stream = stream
        self.reactor = reactor
        stream.onEvent = { [weak self] event in self?.take(event) }
    }

    deinit { stream.close() }

    private func take(_ event: ByteStreamEvent) {
        switch event {
        case .opened: opened = true
        case .bytes(let bytes, _):
            onTraffic?(false, bytes)
            received += bytes
            if received.count > Self.longestMemory { received.removeFirst(received.count - Self.longestMemory) }
        case .closed(let failure): ending = failure
        }
    }

    /// Opens the port.
    ///
    /// - Parameter limit: a port that is there, and busy or not ready yet, is tried again until then: for about a second after a device
    ///   has come, others look at it too (rg500q.md §5.4).
    package func open(within limit: Duration) throws(StreamFailure) {
        let end = reactor.now.advanced(by: limit)
        while true {
            (opened, ending) = (false, nil)
            stream.open()
            reactor.run(until: { opened || ending != nil }, timeout: max(.milliseconds(1), reactor.now.duration(to: end)))
            if opened { return }
            let failure = ending ?? StreamFailure(.timedOut, stream.name, "it does not open in \(Self.text(limit))", remedy: "check the device and its cable")
            stream.close()
            let canPass: Set<StreamFailure.Reason> = [.busy, .permissionDenied, .notFound, .vanished]
            guard canPass.contains(failure.reason), reactor.now < end else { throw failure }
            pause(.milliseconds(100))
        }
    }

    /// - Throws: where the port is gone.
    package func send(_ bytes: [UInt8]) throws(StreamFailure) {
        if let ending { throw ending }
        onTraffic?(true, bytes)
        stream.send(bytes)
    }

    /// Waits for bytes, after what came before was taken.
    ///
    /// - Returns: what has come, which the caller takes from the front as it understands it; empty when the time is over.
    /// - Throws: where the port is gone and everything that came was taken.
    package func wait(within limit: Duration) throws(StreamFailure) -> [UInt8] {
        reactor.run(until: { !received.isEmpty || ending != nil }, timeout: limit)
        if received.isEmpty, let ending { throw ending }
        defer { received = [] }
        return received
    }

    /// Waits whatever comes; that is kept.
    package func pause(_ time: Duration) { reactor.run(until: { false }, timeout: time) }

    /// Forgets what came and was not taken.
    package func forget() { received = [] }

    /// Waits until what was sent is out, as far as the port tells.
    package func drain(within limit: Duration) throws(StreamFailure) {
        guard let port = stream as? SerialPort else { return }
        let end = reactor.now.advanced(by: limit)
        while port.unsentCount > 0, ending == nil {
            guard reactor.now < end else {
                throw StreamFailure(
                    .timedOut, stream.name, "the port does not take what is sent", remedy: "check that nothing holds the line (flow control is off)")
            }
            pause(.milliseconds(2))
        }
        if let ending { throw ending }
    }

    /// The time on the conversation's own clock.
    package var now: RunInstant { reactor.now }
    package var isOver: Bool { ending != nil }

    package func close() { stream.close() }

    static func text(_ duration: Duration) -> String { DurationText.format(nanoseconds: duration.nanoseconds) }
}
