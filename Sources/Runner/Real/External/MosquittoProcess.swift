import Bench
import Cloud
import Foundation
import LabCore
import Programs

/// Eclipse Mosquitto as a child of the lab, with a configuration made for one run: limits lifted, a password file and an ACL
/// file, a port and a folder of its own.
///
/// It ends with the lab, also where the lab is killed.
final class MosquittoProcess {
    struct Account: Sendable {
        var username: String
        var password: String
    }

    let port: Int
    private let folder: URL
    private var process: ChildProcess?

    /// Starts it, and waits until it listens.
    ///
    /// Between the look for a free port and mosquitto's own use of it another program can take it; then it is tried with another one. To go on
    /// would be worse than to fail: who listens there may be the broker of another run.
    ///
    /// - Parameters:
    ///   - port: gives one that is free on 127.0.0.1.
    ///   - accounts: for the password file.
    ///   - rights: the lines of the ACL file.
    /// - Throws: `StreamFailure` where mosquitto is missing or does not start.
    static func onFreePort(_ port: () throws(StreamFailure) -> Int, accounts: [Account], rights: [String]) throws -> MosquittoProcess {
        var words = ""
        for _ in 0..<attempts {
            let broker = try MosquittoProcess(port: try port(), accounts: accounts, rights: rights)
            if broker.comesUp() { return broker }
            words = broker.lastWords
            broker.remove()
        }
        throw StreamFailure(.failed, "mosquitto", "it ended as soon as it was started: \(words)", remedy: "start it by hand, and see what it says")
    }

    private static let attempts = 5
    /// It needs a few hundredths of a second.
    private static let patience = Duration.seconds(5)

    /// Waits until it listens.
    ///
    /// - Returns: false where it has ended instead.
    private func comesUp() -> Bool {
        Waiting.until(Self.patience, every: .milliseconds(5)) { hasDied || log.contains(" running") }
        return !hasDied
    }

    private init(port: Int, accounts: [Account], rights: [String]) throws {
        self.port = port
        // Two brokers of one lab may be given the same port; who comes second must not take the files of the first for its own.
        folder = URL(filePath: try TemporaryFolder.make("lab-mosquitto", for: "the folder of mosquitto"), directoryHint: .isDirectory)
        try writeFiles(accounts, rights)
        try start()
    }

    static let missing = StreamFailure(
        .notFound, "mosquitto", "the program is not installed",
        remedy: "install the Debian packages mosquitto and mosquitto-clients, or use --broker embedded")

    /// The lines of the ACL file: the cloud may do everything, devices what lies below their own names.
    static func rights(cloud: String) -> [String] {
        ["user \(cloud)", "topic readwrite #", ""]
            + Topics.subscriptions.map { "pattern write " + $0.replacing("+", with: "%c") }
            + ["pattern read luna/device/%c/#"]
    }

    private func writeFiles(_ accounts: [Account], _ rights: [String]) throws {
        let passwords = folder.appending(path: "passwords")
        try Data().write(to: passwords)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: passwords.path)
        for account in accounts {
            let words = ["mosquitto_passwd", "-b", passwords.path, account.username, account.password]
            guard try Self.start(words).wait().status == 0 else { throw Self.missing }
        }
        try Data((rights.joined(separator: "\n") + "\n").utf8).write(to: folder.appending(path: "rights"))
        try Data(configuration.utf8).write(to: folder.appending(path: "mosquitto.conf"))
    }

    private var configuration: String {
        """
        listener \(port) 127.0.0.1
        user \(NSUserName())
        allow_anonymous false
        password_file \(folder.path)/passwords
        acl_file \(folder.path)/rights
        persistence true
        persistence_location \(folder.path)/
        max_queued_messages 0
        max_queued_bytes 0
        max_inflight_messages 0
        max_connections -1
        message_size_limit 0
        set_tcp_nodelay true
        log_dest file \(folder.path)/mosquitto.log
        log_type error
        log_type warning
        log_type information

        """
    }

    private func start() throws {
        guard let program = ChildProcess.path(of: "mosquitto", in: ChildProcess.searchPath + ["/usr/sbin"]) else { throw Self.missing }
        // The system ends it with the thread that runs this world, also where the lab is killed.
        let leash = ChildProcess.path(of: "setpriv").map { [$0, "--pdeathsig", "TERM"] } ?? []
        process = try Self.start(leash + [program, "-c", folder.appending(path: "mosquitto.conf").path])
    }

    /// It has ended without being told to.
    var hasDied: Bool { process.map { !$0.isRunning } ?? false }

    /// The last lines of its log, for people.
    var lastWords: String { log.split(separator: "\n").suffix(2).joined(separator: "; ") }

    private var log: String { (try? String(contentsOf: folder.appending(path: "mosquitto.log"), encoding: .utf8)) ?? "" }

    /// Ends it in order: it writes its sessions and retained messages to disk.
    func stop() {
        process?.terminate()
        process?.wait()
        process = nil
    }

    /// Starts it again on the same port.
    ///
    /// - Parameter keepingSessions: with what it wrote to disk.
    func restart(keepingSessions: Bool) throws {
        stop()
        if !keepingSessions { try? FileManager.default.removeItem(at: folder.appending(path: "mosquitto.db")) }
        try start()
    }

    /// Ends it and forgets its files.
    func remove() {
        stop()
        try? FileManager.default.removeItem(at: folder)
    }

    private static func start(_ words: [String]) throws -> ChildProcess {
        do {
            return try ChildProcess(words[0], Array(words.dropFirst()), output: .discarded, errors: .discarded)
        } catch {
            throw error.reason == .notFound ? missing : StreamFailure(.failed, error.program, error.detail, remedy: error.remedy)
        }
    }
}
