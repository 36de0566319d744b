import BenchTable
import CSockets
import Foundation
import LabCore
import Simulation
import Transports

/// The thread of a load: a kernel in real time over one epoll loop.
final class LoadLoop {
    let reactor: Reactor
    let kernel: Kernel
    fileprivate var count = 0

    /// - Parameter gathering: of the reactor.
    init(gathering: Duration = .zero) throws {
        reactor = try Reactor(gathering: gathering)
        kernel = Kernel(pace: reactor, foreignJobs: .accept)
    }

    /// Real time, more exact than the kernel's, which stands still while something is handled.
    var now: Int64 { reactor.now.nanoseconds }

    /// - Throws: `Problem` where it takes longer.
    func run(_ what: String, within limit: Duration, until condition: @escaping () -> Bool) throws {
        let end = reactor.now.advanced(by: limit)
        var isOver = false
        var isLate = false
        func look() {
            isOver = condition()
            isLate = reactor.now > end
            if !isOver, !isLate { kernel.schedule(after: .milliseconds(5)) { look() } }
        }
        look()
        kernel.run { isOver || isLate }
        if !isOver { throw Problem("waited in vain until \(what)") }
    }
}

/// A TCP connection on the loop of a load.
final class Connection {
    private let loop: LoadLoop
    private var descriptor: Int32 = -1
    private var watch: Reactor.WatchID?
    private(set) var isOpen = false
    private var waiting: [UInt8] = []
    var onOpen: () -> Void = {}
    var onBytes: (ArraySlice<UInt8>) -> Void = { _ in }
    /// It could not be made, or it ended.
    var onClosed: () -> Void = {}

    init(_ loop: LoadLoop) { self.loop = loop }
    deinit { close() }

    func open(port: Int) {
        close()
        loop.count += 1
        descriptor = sockets_connect(UInt16(port), Int32(loop.count % 2_000_000))
        guard descriptor >= 0, let id = try? loop.reactor.watch(descriptor, [.reading, .writing], { [unowned self] in ready($0) }) else {
            if descriptor >= 0 { sockets_close(descriptor) }
            descriptor = -1
            loop.kernel.schedule(after: .zero) { [weak self] in self?.onClosed() }
            return
        }
        watch = id
    }

    func send(_ bytes: [UInt8]) {
        guard isOpen else { return }
        if !waiting.isEmpty { return waiting += bytes }
        let sent = unsafe bytes.withUnsafeBytes { unsafe sockets_send(descriptor, $0.baseAddress, $0.count) }
        if sent < 0 { return lose() }
        if sent < bytes.count {
            waiting = Array(bytes[Int(sent)...])
            if let watch { loop.reactor.modify(watch, [.reading, .writing]) }
        }
    }

    func close() {
        guard descriptor >= 0 else { return }
        if let watch { loop.reactor.unwatch(watch) }
        watch = nil
        isOpen = false
        waiting = []
        sockets_close(descriptor)
        descriptor = -1
    }

    private func lose() {
        guard descriptor >= 0 else { return }
        close()
        onClosed()
    }

    private func ready(_ readiness: Reactor.Readiness) {
        if !isOpen {
            guard sockets_error(descriptor) == 0 else { return lose() }
            guard readiness.contains(.writable) else { return }
            isOpen = true
            if let watch { loop.reactor.modify(watch, .reading) }
            return onOpen()
        }
        if readiness.contains(.writable), !waiting.isEmpty { flush() }
        if isOpen, !readiness.isDisjoint(with: [.readable, .hangup, .error]) { read() }
    }

    private func flush() {
        let sent = unsafe waiting.withUnsafeBytes { unsafe sockets_send(descriptor, $0.baseAddress, $0.count) }
        if sent < 0 { return lose() }
        waiting.removeFirst(Int(sent))
        if waiting.isEmpty, let watch { loop.reactor.modify(watch, .reading) }
    }

    private static let size = 65_536
    // Only the thread of the loop reads, one connection after the other.
    private static nonisolated(unsafe) var buffer = [UInt8](repeating: 0, count: size)

    private func read() {
        while descriptor >= 0 {
            let got = unsafe Self.buffer.withUnsafeMutableBytes { unsafe sockets_receive(descriptor, $0.baseAddress, $0.count) }
            if got < 0 { return lose() }
            if got == 0 { return }
            let bytes = unsafe Self.buffer[..<Int(got)]
            onBytes(bytes)
            if got < Self.size { return }
        }
    }
}
