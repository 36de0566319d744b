import Glibc

/// A moment as leases count it.
package struct LeaseMoment: Sendable, Hashable {
    /// Names the boot of the machine; what an earlier one granted is void.
    package var boot: String
    /// Nanoseconds since the boot, also while the machine sleeps (CLOCK_BOOTTIME): steps of the calendar neither free nor hold a lease.
    package var elapsed: Int64
    /// Nanoseconds since 1970, for people only.
    package var calendar: Int64

    package init(boot: String, elapsed: Int64, calendar: Int64) {
        self.boot = boot
        self.elapsed = elapsed
        self.calendar = calendar
    }

    /// Saturates, so that a huge interval means "never".
    package func elapsed(after interval: Int64) -> Int64 {
        let (sum, overflow) = elapsed.addingReportingOverflow(interval)
        return overflow ? .max : sum
    }

    /// Now, on this machine.
    package static func now() -> LeaseMoment {
        LeaseMoment(boot: thisBoot, elapsed: read(CLOCK_BOOTTIME), calendar: read(CLOCK_REALTIME))
    }

    private static let thisBoot = SystemText.line("/proc/sys/kernel/random/boot_id") ?? "unknown"

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// `14:03` in the time of the place.
    static func clockText(_ calendar: Int64) -> String {
        var seconds = time_t(calendar / 1_000_000_000)
        var parts = unsafe tm()
        guard unsafe localtime_r(&seconds, &parts) != nil else { return "an unknown time" }
        func padded(_ number: Int32) -> String { (number < 10 ? "0" : "") + String(number) }
        let (hour, minute) = unsafe (parts.tm_hour, parts.tm_min)
        return "\(padded(hour)):\(padded(minute))"
    }
}

/// What the leases ask of the machine; tests bring their own.
package struct LeaseMachine: Sendable {
    package var now: @Sendable () -> LeaseMoment
    /// Lets time pass before the next look.
    package var pause: @Sendable (Duration) -> Void
    /// How long to wait for the others' short changes of the book before it is an error.
    package var patience: Duration = .seconds(5)

    package init(now: @escaping @Sendable () -> LeaseMoment, pause: @escaping @Sendable (Duration) -> Void) {
        self.now = now
        self.pause = pause
    }

    package static let real = LeaseMachine(now: { LeaseMoment.now() }) { duration in
        let (seconds, attoseconds) = duration.components
        var time = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        // A signal ends the pause early, so that Ctrl-C is seen at once.
        _ = unsafe nanosleep(&time, nil)
    }
}
