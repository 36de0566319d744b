import LabCore

/// What the numbers of a machine mean for runs on it.
package enum MachineJudgement {
    /// Less than this is worth a word; a night of recordings is about that.
    private static let scarceBytes: Int64 = 2 << 30
    /// With less than this a run cannot be kept.
    private static let leastBytes: Int64 = 200 << 20
    /// Descriptors that a run with a fleet behind ptys may need.
    private static let usualDescriptors: UInt64 = 1_024
    /// Unix time of 2020-01-01: a clock before that has never been set.
    private static let oldest: Int64 = 1_577_836_800
    /// A clock that moves this much against the one that cannot be set was set meanwhile.
    private static let step = Duration.milliseconds(500)

    package static func disk(free: Int64, isWritable: Bool, _ runs: String = "runs") -> HealthFinding {
        let room = free >= 1 << 30 ? "\(free >> 30) GiB" : "\(free >> 20) MiB"
        guard isWritable else { return HealthFinding(nil, .disk, .sick, "the disk of '\(runs)' is read-only", remedy: "name another folder with --out, or mount it for writing") }
        if free < leastBytes { return HealthFinding(nil, .disk, .sick, "\(room) are free for runs in '\(runs)'", remedy: "delete old runs, or name another folder with --out") }
        if free < scarceBytes { return HealthFinding(nil, .disk, .warning, "\(room) are free for runs in '\(runs)'", remedy: "delete old runs") }
        return HealthFinding(nil, .disk, .ok, "\(room) are free for runs")
    }

    /// - Parameter isSynchronised: `nil` where nobody knows.
    package static func clock(_ seconds: Int64, _ isSynchronised: Bool?) -> HealthFinding {
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

    package static func clock(movedBy movement: Duration) -> HealthFinding? {
        guard movement > step || movement < .zero - step else { return nil }
        let text = DurationText.format(nanoseconds: movement.nanoseconds / 1_000_000 * 1_000_000)
        return HealthFinding(nil, .clock, .warning, "the clock was set by \(text) while the doctor was at work", remedy: "let the time service come to rest before a run")
    }

    /// - Parameter limit: the hard one, which the lab takes for itself.
    package static func descriptors(limit: UInt64, open: UInt64) -> HealthFinding {
        let left = limit > open ? limit - open : 0
        guard left < usualDescriptors else { return HealthFinding(nil, .descriptors, .ok, limit >= UInt64(Int64.max) ? "files may be open without a limit" : "\(left) files may be open") }
        return HealthFinding(
            nil, .descriptors, left < 64 ? .sick : .warning, "only \(left) more files may be open", remedy: "raise the limit: `ulimit -n`, or LimitNOFILE= of the service")
    }
}
