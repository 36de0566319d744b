import BenchTable
import CLoad
import Foundation
import Glibc

/// The lab's broker as its users start it: `lab serve --broker-only`.
final class LabProgram: Peer {
    let name = "lab serve"
    let port: UInt16
    let process = Process()
    private let folder: URL
    private let output = Pipe()

    init(_ path: String) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("badge-clients-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appendingPathComponent("lab.yaml").path
        let text = """
            lab: 1
            about: The broker of a benchmark.
            broker:
              anonymous: false
              maximum_queued: 1000000
              users:
                \(Account.user): {password: \(Account.password), publish: ["\(Account.rights)"], receive: ["\(Account.rights)"]}

            """
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = ["serve", "--broker-only", "--ports", "mqtt=0", "--lab", file]
        process.standardOutput = output
        try process.run()
        var told = ""
        var found: UInt16?
        while found == nil {
            let bytes = output.fileHandleForReading.availableData
            if bytes.isEmpty { throw Problem("\(path) did not tell its address: \(told)") }
            told += String(decoding: bytes, as: UTF8.self)
            found = Self.port(in: told)
        }
        port = found ?? 0
    }

    deinit {
        // At once: there is nothing to be torn down, and the next round begins.
        kill(process.processIdentifier, SIGKILL)
        try? FileManager.default.removeItem(at: folder)
    }

    /// The first `mqtt://127.0.0.1:1883` in a line that is complete.
    private static func port(in text: String) -> UInt16? {
        let complete = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        for line in complete {
            guard let range = line.range(of: "mqtt://127.0.0.1:") else { continue }
            return UInt16(line[range.upperBound...].prefix { $0.isNumber })
        }
        return nil
    }
}
