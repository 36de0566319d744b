import LabCore

/// The load that all candidates carry: each device waits 0.5 to 1.5 s, sends, the cloud answers after 10 to 50 ms,
/// and the device waits again. Three device events a round: the timer, the arrival at the cloud, the answer.
struct Workload {
    var devices = 10_000
    var rounds = 20
    var seed: UInt64 = 42

    static let waits: ClosedRange<Int64> = 500_000_000...1_500_000_000
    static let answers: ClosedRange<Int64> = 10_000_000...50_000_000
    static let message = [UInt8](repeating: 0x55, count: 32)

    var events: Int { devices * rounds * 3 }
}

/// Counts events and mixes what happened, and when, into one number that depends on the order.
struct Tally {
    private(set) var events = 0
    private(set) var digest: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func note(_ device: Int, _ step: UInt64, at nanoseconds: Int64) {
        events += 1
        digest = (digest ^ UInt64(bitPattern: nanoseconds) ^ UInt64(device) << 48 ^ step << 44) &* 0x0000_0100_0000_01b3
    }
}
