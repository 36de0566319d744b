import Foundation
import Glibc
import LabCore
import Testing
import Transports

@Suite("Pseudo terminals under stable names", .ownThread, .timeLimit(.minutes(2)))
struct PseudoTerminalTests {
    private let bench: PortBench
    init() throws { bench = try PortBench() }

    private func destination(_ name: String) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: bench.path(name))
    }

    @Test("the name is a link to the terminal while it is open")
    func link() throws {
        let terminal = bench.terminal()
        #expect(destination("modem.at") == nil)
        #expect(terminal.open() == .opened)
        #expect(destination("modem.at")?.hasPrefix("/dev/pts/") == true)
        #expect(destination("modem.at") == (terminal.stream as? PseudoTerminal)?.target)
        terminal.stream.close()
        #expect(destination("modem.at") == nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.folder.path) == [])
    }

    @Test("a link that an earlier run left is replaced")
    func staleLink() throws {
        try FileManager.default.createSymbolicLink(atPath: bench.path("modem.at"), withDestinationPath: "/dev/pts/4095")
        #expect(bench.terminal().open() == .opened)
        #expect(destination("modem.at") != "/dev/pts/4095")
    }

    @Test("a file with that name is not touched, and the error says what to do")
    func file() throws {
        try Data("precious".utf8).write(to: URL(filePath: bench.path("modem.at")))
        let failure = bench.terminal().open()?.failure
        #expect(failure?.reason == .busy)
        #expect(
            failure?.description
                == "\(bench.path("modem.at")): there is a file with that name, and it is no link; move it away, or choose another folder for ports"
        )
        #expect(try String(contentsOfFile: bench.path("modem.at"), encoding: .utf8) == "precious")
    }

    @Test("a folder that does not exist, and a name that is too long, are refused")
    func wrongNames() {
        let missing = StreamLog(PseudoTerminal(name: bench.path("none/modem.at"), on: bench.reactor), on: bench.reactor)
        #expect(
            missing.open()?.failure
                == StreamFailure(.notFound, bench.path("none/modem.at"), "the folder of the link does not exist", remedy: "make it"))
        let long = StreamLog(PseudoTerminal(name: "/" + String(repeating: "x", count: 5_000), on: bench.reactor), on: bench.reactor)
        #expect(long.open()?.failure?.reason == .failed)
    }

    @Test("a link that somebody else has put there meanwhile is left alone")
    func foreignLink() throws {
        let (first, second) = (bench.terminal(), bench.terminal())
        #expect(first.open() == .opened)
        #expect(second.open() == .opened)
        let target = (second.stream as? PseudoTerminal)?.target
        first.stream.close()
        #expect(destination("modem.at") == target)
    }

    @Test("clients come and go; the emulator notices nothing but their bytes")
    func clients() throws {
        let terminal = bench.terminal()
        #expect(terminal.open() == .opened)
        for number in 0..<5 {
            let port = bench.port()
            #expect(port.open() == .opened)
            port.send("\(number)")
            #expect(terminal.wait { terminal.text.hasSuffix("\(number)") })
            terminal.send("ok")
            #expect(port.hears("ok"))
            port.stream.close()
        }
        #expect(terminal.events.count == 6)
        #expect(terminal.text == "01234")
    }

    @Test("the name that is left is free for other programs to open")
    func plainOpen() throws {
        let terminal = bench.terminal()
        #expect(terminal.open() == .opened)
        let descriptor = unsafe Glibc.open(bench.path("modem.at"), O_RDWR | O_NOCTTY)
        #expect(descriptor >= 0)
        // The line is raw before a client has set anything: no echo, no translation.
        _ = unsafe Glibc.write(descriptor, "AT\r", 3)
        #expect(terminal.hears("AT\r"))
        Glibc.close(descriptor)
    }

    @Test("four hundred ports on one loop, all busy")
    func many() throws {
        let count = 400
        var terminals: [PseudoTerminal] = []
        var ports: [SerialPort] = []
        var opened = 0
        var answers = [Int](repeating: 0, count: count)
        for index in 0..<count {
            let terminal = PseudoTerminal(name: bench.path("port.\(index)"), on: bench.reactor)
            terminal.onEvent = { [unowned terminal] event in
                switch event {
                case .opened: opened += 1
                case .bytes(let bytes, _): terminal.send(bytes.reversed())
                case .closed(let failure): Issue.record("\(failure)")
                }
            }
            terminal.open()
            terminals.append(terminal)
        }
        #expect(bench.reactor.run(until: { opened == count }, timeout: .seconds(60)))
        for index in 0..<count {
            let port = SerialPort(path: bench.path("port.\(index)"), on: bench.reactor)
            port.onEvent = { [unowned port] event in
                switch event {
                case .opened: port.send([1, 2])
                case .bytes(let bytes, _):
                    #expect(bytes == [2, 1])
                    answers[index] += 1
                    if answers[index] < 10 { port.send([1, 2]) }
                case .closed(let failure): Issue.record("\(failure)")
                }
            }
            port.open()
            ports.append(port)
        }
        #expect(bench.reactor.run(until: { answers.allSatisfy { $0 == 10 } }, timeout: .seconds(60)))
        for port in ports { port.close() }
        for terminal in terminals { terminal.close() }
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.folder.path) == [])
    }
}
