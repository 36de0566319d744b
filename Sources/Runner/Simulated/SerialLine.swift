import LabCore
import Simulation

/// A serial port in memory: it exists while the module's end is open, and the host's end can be open while it exists.
///
/// Bytes for a port that nobody has open are lost, as they are behind a USB connector. The module never learns whether
/// somebody has the port open: a real one on USB does, by DTR, but neither pseudo terminals nor this driver depend on it.
final class SerialLine {
    private let link: Link
    let module: any ByteStream
    let host: any ByteStream

    init(on kernel: Kernel, name: String, profile: LinkProfile, seed: UInt64) {
        link = Link(on: kernel, name: name, .raw(.byte), profile: profile, seed: seed)
        module = ModuleEnd(link)
        host = HostEnd(link)
    }

    private final class ModuleEnd: ByteStream, LinkReceiver {
        let link: Link
        private(set) var isOpen = false
        var onEvent: ((ByteStreamEvent) -> Void)?
        var name: String { link.name }

        init(_ link: Link) { self.link = link }

        func open() {
            guard !isOpen else { return }
            isOpen = true
            link.far = self
            link.kernel.schedule(at: link.kernel.now) { [weak self] in self?.onEvent?(.opened) }
        }

        func send(_ bytes: [UInt8]) { if isOpen { link.send(bytes, from: .far) } }

        /// The port vanishes: what is on the way is lost, and who has it open is told.
        func close() {
            guard isOpen else { return }
            isOpen = false
            link.breakConnection()
            link.far = nil
        }

        func link(_ link: Link, _ side: LinkSide, received input: LinkInput) {
            if case .bytes(let bytes) = input, isOpen { onEvent?(.bytes(bytes, at: link.kernel.now)) }
        }
    }

    private final class HostEnd: ByteStream, LinkReceiver {
        private let link: Link
        private var state = State.closed
        private enum State { case closed, opening, open }
        var onEvent: ((ByteStreamEvent) -> Void)?
        var name: String { link.name }
        var isOpen: Bool { state == .open }

        init(_ link: Link) {
            self.link = link
            link.near = self
        }

        func open() {
            guard state == .closed else { return }
            state = .opening
            link.open(from: .near)
        }

        func send(_ bytes: [UInt8]) { if isOpen { link.send(bytes, from: .near) } }

        func close() {
            guard state != .closed else { return }
            state = .closed
            link.close(from: .near)
        }

        func link(_ link: Link, _ side: LinkSide, received input: LinkInput) {
            switch (input, state) {
            case (.opened, .opening):
                state = .open
                onEvent?(.opened)
            case (.bytes(let bytes), .open): onEvent?(.bytes(bytes, at: link.kernel.now))
            case (.closed, .opening):
                state = .closed
                onEvent?(.closed(StreamFailure(.notFound, name, "there is no such port", remedy: "power the module, or wait until it is back")))
            case (.closed, .open):
                state = .closed
                onEvent?(.closed(StreamFailure(.vanished, name, "the port is gone", remedy: "wait until the module is back")))
            default: break
            }
        }
    }
}
