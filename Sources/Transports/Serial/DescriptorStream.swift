import CLinux
import Glibc
import LabCore

/// Bytes to and from a non-blocking descriptor on a reactor; what serial ports and pseudo terminals share.
///
/// Errors of the descriptor end it, and whoever owns it is told once.
final class DescriptorStream {
    enum Ending {
        /// Read gave the end of the file.
        case ended
        /// The system's error number.
        case failed(Int32)
    }

    let descriptor: Int32
    private let reactor: Reactor
    private let onBytes: ([UInt8], RunInstant) -> Void
    private let onEnd: (Ending) -> Void
    private var watch: Reactor.WatchID?
    /// What the system did not take yet, from `written` on.
    private var waiting: [UInt8] = []
    private var written = 0
    private var isWriting = false
    private var isOver = false

    /// Reads for one readiness, so that a port that never pauses does not keep others waiting.
    private static let readsAtOnce = 8

    /// - Throws: `StreamFailure` where the descriptor cannot be watched.
    init(
        _ descriptor: Int32, on reactor: Reactor, onBytes: @escaping ([UInt8], RunInstant) -> Void, onEnd: @escaping (Ending) -> Void
    ) throws(StreamFailure) {
        self.descriptor = descriptor
        self.reactor = reactor
        self.onBytes = onBytes
        self.onEnd = onEnd
        watch = try reactor.watch(descriptor, .reading) { [weak self] ready in self?.isReady(ready) }
    }

    func send(_ bytes: [UInt8]) {
        guard !isOver, !bytes.isEmpty else { return }
        let isFree = waiting.isEmpty
        if isFree { waiting = bytes } else { waiting.append(contentsOf: bytes) }
        if isFree { write() }
    }

    /// Bytes that the system has not taken, or has taken and not sent as far as it tells.
    var unsentCount: Int { waiting.count - written + max(0, Int(clinux_unsent(descriptor))) }

    /// Throws away what came and was not read, and what was sent and is not out.
    func discard() {
        (waiting, written) = ([], 0)
        setWriting(false)
        _ = clinux_discard(descriptor)
    }

    /// Hands out what goes without waiting, then stops watching; the owner closes the descriptor.
    func end() {
        guard !isOver else { return }
        if !waiting.isEmpty { write() }
        isOver = true
        if let watch { reactor.unwatch(watch) }
        watch = nil
    }

    private func isReady(_ ready: Reactor.Readiness) {
        if ready.contains(.writable) { write() }
        if !ready.isDisjoint(with: [.readable, .hangup, .error]) { read() }
    }

    private func read() {
        for _ in 0..<Self.readsAtOnce where !isOver {
            let count = unsafe Glibc.read(descriptor, reactor.scratch.baseAddress, reactor.scratch.count)
            let code = errno
            if count > 0 {
                onBytes(unsafe [UInt8](reactor.scratch.prefix(count)), reactor.now)
            } else if count == 0 {
                return fail(.ended)
            } else if code == EAGAIN || code == EINTR {
                return
            } else {
                return fail(.failed(code))
            }
            // A terminal gives all that it has, up to 4 KB; the next look is cheaper than a read in vain.
            if count < 2_048 { return }
        }
    }

    private func write() {
        guard !isOver else { return }
        while written < waiting.count {
            let count = unsafe waiting.withUnsafeBytes { bytes in
                unsafe Glibc.write(descriptor, bytes.baseAddress?.advanced(by: written), bytes.count - written)
            }
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                if code == EAGAIN { return setWriting(true) }
                (waiting, written) = ([], 0)
                // Told from the loop, never from inside a call to send.
                let errand = Errand { [weak self] in self?.fail(.failed(code)) }
                return reactor.post { errand.run() }
            }
            written += count
        }
        (waiting, written) = ([], 0)
        setWriting(false)
    }

    private func setWriting(_ isWriting: Bool) {
        guard isWriting != self.isWriting, let watch else { return }
        self.isWriting = isWriting
        reactor.modify(watch, isWriting ? [.reading, .writing] : .reading)
    }

    private func fail(_ ending: Ending) {
        guard !isOver else { return }
        (waiting, written) = ([], 0)
        end()
        onEnd(ending)
    }
}

/// Work for the reactor's own thread. `@unchecked Sendable`: posted from that thread and run on it.
package final class Errand: @unchecked Sendable {
    package let run: () -> Void
    package init(_ run: @escaping () -> Void) { self.run = run }
}
