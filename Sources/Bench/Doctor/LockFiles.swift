import Glibc

/// Who claims a port by a lock file (`PortLock`); the doctor only looks.
struct LockFiles: Sendable, Hashable {
    struct Lock: Sendable, Hashable {
        var file: String
        /// 0 where the file does not name a process.
        var owner: Int32
    }

    /// Of processes that live.
    private(set) var live: [Lock] = []
    /// Whose process is gone.
    private(set) var stale: [Lock] = []

    /// - Parameters:
    ///   - path: of the port or of a link to it.
    ///   - root: the folder below which `run` and `var` are.
    init(of path: String, root: String = "") {
        var seen: Set<String> = []
        for folder in ["\(root)/run/lock", "\(root)/var/lock"] {
            for port in Set(SystemText.names(of: path).map { String($0.split(separator: "/").last ?? "") }).sorted() {
                // /var/lock is a link to /run/lock on most machines.
                let file = SystemText.real("\(folder)/LCK..\(port)")
                guard seen.insert(file).inserted, let bytes = SystemText.read(file, atMost: 64) else { continue }
                add(Lock(file: file, owner: PortLock.process(in: bytes) ?? 0))
            }
        }
    }

    private mutating func add(_ lock: Lock) {
        guard lock.owner != getpid() else { return }
        if ProcessTable.isRunning(lock.owner) { live.append(lock) } else { stale.append(lock) }
    }
}
