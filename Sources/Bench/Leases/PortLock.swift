import Glibc
package import LabCore
import Synchronization
import Transports

/// The lock file of a port, `/run/lock/LCK..ttyUSB2` with the number of a process: how minicom, gammu, pppd and mgetty tell one another that
/// they use it.
///
/// The lab honours it and makes it. The lease is among labs only, and the kernel's own exclusive mode (TIOCEXCL) lets root pass, so without this
/// a minicom of root would read half of a module's answers. picocom and the lab also lock the port itself (flock), which `SerialPort` does. One
/// whose process is dead is removed, as the convention has it; one that names no process is left for a person to judge. Where the file cannot be
/// made, as in a folder that this user may not write, the lab goes on and says so: it is a courtesy to others, the lease is what counts.
///
/// Of two threads of this process the second one finds the port busy, too.
package final class PortLock: Sendable {
    /// What was found and done: a lock of a dead process, a folder that cannot be written.
    package let notes: [String]
    private let file: String?
    private let isReleased = Mutex(false)
    /// The files of this process.
    private static let held = Mutex<Set<String>>([])

    package static let folder = "/run/lock"

    /// - Parameters:
    ///   - path: of the port, or of a link to it.
    ///   - folder: where lock files are.
    /// - Throws: `.busy` where a living process has it, with its name and number.
    package init(_ path: String, folder: String = PortLock.folder) throws(StreamFailure) {
        guard let name = Self.name(of: path) else {
            (file, notes) = (nil, [])
            return
        }
        let wanted = "\(folder)/LCK..\(name)"
        guard Self.held.withLock({ $0.insert(wanted).inserted }) else {
            throw StreamFailure(.busy, path, "this lab uses it already", remedy: "see which nodes and relay boards of lab.yaml mean it")
        }
        var notes: [String] = []
        var isMade = false
        defer { if !isMade { Self.held.withLock { _ = $0.remove(wanted) } } }
        isMade = try Self.make(wanted, for: path, &notes)
        file = isMade ? wanted : nil
        self.notes = notes
    }

    deinit { release() }

    package func release() {
        guard let file, isReleased.withLock({ isReleased in defer { isReleased = true }; return !isReleased }) else { return }
        Self.held.withLock { held in
            if Self.owner(of: file) == .process(getpid()) { _ = unsafe unlink(file) }
            held.remove(file)
        }
    }

    /// The name that programs know the port by: of the path and what it is a link to, the last one that is in /dev itself, such as `ttyUSB2`. `nil` for
    /// what has none there: the convention knows no pseudo terminals, whose last word is a number that says nothing.
    static func name(of path: String) -> String? {
        SystemText.names(of: path).compactMap { name in
            let parts = name.split(separator: "/")
            return parts.count == 2 && parts[0] == "dev" ? String(parts[1]) : nil
        }.last
    }

    /// - Returns: whether it is there and ours.
    private static func make(_ wanted: String, for path: String, _ notes: inout [String]) throws(StreamFailure) -> Bool {
        let draft = "\(wanted).\(getpid()).\(LeaseToken.fresh())"
        for _ in 0..<8 {
            switch owner(of: wanted) {
            case .process(getpid()): return true
            case .process(let other) where ProcessTable.isRunning(other):
                throw StreamFailure(
                    .busy, path, "\(ProcessTable.name(of: other) ?? "a program") (pid \(other)) uses it, says \(wanted)",
                    remedy: "end that program, or wait for it")
            case .nobody:
                throw StreamFailure(
                    .busy, path, "\(wanted) says that it is used, and names no process",
                    remedy: "remove that file if no program uses the port (`fuser \(path)`)")
            case .process(let dead):
                guard clear(wanted, of: dead) else {
                    notes.append("\(wanted) is of process \(dead), which is gone; this user may not remove it")
                    return false
                }
                notes.append("\(wanted) was of process \(dead), which is gone; removed")
            case .unreadable:
                notes.append("\(wanted) cannot be read: whether somebody uses the port is not known")
                return false
            case .absent:
                // Made whole beside it and then linked, so that nobody finds it empty.
                let code = link(draft, to: wanted)
                if code == 0 { return true }
                guard code == EEXIST else {
                    notes.append("\(wanted) cannot be made (\(SystemText.reason(code))): programs that look for it do not see that the port is used")
                    return false
                }
            }
        }
        throw StreamFailure(.busy, path, "other programs take and leave \(wanted) all the time", remedy: "see which do: `fuser \(path)`")
    }

    private static func link(_ draft: String, to wanted: String) -> Int32 {
        let descriptor = unsafe open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { return errno }
        defer {
            close(descriptor)
            _ = unsafe unlink(draft)
        }
        // The others read it, whatever the mask of this process.
        fchmod(descriptor, 0o644)
        let bytes = content(of: getpid())
        let count = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        guard count == bytes.count else { return count < 0 ? errno : ENOSPC }
        return unsafe Glibc.link(draft, wanted) == 0 ? 0 : errno
    }

    /// Ten places and a new line, as HoneyDanBer UUCP began (FHS 3.0, 5.9.1).
    static func content(of process: Int32) -> [UInt8] {
        let digits = String(process)
        return Array((String(repeating: " ", count: max(0, 10 - digits.count)) + digits + "\n").utf8)
    }

    private enum Owner: Equatable { case absent, unreadable, nobody, process(Int32) }

    private static func owner(of file: String) -> Owner {
        guard let bytes = SystemText.read(file, atMost: 64) else { return unsafe access(file, F_OK) == 0 ? .unreadable : .absent }
        return process(in: bytes).map { .process($0) } ?? .nobody
    }

    /// In digits, or as four bytes of the machine, as old programs have it.
    static func process(in bytes: [UInt8]) -> Int32? {
        let words = bytes.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
        if let number = words.first.flatMap({ Int32(String(decoding: $0, as: UTF8.self)) }) { return number > 0 ? number : nil }
        guard bytes.count == 4 else { return nil }
        let number = bytes.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return Int32(exactly: number).flatMap { $0 > 0 ? $0 : nil }
    }

    /// Under a lock, so that of two labs that find it the slower one does not remove what the faster one has made.
    private static func clear(_ file: String, of dead: Int32) -> Bool {
        let descriptor = unsafe open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return errno == ENOENT }
        let opened = LeaseFile(descriptor, file)
        guard opened.lock() else { return true }
        defer { opened.unlock() }
        guard opened.isInPlace, owner(of: file) == .process(dead) else { return true }
        return unsafe unlink(file) == 0 || errno == ENOENT
    }
}

/// What a port of this machine is taken by while the lab has it open: its lock file.
final class LockFileClaim: PortClaim {
    private let path: String
    private let tell: (String) -> Void
    private var lock: PortLock?

    /// - Parameter tell: gets what was found and done, in sentences.
    init(_ path: String, tell: @escaping (String) -> Void) {
        self.path = path
        self.tell = tell
    }

    func take() throws(StreamFailure) {
        let lock = try PortLock(path)
        self.lock = lock
        for note in lock.notes { tell(note) }
    }

    func giveBack() {
        lock?.release()
        lock = nil
    }

    var user: String? { PortUsers.now().users(of: path).first?.description }
}
