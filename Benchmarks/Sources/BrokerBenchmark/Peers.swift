import BenchTable
import CLoad
import Foundation

/// A broker in a process of its own.
protocol Peer: AnyObject {
    var name: String { get }
    var port: UInt16 { get }
    var process: Process { get }
}

extension Peer {
    var pid: Int32 { process.processIdentifier }
    /// Processor seconds since it began.
    var processorTime: Double { Double(load_cpu(pid)) * 1e-9 }
    var memory: Int { Int(load_memory(pid)) }
}

extension Problem {
    static func text(of error: Int32) -> String { unsafe String(cString: load_error(error)) }
}

enum Account {
    static let user = "bench"
    static let password = "secret"
    /// What the user may do, with both brokers.
    static let rights = "bench/#"
}

/// The lab's broker: this program with the argument `serve`.
final class LabBroker: Peer {
    let name = "lab"
    private let child: PortProcess

    init() throws { child = try PortProcess("the lab's broker", PortProcess.ownProgram, ["serve"]) }

    var port: UInt16 { child.port }
    var process: Process { child.process }
}

/// Eclipse Mosquitto with the same account, the same rights and no limits.
final class Mosquitto: Peer {
    let name = "mosquitto"
    let port: UInt16
    let process = Process()
    private let folder: URL

    init() throws {
        guard let path = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto"].first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
            throw Problem("mosquitto is not installed: apt-get install mosquitto")
        }
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("broker-benchmark-\(getpid())-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let accounts = folder.appendingPathComponent("passwords").path
        try Self.run("/usr/bin/mosquitto_passwd", ["-c", "-b", accounts, Account.user, Account.password])
        let rights = folder.appendingPathComponent("rights").path
        try "user \(Account.user)\ntopic readwrite \(Account.rights)\n".write(toFile: rights, atomically: true, encoding: .utf8)
        // Mosquitto takes no 0.
        port = load_free_port()
        let configuration = """
            listener \(port) 127.0.0.1
            socket_domain ipv4
            max_connections -1
            allow_anonymous false
            password_file \(accounts)
            acl_file \(rights)
            max_inflight_messages 0
            max_queued_messages 0
            max_queued_bytes 0
            set_tcp_nodelay true
            persistence false
            sys_interval 0
            connection_messages false
            log_dest none
            \(getuid() == 0 ? "user root" : "")
            """
        let file = folder.appendingPathComponent("mosquitto.conf").path
        try configuration.write(toFile: file, atomically: true, encoding: .utf8)
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = ["-c", file]
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        try waitUntilReady()
    }

    deinit {
        process.terminate()
        try? FileManager.default.removeItem(at: folder)
    }

    private func waitUntilReady() throws {
        let end = load_now() + 10
        while load_now() < end {
            let error = load_idle_begin(port, 0, 1)
            load_idle_end()
            if error == 0 { return }
            usleep(20_000)
        }
        throw Problem("mosquitto does not answer on port \(port)")
    }

    private static func run(_ path: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        if process.terminationStatus != 0 { throw Problem("\(path) failed with \(process.terminationStatus)") }
    }
}
