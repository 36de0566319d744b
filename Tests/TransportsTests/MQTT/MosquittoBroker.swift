import Foundation
import LabCore
import Programs
import Transports

/// Eclipse Mosquitto on a free port of 127.0.0.1, for one test.
final class MosquittoBroker {
    var address: StreamAddress { port.address }
    let folder: URL
    private let port: UnusedPort
    private let process: ChildProcess

    /// - Parameters:
    ///   - lines: of its configuration, after the listener's own.
    ///   - files: made beside the configuration; `%` in lines stands for their folder.
    init?(for test: String, on reactor: Reactor, _ lines: [String] = ["allow_anonymous true"], files: [String: String] = [:]) throws {
        guard let program = ChildProcess.path(of: "mosquitto", in: ["/usr/sbin", "/usr/local/sbin"] + ChildProcess.searchPath) else {
            print("SKIPPED \(test): mosquitto is not installed")
            return nil
        }
        guard let port = UnusedPort() else { throw StreamFailure(.failed, "mosquitto", "there is no free port") }
        self.port = port
        let folder = FileManager.default.temporaryDirectory.appending(path: "mosquitto-\(UUID().uuidString)")
        self.folder = folder
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (name, content) in files { try Data(content.utf8).write(to: folder.appending(path: name)) }
        let configuration =
            ["user \(NSUserName())", "listener \(port.address.port) 127.0.0.1", "max_queued_messages 0"]
            + lines.map { $0.replacing("%", with: folder.path) }
        try Data((configuration.joined(separator: "\n") + "\n").utf8).write(to: folder.appending(path: "mosquitto.conf"))
        // What it says would go among the results of the tests.
        process = try ChildProcess(program, ["-c", folder.appending(path: "mosquitto.conf").path], output: .discarded, errors: .discarded)
        guard waitUntilUp(reactor) else { throw StreamFailure(.failed, "mosquitto", "it does not listen") }
    }

    deinit {
        process.kill()
        process.wait()
        try? FileManager.default.removeItem(at: folder)
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
