import CLinux
import Glibc
package import LabCore

/// The emulator's end of a serial port: a pseudo terminal under a name that stays.
///
/// While it is open there is a link from the name to whatever the system called the terminal; closing it hangs up whoever
/// has the port open and takes the link away, as a module that vanishes from USB does.
package final class PseudoTerminal: ByteStream {
    /// The path of the link.
    package let name: String
    package var onEvent: ((ByteStreamEvent) -> Void)?
    package var isOpen: Bool { stream != nil }
    private let reactor: Reactor
    private var stream: DescriptorStream?
    /// Kept open, so that the terminal survives its clients: without it reading fails as soon as the first one leaves.
    private var slave: Int32 = -1
    /// What the system called the terminal: `/dev/pts/3`; nil while it is closed.
    package private(set) var target: String?
    private var isOpening = false
    private var epoch = 0

    package init(name: String, on reactor: Reactor) {
        self.name = name
        self.reactor = reactor
    }

    deinit { close() }

    package func open() {
        guard stream == nil, !isOpening else { return }
        isOpening = true
        epoch += 1
        let epoch = epoch
        let errand = Errand { [weak self] in
            guard let self, self.epoch == epoch else { return }
            isOpening = false
            do throws(StreamFailure) {
                try begin()
                onEvent?(.opened)
            } catch { onEvent?(.closed(error)) }
        }
        reactor.post { errand.run() }
    }

    private func begin() throws(StreamFailure) {
        var ends: (master: Int32, slave: Int32) = (-1, -1)
        var path = [CChar](repeating: 0, count: 64)
        guard unsafe clinux_pty_open(&ends.master, &ends.slave, &path) == 0 else {
            throw StreamFailure(
                .failed, name, "the system gives no pseudo terminal (error \(errno))",
                remedy: "see /proc/sys/kernel/pty/max, and `ulimit -n`")
        }
        do throws(StreamFailure) {
            let target = String(decoding: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            try link(to: target)
            self.target = target
            stream = try DescriptorStream(ends.master, on: reactor) { [weak self] bytes, time in
                self?.onEvent?(.bytes(bytes, at: time))
            } onEnd: { [weak self] _ in
                self?.lost()
            }
            slave = ends.slave
        } catch {
            removeLink()
            Glibc.close(ends.master)
            Glibc.close(ends.slave)
            throw error
        }
    }

    private func link(to path: String) throws(StreamFailure) {
        guard unsafe clinux_link(path, name) != 0 else { return }
        switch errno {
        case EEXIST:
            throw StreamFailure(
                .busy, name, "there is a file with that name, and it is no link", remedy: "move it away, or choose another folder for ports"
            )
        case EACCES, EPERM, EROFS:
            throw StreamFailure(
                .permissionDenied, name, "the link to the pseudo terminal cannot be made", remedy: "choose a folder that can be written")
        case ENOENT, ENOTDIR: throw StreamFailure(.notFound, name, "the folder of the link does not exist", remedy: "make it")
        default: throw StreamFailure(.failed, name, "the link to the pseudo terminal cannot be made (error \(errno))")
        }
    }

    private func lost() {
        release()
        epoch += 1
        onEvent?(.closed(StreamFailure(.vanished, name, "the pseudo terminal is gone")))
    }

    private func release() {
        guard let stream else { return }
        stream.end()
        removeLink()
        Glibc.close(stream.descriptor)
        Glibc.close(slave)
        self.stream = nil
        slave = -1
    }

    /// Only if it is still ours: somebody may have put another terminal there.
    private func removeLink() {
        if let target { _ = unsafe clinux_unlink(target, name) }
        target = nil
    }

    package func send(_ bytes: [UInt8]) { stream?.send(bytes) }

    /// Bytes that no client has read yet, as far as the system tells; 0 while it is closed.
    package var unsentCount: Int { stream?.unsentCount ?? 0 }

    /// Throws away what no client has read, and what clients sent and was not read here.
    package func discard() { stream?.discard() }

    package func close() {
        isOpening = false
        epoch += 1
        release()
    }

    /// Whether a client has the port for itself (TIOCEXCL). Not every program asks for that.
    package var isClaimed: Bool { slave >= 0 && clinux_serial_is_exclusive(slave) == 1 }

    /// What the client has set on its end, as a real device at the other end of the wire could notice; nil while it is closed.
    ///
    /// A pseudo terminal has 8 data bits without parity whatever is asked for; its rate and stop bits are the client's.
    package var clientSettings: SerialSettings? { stream.flatMap { SerialSettings(setOn: $0.descriptor) } }
}
