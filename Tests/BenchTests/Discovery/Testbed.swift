import Foundation
import Programs
import Testing

/// A machine with devices that umockdev makes up, seen by a process of its own: the library must be there before libudev is.
///
/// Tests run this test program again, inside, for one test of `InsideTestbed`.
enum Testbed {
    static let vectors = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Vectors").standardizedFileURL.path

    static var isInside: Bool { ProcessInfo.processInfo.environment["LAB_TESTBED"] != nil }

    /// The module of the specification.
    static var module: String {
        get throws { try String(contentsOfFile: "\(vectors)/rg500q.umockdev", encoding: .utf8) }
    }

    private static let python = "/usr/bin/python3"
    private static let patience = Duration.seconds(60)

    /// The programs that it needs; `nil`, with a line that counts as a skipped test, where one is missing.
    private static let wrapper: String? = {
        guard let wrapper = ChildProcess.path(of: "umockdev-wrapper"),
            let check = try? ChildProcess(python, ["-c", "import gi; gi.require_version('UMockdev', '1.0'); from gi.repository import UMockdev"]),
            check.wait().status == 0
        else { return nil }
        return wrapper
    }()

    /// Runs a program in a machine that has these devices.
    ///
    /// - Parameters:
    ///   - description: in umockdev's language.
    ///   - hasUdev: whether the machine looks as if udev ran.
    /// - Returns: `nil` where it cannot run here.
    static func run(
        _ program: String, _ arguments: [String], description: String, hasUdev: Bool = false, environment: [String: String] = [:], for test: String
    ) async throws -> ChildProcess.Outcome? {
        guard let wrapper else {
            print("SKIPPED \(test): umockdev, python3-gi and gir1.2-umockdev-1.0 are not installed")
            return nil
        }
        let file = FileManager.default.temporaryDirectory.appending(path: "testbed-\(UUID().uuidString).umockdev")
        try Data(description.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        var command = [wrapper, python, "\(vectors)/testbed.py", file.path, program] + arguments
        // A record that the host's udev has for the same number would be taken for the mocked device's (/run/udev is not mocked).
        if hasUdev || FileManager.default.fileExists(atPath: "/run/udev/data") {
            let control = hasUdev ? "touch /run/udev/control &&" : ""
            let script = "mount -t tmpfs none /run && mkdir -p /run/udev/data && \(control) exec \"$@\""
            guard try canMount() else {
                print("SKIPPED \(test): a private /run needs root, or user namespaces")
                return nil
            }
            command = ["unshare"] + (geteuid() == 0 ? ["-m"] : ["-rm"]) + ["sh", "-c", script, "sh"] + command
        }
        var variables = ProcessInfo.processInfo.environment
        for (name, value) in environment { variables[name] = value }
        return try await ChildProcess(command[0], Array(command.dropFirst()), environment: variables, limit: patience).outcome()
    }

    private static func canMount() throws -> Bool {
        let flags = geteuid() == 0 ? ["-m"] : ["-rm"]
        return try ChildProcess("unshare", flags + ["sh", "-c", "mount -t tmpfs none /run"]).wait().status == 0
    }

    /// Runs one test of `InsideTestbed`.
    static func runInside(_ name: String, description: String, hasUdev: Bool = false, environment: [String: String] = [:]) async throws {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let outcome = try await run(
            own, ["--testing-library", "swift-testing", "--filter", "InsideTestbed/\(name)\\("], description: description, hasUdev: hasUdev,
            environment: environment.merging(["LAB_TESTBED": "1"]) { $1 }, for: "ports of a mocked machine, \(name)")
        guard let outcome else { return }
        #expect(outcome.status == 0, "\(outcome)")
    }

    // MARK: Inside

    static func ask(_ line: String) { FileHandle.standardOutput.write(Data("@@ \(line)\n".utf8)) }

    /// The test has seen what it wanted.
    static func done() { ask("done") }
}
