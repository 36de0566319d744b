package import LabCore

/// The pile's own clock: it runs a little fast or slow, starts at 1970 without power (charging-protocols.md 4.5, 22), and can be set.
package struct PileClock: Sendable, Equatable {
    /// Parts in a million that it runs fast, -100,000 to 100,000.
    package private(set) var drift: Int64 = 0
    /// It was set since power came.
    package private(set) var isSet = false
    /// ns since 1970 at `anchor`.
    private var base: Int64 = 0
    private var anchor = RunInstant.start

    package init() {}

    /// ns since 1970 by this clock.
    package func nanoseconds(at now: RunInstant) -> Int64 { base &+ scaled(now.nanoseconds - anchor.nanoseconds) }

    /// Unix seconds by this clock.
    package func seconds(at now: RunInstant) -> Int64 {
        let time = nanoseconds(at: now)
        let seconds = time / 1_000_000_000
        return seconds * 1_000_000_000 > time ? seconds - 1 : seconds
    }

    /// How long a time looks to this clock.
    package func scaled(_ time: Int64) -> Int64 {
        drift == 0 ? time : Int64(clamping: Int128(time) + Int128(time) * Int128(drift) / 1_000_000)
    }

    /// How long it really takes until this clock has counted that time, rounded up.
    package func real(_ time: Int64) -> Int64 {
        if drift == 0 { return time }
        let rate = Int128(1_000_000 + drift)
        return Int64(clamping: (Int128(time) * 1_000_000 + rate - 1) / rate) &+ 1
    }

    package mutating func set(unix seconds: Int64, at now: RunInstant) {
        let (time, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        base = overflow ? 0 : time
        anchor = now
        isSet = true
    }

    /// Power came: the clock begins in 1970.
    package mutating func reset(at now: RunInstant) {
        base = 0
        anchor = now
        isSet = false
    }

    package mutating func jump(by nanoseconds: Int64) { base &+= nanoseconds }

    package mutating func drift(_ partsPerMillion: Int64, at now: RunInstant) {
        base = nanoseconds(at: now)
        anchor = now
        drift = min(max(partsPerMillion, -100_000), 100_000)
    }
}
