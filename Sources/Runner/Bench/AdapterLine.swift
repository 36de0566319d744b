import LabCore
import Simulation

/// A device's end of a serial line whose other end is an adapter at the host: the host's port stays whatever becomes of the device, and what
/// the host sends to a device without power is lost.
final class AdapterLine: ByteStream {
    private let line: any ByteStream
    private let kernel: Kernel
    /// The device listens.
    private(set) var isOpen = false
    private var isOpening = false
    var name: String { line.name }
    var onEvent: ((ByteStreamEvent) -> Void)?

    init(_ line: any ByteStream, kernel: Kernel) {
        self.line = line
        self.kernel = kernel
        line.onEvent = { [weak self] event in self?.happened(event) }
        line.open()
    }

    func open() {
        guard !isOpen, !isOpening else { return }
        isOpening = true
        // Where the adapter is not there yet, its own event follows.
        kernel.schedule(after: .zero) { [weak self] in
            guard let self else { return }
            if line.isOpen { opened() } else { line.open() }
        }
    }

    private func opened() {
        guard isOpening else { return }
        isOpening = false
        isOpen = true
        onEvent?(.opened)
    }

    private func happened(_ event: ByteStreamEvent) {
        switch event {
        case .opened: opened()
        case .bytes: if isOpen { onEvent?(event) }
        case .closed:
            guard isOpen || isOpening else { return }
            (isOpen, isOpening) = (false, false)
            onEvent?(event)
        }
    }

    func send(_ bytes: [UInt8]) { if isOpen { line.send(bytes) } }
    func close() { (isOpen, isOpening) = (false, false) }
}
