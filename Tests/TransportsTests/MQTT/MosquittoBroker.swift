import Foundation
import Glibc
import LabCore
import Transports

/// Eclipse Mosquitto on a free port of 127.0.0.1, for one test.
final class MosquittoBroker {
    var address: StreamAddress { port.address }
    let folder: URL
    private let port: UnusedPort
    private var process: pid_t = 0

    /// - Parameters:
    ///   - lines: of its configuration, after the listener's own.
    ///   - files: made beside the configuration; `%` in lines stands for their folder.
    init?(for test: String, on reactor: Reactor, _ lines: [String] = ["allow_anonymous true"], files: [String: String] = [:]) throws {
        guard
            let program = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"].first(
                where: FileManager.default.isExecutableFile)
        else {
            print("SKIPPED \(test): mosquitto is not installed")
            return nil
        }
        guard let port = UnusedPort() else { throw StreamFailure(.failed, "mosquitto", "there is no free port") }
        self.port = port
        folder = FileManager.default.temporaryDirectory.appending(path: "mosquitto-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (name, content) in files { try Data(content.utf8).write(to: folder.appending(path: name)) }
        let configuration =
            ["user \(NSUserName())", "listener \(address.port) 127.0.0.1", "max_queued_messages 0"]
            + lines.map { $0.replacing("%", with: folder.path) }
        try Data((configuration.joined(separator: "\n") + "\n").utf8).write(to: folder.appending(path: "mosquitto.conf"))
        process = try Self.spawn(program, ["-c", folder.appending(path: "mosquitto.conf").path])
        guard waitUntilUp(reactor) else { throw StreamFailure(.failed, "mosquitto", "it does not listen") }
    }

    deinit {
        if process > 0 {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
        try? FileManager.default.removeItem(at: folder)
    }

    /// A program without a loop of Foundation, which would have to run on the test's thread.
    static func spawn(_ program: String, _ arguments: [String]) throws -> pid_t {
        let words = unsafe ([program] + arguments).map { unsafe strdup($0) }
        defer { unsafe words.forEach { unsafe free($0) } }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        // What it says would go among the results of the tests.
        unsafe posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        var process: pid_t = 0
        let code = unsafe posix_spawn(&process, program, &actions, nil, words + [nil], environ)
        guard code == 0 else { throw StreamFailure(.failed, program, "it does not start (error \(code))") }
        return process
    }

    private func waitUntilUp(_ reactor: Reactor) -> Bool {
        let sockets = StreamLoop()
        let stream = TCPStream(to: TCPTarget(address), on: sockets, reportingTo: reactor, clock: { .start })
        stream.onEvent = { [unowned stream] event in if case .closed = event { stream.open() } }
        stream.open()
        defer { stream.close() }
        return reactor.run(until: { stream.isOpen }, timeout: .seconds(30))
    }
}
