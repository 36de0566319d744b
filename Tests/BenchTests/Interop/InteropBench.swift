import Foundation
import Programs

/// What a script of this folder printed, and how it ended.
struct InteropReport: CustomStringConvertible {
    let outcome: ChildProcess.Outcome
    private let parts: [(heading: String, text: String)]

    init(_ outcome: ChildProcess.Outcome) {
        self.outcome = outcome
        var parts: [(heading: String, text: String)] = []
        // A module ends its lines with CR LF, programs with LF.
        for line in outcome.output.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            if line.hasPrefix("== ") {
                parts.append((String(line.dropFirst(3)), ""))
            } else if !parts.isEmpty {
                parts[parts.count - 1].text += line + "\n"
            }
        }
        self.parts = parts
    }

    /// The text under a heading; empty where the script did not come that far.
    subscript(_ name: String) -> String { parts.first { $0.heading.hasPrefix("\(name) (") }?.text ?? "" }

    /// The heading itself, with what the script notes beside it.
    func heading(_ name: String) -> String { parts.first { $0.heading.hasPrefix("\(name) (") }?.heading ?? "" }

    var description: String { outcome.description }
}

/// Programs that nobody here wrote, on emulated devices of a mocked USB bus, outside of this process: each test runs a script of this folder.
enum InteropBench {
    private final class Marker {}

    /// The binary beside the test bundle; `LAB_BINARY` names another.
    private static let lab: String? = {
        var paths: [String] = []
        if let own = ProcessInfo.processInfo.environment["LAB_BINARY"] { paths.append(own) }
        if let folder = Bundle.main.executableURL?.deletingLastPathComponent().path { paths.append("\(folder)/lab") }
        paths.append(Bundle(for: Marker.self).bundleURL.deletingLastPathComponent().path + "/lab")
        return paths.first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().path
    private static let places = ChildProcess.searchPath + ["/usr/bin", "/usr/sbin"]

    /// What every script needs besides its own programs; `nil` where all of it is there.
    private static func missing(_ programs: [String]) -> String? {
        if lab == nil { return "the lab's own command is not built" }
        let absent = (programs + ["umockdev-wrapper", "cc"]).filter { ChildProcess.path(of: $0, in: places) == nil }
        if !absent.isEmpty { return "\(absent.joined(separator: ", ")) not installed" }
        let check = try? ChildProcess("/usr/bin/python3", ["-c", "import gi; gi.require_version('UMockdev', '1.0'); from gi.repository import UMockdev"])
        return check?.wait().status == 0 ? nil : "python3-gi and gir1.2-umockdev-1.0 are not installed"
    }

    /// Runs a script on a bench of its own.
    ///
    /// - Parameters:
    ///   - programs: what it uses that may not be installed.
    ///   - limit: it is ended after this time.
    /// - Returns: `nil`, with a line that counts as a skipped test, where it cannot run here.
    static func run(_ script: String, needing programs: [String], limit: Duration, for test: String) async throws -> InteropReport? {
        if let missing = missing(programs) {
            print("SKIPPED \(test): \(missing)")
            return nil
        }
        guard let lab else { return nil }
        let leases = FileManager.default.temporaryDirectory.appending(path: "interop-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: leases) }
        var variables = ProcessInfo.processInfo.environment
        // The same places on the bus as in other tests, and other devices.
        variables["LAB_LEASES"] = leases.path
        variables["LC_ALL"] = "C.UTF-8"
        return InteropReport(try await ChildProcess("\(folder)/\(script)", [lab], environment: variables, limit: limit).outcome())
    }
}
