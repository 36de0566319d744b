import CLinux

/// How a serial line is driven.
package struct SerialSettings: Sendable, Hashable, CustomStringConvertible {
    package enum Parity: Character, Sendable, Hashable, CaseIterable { case none = "N", even = "E", odd = "O", mark = "M", space = "S" }
    package enum FlowControl: Int32, Sendable, Hashable, CaseIterable {
        case none = 0
        /// RTS and CTS.
        case hardware = 1
        /// XON and XOFF.
        case software = 2
    }

    /// Bits in a second, any that the hardware can make; 1 to 12,000,000.
    package var baud: UInt32
    /// 5 to 8.
    package var dataBits: Int
    package var parity: Parity
    /// 1 or 2.
    package var stopBits: Int
    package var flowControl: FlowControl

    package static let bauds: ClosedRange<UInt32> = 1...12_000_000

    package init(baud: UInt32 = 115_200, dataBits: Int = 8, parity: Parity = .none, stopBits: Int = 1, flowControl: FlowControl = .none) {
        self.baud = baud
        self.dataBits = dataBits
        self.parity = parity
        self.stopBits = stopBits
        self.flowControl = flowControl
    }

    /// Reads a framing such as `8N1`, `7E1`, `8N2`; nil for anything else.
    package init?(baud: UInt32, framing: String, flowControl: FlowControl = .none) {
        let parts = Array(framing.uppercased())
        guard parts.count == 3, let dataBits = parts[0].wholeNumberValue, (5...8).contains(dataBits),
            let parity = Parity(rawValue: parts[1]),
            let stopBits = parts[2].wholeNumberValue, (1...2).contains(stopBits), Self.bauds.contains(baud)
        else { return nil }
        self.init(baud: baud, dataBits: dataBits, parity: parity, stopBits: stopBits, flowControl: flowControl)
    }

    /// What is set on an open port; on the emulator's end of a pseudo terminal, what its client has set. nil where that is none.
    init?(setOn descriptor: Int32) {
        var (baud, dataBits, parity, stopBits): (UInt32, Int32, CChar, Int32) = (0, 0, 0, 0)
        guard unsafe clinux_serial_get(descriptor, &baud, &dataBits, &parity, &stopBits) == 0 else { return nil }
        let letter = Character(UnicodeScalar(UInt8(bitPattern: parity)))
        self.init(baud: baud, dataBits: Int(dataBits), parity: Parity(rawValue: letter) ?? .none, stopBits: Int(stopBits))
    }

    /// `115200 8N1`
    package var description: String { "\(baud) \(dataBits)\(parity.rawValue)\(stopBits)" }
    /// Start, data, parity and stop bits.
    package var bitsPerByte: Int { 1 + dataBits + (parity == .none ? 0 : 1) + stopBits }
}

/// The modem lines of a port.
package struct ModemLines: OptionSet, Sendable, Hashable {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }
    package static let dtr = ModemLines(rawValue: 1)
    package static let rts = ModemLines(rawValue: 2)
    package static let cts = ModemLines(rawValue: 4)
    package static let dsr = ModemLines(rawValue: 8)
    package static let dcd = ModemLines(rawValue: 16)
    package static let ring = ModemLines(rawValue: 32)
}
