import Foundation
import Glibc
import LabCore
import Programs

/// The checks of the machine itself: room for runs, its clock, its limits.
struct MachineExamination {
    /// Where runs are kept; the folder above it where it is not made yet.
    let runs: String
    let root: String

    /// Less than this is worth a word; a night of recordings is about that.
    static let scarceBytes: Int64 = 2 << 30
    /// With less than this a run cannot be kept.
    static let leastBytes: Int64 = 200 << 20
    /// Descriptors that a run with a fleet behind ptys may need.
    static let usualDescriptors: UInt64 = 1_024
    /// Unix time of 2020-01-01: a clock before that has never been set.
    static let oldest: Int64 = 1_577_836_800
    /// A clock that moves this much against the one that cannot be set was set meanwhile.
    static let step = Duration.milliseconds(500)

    func run() -> [HealthFinding] {
        [disk(), Self.clock(Self.wallClock(), isSynchronised), descriptors()]
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
            return Self.disk(free: Int64(about.f_bavail) * Int64(about.f_frsize), isWritable: true, runs)
        }
        return Self.disk(free: Int64(about.f_bavail) * Int64(about.f_frsize), isWritable: about.f_flag & UInt(ST_RDONLY) == 0, runs)
    }

    static func disk(free: Int64, isWritable: Bool, _ runs: String) -> HealthFinding {
        let room = free >= 1 << 30 ? "\(free >> 30) GiB" : "\(free >> 20) MiB"
        guard isWritable else { return HealthFinding(nil, .disk, .sick, "the disk of '\(runs)' is read-only", remedy: "name another folder with --out, or mount it for writing") }
        if free < leastBytes { return HealthFinding(nil, .disk, .sick, "\(room) are free for runs in '\(runs)'", remedy: "delete old runs, or name another folder with --out") }
        if free < scarceBytes { return HealthFinding(nil, .disk, .warning, "\(room) are free for runs in '\(runs)'", remedy: "delete old runs") }
        return HealthFinding(nil, .disk, .ok, "\(room) are free for runs")
    }

    // MARK: Clock

    /// - Parameter isSynchronised: `nil` where nobody knows.
    static func clock(_ seconds: Int64, _ isSynchronised: Bool?) -> HealthFinding {
        if seconds < oldest {
            return HealthFinding(nil, .clock, .sick, "the clock says a time before 2020: it was never set", remedy: "switch the time service on: sudo timedatectl set-ntp true")
        }
        switch isSynchronised {
        case false?:
            return HealthFinding(
                nil, .clock, .warning, "the clock is not synchronised; it may be set in the middle of a run", remedy: "switch the time service on: sudo timedatectl set-ntp true")
        case true?: return HealthFinding(nil, .clock, .ok, "the clock is synchronised")
        case nil: return HealthFinding(nil, .clock, .ok, "the clock says a time after 2020; whether it is synchronised cannot be told here")
        }
    }

    static func clock(movedBy step: Duration) -> HealthFinding? {
        guard step > Self.step || step < .zero - Self.step else { return nil }
        let text = DurationText.format(nanoseconds: step.nanoseconds / 1_000_000 * 1_000_000)
        return HealthFinding(nil, .clock, .warning, "the clock was set by \(text) while the doctor was at work", remedy: "let the time service come to rest before a run")
    }

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
        return Self.descriptors(limit: UInt64(limit.rlim_max), open: UInt64(open))
    }

    /// - Parameter limit: the hard one, which the lab takes for itself.
    static func descriptors(limit: UInt64, open: UInt64) -> HealthFinding {
        let left = limit > open ? limit - open : 0
        guard left < usualDescriptors else { return HealthFinding(nil, .descriptors, .ok, limit >= UInt64(Int64.max) ? "files may be open without a limit" : "\(left) files may be open") }
        return HealthFinding(
            nil, .descriptors, left < 64 ? .sick : .warning, "only \(left) more files may be open", remedy: "raise the limit: `ulimit -n`, or LimitNOFILE= of the service")
    }
}
