/// The bytes of telnet that a serial port on a network needs (RFC 854, 856, 858, 2217).
package enum Telnet {
    /// Interpret As Command: what begins everything that is no data (RFC 854).
    package static let interpretAsCommand: UInt8 = 255
    static let subnegotiationBegin: UInt8 = 250
    static let subnegotiationEnd: UInt8 = 240

    package enum Verb: UInt8, Sendable, Hashable, CaseIterable {
        case will = 251
        case wont = 252
        case `do` = 253
        case dont = 254
    }

    package struct Option: RawRepresentable, Sendable, Hashable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        /// Every byte is data (RFC 856).
        package static let binary = Option(rawValue: 0)
        package static let echo = Option(rawValue: 1)
        /// Nobody waits for the other's turn (RFC 858).
        package static let suppressGoAhead = Option(rawValue: 3)
        /// Line settings, modem lines, breaks of a serial port (RFC 2217).
        package static let comPort = Option(rawValue: 44)
    }

    /// Data as they go over the wire: 255 is said twice (RFC 854).
    package static func escaped(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.contains(interpretAsCommand) else { return bytes }
        var escaped: [UInt8] = []
        escaped.reserveCapacity(bytes.count + bytes.count / 16)
        for byte in bytes {
            escaped.append(byte)
            if byte == interpretAsCommand { escaped.append(byte) }
        }
        return escaped
    }

    package static func negotiation(_ verb: Verb, _ option: Option) -> [UInt8] { [interpretAsCommand, verb.rawValue, option.rawValue] }

    /// - Parameter payload: what follows the option, not escaped.
    package static func subnegotiation(_ option: Option, _ payload: [UInt8]) -> [UInt8] {
        [interpretAsCommand, subnegotiationBegin, option.rawValue] + escaped(payload) + [interpretAsCommand, subnegotiationEnd]
    }
}

/// Reads telnet as it comes, cut anywhere.
///
/// It never fails: what makes no sense is told as such, and reading goes on behind it. It keeps at most `longestPayload` bytes.
package struct TelnetDecoder: Sendable {
    package enum Event: Sendable, Equatable {
        case data([UInt8])
        case negotiation(Telnet.Verb, Telnet.Option)
        case subnegotiation(Telnet.Option, [UInt8])
        /// Any other command, such as 241, which does nothing.
        case command(UInt8)
        /// A subnegotiation that is longer than any that makes sense, or that another command cut off.
        case damaged(Telnet.Option)
    }

    /// Options that a serial port uses have a few bytes; a signature (RFC 2217 §3) may be a line of text.
    package static let longestPayload = 1_024

    private enum State {
        case data
        case command
        case verb(Telnet.Verb)
        case option
        case payload(Telnet.Option)
        case payloadCommand(Telnet.Option)
        /// Told as damaged; its end is looked for.
        case skipping
        case skippingCommand
    }

    private var state = State.data
    private var payload: [UInt8] = []

    package init() {}

    package mutating func decode(_ bytes: [UInt8]) -> [Event] {
        var events: [Event] = []
        var data: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if case .data = state, let rest = run(of: bytes, from: index) {
                data.append(contentsOf: bytes[index..<rest])
                index = rest
                continue
            }
            let byte = bytes[index]
            index += 1
            if let event = take(byte, &data) {
                if !data.isEmpty { events.append(.data(data)) }
                data = []
                events.append(event)
            }
        }
        if !data.isEmpty { events.append(.data(data)) }
        return events
    }

    /// Where the data that begin there end; nil where none do.
    private func run(of bytes: [UInt8], from start: Int) -> Int? {
        let end = bytes[start...].firstIndex(of: Telnet.interpretAsCommand) ?? bytes.count
        return end > start ? end : nil
    }

    /// A byte that is not plain data.
    private mutating func take(_ byte: UInt8, _ data: inout [UInt8]) -> Event? {
        switch state {
        case .data: state = .command
        case .command:
            if byte == Telnet.interpretAsCommand {
                state = .data
                data.append(byte)
            } else {
                return command(byte)
            }
        case .verb(let verb):
            state = .data
            return .negotiation(verb, Telnet.Option(rawValue: byte))
        case .option: state = .payload(Telnet.Option(rawValue: byte))
        case .payload(let option):
            if byte == Telnet.interpretAsCommand { state = .payloadCommand(option) } else { return keep(byte, option) }
        case .payloadCommand(let option): return endPayload(byte, option)
        case .skipping: if byte == Telnet.interpretAsCommand { state = .skippingCommand }
        case .skippingCommand: state = byte == Telnet.subnegotiationEnd ? .data : .skipping
        }
        return nil
    }

    private mutating func command(_ byte: UInt8) -> Event? {
        if let verb = Telnet.Verb(rawValue: byte) {
            state = .verb(verb)
            return nil
        }
        if byte == Telnet.subnegotiationBegin {
            payload = []
            state = .option
            return nil
        }
        state = .data
        return .command(byte)
    }

    private mutating func keep(_ byte: UInt8, _ option: Telnet.Option) -> Event? {
        state = .payload(option)
        guard payload.count < Self.longestPayload else {
            payload = []
            state = .skipping
            return .damaged(option)
        }
        payload.append(byte)
        return nil
    }

    private mutating func endPayload(_ byte: UInt8, _ option: Telnet.Option) -> Event? {
        switch byte {
        case Telnet.interpretAsCommand: return keep(byte, option)
        case Telnet.subnegotiationEnd:
            state = .data
            defer { payload = [] }
            return .subnegotiation(option, payload)
        default:
            // Another command within: the end was lost. The command is one all the same.
            payload = []
            state = .data
            if let verb = Telnet.Verb(rawValue: byte) { state = .verb(verb) }
            if byte == Telnet.subnegotiationBegin { state = .option }
            return .damaged(option)
        }
    }
}
