import Foundation

/// File descriptors where Foundation would stop the program or wait for ever: a full disk under standard output, a pipe
/// under the name of a scenario.
enum Descriptor {
    /// Writes all bytes.
    ///
    /// - Returns: 0, or the errno of the call that failed.
    static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = unsafe poll(&wanted, 1, 1_000)
            } else if errno != EINTR {
                return errno
            }
        }
        return 0
    }

    /// Reads a regular file; folders, pipes and devices are refused, because reading them may never end.
    ///
    /// - Throws: `Unreadable`.
    static func read(_ path: String, atMost limit: Int) throws(Unreadable) -> [UInt8] {
        guard !path.utf8.contains(0) else { throw Unreadable("no such file") }
        switch kind(of: path) {
        case .file?, nil: break
        case .folder?: throw Unreadable("it is a folder")
        case .other?: throw Unreadable("it is not a regular file")
        }
        // Without waiting: it may have become a pipe in between.
        let descriptor = unsafe open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { throw Unreadable(reason(errno)) }
        defer { _ = close(descriptor) }
        let size = lseek(descriptor, 0, SEEK_END)
        guard size >= 0, lseek(descriptor, 0, SEEK_SET) == 0 else { throw Unreadable(reason(errno)) }
        var bytes = [UInt8](repeating: 0, count: min(limit, Int(size) + 1))
        var length = 0
        while length < bytes.count {
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[length...])
                return unsafe Glibc.read(descriptor, rest.baseAddress, rest.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Unreadable(reason(errno)) }
            if count == 0 { break }
            length += count
        }
        return Array(bytes.prefix(length))
    }

    enum Kind: Equatable { case file, folder, other }

    /// What is behind a path, links followed; `nil` where there is nothing.
    static func kind(of path: String) -> Kind? {
        guard !path.utf8.contains(0) else { return nil }
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        switch (try? FileManager.default.attributesOfItem(atPath: target))?[.type] as? FileAttributeType {
        case .typeRegular?: return .file
        case .typeDirectory?: return .folder
        // A link that leads nowhere.
        case .typeSymbolicLink?, nil: return nil
        default: return .other
        }
    }

    static func reason(_ number: Int32) -> String {
        switch number {
        case ENOENT: "no such file"
        case EACCES, EPERM: "no right to read it"
        default: unsafe String(cString: strerror(number)).lowercased()
        }
    }

    /// Why a file cannot be read, in a few words.
    struct Unreadable: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }
}
