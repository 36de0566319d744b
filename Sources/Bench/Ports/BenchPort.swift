package import LabCore
package import Transports

/// The host's end of a real serial port, wherever it is and whatever it is called today.
///
/// Each opening looks anew which port is meant, so that a module that comes back under another number is found again.
package final class BenchPort: ByteStream {
    package let name: String
    package let source: PortSource
    package var onEvent: ((ByteStreamEvent) -> Void)?
    /// Sees the bytes that go out, for those who must know what the device was told.
    package var onSend: (([UInt8]) -> Void)?
    /// Sees every event before the port's user does.
    package var onChange: ((ByteStreamEvent) -> Void)?
    /// Gets what was found of its lock file and done with it, each sentence once.
    package var onNote: ((String) -> Void)?
    package var isOpen: Bool { stream?.isOpen ?? false }
    private let find: Finding
    private var noted: Set<String> = []
    private let reactor: Reactor
    private var stream: (any ByteStream)?
    private var epoch = 0

    /// Makes the stream to what is meant now; what it says of the port's lock file goes to `tell`.
    package typealias Finding = (_ source: PortSource, _ tell: @escaping (String) -> Void) throws(StreamFailure) -> any ByteStream

    /// - Parameter name: of the port in logs: `modem_1.serial`.
    package init(_ source: PortSource, name: String, on reactor: Reactor, find: @escaping Finding) {
        self.source = source
        self.name = name
        self.reactor = reactor
        self.find = find
    }

    /// What is open: `/dev/ttyUSB2`, `rfc2217://bench:4001`; nil while nothing is.
    package var medium: String? { isOpen ? stream?.name : nil }

    /// `115200 8N1`
    package var settings: String { "\(source.baud) \(source.framing)" }

    /// The modem lines of a port that has them.
    package var lines: ModemLines? { (stream as? SerialPort)?.modemLines ?? (stream as? RemoteSerialPort)?.modemLines }

    package func open() {
        guard stream == nil else { return }
        epoch += 1
        do throws(StreamFailure) {
            let stream = try find(source) { [weak self] in self?.noteOnce($0) }
            self.stream = stream
            stream.onEvent = { [weak self] event in self?.happened(event) }
            stream.open()
        } catch {
            let epoch = epoch
            let errand = Errand { [weak self] in
                guard let self, self.epoch == epoch else { return }
                tell(.closed(error))
            }
            reactor.post { errand.run() }
        }
    }

    private func noteOnce(_ text: String) { if noted.insert(text).inserted { onNote?(text) } }

    private func happened(_ event: ByteStreamEvent) {
        if case .closed = event { stream = nil }
        tell(event)
    }

    private func tell(_ event: ByteStreamEvent) {
        onChange?(event)
        onEvent?(event)
    }

    package func send(_ bytes: [UInt8]) {
        if isOpen { onSend?(bytes) }
        stream?.send(bytes)
    }

    package func close() {
        epoch += 1
        stream?.close()
        stream = nil
    }
}
