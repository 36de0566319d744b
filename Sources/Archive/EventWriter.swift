import Glibc
package import LabCore

/// Appends events to a file, a line each, in blocks of 64 KiB, and what is there at least once a second while events come: a run that is
/// killed has lost no more.
package final class EventWriter {
    private var file: FileDescriptor?
    private let path: String
    private var buffer: [UInt8] = []
    private var failure: RunArchive.Failure?

    private var lastFlush = EventWriter.seconds

    private static let blockSize = 65_536
    /// Of the machine, coarse: it decides only when bytes are written, not which.
    private static var seconds: Int {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
        return time.tv_sec
    }

    init(path: String) throws(RunArchive.Failure) {
        self.path = path
        do { file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC) } catch { throw .cannotWrite(path, reason: error.description) }
    }

    /// Keeps the first failure for `close`, so that a full disk does not stop a run in the middle of an event. What comes
    /// after it is dropped: the file ends early, and has no hole.
    package func append(_ event: RunEvent) {
        guard failure == nil else { return }
        event.appendJSON(to: &buffer)
        buffer.append(0x0a)
        if buffer.count >= Self.blockSize || Self.seconds != lastFlush { flush() }
    }

    private func flush() {
        if failure == nil, !buffer.isEmpty {
            do throws(SystemError) { try file?.write(buffer) } catch { failure = .cannotWrite(path, reason: error.description) }
        }
        buffer.removeAll(keepingCapacity: true)
        lastFlush = Self.seconds
    }

    /// - Throws: the first failure since the file was opened. A second call does nothing.
    package func close() throws(RunArchive.Failure) {
        flush()
        if let file = file.take() {
            do throws(SystemError) { try file.close() } catch { failure = failure ?? .cannotWrite(path, reason: error.description) }
        }
        if let failure { throw failure }
    }

    /// A run that ends in an error leaves the events up to it, which say most about it.
    deinit { flush() }
}
