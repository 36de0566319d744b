package import LabCore

/// The client's side of a serial port on a network (RFC 2217), without I/O.
///
/// It offers binary transmission and the option, sets the line as it is wanted, and is open when the server has confirmed every setting. What came
/// from the device before is thrown away, as a local port does that is opened.
package struct ComPortSession: Sendable {
    package enum Event: Sendable, Equatable {
        /// The line is as it is wanted.
        case opened
        /// From the device.
        case bytes([UInt8])
        /// CTS, DSR, ring and carrier as they are now.
        case modemLines(ModemLines)
        case line(LineState)
        case failed(Failure)
    }

    /// Why it cannot be used; nothing more is to be said to it then.
    package struct Failure: Sendable, Hashable {
        package var reason: StreamFailure.Reason
        package var detail: String
        package var remedy: String

        package init(_ reason: StreamFailure.Reason, _ detail: String, remedy: String) {
            self.reason = reason
            self.detail = detail
            self.remedy = remedy
        }
    }

    package enum Phase: Sendable, Hashable { case idle, negotiating, setting, open, failed }

    package let settings: SerialSettings
    package private(set) var phase = Phase.idle
    private var decoder = TelnetDecoder()
    private var options = TelnetOptions(ours: [.binary, .suppressGoAhead, .comPort], theirs: [.binary, .suppressGoAhead])
    /// Settings that were asked for and are not confirmed, in their order.
    private var unconfirmed: [ComPortCommand] = []
    private var isSuspended = false
    /// Escaped; waits until the server takes more.
    private var withheld: [UInt8] = []
    /// What was data before the port was open: a banner, or the reason why the server closes.
    private var text: [UInt8] = []
    private var heardTelnet = false

    package init(settings: SerialSettings) { self.settings = settings }

    /// What is to be sent when the connection is there.
    package mutating func start() -> [UInt8] {
        phase = .negotiating
        return options.offer()
    }

    /// - Returns: what happened, and what is to be sent.
    package mutating func receive(_ bytes: [UInt8]) -> (events: [Event], output: [UInt8]) {
        var (events, output): ([Event], [UInt8]) = ([], [])
        for event in decoder.decode(bytes) where phase != .failed { take(event, &events, &output) }
        return (events, output)
    }

    private mutating func take(_ event: TelnetDecoder.Event, _ events: inout [Event], _ output: inout [UInt8]) {
        switch event {
        case .data(let bytes):
            if phase == .open { return events.append(.bytes(bytes)) }
            text += bytes.prefix(Self.longestText - text.count)
        case .negotiation(let verb, let option): negotiate(verb, option, &events, &output)
        case .subnegotiation(.comPort, let payload): take(ComPortReport(payload), &events, &output)
        // Of options that were not agreed on, and commands for people at terminals.
        case .subnegotiation, .command: heardTelnet = true
        case .damaged(let option):
            fail(
                .malformed, "the server's telnet is damaged (option \(option.rawValue))",
                "check what listens there; RFC 2217 is what is wanted", &events)
        }
    }

    private static let longestText = 256

    // MARK: Agreeing

    private mutating func negotiate(_ verb: Telnet.Verb, _ option: Telnet.Option, _ events: inout [Event], _ output: inout [UInt8]) {
        // Only a client offers this option (RFC 2217 §2), so these are our own words.
        if verb == .will, option == .comPort {
            return fail(.unsupported, "what is sent there comes back; no telnet server listens", Self.rawRemedy, &events)
        }
        heardTelnet = true
        output += options.receive(verb, option)
        checkAgreement(&events)
        guard phase == .negotiating, options.ours(.comPort) == .agreed, options.ours(.binary) == .agreed, options.theirs(.binary) == .agreed
        else {
            return
        }
        phase = .setting
        output += ComPortCommand.purge(.both).bytes
        unconfirmed = wanted
        for command in unconfirmed + [.lineStateMask(LineState.troubles.rawValue), .modemStateMask(0xff)] { output += command.bytes }
    }

    private mutating func checkAgreement(_ events: inout [Event]) {
        if options.ours(.comPort) == .refused {
            fail(.unsupported, "the server speaks telnet without RFC 2217", Self.telnetRemedy, &events)
        } else if options.ours(.binary) == .refused || options.theirs(.binary) == .refused {
            fail(.unsupported, "the server refuses to carry every byte as it is (binary transmission)", Self.rawRemedy, &events)
        }
    }

    private static let rawRemedy = "where the port is a bare connection, write tcp: in place of rfc2217: in lab.yaml"
    private static let telnetRemedy =
        "switch it on at the server (ser2net: telnet(rfc2217=true),tcp,…), or let it serve a bare connection (tcp,…) and write tcp: in lab.yaml"

    private var wanted: [ComPortCommand] {
        [
            .baud(settings.baud), .dataSize(UInt8(clamping: settings.dataBits)), .parity(settings.parity),
            .stopSize(UInt8(clamping: settings.stopBits)),
            .control(ComPortControl(settings.flowControl)),
        ]
    }

    // MARK: Settings

    private mutating func take(_ report: ComPortReport, _ events: inout [Event], _ output: inout [UInt8]) {
        switch report {
        case .baud(let baud): confirm(code: 1, "\(baud)", isWanted: isNear(baud), &events)
        case .setting(let code, let value):
            let expected = unconfirmed.first { $0.code == code }?.value ?? [value]
            confirm(code: code, Self.words(code, value), isWanted: expected == [value], &events)
        // An answer of the wrong size confirms nothing.
        case .unknown(let code, _) where code > 100: confirm(code: code - 100, nil, isWanted: false, &events)
        case .unknown, .signature: break
        case .lineState(let state): if !state.isDisjoint(with: .troubles) { events.append(.line(state.intersection(.troubles))) }
        case .modemState(let lines): events.append(.modemLines(lines))
        case .suspend: isSuspended = true
        case .resume:
            isSuspended = false
            output += withheld
            withheld = []
        }
    }

    /// Hardware makes rates by dividing; 3 % is what a receiver bears.
    private func isNear(_ baud: UInt32) -> Bool { abs(Double(baud) - Double(settings.baud)) <= Double(settings.baud) * 0.03 }

    private mutating func confirm(code: UInt8, _ actual: String?, isWanted: Bool, _ events: inout [Event]) {
        guard phase == .setting, let index = unconfirmed.firstIndex(where: { $0.code == code }) else { return }
        guard isWanted else {
            let stays = actual.map { ", it stays at \($0)" } ?? ""
            return fail(.unsupported, "the server refuses \(name(of: unconfirmed[index]))\(stays)", "choose what the port can do", &events)
        }
        unconfirmed.remove(at: index)
        guard unconfirmed.isEmpty else { return }
        phase = .open
        text = []
        events.append(.opened)
    }

    private func name(of command: ComPortCommand) -> String {
        switch command {
        case .baud(let baud): "\(baud) bits in a second"
        case .dataSize(let bits): "\(bits) data bits"
        case .parity(let parity): "the parity \(parity)"
        case .stopSize(let bits): "\(bits) stop bits"
        case .control: "the flow control \(settings.flowControl)"
        case .lineStateMask, .modemStateMask, .purge: "a setting"
        }
    }

    private static func words(_ code: UInt8, _ value: UInt8) -> String {
        switch code {
        case 3: SerialSettings.Parity.allCases.first { ComPortCommand.number($0) == value }.map { "\($0)" } ?? "\(value)"
        case 5: ComPortControl(rawValue: value).map { "\($0)" } ?? "\(value)"
        default: "\(value)"
        }
    }

    // MARK: Use

    /// - Returns: what goes over the wire now; nothing while the server takes no more.
    package mutating func send(_ bytes: [UInt8]) -> [UInt8] {
        guard phase == .open else { return [] }
        guard isSuspended else { return Telnet.escaped(bytes) }
        withheld += Telnet.escaped(bytes)
        return []
    }

    /// - Returns: what goes over the wire; nothing unless it is open.
    package mutating func perform(_ command: ComPortCommand) -> [UInt8] {
        guard phase == .open else { return [] }
        if case .purge(let purge) = command, purge != .received { withheld = [] }
        return command.bytes
    }

    // MARK: Failing

    private mutating func fail(_ reason: StreamFailure.Reason, _ detail: String, _ remedy: String, _ events: inout [Event]) {
        phase = .failed
        withheld = []
        events.append(.failed(Failure(reason, detail, remedy: remedy)))
    }

    /// The time for agreeing is over; nil where it is open.
    package mutating func timeOut() -> Failure? {
        guard phase == .negotiating || phase == .setting else { return nil }
        defer { phase = .failed }
        if phase == .setting {
            let names = unconfirmed.map(name).joined(separator: ", ")
            return Failure(.timedOut, "the server does not confirm \(names)", remedy: "look at the server's log, or restart it")
        }
        guard heardTelnet else {
            return Failure(.unsupported, "nothing there answers as a telnet server with RFC 2217", remedy: Self.rawRemedy)
        }
        return Failure(.unsupported, "the server speaks telnet and does not answer the offer of RFC 2217", remedy: Self.telnetRemedy)
    }

    /// Why the server may have closed the connection before it was open, from what it said; nil where it is open.
    package mutating func endedWhileOpening() -> Failure? {
        guard phase != .open else { return nil }
        phase = .failed
        return Self.refusal(in: text)
            ?? Failure(
                heardTelnet ? .ended : .unsupported, "the server closed the connection before the line was set\(Self.quote(text))",
                remedy: heardTelnet ? "look at the server's log" : Self.rawRemedy)
    }

    private static func quote(_ text: [UInt8]) -> String {
        let line = String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        let clean = line.filter { !$0.isASCII || ($0.asciiValue ?? 0) >= 0x20 }
        return clean.isEmpty ? "" : "; it said: \(clean)"
    }

    /// The words of ser2net (4.3.11) where it accepts a connection and closes it again.
    package static func refusal(in text: [UInt8]) -> Failure? {
        let said = String(decoding: text.prefix(longestText), as: UTF8.self)
        if said.hasPrefix("Port already in use") || said.hasPrefix("Port's device already in use") {
            return Failure(
                .busy, "somebody else uses it: \(line(said))", remedy: "end the other program, or the other lab, that is connected to it")
        }
        if said.hasPrefix("Device open failure") {
            return Failure(
                .notFound, "the server cannot open its device: \(line(said))",
                remedy: "plug the device in there, or correct the server's configuration")
        }
        return nil
    }

    private static func line(_ text: String) -> String { text.split(whereSeparator: \.isNewline).first.map(String.init) ?? text }
}
