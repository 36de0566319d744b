import Foundation
package import LabCore

/// Appends events to a file, a line each, in blocks of 64 KiB.
package final class EventWriter {
    private let handle: FileHandle
    private let path: String
    private var buffer: [UInt8] = []
    private var failure: RunArchive.Failure?

    init(path: String) throws(RunArchive.Failure) {
        guard FileManager.default.createFile(atPath: path, contents: nil), let handle = FileHandle(forWritingAtPath: path) else {
            throw .cannotWrite(path, reason: "the file cannot be made")
        }
        self.handle = handle
        self.path = path
    }

    /// Keeps the first failure for `close`, so that a full disk does not stop a run in the middle of an event.
    package func append(_ event: RunEvent) {
        event.appendJSON(to: &buffer)
        buffer.append(0x0a)
        if buffer.count >= 65_536 { flush() }
    }

    private func flush() {
        guard failure == nil, !buffer.isEmpty else { return }
        do { try handle.write(contentsOf: Data(buffer)) } catch {
            failure = .cannotWrite(path, reason: error.localizedDescription)
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// - Throws: the first failure since the file was opened.
    package func close() throws(RunArchive.Failure) {
        flush()
        do { try handle.close() } catch { failure = failure ?? .cannotWrite(path, reason: error.localizedDescription) }
        if let failure { throw failure }
    }
}
