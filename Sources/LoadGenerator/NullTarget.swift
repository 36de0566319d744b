import CLinux
import DequeModule
import Foundation
import Glibc
import LabCore
import Synchronization

/// A target that does nothing but answer: the floor of every figure, with the same plan against it (sla.md §1.3).
///
/// One thread, plain HTTP/1.1 with keep-alive on 127.0.0.1. Every whole request has the same answer, at once or after a time.
package final class NullTarget: Sendable {
    package let port: UInt16
    private let bell: Int32
    private let isOver = Atomic(false)
    private let count = Atomic(0)
    private let ended = DispatchSemaphore(value: 0)

    /// Begins to listen.
    ///
    /// - Parameters:
    ///   - body: of each answer, with status 200.
    ///   - holds: how long each request is held before its answer.
    /// - Throws: `.exhausted` where the system gives no port or descriptor.
    package init(body: [UInt8] = Array("{}".utf8), holds: Duration = .zero) throws(LoadFailure) {
        clinux_raise_descriptor_limit()
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let (epoll, bell) = (clinux_epoll_create(), clinux_eventfd())
        guard listener >= 0, epoll >= 0, bell >= 0, let port = Self.listen(listener),
            clinux_epoll_add(epoll, listener, UInt32(CLINUX_READABLE), NullTargetThread.listenerToken) == 0,
            clinux_epoll_add(epoll, bell, UInt32(CLINUX_READABLE), NullTargetThread.bellToken) == 0
        else {
            for descriptor in [listener, epoll, bell] where descriptor >= 0 { close(descriptor) }
            throw LoadFailure(.exhausted, "the system gives no port or descriptor for a target", remedy: "raise the limit with `ulimit -n`")
        }
        self.port = port
        self.bell = bell
        let answer = Array("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: \(body.count)\r\n\r\n".utf8) + body
        let thread = Thread { [self] in
            let worker = NullTargetThread(listener: listener, epoll: epoll, bell: bell, answer: answer, holds: holds.nanoseconds) {
                [self] answers in
                _ = count.wrappingAdd(answers, ordering: .relaxed)
            }
            worker.run { isOver.load(ordering: .relaxed) }
            ended.signal()
        }
        thread.stackSize = 512 << 10
        thread.start()
    }

    /// Requests that were answered.
    package var served: Int { count.load(ordering: .relaxed) }

    /// Ends it with all its connections, and waits for that. May be called once; without it the target lives on.
    package func stop() {
        isOver.store(true, ordering: .relaxed)
        clinux_eventfd_signal(bell)
        ended.wait()
    }

    private static func listen(_ listener: Int32) -> UInt16? {
        Sockets.set(listener, SOL_SOCKET, SO_REUSEADDR, 1)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                guard unsafe bind(listener, generic, size) == 0, Glibc.listen(listener, 4_096) == 0,
                    unsafe getsockname(listener, generic, &size) == 0
                else {
                    return nil
                }
                return unsafe UInt16(bigEndian: pointer.pointee.sin_port)
            }
        }
    }
}

/// The one thread of a `NullTarget`.
private final class NullTargetThread {
    static let listenerToken = UInt64.max
    static let bellToken = UInt64.max - 1
    private static let batch = 256

    private struct Client {
        var life: UInt32 = 0
        var isOpen = false
        var reader = RequestCounter()
        var unwritten: [UInt8] = []
    }

    let listener: Int32
    let epoll: Int32
    let bell: Int32
    let answer: [UInt8]
    let holds: Int64
    /// By descriptor.
    private var clients: [Client] = []
    /// All are held equally long, so the first is due first.
    private var held = Deque<(due: Int64, descriptor: Int32, life: UInt32)>()
    /// Told of answers before they go out, so that who has one knows that it was counted.
    private let counting: (Int) -> Void
    private var input = [UInt8](repeating: 0, count: 65_536)

    init(listener: Int32, epoll: Int32, bell: Int32, answer: [UInt8], holds: Int64, counting: @escaping (Int) -> Void) {
        self.listener = listener
        self.epoll = epoll
        self.bell = bell
        self.answer = answer
        self.holds = holds
        self.counting = counting
    }

    func run(until isOver: () -> Bool) {
        clinux_precise_timers()
        var ready = [clinux_ready](repeating: clinux_ready(), count: Self.batch)
        while !isOver() {
            let wait = held.first.map { max(0, $0.due - MachineClock.monotonic) } ?? -1
            let count = unsafe ready.withUnsafeMutableBufferPointer {
                unsafe clinux_epoll_wait(epoll, $0.baseAddress, Int32(Self.batch), wait)
            }
            for index in 0..<max(0, Int(count)) { handle(ready[index]) }
            let now = MachineClock.monotonic
            while let first = held.first, first.due <= now {
                held.removeFirst()
                if clients[Int(first.descriptor)].life == first.life, clients[Int(first.descriptor)].isOpen { write(first.descriptor, 1) }
            }
        }
        for descriptor in clients.indices where clients[descriptor].isOpen { end(Int32(descriptor)) }
        for descriptor in [listener, epoll, bell] { close(descriptor) }
    }

    private func handle(_ event: clinux_ready) {
        switch event.token {
        case Self.listenerToken: accept()
        case Self.bellToken: clinux_eventfd_clear(bell)
        default:
            let descriptor = Int32(truncatingIfNeeded: event.token & 0xffff_ffff)
            guard clients[Int(descriptor)].isOpen, clients[Int(descriptor)].life == UInt32(event.token >> 32) else { return }
            if event.events & UInt32(CLINUX_WRITABLE) != 0 { writeRest(descriptor) }
            if event.events & ~UInt32(CLINUX_WRITABLE) != 0 { read(descriptor) }
        }
    }

    private func accept() {
        while true {
            let descriptor = Glibc.accept(listener, nil, nil)
            guard descriptor >= 0 else { return }
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            Sockets.set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
            while clients.count <= Int(descriptor) { clients.append(Client()) }
            clients[Int(descriptor)] = Client(life: clients[Int(descriptor)].life &+ 1, isOpen: true)
            _ = clinux_epoll_add(epoll, descriptor, UInt32(CLINUX_READABLE), token(descriptor))
        }
    }

    private func token(_ descriptor: Int32) -> UInt64 { UInt64(clients[Int(descriptor)].life) << 32 | UInt64(descriptor) }

    private func read(_ descriptor: Int32) {
        let count = unsafe input.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0, let whole = clients[Int(descriptor)].reader.count(input.span.extracting(0..<count)) else { return end(descriptor) }
        if whole == 0 { return }
        if holds == 0 { return write(descriptor, whole) }
        let due = MachineClock.monotonic + holds
        for _ in 0..<whole { held.append((due, descriptor, clients[Int(descriptor)].life)) }
    }

    private func write(_ descriptor: Int32, _ answers: Int) {
        counting(answers)
        if answers == 1, clients[Int(descriptor)].unwritten.isEmpty {
            let count = unsafe answer.withUnsafeBytes { unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count == answer.count { return }
            if count < 0, errno != EAGAIN, errno != EINTR { return end(descriptor) }
            clients[Int(descriptor)].unwritten = Array(answer[max(0, count)...])
        } else {
            for _ in 0..<answers { clients[Int(descriptor)].unwritten += answer }
        }
        writeRest(descriptor)
    }

    private func writeRest(_ descriptor: Int32) {
        let count = unsafe clients[Int(descriptor)].unwritten.withUnsafeBytes {
            unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if count < 0, errno != EAGAIN, errno != EINTR { return end(descriptor) }
        clients[Int(descriptor)].unwritten.removeFirst(max(0, count))
        let interest = CLINUX_READABLE | (clients[Int(descriptor)].unwritten.isEmpty ? 0 : CLINUX_WRITABLE)
        _ = clinux_epoll_modify(epoll, descriptor, UInt32(interest), token(descriptor))
    }

    private func end(_ descriptor: Int32) {
        clients[Int(descriptor)].isOpen = false
        clients[Int(descriptor)].unwritten = []
        close(descriptor)
    }
}

/// Counts whole requests in a stream and skips their bodies; knows `content-length` only, which is all that the generator sends.
struct RequestCounter: Sendable {
    private static let longestHead = 65_536

    /// Of the head so far; -1 in a body.
    private var headBytes = 0
    private var bodyLeft = 0
    private var length = 0
    /// Line feeds in a row, with carriage returns between them left out.
    private var isAtLineStart = false
    private var name: [UInt8] = []
    private var isInValue = false

    /// - Returns: how many requests came to their end; `nil` for a head that is too long.
    mutating func count(_ bytes: borrowing Span<UInt8>) -> Int? {
        var (whole, position) = (0, 0)
        while position < bytes.count {
            if bodyLeft > 0 {
                let taken = min(bodyLeft, bytes.count - position)
                bodyLeft -= taken
                position += taken
                if bodyLeft == 0 { whole += 1 }
                continue
            }
            let byte = bytes[position]
            position += 1
            headBytes += 1
            if headBytes > Self.longestHead { return nil }
            switch byte {
            case UInt8(ascii: "\r"): break
            case UInt8(ascii: "\n"):
                if isAtLineStart, headBytes > 2 {
                    bodyLeft = length
                    if length == 0 { whole += 1 }
                    (headBytes, length, isAtLineStart) = (0, 0, false)
                } else {
                    isAtLineStart = true
                }
                name.removeAll(keepingCapacity: true)
                isInValue = false
            case UInt8(ascii: ":") where !isInValue: isInValue = true
            default:
                isAtLineStart = false
                if !isInValue {
                    if name.count < 16 { name.append(byte | 0x20) }
                } else if name.count == 14, name == Self.lengthName, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
                    length = min(length * 10 + Int(byte - UInt8(ascii: "0")), 1 << 40)
                }
            }
        }
        return whole
    }

    // A hyphen already has the bit that makes letters small.
    private static let lengthName = Array("content-length".utf8)
}
