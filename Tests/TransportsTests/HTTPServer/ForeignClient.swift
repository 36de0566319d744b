import Foundation
import LabCore
import Programs
import Testing
import Transports

/// A program that the lab did not write, run as a client.
struct ForeignClient {
    let path: String

    /// - Parameter test: named in the line that says that it was skipped.
    init?(_ name: String, for test: String) {
        // The system's own first: its Python has the libraries of the system's packages.
        guard let path = ChildProcess.path(of: name, in: ["/usr/bin"] + ChildProcess.searchPath) else {
            print("SKIPPED \(test): \(name) is not installed")
            return nil
        }
        self.path = path
    }

    /// Runs the program until it ends; it gets `input` and then the end of its input.
    func run(_ arguments: [String], input: String = "") async throws -> ChildProcess.Outcome {
        try await ChildProcess(path, arguments, input: Array(input.utf8)).outcome()
    }
}

/// Writes bytes to a port as they are and gives what comes back until the other side closes, at most ten seconds long.
struct RawClient {
    private let bash: ForeignClient

    init?(for test: String) {
        guard let bash = ForeignClient("bash", for: test) else { return nil }
        self.bash = bash
    }

    /// - Parameter pieces: each is written for itself; what is between them is nothing but the time that it takes.
    func send(_ pieces: [String], to address: StreamAddress) async throws -> String {
        let writing = pieces.map { "printf '%b' '\(Self.escaped($0))' >&3" }.joined(separator: "; ")
        // The reading program ends with the connection; `timeout` is for a server that never closes.
        let script = "exec 3<>/dev/tcp/\(address.host)/\(address.port); \(writing); timeout 10 cat <&3"
        return try await bash.run(["-c", script]).output
    }

    private static func escaped(_ text: String) -> String {
        text.utf8.map { byte in
            let isPlain =
                (0x20..<0x7f).contains(byte) && byte != UInt8(ascii: "\\") && byte != UInt8(ascii: "'") && byte != UInt8(ascii: "%")
            return isPlain ? String(UnicodeScalar(byte)) : "\\x" + Hexadecimal.text([byte])
        }.joined()
    }
}

/// A folder of a test's own, removed at its end.
final class TestFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("http-server-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func write(_ name: String, _ text: String) throws -> String {
        let file = url.appendingPathComponent(name)
        try Data(text.utf8).write(to: file)
        return file.path
    }
}
