import Foundation

/// Runs a program of the machine that checks a report, in a folder of its own.
enum Tool {
    struct Outcome {
        var status: Int32
        var output: String
    }

    /// The program's path, or `nil` with a line that says what is not tested.
    static func find(_ name: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        let path = folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
        if path == nil { print("not tested: \(name) is not installed") }
        return path
    }

    /// - Parameter files: written beside each other; the arguments name them by their bare names.
    static func run(_ path: String, _ arguments: [String], files: [(name: String, bytes: [UInt8])]) throws -> Outcome {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lab-reports-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for file in files { try Data(file.bytes).write(to: folder.appendingPathComponent(file.name)) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.currentDirectoryURL = folder
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(status: process.terminationStatus, output: String(decoding: output, as: UTF8.self))
    }
}
