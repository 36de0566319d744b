import Foundation
import LabCore
import Programs
import Testing
import Transports

/// ser2net, which others wrote, in front of a pseudo terminal of ours.
final class SerialServer {
    let reactor: Reactor
    let terminal: StreamLog
    let address: StreamAddress
    private let bench: PortBench
    private let unused: UnusedPort
    private let sockets = StreamLoop()
    private let program: String
    private var process: ChildProcess?

    /// - Parameter accepter: `telnet(rfc2217=true),tcp`.
    /// - Returns: nil, with a line for the totals of the tests, where it is not installed.
    init?(_ accepter: String, for test: String) throws {
        guard let program = ChildProcess.path(of: "ser2net", in: ["/usr/sbin", "/usr/bin"] + ChildProcess.searchPath) else {
            print("SKIPPED \(test): ser2net is not installed")
            return nil
        }
        self.program = program
        bench = try PortBench()
        reactor = bench.reactor
        terminal = bench.terminal("port")
        unused = try #require(UnusedPort())
        address = unused.address
        let configuration = """
            connection: &port
              accepter: \(accepter),127.0.0.1,\(address.port)
              connector: serialdev(nouucplock=true),\(bench.path("port")),115200n81,local
            """
        try Data(configuration.utf8).write(to: URL(filePath: bench.path("ser2net.yaml")))
        try #require(terminal.open() == .opened)
        try start()
    }

    deinit { process?.kill() }

    func start() throws {
        process = try ChildProcess(program, ["-d", "-n", "-u", "-c", bench.path("ser2net.yaml")])
        // It says nothing when it listens, and a connection to see it would use the port.
        for _ in 0..<500 {
            if isListening { return }
            reactor.run(until: { false }, timeout: .milliseconds(10))
        }
        Issue.record("ser2net does not listen: \(process?.wait().description ?? "")")
    }

    private var isListening: Bool {
        let port = KernelSockets.suffix(of: address)
        return KernelSockets.rows().contains { $0[1].hasSuffix(port) && $0[3] == "0A" }
    }

    func kill() {
        process?.kill()
        _ = process?.wait()
        process = nil
    }

    func port(_ wire: RemoteSerialPort.Wire = .rfc2217, _ settings: SerialSettings = SerialSettings(), patience: Duration = .seconds(10))
        -> StreamLog
    {
        let reactor = reactor
        return StreamLog(
            RemoteSerialPort(
                wire, at: address, settings: settings, on: sockets, reportingTo: reactor, clock: { reactor.now }, patience: patience),
            on: reactor)
    }

    var seen: SerialSettings? { (terminal.stream as? PseudoTerminal)?.clientSettings }
}

/// The sockets of TCP over IPv4 as the kernel lists them (proc(5), /proc/net/tcp).
enum KernelSockets {
    /// Fields of each row: local address at 1, remote address at 2, state at 3 (0A: listening), timer at 5.
    static func rows() -> [[Substring]] {
        // The file has no size, and Foundation reads only the beginning of such files.
        let table = (try? ChildProcess("cat", ["/proc/net/tcp"]).wait().output) ?? ""
        return table.split(separator: "\n").map { $0.split(separator: " ") }.filter { $0.count > 5 }
    }

    /// How addresses with that port end: four hexadecimal digits.
    static func suffix(of address: StreamAddress) -> String {
        let digits = String(address.port, radix: 16, uppercase: true)
        return ":" + String(repeating: "0", count: 4 - digits.count) + digits
    }
}
