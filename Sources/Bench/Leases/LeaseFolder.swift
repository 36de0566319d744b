import CLinux
// Whichever module a program loads first is the home of stat(2) for the compiler.
import CoreFoundation
import Foundation
import Glibc
import LabCore

/// The folder of leases of this machine: a page for each key, and a locked file for each process that holds or waits.
///
/// Everybody's: files can be written by all users, since the next holder of a device may be another user, and a folder with the sticky bit
/// does not let one replace the file of another. So a page is written over in place, by one call, which a killed process has either made or not.
struct LeaseFolder: Sendable {
    let path: String

    static let variable = "LAB_LEASES"
    static let usual = ["/run/lock/lab", "/tmp/lab-leases"]
    static let pageBytes = 4_096

    static let guardName = "guard"
    static let lifePrefix = "life."
    static let waitPrefix = "wait."

    /// - Parameter path: the folder; where it is `nil`, that of the environment, or the machine's own.
    init(_ path: String?) throws(StreamFailure) {
        if let given = path ?? ProcessInfo.processInfo.environment[Self.variable], !given.isEmpty {
            self.path = given
            if !Self.isThere(given) { try Self.make(given) }
        } else {
            self.path = try Self.machines()
        }
        try check()
    }

    /// One that is there comes before one that could be made: a user who may not make the first one and root must not go to different ones.
    private static func machines() throws(StreamFailure) -> String {
        if let there = usual.first(where: { isThere($0) }) { return there }
        var failure: StreamFailure?
        for candidate in usual {
            do throws(StreamFailure) {
                try make(candidate)
                return candidate
            } catch { failure = error }
        }
        throw failure ?? StreamFailure(.failed, usual[0], "there is no folder for leases", remedy: "name one in \(variable)")
    }

    private static func isThere(_ path: String) -> Bool {
        var about = Glibc.stat()
        return unsafe lstat(path, &about) == 0
    }

    private static func make(_ path: String) throws(StreamFailure) {
        guard unsafe mkdir(path, 0o1777) == 0 || errno == EEXIST else {
            let (code, remedy) = (errno, "make the folder with mode 1777, or name another in \(variable), the same for all labs of this machine")
            throw StreamFailure(
                code == EACCES || code == EPERM ? .permissionDenied : code == ENOENT ? .notFound : .failed, path,
                "the folder for leases cannot be made: \(SystemText.reason(code))", remedy: remedy)
        }
        // The mask of the process does not count here. Fails where another user was faster, and then it is done.
        _ = unsafe chmod(path, 0o1777)
    }

    private func check() throws(StreamFailure) {
        var about = Glibc.stat()
        guard unsafe lstat(path, &about) == 0 else { throw failure(errno, path) }
        guard about.st_mode & S_IFMT == S_IFDIR else {
            throw StreamFailure(.malformed, path, "the place for leases is no folder", remedy: "move away what is there; the lab makes it again")
        }
        guard unsafe access(path, R_OK | W_OK | X_OK) == 0 else {
            throw StreamFailure(
                .permissionDenied, path, "this user may not use the folder of leases",
                remedy: "let its owner say: chmod 1777 \(path)")
        }
    }

    // MARK: Files

    func path(of name: String) -> String { "\(path)/\(name)" }

    /// Names in the folder, in order.
    func names() throws(StreamFailure) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path).sorted()
        } catch { throw failure(Self.isThere(path) ? EACCES : ENOENT, path) }
    }

    /// Opens a file for reading and writing.
    ///
    /// Not with O_CREAT where it is there already: with `fs.protected_regular` the system refuses that for a file of another user.
    ///
    /// - Returns: `nil` where it is not there and is not to be made.
    func open(_ name: String, making: Bool = false) throws(StreamFailure) -> LeaseFile? {
        let (place, flags) = (path(of: name), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
        for _ in 0..<8 {
            var descriptor = unsafe Glibc.open(place, flags)
            if descriptor < 0, errno == ENOENT {
                guard making else { return nil }
                descriptor = unsafe Glibc.open(place, flags | O_CREAT | O_EXCL, 0o666)
                if descriptor < 0, errno == EEXIST { continue }
                // The mask of the process does not count here.
                if descriptor >= 0 { fchmod(descriptor, 0o666) }
            }
            guard descriptor >= 0 else { throw failure(errno, place) }
            let file = LeaseFile(descriptor, place)
            guard file.isRegular else { throw failure(ELOOP, place) }
            return file
        }
        throw failure(EAGAIN, place)
    }

    func remove(_ name: String) { _ = unsafe unlink(path(of: name)) }

    func failure(_ code: Int32, _ place: String) -> StreamFailure { Self.failure(code, place) }

    static func failure(_ code: Int32, _ place: String) -> StreamFailure {
        switch code {
        case ENOENT, ENOTDIR:
            StreamFailure(.vanished, place, "the folder of leases was removed", remedy: "leave it alone while labs run; start this one again")
        case EACCES, EPERM:
            StreamFailure(
                .permissionDenied, place, "this user may not write it, so nobody can tell who holds the device",
                remedy: "let its owner say: chmod 0666 \(place)")
        case ENOSPC, EDQUOT:
            StreamFailure(.failed, place, "the disk is full, so no lease can be written", remedy: "make room there, or name another folder in \(variable)")
        case ELOOP, EISDIR:
            StreamFailure(.malformed, place, "this is no regular file", remedy: "remove it; the lab makes it again")
        case EMFILE, ENFILE: StreamFailure(.failed, place, "too many open files", remedy: "raise the limit with `ulimit -n`")
        default: StreamFailure(.failed, place, "leases cannot be kept there: \(SystemText.reason(code))")
        }
    }
}

/// A file of the folder, closed with its last owner.
final class LeaseFile: Sendable {
    let descriptor: Int32
    let path: String

    init(_ descriptor: Int32, _ path: String) { (self.descriptor, self.path) = (descriptor, path) }

    deinit { close(descriptor) }

    var isRegular: Bool {
        var about = Glibc.stat()
        return unsafe fstat(descriptor, &about) == 0 && about.st_mode & S_IFMT == S_IFREG
    }

    /// Whether its name still means it: somebody may have removed it, and made another.
    var isInPlace: Bool {
        var (own, there) = (Glibc.stat(), Glibc.stat())
        guard unsafe fstat(descriptor, &own) == 0, unsafe lstat(path, &there) == 0 else { return false }
        return own.st_ino == there.st_ino && own.st_dev == there.st_dev
    }

    /// Locks it for this descriptor alone, without waiting; the kernel ends that with the process, however it dies.
    func lock() -> Bool { clinux_lock(descriptor) == 0 }

    /// Whether somebody keeps it locked.
    var isLocked: Bool { clinux_is_locked(descriptor) != 0 }

    /// Not left to closing: a child that is just being started has the descriptor too, until it runs its program.
    func unlock() { clinux_unlock(descriptor) }

    func read(atMost limit: Int = 65_536) throws(StreamFailure) -> [UInt8] {
        guard let bytes = SystemText.read(descriptor, atMost: limit) else { throw LeaseFolder.failure(errno, path) }
        return bytes
    }

    /// Writes over what is there, filled up with spaces to whole pages.
    func write(_ bytes: [UInt8]) throws(StreamFailure) {
        let page = LeaseFolder.pageBytes
        let size = max(1, (bytes.count + page) / page) * page
        let filled = bytes + [UInt8](repeating: UInt8(ascii: " "), count: size - bytes.count - 1) + [UInt8(ascii: "\n")]
        var count = -1
        repeat {
            count = unsafe filled.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        } while count < 0 && errno == EINTR
        guard count == size else {
            let code = count < 0 ? errno : ENOSPC
            // A page that was there is still whole: it needs no new room. A new one holds nothing.
            if count > 0 { empty() }
            throw LeaseFolder.failure(code, path)
        }
    }

    func empty() { ftruncate(descriptor, 0) }
}
