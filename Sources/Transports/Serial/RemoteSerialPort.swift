package import LabCore

/// A serial port of another machine: by RFC 2217, or as a bare TCP connection (ser2net and the like serve both).
///
/// A server that goes, or that says that its device went, is a port that vanished; `open` tries anew. `@unchecked Sendable`: like every stream it
/// belongs to the thread of the loop that it reports to.
package final class RemoteSerialPort: ByteStream, @unchecked Sendable {
    package enum Wire: String, Sendable, Hashable {
        /// Line settings, modem lines and breaks go over the network, and are confirmed.
        case rfc2217
        /// Bytes only: the line is as the server has set it.
        case raw = "tcp"
    }

    /// `rfc2217://bench-2:7001`, `tcp://bench-2:7002`.
    package let name: String
    package let wire: Wire
    /// What the server is asked for; nothing is asked of a bare connection.
    package let settings: SerialSettings
    package private(set) var isOpen = false
    package var onEvent: ((ByteStreamEvent) -> Void)?
    /// Called on the loop's thread when the server tells that CTS, DSR, ring or carrier changed; also with how they were at first.
    package var onModemLines: ((ModemLines) -> Void)?
    /// Called on the loop's thread with what the server noticed on the line: breaks, framing and parity errors, bytes lost there.
    package var onLineState: ((LineState) -> Void)?
    /// CTS, DSR, ring and carrier as the server told last, DTR and RTS as they were set here; nil where the server told nothing, or it is not open.
    package private(set) var modemLines: ModemLines?

    private let stream: TCPStream
    private let streams: StreamLoop
    private let loop: any Loop
    private let patience: Duration
    private var session: ComPortSession
    /// Counts openings and closings: what belongs to an earlier one is not told.
    private var epoch = 0
    private var isOpening = false
    private var isBreaking = false
    /// The first bytes of a bare connection, where a server says why it closes it.
    private var firstBytes: [UInt8] = []
    private var busyCount = 0

    /// - Parameters:
    ///   - loop: whose thread uses the port and is told its events.
    ///   - clock: the time of the run, asked on the event loop's thread whenever bytes were read.
    ///   - patience: for the connection, and for agreeing with the server, each.
    package init(
        _ wire: Wire, at address: StreamAddress, settings: SerialSettings = SerialSettings(), on streams: StreamLoop,
        reportingTo loop: any Loop,
        clock: @escaping @Sendable () -> RunInstant, patience: Duration = .seconds(5)
    ) {
        name = "\(wire.rawValue)://\(address)"
        self.wire = wire
        self.settings = settings
        self.streams = streams
        self.loop = loop
        self.patience = patience
        session = ComPortSession(settings: settings)
        stream = TCPStream(to: TCPTarget(address, timeout: patience, silence: Self.silence), on: streams, reportingTo: loop, clock: clock)
        stream.onEvent = { [weak self] in self?.take($0) }
    }

    deinit { stream.close() }

    /// After so long without a word of the other machine, though it was asked, it is lost: a pulled network cable makes no other sign.
    private static let silence = Duration.seconds(10)

    // MARK: Opening and closing

    package func open() {
        guard !isOpen, !isOpening else { return }
        begin()
        busyCount = 0
        guard SerialSettings.bauds.contains(settings.baud) else {
            let failure = StreamFailure(.unsupported, name, "it cannot do \(settings)", remedy: "choose another rate or framing")
            return later { $0.lose(failure) }
        }
        stream.open()
    }

    private func begin() {
        epoch += 1
        isOpening = true
        session = ComPortSession(settings: settings)
        modemLines = nil
        firstBytes = []
    }

    package func close() {
        finishBreak()
        end()
        stream.close()
    }

    private func end() {
        epoch += 1
        (isOpen, isOpening, isBreaking) = (false, false, false)
        modemLines = nil
    }

    private func lose(_ failure: StreamFailure) {
        end()
        stream.close()
        onEvent?(.closed(failure))
    }

    private func lose(_ failure: ComPortSession.Failure) {
        // A server that has just been left needs a moment to see that.
        if failure.reason == .busy, isOpening, busyCount < Self.busyTries { return retry() }
        lose(StreamFailure(failure.reason, name, failure.detail, remedy: failure.remedy))
    }

    private static let busyTries = 10

    private func retry() {
        busyCount += 1
        stream.close()
        begin()
        later(after: .milliseconds(100)) { $0.stream.open() }
    }

    /// Does it on the loop's thread, unless the port is closed or opened anew until then.
    private func later(after time: Duration = .zero, _ action: @escaping @Sendable (RemoteSerialPort) -> Void) {
        let (epoch, loop, streams) = (epoch, loop, streams)
        let errand: @Sendable () -> Void = { [weak self] in
            guard let self, self.epoch == epoch else { return }
            action(self)
        }
        guard time > .zero else { return loop.post(errand) }
        streams.post { _ = streams.schedule(after: time) { loop.post(errand) } }
    }

    // MARK: What the connection tells

    private func take(_ event: ByteStreamEvent) {
        switch event {
        case .opened: connected()
        case .bytes(let bytes, let time): wire == .raw ? takeRaw(bytes, time) : takeTelnet(bytes, time)
        case .closed(let failure): disconnected(failure)
        }
    }

    private func connected() {
        guard wire == .rfc2217 else { return becomeOpen() }
        stream.send(session.start())
        later(after: patience) { port in
            if port.isOpening, let failure = port.session.timeOut() { port.lose(failure) }
        }
    }

    private func becomeOpen() {
        isOpen = true
        isOpening = false
        onEvent?(.opened)
    }

    private func takeRaw(_ bytes: [UInt8], _ time: RunInstant) {
        if firstBytes.count < Self.refusalLength { firstBytes += bytes.prefix(Self.refusalLength - firstBytes.count) }
        onEvent?(.bytes(bytes, at: time))
    }

    private static let refusalLength = 128

    private func takeTelnet(_ bytes: [UInt8], _ time: RunInstant) {
        let (events, output) = session.receive(bytes)
        if !output.isEmpty { stream.send(output) }
        let epoch = epoch
        for event in events {
            tell(event, time)
            // The owner may have closed it because of the event before.
            guard self.epoch == epoch else { return }
        }
    }

    private func tell(_ event: ComPortSession.Event, _ time: RunInstant) {
        switch event {
        case .opened: becomeOpen()
        case .bytes(let bytes): onEvent?(.bytes(bytes, at: time))
        case .modemLines(let lines):
            modemLines = lines.union(modemLines?.intersection([.dtr, .rts]) ?? [])
            onModemLines?(lines)
        case .line(let state): onLineState?(state)
        case .failed(let failure): lose(failure)
        }
    }

    private func disconnected(_ failure: StreamFailure) {
        let isLeft = failure.reason == .ended || failure.reason == .vanished
        if isLeft, wire == .rfc2217, let refusal = session.endedWhileOpening(), isOpening { return lose(refusal) }
        if isLeft, wire == .raw, let refusal = ComPortSession.refusal(in: firstBytes) {
            return lose(StreamFailure(refusal.reason, name, refusal.detail, remedy: refusal.remedy))
        }
        guard isLeft else { return lose(StreamFailure(failure.reason, name, failure.detail, remedy: failure.remedy)) }
        lose(
            StreamFailure(
                .vanished, name, failure.reason == .ended ? "the server of the port closed the connection" : failure.detail,
                remedy: "check whether the server runs there and the device is plugged in; the port can be opened again"))
    }

    // MARK: Use

    package func send(_ bytes: [UInt8]) {
        guard isOpen, !bytes.isEmpty else { return }
        stream.send(wire == .raw ? bytes : session.send(bytes))
    }

    private func perform(_ command: ComPortCommand) {
        guard isOpen, wire == .rfc2217 else { return }
        stream.send(session.perform(command))
    }

    /// Switches DTR or RTS; does nothing on a bare connection.
    package func set(_ lines: ModemLines, _ isOn: Bool) {
        guard isOpen, wire == .rfc2217 else { return }
        if lines.contains(.dtr) { perform(.control(isOn ? .dtrOn : .dtrOff)) }
        if lines.contains(.rts) { perform(.control(isOn ? .rtsOn : .rtsOff)) }
        let outputs = lines.intersection([.dtr, .rts])
        guard let known = modemLines, !outputs.isEmpty else { return }
        modemLines = isOn ? known.union(outputs) : known.subtracting(outputs)
    }

    /// Sends a break of a quarter of a second; does nothing on a bare connection.
    package func sendBreak() {
        guard isOpen, wire == .rfc2217, !isBreaking else { return }
        isBreaking = true
        perform(.control(.breakOn))
        later(after: .milliseconds(250)) { $0.finishBreak() }
    }

    private func finishBreak() {
        guard isBreaking else { return }
        isBreaking = false
        perform(.control(.breakOff))
    }

    /// Throws away what the server holds in either direction; does nothing on a bare connection.
    package func discard() { perform(.purge(.both)) }
}
