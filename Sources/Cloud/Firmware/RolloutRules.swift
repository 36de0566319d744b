import Crypto
import LabCore

/// When a stage is good enough to go on, and when bad enough to stop (specs/ota.md §3, lessons a to c).
package struct RolloutGates: Sendable, Equatable {
    /// Millionths of the stage that must have succeeded before the next one opens.
    package var success: Int64
    /// Millionths of those that ended which, when they have failed, stop the rollout.
    package var error: Int64
    /// Below so many that ended no share is looked at, unless all have: one failure of one is 100 %.
    package var minimumSamples: Int64

    package init(success: Int64 = 950_000, error: Int64 = 50_000, minimumSamples: Int64 = 10) {
        self.success = success
        self.error = error
        self.minimumSamples = minimumSamples
    }

    /// A share of 0 to 1 in millionths, so that 0.05 of 20 is 1 and not a little less.
    static func millionths(_ share: Double) -> Int64 { Int64((share * 1_000_000).rounded()) }
}

/// How many of a stage's devices are where.
struct StageCounts: Sendable, Equatable {
    var total: Int64 = 0
    var offered: Int64 = 0
    var succeeded: Int64 = 0
    var failed: Int64 = 0
    var silent: Int64 = 0
    var neutral: Int64 = 0
    /// What the error gate no longer counts, since an operator resumed knowing it.
    var forgivenFailed: Int64 = 0
    var forgivenEnded: Int64 = 0

    var open: Int64 { total - succeeded - failed - silent - neutral }
    var ended: Int64 { succeeded + failed }
}

enum GateVerdict: Sendable, Equatable {
    /// Not enough is known.
    case wait
    /// The success gate is passed.
    case pass
    /// Too many have failed.
    case stop
    /// All have ended, and too few have succeeded.
    case fallShort
}

enum RolloutRules {
    /// - Parameter bugs: rules that are broken on purpose, for `lab mutate`.
    static func verdict(_ counts: StageCounts, _ gates: RolloutGates, bugs: Set<SeededBug> = []) -> GateVerdict {
        let ended = counts.ended - counts.forgivenEnded
        let failed = counts.failed - counts.forgivenFailed
        let isComplete = counts.open <= 0
        let hasSamples = isComplete || ended >= gates.minimumSamples || bugs.contains(.gateWithoutMinimum)
        if hasSamples, ended > 0, failed > 0 {
            let reached = failed * 1_000_000
            let limit = gates.error * ended
            if bugs.contains(.gateOffByOne) ? reached > limit : reached >= limit { return .stop }
        }
        let concerned = counts.total - counts.neutral
        let hasPassed = isComplete || counts.ended >= gates.minimumSamples || bugs.contains(.gateWithoutMinimum)
        if hasPassed, counts.succeeded * 1_000_000 >= gates.success * concerned { return .pass }
        return isComplete ? .fallShort : .wait
    }

    /// The devices in the order in which a rollout reaches them: by a hash that is the same in every process and another in
    /// every rollout, so that the same few devices are not always the first.
    static func order(_ devices: [String], rollout: String) -> [String] {
        devices.map { (key: hash("\(rollout)|\($0)"), device: $0) }
            .sorted { ($0.key, $0.device) < ($1.key, $1.device) }.map(\.device)
    }

    private static func hash(_ text: String) -> UInt64 {
        SHA256.hash(data: Array(text.utf8)).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// How many of `total` devices are in each stage, where the percentages are those reached with it; every share is rounded up.
    static func sizes(of percentages: [Int], total: Int) -> [Int] {
        var reached = 0
        return percentages.map { percentage in
            let upTo = (total * percentage + 99) / 100
            defer { reached = upTo }
            return upTo - reached
        }
    }
}
