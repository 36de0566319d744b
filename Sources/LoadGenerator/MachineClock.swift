import Glibc

/// The machine's clocks in nanoseconds. All threads and processes of one machine share the monotonic one.
package enum MachineClock {
    /// CLOCK_MONOTONIC: what plans and rows count in.
    package static var monotonic: Int64 { read(CLOCK_MONOTONIC) }
    /// CLOCK_REALTIME, since 1970: jumps when somebody sets it. For when things were done; nothing that is measured comes from it.
    package static var wall: Int64 { read(CLOCK_REALTIME) }
    /// The same in seconds.
    package static var unixSeconds: Int64 { wall / 1_000_000_000 }
    /// Processor time of the calling thread.
    package static var threadCPU: Int64 { read(CLOCK_THREAD_CPUTIME_ID) }
    /// Processor time of this process with all its threads, those that have ended included.
    package static var processCPU: Int64 { read(CLOCK_PROCESS_CPUTIME_ID) }

    /// Processor time of another process with all its threads; `nil` where there is none, or none that may be looked at.
    package static func processCPU(of process: Int32) -> Int64? {
        var clock = clockid_t()
        guard unsafe clock_getcpuclockid(process, &clock) == 0 else { return nil }
        var time = timespec()
        guard unsafe clock_gettime(clock, &time) == 0 else { return nil }
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
