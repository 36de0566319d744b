import LabCore
import Testing
import Transports

@Suite("Telnet (RFC 854, RFC 855)")
struct TelnetTests {
    @Test("a data byte of 255 is said twice; nothing else changes")
    func escaping() {
        #expect(Telnet.escaped([1, 255, 2, 255, 255]) == [1, 255, 255, 2, 255, 255, 255, 255])
        #expect(Telnet.escaped([0, 13, 10, 254]) == [0, 13, 10, 254])
        #expect(Telnet.escaped([]) == [])
    }

    @Test("a parameter of 255 is doubled within a subnegotiation (RFC 855 §8)")
    func parameters() {
        #expect(Telnet.subnegotiation(.comPort, [11, 255]) == [255, 250, 44, 11, 255, 255, 255, 240])
        var decoder = TelnetDecoder()
        #expect(decoder.decode([255, 250, 44, 11, 255, 255, 255, 240]) == [.subnegotiation(.comPort, [11, 255])])
    }

    /// What ser2net 4.3.11 says to a new client, the answer to SET-BAUDRATE 9600, and data with 255, CR NUL and CR LF.
    private static let captured: [UInt8] =
        [255, 251, 3, 255, 253, 3, 255, 251, 1, 255, 254, 1, 255, 253, 0, 255, 251, 0, 255, 253, 44]
        + [255, 250, 44, 101, 0, 0, 0x25, 0x80, 255, 240] + [0x68, 13, 0, 255, 255, 13, 10] + [255, 241, 0x78]
    private static let meaning: [TelnetDecoder.Event] = [
        .negotiation(.will, .suppressGoAhead), .negotiation(.do, .suppressGoAhead), .negotiation(.will, .echo), .negotiation(.dont, .echo),
        .negotiation(.do, .binary), .negotiation(.will, .binary), .negotiation(.do, .comPort),
        .subnegotiation(.comPort, [101, 0, 0, 0x25, 0x80]), .data([0x68, 13, 0, 255, 13, 10]), .command(241), .data([0x78]),
    ]

    @Test("a captured conversation, cut at every byte", arguments: 0...captured.count)
    func cuts(_ cut: Int) {
        var decoder = TelnetDecoder()
        let events = decoder.decode(Array(Self.captured[..<cut])) + decoder.decode(Array(Self.captured[cut...]))
        #expect(joined(events) == Self.meaning)
    }

    @Test("byte by byte")
    func single() {
        var decoder = TelnetDecoder()
        #expect(joined(Self.captured.flatMap { decoder.decode([$0]) }) == Self.meaning)
    }

    @Test("a subnegotiation that is too long is told once; what comes after its end is read")
    func overlong() {
        var decoder = TelnetDecoder()
        let payload = [UInt8](repeating: 1, count: TelnetDecoder.longestPayload + 500)
        #expect(decoder.decode([255, 250, 44] + payload + [255, 240, 0x41]) == [.damaged(.comPort), .data([0x41])])
        let longest = Array(payload.prefix(TelnetDecoder.longestPayload))
        #expect(decoder.decode([255, 250, 44] + longest + [255, 240]) == [.subnegotiation(.comPort, longest)])
    }

    @Test("a subnegotiation that another command cuts off is told; the command counts")
    func cutOff() {
        var decoder = TelnetDecoder()
        #expect(
            decoder.decode([255, 250, 44, 101, 255, 253, 44, 0x41]) == [.damaged(.comPort), .negotiation(.do, .comPort), .data([0x41])])
        #expect(
            decoder.decode([255, 250, 24, 255, 250, 44, 107, 0, 255, 240]) == [
                .damaged(Telnet.Option(rawValue: 24)), .subnegotiation(.comPort, [107, 0]),
            ])
    }
}

/// Pieces of data that follow one another are one: where bytes are cut has no meaning.
func joined(_ events: [TelnetDecoder.Event]) -> [TelnetDecoder.Event] {
    events.reduce(into: []) { joined, event in
        if case .data(let more) = event, case .data(let before)? = joined.last {
            joined[joined.count - 1] = .data(before + more)
        } else {
            joined.append(event)
        }
    }
}

@Suite("Telnet options (RFC 854; RFC 1143 §7)")
struct TelnetOptionTests {
    private static func options() -> TelnetOptions { TelnetOptions(ours: [.binary, .comPort], theirs: [.binary]) }

    @Test("offers and wishes are said once")
    func offer() {
        var options = Self.options()
        #expect(options.offer() == [255, 251, 0, 255, 251, 44, 255, 253, 0])
        #expect(options.offer() == [])
    }

    @Test("an answer gets no answer")
    func answers() {
        var options = Self.options()
        _ = options.offer()
        #expect(options.receive(.do, .comPort) == [])
        #expect(options.ours(.comPort) == .agreed)
        #expect(options.receive(.do, .comPort) == [])
        #expect(options.receive(.dont, .binary) == [])
        #expect(options.ours(.binary) == .refused)
        #expect(options.receive(.wont, .binary) == [])
        #expect(options.theirs(.binary) == .refused)
    }

    @Test("what the other side begins is agreed to where it is known, and refused where not")
    func requests() {
        var options = Self.options()
        #expect(options.receive(.do, .binary) == [255, 251, 0])
        #expect(options.receive(.will, .binary) == [255, 253, 0])
        #expect(options.receive(.will, .echo) == [255, 254, 1])
        #expect(options.receive(.do, Telnet.Option(rawValue: 24)) == [255, 252, 24])
        #expect(options.receive(.dont, Telnet.Option(rawValue: 24)) == [])
        // The server's own side of this option does not exist.
        #expect(options.receive(.will, .comPort) == [255, 254, 44])
    }

    @Test("what was agreed can be taken back, which is acknowledged once")
    func takenBack() {
        var options = Self.options()
        _ = options.receive(.do, .binary)
        #expect(options.receive(.dont, .binary) == [255, 252, 0])
        #expect(options.receive(.dont, .binary) == [])
    }
}

@Suite("COM-PORT-OPTION (RFC 2217 §3)")
struct ComPortMessageTests {
    @Test(
        "commands to the server",
        arguments: [
            (ComPortCommand.baud(9_600), [1, 0, 0, 0x25, 0x80]), (.baud(115_200), [1, 0, 1, 0xc2, 0]), (.dataSize(8), [2, 8]),
            (.parity(.none), [3, 1]),
            (.parity(.odd), [3, 2]), (.parity(.even), [3, 3]), (.parity(.mark), [3, 4]), (.parity(.space), [3, 5]), (.stopSize(2), [4, 2]),
            (.control(.noFlowControl), [5, 1]), (.control(.softwareFlowControl), [5, 2]), (.control(.hardwareFlowControl), [5, 3]),
            (.control(.breakOn), [5, 5]), (.control(.breakOff), [5, 6]), (.control(.dtrOn), [5, 8]), (.control(.dtrOff), [5, 9]),
            (.control(.rtsOn), [5, 11]), (.control(.rtsOff), [5, 12]), (.lineStateMask(30), [10, 30]), (.purge(.received), [12, 1]),
            (.purge(.sent), [12, 2]), (.purge(.both), [12, 3]),
        ] as [(ComPortCommand, [UInt8])])
    func commands(_ command: ComPortCommand, _ payload: [UInt8]) {
        #expect(command.bytes == [255, 250, 44] + payload + [255, 240])
    }

    @Test("a rate with a byte of 255")
    func escapedRate() {
        // 65,535 = 00 00 FF FF.
        #expect(ComPortCommand.baud(65_535).bytes == [255, 250, 44, 1, 0, 0, 255, 255, 255, 255, 255, 240])
    }

    @Test(
        "what the server says",
        arguments: [
            ([100, 0x73, 0x32, 0x6e], ComPortReport.signature("s2n")), ([101, 0, 0, 0x25, 0x80], .baud(9_600)),
            ([102, 7], .setting(code: 2, value: 7)),
            ([105, 3], .setting(code: 5, value: 3)), ([106, 0b0001_1000], .lineState([.framingError, .breakDetected])),
            ([107, 0xf0], .modemState([.cts, .dsr, .ring, .dcd])), ([107, 0x1f], .modemState(.cts)), ([107, 0x80], .modemState(.dcd)),
            ([108], .suspend),
            ([109], .resume), ([112, 3], .setting(code: 12, value: 3)),
            // ser2net 4.3.11 answers so to a rate of three bytes.
            ([101, 0], .unknown(code: 101, value: [0])), ([], .unknown(code: 0, value: [])), ([107], .unknown(code: 107, value: [])),
            ([200, 1], .unknown(code: 200, value: [1])),
        ] as [([UInt8], ComPortReport)])
    func reports(_ payload: [UInt8], _ report: ComPortReport) { #expect(ComPortReport(payload) == report) }
}
