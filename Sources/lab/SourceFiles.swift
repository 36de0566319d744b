import Archive
import LabCore
import ScenarioLanguage

/// Files on the disk, by paths relative to the working folder.
struct DiskFiles: FileProvider {
    func read(_ path: String, atMost count: Int) throws -> [UInt8] { try Descriptor.read(path, atMost: count) }
}

/// The files that a run kept, under their old paths.
struct StoredFiles: FileProvider {
    var run: RunFolder
    func read(_ path: String, atMost count: Int) throws -> [UInt8] {
        try Descriptor.read("\(run.path)/\(StoredSources.folder)/\(StoredSources.flat(path))", atMost: count)
    }
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
