import LabCore
import Testing
import Transports

@Suite("Serial ports behind ser2net, a program that others wrote", .ownThread, .serialized, .timeLimit(.minutes(3)))
struct SerialServerTests {
    private static let telnet = "telnet(rfc2217=true),tcp"

    @Test("bytes of every value come as they were sent, both ways, by RFC 2217")
    func everyByte() throws {
        guard let server = try SerialServer(Self.telnet, for: "bytes by RFC 2217") else { return }
        let port = server.port()
        #expect(port.open() == .opened)
        let all = Array(UInt8.min...UInt8.max)
        port.stream.send(all + all)
        #expect(server.terminal.wait { server.terminal.bytes == all + all })
        server.terminal.stream.send(all)
        #expect(port.wait { port.bytes == all })
    }

    @Test("bytes of every value over a bare connection")
    func everyByteRaw() throws {
        guard let server = try SerialServer("tcp", for: "bytes over a bare connection") else { return }
        let port = server.port(.raw)
        #expect(port.open() == .opened)
        let all = Array(UInt8.min...UInt8.max)
        port.stream.send(all)
        #expect(server.terminal.wait { server.terminal.bytes == all })
        server.terminal.stream.send(all)
        #expect(port.wait { port.bytes == all })
        // The line is the server's.
        #expect(server.seen?.baud == 115_200)
    }

    @Test(
        "the other end of the port sees the rate and the stop bits that were asked for",
        arguments: [300, 9_600, 57_600, 250_000, 921_600] as [UInt32])
    func rates(_ baud: UInt32) throws {
        guard let server = try SerialServer(Self.telnet, for: "rates by RFC 2217") else { return }
        #expect(server.port(.rfc2217, SerialSettings(baud: baud, stopBits: 2)).open() == .opened)
        #expect(server.terminal.wait { server.seen?.baud == baud && server.seen?.stopBits == 2 })
    }

    @Test("half a megabyte each way at once: no byte is lost")
    func bulk() throws {
        guard let server = try SerialServer(Self.telnet, for: "half a megabyte each way") else { return }
        let port = server.port()
        #expect(port.open() == .opened)
        let up = (0..<524_288).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 9) }
        let down = Array(up.reversed())
        port.stream.send(up)
        server.terminal.stream.send(down)
        #expect(server.terminal.wait { server.terminal.bytes.count >= up.count })
        #expect(port.wait { port.bytes.count >= down.count })
        #expect(server.terminal.bytes == up)
        #expect(port.bytes == down)
    }

    @Test("breaks and lines are taken; a pseudo terminal has none, and the port goes on")
    func lines() throws {
        guard let server = try SerialServer(Self.telnet, for: "breaks and lines") else { return }
        let port = server.port()
        #expect(port.open() == .opened)
        let remote = try #require(port.stream as? RemoteSerialPort)
        remote.set([.dtr, .rts], true)
        remote.sendBreak()
        remote.discard()
        port.send("still there")
        #expect(server.terminal.wait { server.terminal.text.hasSuffix("still there") })
        // ser2net tells the lines at the beginning: none is on.
        #expect(port.wait { remote.modemLines != nil })
    }

    @Test(
        "one user at a time: the second is told so, and gets it when the first has gone", arguments: [RemoteSerialPort.Wire.rfc2217, .raw])
    func second(_ wire: RemoteSerialPort.Wire) throws {
        guard let server = try SerialServer(wire == .raw ? "tcp" : Self.telnet, for: "a second user") else { return }
        let (first, second) = (server.port(wire), server.port(wire))
        #expect(first.open() == .opened)
        second.stream.open()
        #expect(second.isTold(.busy))
        #expect(second.failures.last?.detail == "somebody else uses it: Port already in use")
        first.send("mine")
        #expect(server.terminal.wait { server.terminal.text.hasSuffix("mine") })
        first.stream.close()
        guard wire == .rfc2217 else { return }
        #expect(second.open() == .opened)
    }

    @Test(
        "the server is killed in the middle: the port vanished; when it is back the port opens again",
        arguments: [RemoteSerialPort.Wire.rfc2217, .raw])
    func killed(_ wire: RemoteSerialPort.Wire) throws {
        guard let server = try SerialServer(wire == .raw ? "tcp" : Self.telnet, for: "a killed server") else { return }
        let port = server.port(wire, SerialSettings(baud: wire == .raw ? 115_200 : 9_600))
        #expect(port.open() == .opened)
        port.send("AT\r")
        #expect(server.terminal.wait { server.terminal.text.hasSuffix("AT\r") })
        server.kill()
        #expect(port.isTold(.vanished))
        #expect(port.open()?.failure?.reason == .refused)
        try server.start()
        #expect(port.open() == .opened)
        port.forget()
        server.terminal.send("RDY\r\n")
        #expect(port.hears("RDY\r\n"))
        #expect(server.seen?.baud == (wire == .raw ? 115_200 : 9_600))
    }

    @Test("the device is unplugged there: the port vanished, is not found while it is away, and opens when it is back")
    func unplugged() throws {
        guard let server = try SerialServer(Self.telnet, for: "an unplugged device") else { return }
        let port = server.port()
        #expect(port.open() == .opened)
        server.terminal.stream.close()
        #expect(port.isTold(.vanished))
        #expect(port.open()?.failure?.reason == .notFound)
        #expect(server.terminal.open() == .opened)
        #expect(port.open() == .opened)
    }

    @Test("servers without RFC 2217 are told from those with it, and the error names tcp:", arguments: ["telnet,tcp", "tcp"])
    func without(_ accepter: String) throws {
        guard let server = try SerialServer(accepter, for: "a server without RFC 2217") else { return }
        let failure = try #require(server.port(patience: .seconds(1)).open()?.failure)
        #expect(failure.reason == .unsupported)
        #expect(failure.remedy.contains("write tcp:"))
    }
}
