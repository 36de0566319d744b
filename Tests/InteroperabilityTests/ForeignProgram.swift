import Foundation
import Glibc
import Synchronization
import Testing

/// A program that others wrote, as a process.
final class ForeignProgram: Sendable {
    struct Outcome: Sendable {
        var status: Int32
        var output: String
        var errors: String
    }

    private let process: Process
    private let output: Task<String, Never>
    private let errors: Task<String, Never>
    private let ended: AsyncStream<Int32>

    /// The first of the places where it is installed; nil, with a line for the totals of the tests, where it is not.
    static func path(_ name: String, for test: String) -> String? {
        let found = ["/usr/bin/", "/usr/sbin/", "/usr/local/bin/"].map { $0 + name }.first { FileManager.default.isExecutableFile(atPath: $0) }
        if found == nil { print("SKIPPED \(test): \(name) is not installed") }
        return found
    }

    init(_ path: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        let (ended, continuation) = AsyncStream<Int32>.makeStream()
        self.ended = ended
        process.terminationHandler = {
            continuation.yield($0.terminationStatus)
            continuation.finish()
        }
        let (out, err) = (Pipe(), Pipe())
        process.standardOutput = out
        process.standardError = err
        self.process = process
        try process.run()
        output = Self.reading(out.fileHandleForReading)
        errors = Self.reading(err.fileHandleForReading)
    }

    deinit { if process.isRunning { process.terminate() } }

    private static func reading(_ handle: FileHandle) -> Task<String, Never> {
        let box = Mutex<FileHandle?>(handle)
        return Task.detached {
            // On a thread of its own: the read blocks until the program has ended.
            await withCheckedContinuation { continuation in
                let handle = box.withLock { $0 }
                Thread.detachNewThread {
                    let data = (try? handle?.readToEnd()) ?? nil
                    continuation.resume(returning: String(decoding: data ?? Data(), as: UTF8.self))
                }
            }
        }
    }

    /// Ends it without a chance to say good-bye.
    func kill() { _ = Glibc.kill(process.processIdentifier, SIGKILL) }

    func outcome() async -> Outcome {
        var status: Int32 = -1
        for await value in ended { status = value }
        return Outcome(status: status, output: await output.value, errors: await errors.value)
    }

    static func run(_ path: String, _ arguments: [String]) async throws -> Outcome { try await ForeignProgram(path, arguments).outcome() }
}
