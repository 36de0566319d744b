package import Foundation

/// A service in a process of its own, which prints the port that it serves on as its first line and ends when its standard input does.
package final class PortProcess {
    package let port: UInt16
    package let process = Process()
    /// Open as long as this process lives, however it ends.
    private let life = Pipe()

    /// This program, for another part of it.
    package static var ownProgram: URL { URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath() }

    /// Waits until it has told its port.
    ///
    /// - Parameter name: for people: `the target`.
    /// - Throws: `Problem` where it tells something else, and what the system says where it does not start.
    package init(_ name: String, _ program: URL, _ arguments: [String]) throws {
        process.executableURL = program
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = life
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard let port = UInt16(line.trimmingCharacters(in: .whitespacesAndNewlines)) else { throw Problem("\(name) did not start: \(line)") }
        self.port = port
    }

    deinit { process.terminate() }

    package var pid: Int32 { process.processIdentifier }

    /// The child's side: tells the port, and lives as long as its parent, however that ends.
    package static func serve(on port: UInt16) -> Never {
        print(port)
        // The parent never writes; the end of its pipe is its end.
        while readLine() != nil {}
        exit(0)
    }
}
