/// What a client says to a serial port on a network (RFC 2217 §3); the server answers each with the same code plus 100.
package enum ComPortCommand: Sendable, Hashable {
    /// 0 asks for the rate as it is.
    case baud(UInt32)
    /// 5 to 8; 0 asks.
    case dataSize(UInt8)
    case parity(SerialSettings.Parity)
    /// 1 or 2.
    case stopSize(UInt8)
    case control(ComPortControl)
    case lineStateMask(UInt8)
    case modemStateMask(UInt8)
    case purge(Purge)

    package enum Purge: UInt8, Sendable, Hashable, CaseIterable {
        /// What came from the device and was not sent on.
        case received = 1
        /// What is to go to the device and did not.
        case sent = 2
        case both = 3
    }

    /// The number of the command, from client to server.
    package var code: UInt8 {
        switch self {
        case .baud: 1
        case .dataSize: 2
        case .parity: 3
        case .stopSize: 4
        case .control: 5
        case .lineStateMask: 10
        case .modemStateMask: 11
        case .purge: 12
        }
    }

    package var value: [UInt8] {
        switch self {
        case .baud(let baud): (0..<4).map { UInt8(truncatingIfNeeded: baud >> (24 - 8 * $0)) }
        case .dataSize(let bits), .stopSize(let bits): [bits]
        case .parity(let parity): [Self.number(parity)]
        case .control(let control): [control.rawValue]
        case .lineStateMask(let mask), .modemStateMask(let mask): [mask]
        case .purge(let purge): [purge.rawValue]
        }
    }

    /// The command as it goes over the wire.
    package var bytes: [UInt8] { Telnet.subnegotiation(.comPort, [code] + value) }

    static func number(_ parity: SerialSettings.Parity) -> UInt8 {
        switch parity {
        case .none: 1
        case .odd: 2
        case .even: 3
        case .mark: 4
        case .space: 5
        }
    }
}

/// Values of SET-CONTROL (RFC 2217 §3) that a client sets.
package enum ComPortControl: UInt8, Sendable, Hashable, CaseIterable {
    case noFlowControl = 1
    case softwareFlowControl = 2
    case hardwareFlowControl = 3
    case breakOn = 5
    case breakOff = 6
    case dtrOn = 8
    case dtrOff = 9
    case rtsOn = 11
    case rtsOff = 12

    init(_ flowControl: SerialSettings.FlowControl) {
        self =
            switch flowControl {
            case .none: .noFlowControl
            case .software: .softwareFlowControl
            case .hardware: .hardwareFlowControl
            }
    }
}

/// What a server says of a serial port (RFC 2217 §3).
package enum ComPortReport: Sendable, Equatable {
    case baud(UInt32)
    /// The answer to another setting: the command's code and the value that holds now.
    case setting(code: UInt8, value: UInt8)
    case lineState(LineState)
    case modemState(ModemLines)
    /// The server's buffer is full: nothing more is to be sent until `.resume`.
    case suspend
    case resume
    /// Who the server is, in its own words.
    case signature(String)
    /// A code that nobody knows, or a value of the wrong size.
    case unknown(code: UInt8, value: [UInt8])

    /// - Parameter payload: of a subnegotiation of the option; empty payloads are `.unknown` of code 0.
    package init(_ payload: [UInt8]) {
        let code = payload.first ?? 0
        let value = Array(payload.dropFirst())
        self =
            switch (code, value.count) {
            case (100, _): .signature(String(decoding: value, as: UTF8.self))
            case (101, 4): .baud(value.reduce(0) { $0 << 8 | UInt32($1) })
            case (102...105, 1), (110...112, 1): .setting(code: code - 100, value: value[0])
            case (106, 1): .lineState(LineState(rawValue: value[0]))
            case (107, 1): .modemState(Self.lines(value[0]))
            case (108, 0): .suspend
            case (109, 0): .resume
            default: .unknown(code: code, value: value)
            }
    }

    /// The upper half of the octet is what the lines are, the lower half which of them changed (RFC 2217 §3, NOTIFY-MODEMSTATE).
    private static func lines(_ octet: UInt8) -> ModemLines {
        var lines: ModemLines = []
        if octet & 0x80 != 0 { lines.insert(.dcd) }
        if octet & 0x40 != 0 { lines.insert(.ring) }
        if octet & 0x20 != 0 { lines.insert(.dsr) }
        if octet & 0x10 != 0 { lines.insert(.cts) }
        return lines
    }
}

/// What a server noticed on the line (RFC 2217 §3, NOTIFY-LINESTATE).
package struct LineState: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Bytes came faster than they were taken, and some are lost.
    package static let overrun = LineState(rawValue: 2)
    package static let parityError = LineState(rawValue: 4)
    package static let framingError = LineState(rawValue: 8)
    package static let breakDetected = LineState(rawValue: 16)
    /// What a user of the port wants to hear of.
    package static let troubles: LineState = [.overrun, .parityError, .framingError, .breakDetected]
}
