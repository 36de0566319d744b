import LabCore
import Testing
import Transports

@Suite("Serial ports of other machines", .ownThread, .serialized, .timeLimit(.minutes(2)))
struct RemoteSerialPortTests {
    private final class Visit {
        let bench: RemoteBench
        let log: StreamLog
        var port: RemoteSerialPort { bench.port }

        init(
            _ wire: RemoteSerialPort.Wire = .rfc2217, _ manner: ServedPort.Manner? = nil, settings: SerialSettings = SerialSettings(),
            patience: Duration = .seconds(20)
        ) throws {
            bench = try RemoteBench(wire, manner, settings: settings, patience: patience)
            log = StreamLog(bench.port, on: bench.reactor)
        }
    }

    @Test("the server is asked for the line's settings")
    func settings() throws {
        let visit = try Visit(settings: SerialSettings(baud: 250_000, dataBits: 7, parity: .even, stopBits: 2, flowControl: .hardware))
        #expect(visit.log.open() == .opened)
        // 250,000 = 00 03 D0 90.
        #expect(
            visit.bench.serving?.commands == [[12, 3], [1, 0, 3, 0xd0, 0x90], [2, 7], [3, 3], [4, 2], [5, 3], [10, 30], [11, 255]])
    }

    @Test("bytes of every value, both ways")
    func everyByte() throws {
        let visit = try Visit()
        var heard: [UInt8] = []
        visit.bench.onServerEvent = { if case .bytes(let bytes, _) = $0 { heard += bytes } }
        #expect(visit.log.open() == .opened)
        let all = Array(UInt8.min...UInt8.max)
        visit.port.send(all)
        visit.bench.serving?.send(all)
        #expect(visit.log.wait { heard == all })
        #expect(visit.log.wait { visit.log.bytes == all })
    }

    // MARK: What does not open

    private static let tcpRemedy = "where the port is a bare connection, write tcp: in place of rfc2217: in lab.yaml"

    @Test(
        "servers that cannot be used, each with what to do",
        arguments: [
            (.plainTelnet, .unsupported, "the server speaks telnet without RFC 2217", "tcp:"),
            (.textOnly, .unsupported, "the server refuses to carry every byte as it is (binary transmission)", "tcp:"),
            (.echoing, .unsupported, "what is sent there comes back; no telnet server listens", "tcp:"),
            (.answeringRate([0, 0, 0x25, 0x80]), .unsupported, "the server refuses 115200 bits in a second, it stays at 9600", "choose"),
            (.answeringRate([0]), .unsupported, "the server refuses 115200 bits in a second", "choose"),
            (.answering(code: 2, value: 7), .unsupported, "the server refuses 8 data bits, it stays at 7", "choose"),
            (.saying("Port already in use\r\n"), .busy, "somebody else uses it: Port already in use", "other lab"),
            (
                .saying("Device open failure: no such file\r\n"), .notFound,
                "the server cannot open its device: Device open failure: no such file", "plug"
            ),
            (.saying("go away\r\n"), .unsupported, "the server closed the connection before the line was set; it said: go away", "tcp:"),
            (.endless, .malformed, "the server's telnet is damaged (option 44)", "RFC 2217"),
        ] as [(ServedPort.Manner, StreamFailure.Reason, String, String)])
    func useless(_ manner: ServedPort.Manner, _ reason: StreamFailure.Reason, _ detail: String, _ remedy: String) throws {
        let visit = try Visit(.rfc2217, manner)
        let failure = try #require(visit.log.open()?.failure)
        #expect(failure.reason == reason)
        #expect(failure.detail == detail)
        #expect(failure.remedy.contains(remedy))
        #expect(failure.medium == visit.port.name)
        #expect(!visit.port.isOpen)
        #expect(visit.log.events.count == 1)
    }

    @Test("a server that says nothing is not waited for for ever: the port may be a bare one")
    func silent() throws {
        let visit = try Visit(.rfc2217, .silent, patience: .milliseconds(300))
        #expect(
            visit.log.open()?.failure
                == StreamFailure(
                    .unsupported, visit.port.name, "nothing there answers as a telnet server with RFC 2217", remedy: Self.tcpRemedy))
    }

    @Test("a server that confirms nothing: what it does not confirm is named")
    func unconfirmed() throws {
        let visit = try Visit(.rfc2217, .unconfirming, patience: .milliseconds(300))
        let failure = try #require(visit.log.open()?.failure)
        #expect(failure.reason == .timedOut)
        #expect(
            failure.detail
                == "the server does not confirm 115200 bits in a second, 8 data bits, the parity none, 1 stop bits, the flow control none")
    }

    @Test("nobody listens there", arguments: [RemoteSerialPort.Wire.rfc2217, .raw])
    func nobody(_ wire: RemoteSerialPort.Wire) throws {
        let (reactor, sockets) = (try Reactor(), StreamLoop())
        let unused = try #require(UnusedPort())
        let port = RemoteSerialPort(wire, at: unused.address, on: sockets, reportingTo: reactor, clock: { reactor.now })
        let failure = StreamLog(port, on: reactor).open()?.failure
        #expect(failure?.reason == .refused)
        #expect(failure?.description == "\(port.name): nobody listens there; start the server, or check the port")
    }

    @Test("a rate of 0 is refused before anybody is asked")
    func rateOfZero() throws {
        #expect(try Visit(settings: SerialSettings(baud: 0)).log.open()?.failure?.reason == .unsupported)
    }

    // MARK: Losing it

    @Test("a server that goes is a port that vanished, and it opens again", arguments: [RemoteSerialPort.Wire.rfc2217, .raw])
    func vanish(_ wire: RemoteSerialPort.Wire) throws {
        let visit = try Visit(wire)
        #expect(visit.log.open() == .opened)
        #expect(visit.log.wait { visit.bench.serving?.isOpen == true })
        visit.bench.serving?.close()
        #expect(visit.log.isTold(.vanished))
        #expect(
            visit.log.failures.last?.description
                == "\(visit.port.name): the server of the port closed the connection; check whether the server runs there and the device is plugged in; the port can be opened again"
        )
        #expect(!visit.port.isOpen)
        #expect(visit.log.open() == .opened)
    }

    @Test("a bare port that somebody else uses is busy, though the connection was made")
    func bareBusy() throws {
        let visit = try Visit(.raw, .saying("Port already in use\r\n"))
        #expect(visit.log.open() == .opened)
        #expect(visit.log.isTold(.busy))
    }

    @Test(
        "a machine that says nothing is asked after 4 seconds whether it is there: a pulled cable makes no other sign",
        arguments: [RemoteSerialPort.Wire.rfc2217, .raw])
    func silence(_ wire: RemoteSerialPort.Wire) throws {
        let visit = try Visit(wire)
        #expect(visit.log.open() == .opened)
        let port = KernelSockets.suffix(of: visit.bench.address)
        // The timer that runs, 2 for the question, and when, in hundredths of a second.
        func timers() -> [Substring] { KernelSockets.rows().filter { $0[2].hasSuffix(port) }.map { $0[5] } }
        // While something is on its way it is another timer.
        for _ in 0..<200 where timers().first?.hasPrefix("02:") != true {
            visit.bench.reactor.run(until: { false }, timeout: .milliseconds(10))
        }
        let timer = try #require(timers().first)
        #expect(timer.hasPrefix("02:"))
        #expect((Int(timer.dropFirst(3), radix: 16) ?? .max) <= 400)
    }

    // MARK: Lines

    @Test("modem lines are told when the server tells them; DTR and RTS are as they were set")
    func modemLines() throws {
        let visit = try Visit()
        var told: [ModemLines] = []
        visit.port.onModemLines = { told.append($0) }
        #expect(visit.port.modemLines == nil)
        #expect(visit.log.open() == .opened)
        visit.bench.serving?.say([107, 0xb0])
        #expect(visit.log.wait { told == [[.dcd, .dsr, .cts]] })
        visit.port.set([.dtr, .rts], true)
        visit.port.set(.rts, false)
        #expect(visit.port.modemLines == [.dcd, .dsr, .cts, .dtr])
        #expect(visit.log.wait { visit.bench.serving?.commands.suffix(3) == [[5, 8], [5, 11], [5, 12]] })
        visit.port.close()
        #expect(visit.port.modemLines == nil)
    }

    @Test("troubles of the line are told")
    func lineState() throws {
        let visit = try Visit()
        var told: [LineState] = []
        visit.port.onLineState = { told.append($0) }
        #expect(visit.log.open() == .opened)
        visit.bench.serving?.say([106, 0x1e])
        #expect(visit.log.wait { told == [.troubles] })
    }

    @Test("a break begins and ends once, also where it is asked for twice")
    func sendBreak() throws {
        let visit = try Visit()
        #expect(visit.log.open() == .opened)
        visit.port.sendBreak()
        visit.port.sendBreak()
        #expect(visit.log.wait { visit.bench.serving?.commands.last == [5, 6] })
        #expect(visit.bench.serving?.commands.suffix(2) == [[5, 5], [5, 6]])
    }

    @Test("closing in the middle of a break ends it first")
    func breakAndClose() throws {
        let visit = try Visit()
        #expect(visit.log.open() == .opened)
        let serving = try #require(visit.bench.serving)
        visit.port.sendBreak()
        visit.port.close()
        #expect(visit.log.wait { serving.commands.suffix(2) == [[5, 5], [5, 6]] })
    }

    @Test("what the server holds can be thrown away")
    func discard() throws {
        let visit = try Visit()
        #expect(visit.log.open() == .opened)
        visit.port.discard()
        #expect(visit.log.wait { visit.bench.serving?.commands.last == [12, 3] })
    }

    @Test("on a bare connection there are no lines and no break; asking sends nothing")
    func bareLines() throws {
        let visit = try Visit(.raw)
        var heard: [UInt8] = []
        visit.bench.onServerEvent = { if case .bytes(let bytes, _) = $0 { heard += bytes } }
        #expect(visit.log.open() == .opened)
        visit.port.set([.dtr, .rts], true)
        visit.port.sendBreak()
        visit.port.discard()
        #expect(visit.port.modemLines == nil)
        visit.port.send([255, 1])
        #expect(visit.log.wait { heard.count >= 2 })
        #expect(heard == [255, 1])
    }
}
