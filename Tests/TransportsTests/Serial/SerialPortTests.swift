import Foundation
import Glibc
import LabCore
import Testing
import Transports

@Suite("Serial settings")
struct SerialSettingsTests {
    @Test(
        "framings are read as they are written",
        arguments: [
            ("8N1", 8, SerialSettings.Parity.none, 1, 10), ("7E1", 7, .even, 1, 10), ("8N2", 8, .none, 2, 11), ("8o2", 8, .odd, 2, 12),
            ("5N1", 5, .none, 1, 7), ("7M1", 7, .mark, 1, 10), ("6S2", 6, .space, 2, 10),
        ])
    func framing(_ text: String, _ dataBits: Int, _ parity: SerialSettings.Parity, _ stopBits: Int, _ bits: Int) throws {
        let settings = try #require(SerialSettings(baud: 9_600, framing: text))
        #expect((settings.dataBits, settings.parity, settings.stopBits) == (dataBits, parity, stopBits))
        // Start bit, data bits, parity bit, stop bits.
        #expect(settings.bitsPerByte == bits)
        #expect(settings.description == "9600 \(text.uppercased())")
    }

    @Test("others are refused", arguments: ["", "8", "8N", "9N1", "4N1", "8X1", "8N0", "8N3", "8N11", "N81", "8 N 1", "８N1x"])
    func wrongFraming(_ text: String) { #expect(SerialSettings(baud: 9_600, framing: text) == nil) }

    @Test("rates are 1 to 12,000,000", arguments: [(0, false), (1, true), (12_000_000, true), (12_000_001, false)])
    func baud(_ baud: UInt32, _ isGood: Bool) { #expect((SerialSettings(baud: baud, framing: "8N1") != nil) == isGood) }
}

@Suite("Serial ports through termios", .ownThread, .timeLimit(.minutes(2)))
struct SerialPortTests {
    private let bench: PortBench
    init() throws { bench = try PortBench() }

    @Test("the line is raw: every byte comes as it was sent, both ways")
    func raw() throws {
        let (terminal, port) = try bench.pair()
        let all = Array(UInt8.min...UInt8.max)
        port.stream.send(all)
        terminal.stream.send(all)
        #expect(terminal.wait { terminal.bytes == all })
        #expect(port.wait { port.bytes == all })
    }

    @Test("reads carry the time at which they were made")
    func timestamps() throws {
        let before = bench.reactor.now
        let (terminal, port) = try bench.pair()
        terminal.send("a")
        #expect(port.hears("a"))
        terminal.send("b")
        #expect(port.hears("ab"))
        let moments = port.events.compactMap { if case .bytes(_, let moment) = $0 { moment } else { nil } }
        #expect(moments.count == 2)
        #expect(moments == moments.sorted())
        #expect(moments.allSatisfy { before < $0 && $0 <= bench.reactor.now })
    }

    // 250,000 is in no table of rates: it needs termios2 (swift-facts: measured, section E).
    @Test(
        "the emulator sees the rate and the stop bits that its client has set",
        arguments: [300, 9_600, 115_200, 250_000, 921_600, 3_000_000])
    func rates(_ baud: UInt32) throws {
        let (terminal, _) = try bench.pair(SerialSettings(baud: baud, stopBits: 2))
        let seen = try #require((terminal.stream as? PseudoTerminal)?.clientSettings)
        #expect((seen.baud, seen.dataBits, seen.parity, seen.stopBits) == (baud, 8, .none, 2))
    }

    @Test("flow control of every kind is taken", arguments: SerialSettings.FlowControl.allCases)
    func flowControl(_ kind: SerialSettings.FlowControl) throws {
        let (terminal, port) = try bench.pair(SerialSettings(flowControl: kind))
        port.send("hello")
        #expect(terminal.hears("hello"))
    }

    @Test("one user at a time, also for root: the second lab is told who to look for")
    func exclusive() throws {
        let (terminal, first) = try bench.pair()
        #expect((terminal.stream as? PseudoTerminal)?.isClaimed == true)
        let second = bench.port()
        let failure = second.open()?.failure
        #expect(failure?.reason == .busy)
        #expect(
            failure?.description
                == "\(bench.path("modem.at")): somebody else uses it; end the other program (`fuser \(bench.path("modem.at"))` shows it; ModemManager may be one)"
        )
        first.stream.close()
        #expect(second.open() == .opened)
    }

    @Test("closing gives the exclusive use back, though the emulator keeps the terminal")
    func release() throws {
        let (terminal, port) = try bench.pair()
        port.stream.close()
        #expect((terminal.stream as? PseudoTerminal)?.isClaimed == false)
    }

    @Test("what came while nobody had the port open is lost, as behind a USB connector")
    func lostWhileClosed() throws {
        let terminal = bench.terminal()
        #expect(terminal.open() == .opened)
        terminal.send("RDY\r\n")
        let port = bench.port()
        #expect(port.open() == .opened)
        terminal.send("+CFUN: 1\r\n")
        #expect(port.hears("+CFUN: 1\r\n"))
    }

    @Test("what was sent can be thrown away, and drains otherwise")
    func draining() throws {
        let (terminal, port) = try bench.pair()
        port.send("AT\r")
        #expect(terminal.hears("AT\r"))
        #expect((port.stream as? SerialPort)?.unsentCount == 0)
        (port.stream as? SerialPort)?.discard()
        terminal.send("OK")
        #expect(port.hears("OK"))
    }

    @Test("a pseudo terminal has no modem lines and no break; asking does no harm")
    func modemLines() throws {
        let (terminal, port) = try bench.pair()
        let serial = try #require(port.stream as? SerialPort)
        #expect(serial.modemLines == nil)
        serial.set([.dtr, .rts], true)
        serial.sendBreak()
        port.send("still there")
        #expect(terminal.hears("still there"))
    }

    // MARK: What does not open

    @Test("a port that does not exist")
    func missing() {
        let failure = bench.port("nothing").open()?.failure
        #expect(failure?.reason == .notFound)
        #expect(failure?.detail == "there is no such port")
        #expect(failure?.remedy.isEmpty == false)
    }

    @Test("a link whose port is gone is a port that does not exist")
    func danglingLink() throws {
        try FileManager.default.createSymbolicLink(atPath: bench.path("modem.at"), withDestinationPath: "/dev/pts/does-not-exist")
        #expect(bench.port().open()?.failure?.reason == .notFound)
    }

    @Test("a file, a folder and a device that is no terminal are refused as such", arguments: ["file", "folder", "null"])
    func noTerminal(_ what: String) throws {
        let path = what == "null" ? "/dev/null" : bench.path(what)
        if what == "file" { try Data("x".utf8).write(to: URL(filePath: path)) }
        if what == "folder" { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
        let port = StreamLog(SerialPort(path: path, on: bench.reactor), on: bench.reactor)
        let failure = port.open()?.failure
        #expect(failure?.reason == .unsupported)
        #expect(failure?.remedy == "name a serial port, such as /dev/ttyUSB2")
        #expect(!port.stream.isOpen)
    }

    @Test("a port without the right to use it: the group is named")
    func noPermission() throws {
        guard getuid() != 0 else { return print("SKIPPED a port without the right to use it: the tests run as root") }
        try Data().write(to: URL(filePath: bench.path("locked")))
        try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: bench.path("locked"))
        let failure = bench.port("locked").open()?.failure
        #expect(failure?.reason == .permissionDenied)
        #expect(failure?.remedy.contains("group dialout") == true)
    }

    @Test("a rate of 0 would hang up and is refused")
    func rateOfZero() throws {
        let terminal = bench.terminal()
        #expect(terminal.open() == .opened)
        #expect(bench.port("modem.at", SerialSettings(baud: 0)).open()?.failure?.reason == .unsupported)
    }

    // MARK: Hang-up and re-open

    @Test("a module that vanishes closes the port; when it is back it has the same name, and the port opens again")
    func vanish() throws {
        let (terminal, port) = try bench.pair()
        terminal.stream.close()
        #expect(port.isTold(.vanished))
        #expect(!port.stream.isOpen)
        #expect(port.open()?.failure?.reason == .notFound)
        #expect(terminal.open() == .opened)
        #expect(port.open() == .opened)
        port.forget()
        port.send("AT\r")
        #expect(terminal.wait { terminal.text.hasSuffix("AT\r") })
        terminal.send("OK\r\n")
        #expect(port.hears("OK\r\n"))
    }

    @Test("sending to a port that vanished is told by an event, not by a crash")
    func sendAfterVanish() throws {
        let (terminal, port) = try bench.pair()
        terminal.stream.close()
        port.send("AT\r")
        #expect(port.isTold(.vanished))
        port.send("AT\r")
    }
}
