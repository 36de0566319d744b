import Bench
import Foundation
import Glibc
import LabCore
import Programs
import Testing
import Transports

/// A coordinator and an exporter of labgrid on 127.0.0.1, with a pseudo terminal of ours as the exporter's serial port.
final class LabgridServices {
    let coordinator: String
    let reactor: Reactor
    let terminal: PseudoTerminal
    let client: String
    /// How long to wait for one of labgrid's programs to be there; each question takes a third of a second.
    private static let tries = 60
    private let tools: String
    private let folder: URL
    private var processes: [ChildProcess] = []
    private var exporter: ChildProcess?

    /// - Parameter hasRelay: the power switch is there, too.
    /// - Returns: nil, with a line for the totals of the tests, where labgrid or ser2net is not installed.
    init?(for test: String, hasRelay: Bool = false) throws {
        let environment = ProcessInfo.processInfo.environment
        let cache = environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "") + "/.cache"
        let tools = (environment["LAB_PYTHON_TOOLS"] ?? cache + "/lab-python-tools") + "/bin"
        guard ChildProcess.path(of: "labgrid-coordinator", in: [tools]) != nil else {
            print("SKIPPED \(test): labgrid is not installed; scripts/python-tools installs it")
            return nil
        }
        guard ChildProcess.path(of: "ser2net", in: ["/usr/sbin"] + ChildProcess.searchPath) != nil else {
            print("SKIPPED \(test): ser2net is not installed")
            return nil
        }
        self.tools = tools
        client = tools + "/labgrid-client"
        folder = FileManager.default.temporaryDirectory.appending(path: "labgrid-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        reactor = try Reactor()
        terminal = PseudoTerminal(name: folder.appending(path: "port").path, on: reactor)
        coordinator = "127.0.0.1:\(try Self.freePort())"
        terminal.onEvent = { [unowned terminal] event in if case .bytes(let bytes, _) = event { terminal.send(bytes.reversed()) } }
        terminal.open()
        try #require(reactor.run(until: { self.terminal.isOpen }, timeout: .seconds(10)))
        try startCoordinator()
        if hasRelay { try startExporter(power: try startRelay()) } else { try startExporter() }
    }

    deinit {
        exporter?.terminate()
        _ = exporter?.wait()
        for process in processes { process.kill() }
        try? FileManager.default.removeItem(at: folder)
    }

    /// Free until somebody else takes it; labgrid's programs do not tell which port they got.
    static func freePort() throws -> Int {
        let reactor = try Reactor()
        let listener = try TCPListener(on: StreamLoop(), reportingTo: reactor, clock: { .start }) { _ in }
        defer { listener.close() }
        return listener.address.port
    }

    private func startCoordinator() throws {
        processes.append(
            try ChildProcess(tools + "/labgrid-coordinator", ["-l", coordinator], in: folder.path, output: .discarded, errors: .discarded))
        for _ in 0..<Self.tries {
            do { return _ = try LabgridPlace.names(coordinator: coordinator, program: client) } catch {
                guard error.reason == .refused else { throw error }
            }
        }
        Issue.record("the coordinator does not listen")
    }

    /// Serves the terminal, a second port that is always there, and a power switch.
    func startExporter(isolated: Bool = false, power: String = "http://127.0.0.1:9/{index}") throws {
        let resources = """
            bench:
              RawSerialPort:
                port: \(terminal.target ?? "")
                speed: 9600
              NetworkPowerPort:
                model: rest
                host: '\(power)'
                index: 3
            other:
              NetworkSerialPort:
                host: 127.0.0.1
                port: 7777
                protocol: raw
            """
        let file = folder.appending(path: "exporter.yaml").path
        try Data(resources.utf8).write(to: URL(filePath: file))
        exporter = try ChildProcess(
            tools + "/labgrid-exporter",
            ["-c", coordinator, "-n", "exporter1", "--hostname", "127.0.0.1"] + (isolated ? ["--isolated"] : []) + [file],
            in: folder.path, output: .discarded, errors: .discarded)
        for _ in 0..<Self.tries { if try run(["resources"]).output.contains("exporter1/other/NetworkSerialPort") { return } }
        Issue.record("the exporter does not come up")
    }

    func stopExporter() throws {
        exporter?.terminate()
        _ = exporter?.wait()
        for _ in 0..<Self.tries { if try !run(["resources"]).output.contains("exporter1") { return } }
        Issue.record("the coordinator does not see that the exporter has gone")
    }

    /// Asks labgrid as a person would; as another one where a user is named.
    @discardableResult
    func run(_ words: [String], user: String? = nil) throws -> ChildProcess.Outcome {
        var environment = ProcessInfo.processInfo.environment
        if let user { environment["LG_USERNAME"] = user }
        return try ChildProcess(client, ["-x", coordinator] + words, environment: environment, limit: .seconds(60)).wait()
    }

    func makePlace(_ name: String, matches: [String]) throws {
        #expect(try run(["-p", name, "create"]).status == 0)
        for match in matches { #expect(try run(["-p", name, "add-match", match]).status == 0) }
    }

    func place(_ name: String, resource: String? = nil) -> LabgridPlace {
        LabgridPlace(name: name, resource: resource, coordinator: coordinator, program: client)
    }

    /// A program that switches a relay by HTTP, as labgrid's `rest` model wants it.
    private func startRelay() throws -> String {
        let script = """
            import http.server
            class Relay(http.server.BaseHTTPRequestHandler):
                state = b'1'
                def do_GET(self):
                    self.send_response(200); self.end_headers(); self.wfile.write(Relay.state)
                def do_PUT(self):
                    Relay.state = self.rfile.read(int(self.headers['Content-Length'])); self.send_response(200); self.end_headers()
                def log_message(self, *words): pass
            server = http.server.HTTPServer(('127.0.0.1', 0), Relay)
            print(server.server_port, flush=True)
            server.serve_forever()
            """
        let relay = try ChildProcess(tools + "/python3", ["-c", script])
        processes.append(relay)
        let port = relay.output { $0.contains("\n") }.split(separator: "\n").first ?? ""
        return "http://127.0.0.1:\(port)/relay/{index}"
    }
}
