import Foundation
import Programs

/// The built command `lab`, as users start it.
enum LabProcess {
    struct Result {
        var status: Int32
        var output: String
        var error: String
        /// The last line of standard output.
        var lastLine: String { output.split(separator: "\n").last.map(String.init) ?? "" }
        /// Both streams, for the message of a failed test.
        var all: String { "exit \(status)\n\(output)\n\(error)" }
    }

    /// What a test waits for at most before it ends the process and fails: every shipped scenario, on a machine that is busy.
    private static let patience = Duration.seconds(900)

    /// The binary beside the test bundle; `LAB_BINARY` names another.
    static let path: String = {
        if let path = ProcessInfo.processInfo.environment["LAB_BINARY"] { return path }
        let products = Bundle.main.executableURL?.deletingLastPathComponent().path ?? ""
        for folder in [products, Bundle(for: Marker.self).bundleURL.deletingLastPathComponent().path]
        where FileManager.default.isExecutableFile(atPath: "\(folder)/lab") { return "\(folder)/lab" }
        return "\(Repository.root)/.build/debug/lab"
    }()

    private final class Marker {}

    /// Runs `lab` to its end.
    ///
    /// - Parameters:
    ///   - environment: added to the test's own. Hashing is random, as for users.
    ///   - signal: sent as soon as its condition holds.
    static func run(
        _ arguments: [String], in folder: String = Repository.root, environment: [String: String] = [:], signal: Signal? = nil
    ) throws -> Result {
        var variables = ProcessInfo.processInfo.environment
        variables["SWIFT_DETERMINISTIC_HASHING"] = nil
        for (name, value) in environment { variables[name] = value }
        return try run(path, arguments, in: folder, environment: variables, signal: signal)
    }

    struct Signal {
        var number: Int32
        var condition: () -> Bool

        /// When the log of a case in the folder of runs has its first events.
        static func whileRunning(_ number: Int32, _ runs: TemporaryFolder) -> Signal { whileRunningAfter(0, number, runs) }

        /// The same in a folder with so many logs of earlier runs.
        static func whileRunningAfter(_ earlier: Int, _ number: Int32, _ runs: TemporaryFolder) -> Signal {
            Signal(number: number) { runs.files.count { $0.hasSuffix("events.jsonl") && runs.size($0) > 0 } > earlier }
        }
    }

    /// Runs any program to its end.
    static func run(
        _ program: String, _ arguments: [String], in folder: String, environment: [String: String]? = nil, signal: Signal? = nil
    ) throws -> Result {
        let process = try ChildProcess(program, arguments, in: folder, environment: environment, limit: patience)
        if let signal {
            // Asked again until it holds; how long that takes decides nothing.
            while process.isRunning, !signal.condition() { sched_yield() }
            process.send(signal.number)
        }
        let outcome = process.wait()
        return Result(status: outcome.status, output: outcome.output, error: outcome.errors)
    }
}

/// Programs of the machine that look at what the lab wrote.
enum Tool {
    /// The program's path; where it is missing, a line that counts as a skipped test.
    static func find(_ names: String..., for purpose: String) -> String? {
        for name in names { if let path = ChildProcess.path(of: name) { return path } }
        print("SKIPPED \(purpose): \(names[0]) is not installed")
        return nil
    }
}

/// A folder of its own that is gone afterwards.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/lab-test-" + ProcessInfo.processInfo.globallyUniqueString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, to name: String) throws {
        let url = URL(fileURLWithPath: "\(path)/\(name)")
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    func read(_ name: String) -> String? {
        FileManager.default.contents(atPath: "\(path)/\(name)").map { String(decoding: $0, as: UTF8.self) }
    }

    func size(_ name: String) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: "\(path)/\(name)"))?[.size] as? Int ?? 0
    }

    /// Every file below it, sorted.
    var files: [String] { (FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []).sorted() }

    /// The only file whose path ends like this, not counting what is collected once more for an upload.
    func only(_ ending: String) -> String? {
        let found = files.filter { $0.hasSuffix(ending) && !$0.contains("/artifacts/") }
        return found.count == 1 ? found[0] : nil
    }
}
