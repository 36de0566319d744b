import Glibc
package import LabCore

/// A recording on the disk, written as it happens in constant memory.
///
/// What is in the file is whole lines, also after the disk was full; a kill can cut the last one off, which readers expect.
package final class RecordingFile {
    package let path: String
    /// Bytes that are in the file, and pieces.
    package private(set) var written: Int64 = 0
    package private(set) var pieces = 0
    private var descriptor: Int32
    private var buffer: [UInt8] = []
    private var failure: StreamFailure?

    /// Written at once when so much has come. Source: chosen, one write for a few seconds of a busy port.
    private static let block = 64 << 10

    /// - Throws: where the file is there already, or cannot be made.
    package init(_ path: String, _ header: PortRecording.Header) throws(StreamFailure) {
        self.path = path
        // A device such as /dev/stdout may be there; a file of somebody's may not be lost.
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        if descriptor < 0, errno == EEXIST, path.hasPrefix("/dev/") { descriptor = unsafe open(path, O_WRONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw Self.failure(errno, path) }
        buffer.reserveCapacity(2 * Self.block)
        header.appendLine(to: &buffer)
        try flush()
    }

    deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

    /// Appends a piece; it is in the file after `flush` at the latest.
    ///
    /// - Throws: where the disk is full or gone; what was written before is whole, and nothing is written any more.
    package func add(_ piece: PortRecording.Piece) throws(StreamFailure) {
        if let failure { throw failure }
        piece.appendLine(to: &buffer)
        pieces += 1
        if buffer.count >= Self.block { try flush() }
    }

    package func flush() throws(StreamFailure) {
        if let failure { throw failure }
        var done = 0
        while done < buffer.count {
            let count = unsafe buffer.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress?.advanced(by: done), $0.count - done) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw end(with: count < 0 ? errno : ENOSPC, after: done) }
            done += count
        }
        written += Int64(done)
        buffer.removeAll(keepingCapacity: true)
    }

    /// Keeps the whole lines of what went in.
    private func end(with code: Int32, after done: Int) -> StreamFailure {
        let whole = (buffer[..<done].lastIndex(of: 0x0a) ?? -1) + 1
        written += Int64(whole)
        _ = ftruncate(descriptor, off_t(written))
        pieces -= buffer[whole...].count { $0 == 0x0a }
        buffer = []
        let failure = Self.failure(code, path)
        self.failure = failure
        return failure
    }

    package func close() throws(StreamFailure) {
        guard descriptor >= 0 else { return }
        defer {
            _ = Glibc.close(descriptor)
            descriptor = -1
        }
        try flush()
    }

    private static func failure(_ code: Int32, _ path: String) -> StreamFailure {
        switch code {
        case EEXIST: StreamFailure(.busy, path, "the file is there already", remedy: "choose another name; a recording is not written over")
        case ENOENT, ENOTDIR: StreamFailure(.notFound, path, "the folder does not exist", remedy: "make it")
        case EACCES, EPERM, EROFS: StreamFailure(.permissionDenied, path, "it cannot be written", remedy: "choose another folder")
        case ENOSPC, EDQUOT: StreamFailure(.failed, path, "the disk is full; what was recorded until then is whole", remedy: "make room and record anew")
        case EFBIG: StreamFailure(.failed, path, "the file may not grow any more; what was recorded until then is whole", remedy: "see `ulimit -f`")
        default: StreamFailure(.failed, path, "error \(code) of the operating system")
        }
    }
}
