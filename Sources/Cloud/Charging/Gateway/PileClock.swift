/// How far a pile's clock is ahead of the cloud's, measured at frames that carry the time of sending.
struct PileClock {
    enum Flag: Equatable {
        /// It counts from 1970, or from another time before piles had a network (F28).
        case unset
        /// It is ahead by so many seconds more than before (F29).
        case jumped(by: Int64)
        /// It was not set, and is now.
        case set
    }

    /// 2020-01-01T00:00:00Z: no earlier time is one that a server has given.
    private static let plausibleFrom: Int64 = 1_577_836_800
    /// A frame may wait so long between being written and being read.
    private static let tolerance: Int64 = 120

    private(set) var offset: Int64?
    private var isUnset = false

    /// Takes the time in a frame, Unix seconds.
    mutating func saw(_ pileTime: Int64, at unixSeconds: Int64) -> Flag? {
        guard pileTime >= Self.plausibleFrom else {
            defer { isUnset = true }
            return isUnset ? nil : .unset
        }
        let measured = pileTime - unixSeconds
        defer {
            offset = measured
            isUnset = false
        }
        if isUnset { return .set }
        guard let offset, (measured - offset).magnitude > UInt64(Self.tolerance) else { return nil }
        return .jumped(by: measured - offset)
    }

    /// A time that a frame can really have been written at; others say nothing.
    static func isPlausible(_ pileTime: Int64) -> Bool { pileTime >= plausibleFrom }
}
