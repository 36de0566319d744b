import BenchTable
import CLoad
import Foundation
import LabCore

/// The parent's side: the cloud in a process of its own, over a database in a file of its own.
final class ServedProcess {
    let process = Process()
    private(set) var httpPort = 0
    private(set) var pilePort = 0
    private let folder: URL
    private let input = Pipe()
    private let output = Pipe()
    private var rest = Data()

    init() throws {
        // Beside the sources: the file has to be on a disk, which the folder of temporary files may not be.
        folder = URL(fileURLWithPath: ".build/cloud-benchmark-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["serve", folder.appendingPathComponent("cloud.db").path]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let ports = try line().split(separator: " ").compactMap { Int($0) }
        guard ports.count == 2 else { throw Problem("the cloud did not tell its ports") }
        (httpPort, pilePort) = (ports[0], ports[1])
    }

    /// Ends it; the database goes with it.
    func end() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: folder)
    }

    deinit { if process.isRunning { process.terminate() } }

    /// Processor time that it has used, in nanoseconds, and its resident bytes.
    var processorTime: UInt64 { load_cpu(process.processIdentifier) }
    var memory: UInt64 { load_memory(process.processIdentifier) }

    private func line() throws -> String {
        while true {
            if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let text = String(decoding: rest[rest.startIndex..<end], as: UTF8.self)
                rest = Data(rest[(end + 1)...])
                return text
            }
            let more = output.fileHandleForReading.availableData
            if more.isEmpty { throw Problem("the cloud ended") }
            rest += more
        }
    }

    /// - Throws: `Problem` with what the cloud says.
    @discardableResult
    func say(_ word: String, _ arguments: Fields = [:]) throws -> Fields {
        try input.fileHandleForWriting.write(contentsOf: Data(JSONWriter.text(["word": .text(word), "with": .record(arguments)]).utf8 + [10]))
        let text = try line()
        guard let answer = try? JSONReader.read(text).record else { throw Problem("the cloud answered \(text.prefix(200))") }
        if let error = answer["error"]?.text { throw Problem("\(word): \(error)") }
        return answer
    }

    @discardableResult
    func perform(_ action: String, _ arguments: Fields) throws -> Fields { try say("perform", ["action": .text(action), "with": .record(arguments)]) }
    func ask(_ query: String, _ arguments: Fields) throws -> Fields { try say("ask", ["query": .text(query), "with": .record(arguments)]) }

    /// - Returns: the tokens of riders with money.
    func riders(_ count: Int) throws -> [String] { try say("riders", ["count": .integer(Int64(count))])["tokens"]?.list?.compactMap(\.text) ?? [] }
}
