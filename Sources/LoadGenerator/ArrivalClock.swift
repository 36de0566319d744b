/// Turns the moments at which bytes came, which the system notes by the wall clock, into those of a load.
///
/// The two clocks are compared each time that something is read, so that slewing does not matter. Where somebody has set the wall clock
/// meanwhile, the moment of reading counts.
struct ArrivalClock: Sendable {
    /// The wall clock minus the load's, ns, and when they were compared, by the load's.
    private var last: (offset: Int64, at: Int64)?
    private var isTrusted = false
    /// Whether the system notes moments at all.
    private(set) var isKnown = false

    /// The clocks are not read in one instant, and drift by 500 ppm at most (adjtimex(2)).
    private static let jitter: Int64 = 200_000
    private static let drift: Int64 = 2_000

    /// - Parameters:
    ///   - wall: the wall clock, ns since 1970.
    ///   - time: the load's in the same instant, ns.
    mutating func compare(wall: Int64, with time: Int64) {
        let offset = wall - time
        isTrusted = last.map { (offset - $0.offset).magnitude <= UInt64(Self.jitter + max(0, time - $0.at) / Self.drift) } ?? false
        last = (offset, time)
    }

    /// - Parameters:
    ///   - stamp: by the wall clock; 0 where the system gave none.
    ///   - earliest: it cannot have come before.
    ///   - time: nor later.
    mutating func moment(_ stamp: Int64, noEarlierThan earliest: Int64, norLaterThan time: Int64) -> Int64 {
        guard stamp != 0, let last else { return time }
        isKnown = true
        return isTrusted ? min(max(stamp - last.offset, earliest), time) : time
    }
}
