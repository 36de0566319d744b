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
    private var waiting: [UInt8] = []
    private var isWriting = false
    private var isOver = false

    private static let chunk = 16_384
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
        if !waiting.isEmpty { return waiting.append(contentsOf: bytes) }
        waiting = bytes
        write()
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
            var count = 0
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: Self.chunk) { buffer, length in
                count = unsafe Glibc.read(descriptor, buffer.baseAddress, Self.chunk)
                length = max(0, count)
            }
            let code = errno
            if count > 0 {
                onBytes(bytes, reactor.now)
                if count < Self.chunk { return }
            } else if count == 0 {
                return fail(.ended)
            } else if code == EAGAIN || code == EINTR {
                return
            } else {
                return fail(.failed(code))
            }
        }
    }

    private func write() {
        guard !isOver else { return }
        while !waiting.isEmpty {
            let count = unsafe waiting.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                if code == EAGAIN { break }
                // Told from the loop, never from inside a call to send.
                waiting = []
                let errand = Errand { [weak self] in self?.fail(.failed(code)) }
                return reactor.post { errand.run() }
            }
            if count == waiting.count { waiting = [] } else { waiting.removeFirst(count) }
        }
        setWriting(!waiting.isEmpty)
    }

    private func setWriting(_ isWriting: Bool) {
        guard isWriting != self.isWriting, let watch else { return }
        self.isWriting = isWriting
        reactor.modify(watch, isWriting ? [.reading, .writing] : .reading)
    }

    private func fail(_ ending: Ending) {
        guard !isOver else { return }
        end()
        onEnd(ending)
    }
}
