package import LabCore
package import Transports

/// Listens at a device's port, or sits between it and another program, and hands on every byte with its time.
///
/// Confined to the thread that runs it. Memory does not grow with the time: what the other program does not read is dropped.
package final class RecordingSession {
    package enum Ending: Sendable, Equatable { case interrupted, timeIsOver }

    private let record: (PortRecording.Piece) throws(StreamFailure) -> Void
    private let tell: (String) -> Void
    private let reactor: Reactor
    private let device: any ByteStream
    private let terminal: PseudoTerminal?
    private var failure: StreamFailure?
    private var lines: PortLines?
    private var hasBeenOpen = false
    private var isPresent = false
    private var hasToldOfDropping = false
    private var lastTry = RunInstant.start

    /// What another program may leave unread. Source: chosen, several reads of a fast port.
    private static let unreadLimit = 256 << 10
    private static let retryPause = Duration.milliseconds(500)

    /// - Parameters:
    ///   - between: the name of a pseudo terminal for another program; `nil` only listens.
    ///   - record: gets each piece; its failure ends the session.
    ///   - tell: gets sentences for people.
    package init(
        _ source: PortSource, between: String?, find: (PortSource, Reactor) throws(StreamFailure) -> any ByteStream,
        record: @escaping (PortRecording.Piece) throws(StreamFailure) -> Void, tell: @escaping (String) -> Void
    ) throws(StreamFailure) {
        self.record = record
        self.tell = tell
        let reactor = try Reactor()
        self.reactor = reactor
        device = try find(source, reactor)
        terminal = between.map { PseudoTerminal(name: $0, on: reactor) }
        device.onEvent = { [weak self] event in self?.happened(event) }
        terminal?.onEvent = { [weak self] event in self?.terminalHappened(event) }
    }

    deinit {
        device.close()
        terminal?.close()
    }

    /// Runs until it is interrupted or the time is over. A device that goes away is waited for.
    ///
    /// - Parameter tick: called about each fifth of a second.
    /// - Throws: where the port does not open the first time, or what was recorded cannot be kept.
    package func run(for time: Duration?, isInterrupted: () -> Bool, tick: () throws(StreamFailure) -> Void = {}) throws(StreamFailure) -> Ending {
        let end = time.map { reactor.now.advanced(by: $0) } ?? .distantFuture
        device.open()
        defer {
            device.close()
            terminal?.close()
        }
        while true {
            reactor.run(until: { failure != nil || isInterrupted() || reactor.now >= end }, timeout: min(.milliseconds(200), reactor.now.duration(to: end)))
            if let failure { throw failure }
            if isInterrupted() { return .interrupted }
            if reactor.now >= end { return .timeIsOver }
            lookAtLines()
            comeBack()
            dropUnread()
            try tick()
        }
    }

    private func keep(_ content: PortRecording.Content, at time: RunInstant) {
        guard failure == nil else { return }
        do throws(StreamFailure) { try record(PortRecording.Piece(at: time, content)) } catch { failure = error }
    }

    // MARK: The device

    private func happened(_ event: ByteStreamEvent) {
        switch event {
        case .opened:
            if hasBeenOpen { tell("\(device.name) is back") }
            (hasBeenOpen, isPresent) = (true, true)
            keep(.opened, at: reactor.now)
            lookAtLines()
            terminal?.open()
        case .bytes(let bytes, let time):
            keep(.received(bytes), at: time)
            terminal?.send(bytes)
        case .closed(let reason):
            guard hasBeenOpen else { return failure = reason }
            lastTry = reactor.now
            // One piece for the whole time in which it is away.
            guard isPresent else { return }
            (isPresent, lines) = (false, nil)
            keep(.closed(reason.reason, detail: reason.detail), at: reactor.now)
            tell("\(reason.medium): \(reason.detail); waiting for it")
            // The other program sees what it would see at the device itself.
            terminal?.close()
        }
    }

    private func comeBack() {
        guard hasBeenOpen, !device.isOpen, lastTry.duration(to: reactor.now) >= Self.retryPause else { return }
        lastTry = reactor.now
        device.open()
    }

    private func lookAtLines() {
        guard let found = (device as? BenchPort)?.lines ?? (device as? SerialPort)?.modemLines else { return }
        // The same numbers in both types.
        let now = PortLines(rawValue: UInt8(truncatingIfNeeded: found.rawValue))
        guard now != lines else { return }
        lines = now
        keep(.lines(now), at: reactor.now)
    }

    // MARK: The other program

    private func terminalHappened(_ event: ByteStreamEvent) {
        switch event {
        case .opened: break
        case .bytes(let bytes, let time):
            guard device.isOpen else { return }
            keep(.sent(bytes), at: time)
            device.send(bytes)
        case .closed(let reason): failure = reason
        }
    }

    private func dropUnread() {
        guard let terminal, terminal.unsentCount > Self.unreadLimit else { return }
        terminal.discard()
        if !hasToldOfDropping { tell("nobody reads \(terminal.name): what the device says is recorded, and not kept for a program that comes later") }
        hasToldOfDropping = true
    }
}
