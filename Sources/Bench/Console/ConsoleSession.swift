import Glibc
package import LabCore
package import Transports

/// A person, or a pipe, at the port of a device: what is typed goes to the device, what it says is shown, and both are recorded.
///
/// Confined to the thread that runs it.
package final class ConsoleSession {
    package struct Options: Sendable {
        /// A person types: bytes go as they are, Ctrl-] leaves, and a port that goes away is waited for.
        package var isInteractive: Bool
        /// Lines of a pipe end with CR at the device, as modules want it, and each waits for the answer to the one before.
        package var translatesLines = true
        /// A line of a pipe goes out when the device has been quiet for this long after it said something.
        package var quiet = Duration.milliseconds(200)
        /// How long it may say nothing at all; a pipe that ended ends the session after that.
        package var patience = Duration.seconds(1)

        package init(isInteractive: Bool) { self.isInteractive = isInteractive }
    }

    package enum Ending: Sendable, Equatable {
        /// Ctrl-], or the end of the pipe.
        case left
        /// Ctrl-C or a signal.
        case interrupted
    }

    /// Ctrl-]
    package static let leavingByte: UInt8 = 0x1d
    /// A line of a pipe that is longer goes out in pieces.
    private static let longestLine = 4_096

    private let source: PortSource
    private let options: Options
    private let record: (PortRecording.Piece) -> Void
    private let show: ([UInt8]) -> Void
    private let tell: (String) -> Void
    private let reactor: Reactor
    private let stream: any ByteStream
    private var isLeaving = false
    private var loss: StreamFailure?
    private var waiting: [UInt8] = []
    private var hasEnded = false
    private var lastHeard: RunInstant?
    private var lastSent = RunInstant.start
    private var inputWatch: Reactor.WatchID?

    /// - Parameters:
    ///   - record: gets every byte and every opening, as they happen.
    ///   - show: gets what the device says.
    ///   - tell: gets sentences for the person.
    package init(
        _ source: PortSource, _ options: Options, find: (PortSource, Reactor) throws(StreamFailure) -> any ByteStream, record: @escaping (PortRecording.Piece) -> Void,
        show: @escaping ([UInt8]) -> Void, tell: @escaping (String) -> Void
    ) throws(StreamFailure) {
        self.source = source
        self.options = options
        self.record = record
        self.show = show
        self.tell = tell
        reactor = try Reactor()
        stream = try find(source, reactor)
        stream.onEvent = { [weak self] in self?.happened($0) }
    }

    deinit { stream.close() }

    /// Runs until somebody leaves.
    ///
    /// - Parameters:
    ///   - input: a terminal in raw mode, a pipe or a file.
    ///   - isInterrupted: asked after each wait.
    ///   - tick: called about each second, for what must go on meanwhile; a failure ends the session.
    /// - Throws: where the port does not open, or goes away under a pipe.
    package func run(input: Int32, isInterrupted: () -> Bool, tick: () throws(StreamFailure) -> Void = {}) throws(StreamFailure) -> Ending {
        stream.open()
        reactor.run(until: { stream.isOpen || loss != nil || isInterrupted() }, timeout: .seconds(15))
        if let loss { throw loss }
        guard stream.isOpen else {
            if isInterrupted() { return .interrupted }
            throw StreamFailure(.timedOut, stream.name, "it does not open", remedy: "check the device and its cable")
        }
        try watch(input)
        defer { if let inputWatch { reactor.unwatch(inputWatch) } }
        while !isLeaving {
            reactor.run(until: { isLeaving || loss != nil || isInterrupted() || canSendLine || isDone }, timeout: pause)
            if isInterrupted() { return .interrupted }
            if let failure = loss {
                guard options.isInteractive else { throw failure }
                waitForReturn(failure, isInterrupted)
            }
            try tick()
            if canSendLine { sendLine() }
            if isDone { break }
        }
        return .left
    }

    private var pause: Duration { options.isInteractive ? .seconds(1) : .milliseconds(20) }

    // MARK: Input

    private func watch(_ input: Int32) throws(StreamFailure) {
        do throws(StreamFailure) {
            inputWatch = try reactor.watch(input, .reading) { [weak self] _ in self?.read(input) }
        } catch {
            // The system does not wait for files: they are always ready.
            while !hasEnded { read(input) }
        }
    }

    private func read(_ input: Int32) {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = unsafe Glibc.read(input, &bytes, bytes.count)
        if count < 0, errno == EINTR || errno == EAGAIN { return }
        guard count > 0 else {
            hasEnded = true
            if let inputWatch { reactor.unwatch(inputWatch) }
            inputWatch = nil
            if options.isInteractive { isLeaving = true }
            return
        }
        take(Array(bytes.prefix(count)))
    }

    private func take(_ bytes: [UInt8]) {
        guard options.isInteractive else { return waiting += bytes }
        let typed = Array(bytes.prefix { $0 != Self.leavingByte })
        if !typed.isEmpty { send(typed) }
        if typed.count < bytes.count { isLeaving = true }
    }

    private func send(_ bytes: [UInt8]) {
        guard stream.isOpen else { return }
        record(PortRecording.Piece(at: reactor.now, .sent(bytes)))
        stream.send(bytes)
        lastSent = reactor.now
    }

    // MARK: Lines of a pipe

    /// The device is quiet after its answer, or says nothing.
    private var isQuiet: Bool {
        let now = reactor.now
        if let lastHeard, lastHeard >= lastSent { return lastHeard.duration(to: now) >= options.quiet }
        return lastSent == .start || lastSent.duration(to: now) >= options.patience
    }

    private var canSendLine: Bool { !options.isInteractive && !waiting.isEmpty && (hasEnded || waiting.contains(0x0a) || waiting.count >= Self.longestLine) && isQuiet }

    private func sendLine() {
        guard options.translatesLines else {
            send(waiting)
            return waiting = []
        }
        let end = waiting.firstIndex(of: 0x0a) ?? waiting.endIndex
        var line = Array(waiting[..<end].prefix(Self.longestLine))
        waiting.removeFirst(min(waiting.count, line.count + (line.count == end ? 1 : 0)))
        while line.last == 0x0d { line.removeLast() }
        send(line + [0x0d])
    }

    private var isDone: Bool {
        guard !options.isInteractive, hasEnded, waiting.isEmpty else { return false }
        let last = max(lastSent, lastHeard ?? .start)
        return last.duration(to: reactor.now) >= options.patience
    }

    // MARK: Device

    private func happened(_ event: ByteStreamEvent) {
        switch event {
        case .opened: record(PortRecording.Piece(at: reactor.now, .opened))
        case .bytes(let bytes, let time):
            record(PortRecording.Piece(at: time, .received(bytes)))
            lastHeard = reactor.now
            show(bytes)
        case .closed(let failure):
            record(PortRecording.Piece(at: reactor.now, .closed(failure.reason, detail: failure.detail)))
            loss = failure
        }
    }

    private func waitForReturn(_ failure: StreamFailure, _ isInterrupted: () -> Bool) {
        tell("\(failure.medium): \(failure.detail); waiting for it (Ctrl-] leaves)")
        while !isLeaving, !isInterrupted(), !stream.isOpen {
            stream.open()
            reactor.run(until: { isLeaving || isInterrupted() || stream.isOpen }, timeout: .milliseconds(500))
        }
        loss = nil
        if stream.isOpen { tell("it is back") }
    }
}
