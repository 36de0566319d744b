import Glibc

/// Why the operating system refused something, in its own words, with what to do about it.
struct SystemError: Error, CustomStringConvertible {
    /// An `errno`.
    var code: Int32

    var description: String {
        let words = unsafe String(cString: strerror(code))
        switch code {
        case ENOSPC, EDQUOT: return "\(words); make room there, or name another folder with --out"
        case EACCES, EPERM, EROFS, ENOTDIR, ENAMETOOLONG, ELOOP: return "\(words); name another folder with --out"
        case EMFILE, ENFILE: return "\(words); run fewer cells at once with --jobs"
        default: return words
        }
    }
}

/// An open file with one owner, closed on every way out.
struct FileDescriptor: ~Copyable {
    private let number: Int32

    private init(adopting number: Int32) { self.number = number }

    static func open(_ path: String, _ flags: Int32) throws(SystemError) -> FileDescriptor {
        while true {
            let number = unsafe Glibc.open(path, flags | O_CLOEXEC, 0o644)
            if number >= 0 { return FileDescriptor(adopting: number) }
            if errno != EINTR { throw SystemError(code: errno) }
        }
    }

    /// Writes all of `bytes`; after an error a part of them may be in the file.
    func write(_ bytes: [UInt8]) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(number, $0.baseAddress, $0.count) }
            if count >= 0 { rest = rest.dropFirst(count) } else if errno != EINTR { throw SystemError(code: errno) }
        }
    }

    func readToEnd() throws(SystemError) -> [UInt8] {
        var content: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 262_144)
        while true {
            let count = unsafe block.withUnsafeMutableBytes { unsafe Glibc.read(number, $0.baseAddress, $0.count) }
            if count == 0 { return content }
            if count > 0 { content += block[..<count] } else if errno != EINTR { throw SystemError(code: errno) }
        }
    }

    /// Of a folder that is opened only to be locked.
    static let folderFlags = O_RDONLY | O_DIRECTORY

    /// Waits until no other process has it locked; the lock goes with the descriptor.
    func lock() throws(SystemError) {
        while flock(number, LOCK_EX) != 0 {
            if errno != EINTR { throw SystemError(code: errno) }
        }
    }

    /// Closes the file and tells what only closing shows, such as a full disk behind a network.
    consuming func close() throws(SystemError) {
        let number = self.number
        discard self
        if Glibc.close(number) != 0, errno != EINTR { throw SystemError(code: errno) }
    }

    deinit { _ = Glibc.close(number) }
}
