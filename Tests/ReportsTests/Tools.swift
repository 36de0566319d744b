import Foundation
import Programs

/// Runs a program of the machine that checks a report, in a folder of its own.
enum Tool {
    /// The program's path, or `nil` with a line that says what is not tested.
    static func find(_ name: String) -> String? {
        let path = ChildProcess.path(of: name)
        if path == nil { print("not tested: \(name) is not installed") }
        return path
    }

    /// - Parameter files: written beside each other; the arguments name them by their bare names.
    static func run(_ path: String, _ arguments: [String], files: [(name: String, bytes: [UInt8])]) throws -> ChildProcess.Outcome {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lab-reports-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for file in files { try Data(file.bytes).write(to: folder.appendingPathComponent(file.name)) }
        return try ChildProcess(path, arguments, in: folder.path).wait()
    }
}
