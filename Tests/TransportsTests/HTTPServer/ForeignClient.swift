import Dispatch
import Foundation
import LabCore
import Testing
import Transports

/// A program that the lab did not write, run as a client.
struct ForeignClient {
    let path: String

    /// - Parameter test: named in the line that says that it was skipped.
    init?(_ name: String, for test: String) {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        guard let folder = folders.first(where: { FileManager.default.isExecutableFile(atPath: "\($0)/\(name)") }) else {
            print("SKIPPED \(test): \(name) is not installed")
            return nil
        }
        path = "\(folder)/\(name)"
    }

    struct Outcome: Sendable {
        var status: Int32
        var output: String
        var errors: String
    }

    /// Runs the program until it ends; it gets `input` and then the end of its input.
    func run(_ arguments: [String], input: String = "") async throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        let (output, errors, source) = (Pipe(), Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = source
        let ended = AsyncStream<Int32> { continuation in
            process.terminationHandler = {
                continuation.yield($0.terminationStatus)
                continuation.finish()
            }
        }
        try process.run()
        try source.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try source.fileHandleForWriting.close()
        async let text = Self.read(output.fileHandleForReading)
        async let complaint = Self.read(errors.fileHandleForReading)
        var status: Int32 = -1
        for await value in ended { status = value }
        return Outcome(status: status, output: await text, errors: await complaint)
    }

    private static func read(_ file: FileHandle) async -> String {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                let bytes = (try? file.readToEnd()) ?? Data()
                continuation.resume(returning: String(decoding: bytes, as: UTF8.self))
            }
        }
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
