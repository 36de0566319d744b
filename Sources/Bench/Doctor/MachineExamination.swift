import Foundation
import Glibc
import LabCore
import Programs

/// The checks of the machine itself: room for runs, its clock, its limits.
struct MachineExamination {
    /// Where runs are kept; the folder above it where it is not made yet.
    let runs: String
    let root: String

    func run() -> [HealthFinding] {
        [disk(), MachineJudgement.clock(Self.wallClock(), isSynchronised), descriptors()]
    }

    // MARK: Disk

    private func disk() -> HealthFinding {
        var about = statvfs()
        var folder = runs
        while unsafe statvfs(folder, &about) != 0, errno == ENOENT, folder.contains("/"), folder != "/" {
            folder = URL(filePath: folder).deletingLastPathComponent().path
        }
        guard unsafe statvfs(folder.isEmpty ? "." : folder, &about) == 0 else {
            let isMissing = errno == ENOENT
            guard isMissing, unsafe statvfs(".", &about) == 0 else {
                return HealthFinding(nil, .disk, .warning, "the room for runs in '\(runs)' cannot be told (error \(errno))", remedy: "look with `df \(runs)`")
            }
            return MachineJudgement.disk(free: Int64(about.f_bavail) * Int64(about.f_frsize), isWritable: true, runs)
        }
        return MachineJudgement.disk(free: Int64(about.f_bavail) * Int64(about.f_frsize), isWritable: about.f_flag & UInt(ST_RDONLY) == 0, runs)
    }

    // MARK: Clock

    static func wallClock() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec)
    }

    /// Nanoseconds of the clock that can be set, less those of the one that cannot.
    static func clockOffset() -> Int64 {
        var (wall, steady) = (timespec(), timespec())
        unsafe clock_gettime(CLOCK_REALTIME, &wall)
        unsafe clock_gettime(CLOCK_MONOTONIC, &steady)
        return (Int64(wall.tv_sec) - Int64(steady.tv_sec)) * 1_000_000_000 + Int64(wall.tv_nsec) - Int64(steady.tv_nsec)
    }

    private var isSynchronised: Bool? {
        guard let program = ChildProcess.path(of: "timedatectl"),
            let child = try? ChildProcess(program, ["show", "--property=NTPSynchronized", "--value"], limit: .seconds(2))
        else { return nil }
        let outcome = child.wait()
        guard outcome.status == 0 else { return nil }
        switch outcome.output.split(separator: "\n").first {
        case "yes": return true
        case "no": return false
        default: return nil
        }
    }

    // MARK: Descriptors

    private func descriptors() -> HealthFinding {
        var limit = rlimit()
        unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
        return MachineJudgement.descriptors(limit: UInt64(limit.rlim_max), open: UInt64(open))
    }
}
