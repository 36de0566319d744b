import Archive
import Foundation
import ScenarioLanguage

/// Files on the disk, by paths relative to the working folder.
struct DiskFiles: FileProvider {
    func read(_ path: String, atMost count: Int) throws -> [UInt8] {
        guard let handle = FileHandle(forReadingAtPath: path) else { throw Unreadable(path: path) }
        defer { try? handle.close() }
        return Array(try handle.read(upToCount: count) ?? Data())
    }

    struct Unreadable: Error, CustomStringConvertible {
        var path: String
        var description: String { FileManager.default.fileExists(atPath: path) ? "no right to read it" : "no such file" }
    }
}

/// The files that a run kept, under their old paths.
struct StoredFiles: FileProvider {
    var run: RunFolder
    func read(_ path: String, atMost count: Int) throws -> [UInt8] { try run.read("\(StoredSources.folder)/\(StoredSources.flat(path))") }
}

/// Passes files on and remembers them in the order in which they were read first.
final class RecordingFiles: FileProvider {
    private let files: any FileProvider
    private(set) var contents: [(path: String, bytes: [UInt8])] = []

    init(_ files: any FileProvider) { self.files = files }

    func read(_ path: String, atMost count: Int) throws -> [UInt8] {
        let bytes = try files.read(path, atMost: count)
        if !contents.contains(where: { $0.path == path }) { contents.append((path, bytes)) }
        return bytes
    }
}
