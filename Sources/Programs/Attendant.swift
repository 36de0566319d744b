import Foundation
import Glibc
import Synchronization

/// Looks after one child on a thread of its own: feeds it, takes what it prints, kills it when its time is over, and is the
/// only one who waits for it at the system.
struct Attendant: Sendable {
    private let record: ChildRecord
    /// The lab's ends of the child's streams; closed when nothing more goes through them.
    private var input: Descriptor?
    private var output: Descriptor?
    private var errors: Descriptor?
    private var unsent: ArraySlice<UInt8>
    private var deadline: ContinuousClock.Instant?
    private var buffer = [UInt8](repeating: 0, count: 65_536)

    init(_ record: ChildRecord, input: Descriptor?, bytes: [UInt8], output: Descriptor?, errors: Descriptor?, limit: Duration?) {
        self.record = record
        self.input = input
        unsent = bytes[...]
        self.output = output
        self.errors = errors
        deadline = limit.map { ContinuousClock.now.advanced(by: $0) }
    }

    /// Begins its work; the thread has the only copy, so that what it closes is closed.
    static func start(_ attendant: consuming Attendant) {
        if let input = attendant.input { _ = fcntl(input.number, F_SETFL, O_NONBLOCK) }
        let handover = Mutex<Attendant?>(attendant)
        Thread.detachNewThread {
            guard var attendant = handover.withLock({ $0.take() }) else { return }
            attendant.attend()
        }
    }

    private mutating func attend() {
        Self.surviveClosedInput()
        while !waitOnce() {}
        // What the child itself printed lies in the pipes by now; descendants that go on printing are not waited for.
        if let output { takeRest(of: output, into: \.output) }
        if let errors { takeRest(of: errors, into: \.errors) }
        record.finish()
    }

    /// A child that closes its input would otherwise end this process with SIGPIPE. The signal goes to the thread that writes.
    private static func surviveClosedInput() {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe sigaddset(&signals, SIGPIPE)
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    /// - Returns: whether the child has ended.
    private mutating func waitOnce() -> Bool {
        var entries = [
            entry(record.handle, POLLIN), entry(output, POLLIN), entry(errors, POLLIN), entry(input, POLLOUT),
        ]
        guard unsafe poll(&entries, nfds_t(entries.count), timeout) >= 0 else { return false }
        if let output, entries[1].revents != 0, !take(from: output, into: \.output) { self.output = nil }
        if let errors, entries[2].revents != 0, !take(from: errors, into: \.errors) { self.errors = nil }
        if let input, entries[3].revents != 0, !feed(input) { self.input = nil }
        let hasEnded = entries[0].revents != 0
        if !hasEnded, let deadline, ContinuousClock.now >= deadline {
            self.deadline = nil
            // Nobody has waited for it, so the number of its group is still its own.
            kill(-record.process, SIGKILL)
        }
        return hasEnded
    }

    private func entry(_ descriptor: Descriptor?, _ interest: Int32) -> pollfd {
        pollfd(fd: descriptor?.number ?? -1, events: Int16(interest), revents: 0)
    }

    /// Milliseconds until the child's time is over, rounded up; -1 for no limit.
    private var timeout: Int32 {
        guard let deadline else { return -1 }
        let time = ContinuousClock.now.duration(to: deadline)
        return time < .zero ? 0 : Int32(min(time / .milliseconds(1), Double(Int32.max - 1)).rounded(.up))
    }

    /// - Returns: whether more can come.
    private mutating func take(from descriptor: Descriptor, into stream: WritableKeyPath<ChildRecord.State, ChildRecord.Collected>) -> Bool
    {
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor.number, $0.baseAddress, $0.count) }
        if count < 0 { return errno == EINTR || errno == EAGAIN }
        let bytes = buffer[..<count]
        record.change { state in
            state[keyPath: stream].append(bytes)
            if bytes.isEmpty { state[keyPath: stream].hasEnded = true }
        }
        return count > 0
    }

    private mutating func takeRest(of descriptor: Descriptor, into stream: WritableKeyPath<ChildRecord.State, ChildRecord.Collected>) {
        var unread: Int32 = 0
        guard unsafe ioctl(descriptor.number, UInt(FIONREAD), &unread) == 0 else { return }
        // Not until the end: a descendant that prints without end has the pipe too.
        for _ in 0..<(Int(unread) + buffer.count - 1) / buffer.count where !take(from: descriptor, into: stream) { return }
    }

    /// - Returns: whether more is to be sent.
    private mutating func feed(_ descriptor: Descriptor) -> Bool {
        let count = unsafe unsent.withUnsafeBytes { unsafe write(descriptor.number, $0.baseAddress, $0.count) }
        if count < 0 { return errno == EINTR || errno == EAGAIN }
        unsent = unsent.dropFirst(count)
        return !unsent.isEmpty
    }
}
