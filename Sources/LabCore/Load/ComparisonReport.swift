/// Two builds measured side by side in one session, in interleaved pairs (sla.md §1.4).
package struct ComparisonReport: Sendable, Equatable {
    package enum Outcome: String, Sendable {
        /// The interval lies entirely above 1 + δ, and the difference above the floor.
        case regressed
        /// Entirely below 1 / (1 + δ).
        case improved
        /// Entirely inside the band, or below the floor.
        case same
        case cannotTell = "cannot tell"
        /// The machine was too busy, or the lab itself too slow, to say anything.
        case void
    }

    /// What got worse; what could not be told is no regression.
    package var regressions: Int { rows.count { $0.outcome == .regressed } }

    /// Nothing could be compared: the machine was too busy, or no slice came to its end.
    package var isVoid: Bool { rows.allSatisfy { $0.outcome == .void } }

    /// One metric of one load: B against A.
    package struct Row: Sendable, Equatable {
        /// The objective that asks for it, or the load's id.
        package var objective: String
        package var location: SourceLocation?
        /// `p50`, `cpu-per-request`
        package var metric: String
        package var pairs: Int
        /// Hodges-Lehmann estimate of B/A with its interval.
        package var ratio: Double
        package var lower: Double
        package var upper: Double
        /// δ: the smallest ratio − 1 that matters.
        package var effect: Double
        /// Medians of both, in `unit`.
        package var a: Double
        package var b: Double
        /// Of `a` and `b`: `ns`, `share`, `/s`, or empty for counts.
        package var unit = "ns"
        /// Wilcoxon signed rank, and after Holm over the family.
        package var p: Double
        package var adjusted: Double
        package var outcome: Outcome
        package var reason: String?

        package init(
            objective: String, location: SourceLocation?, metric: String, pairs: Int, ratio: Double, lower: Double, upper: Double, effect: Double,
            a: Double, b: Double, p: Double, adjusted: Double, outcome: Outcome, reason: String? = nil
        ) {
            self.objective = objective
            self.location = location
            self.metric = metric
            self.pairs = pairs
            self.ratio = ratio
            self.lower = lower
            self.upper = upper
            self.effect = effect
            self.a = a
            self.b = b
            self.p = p
            self.adjusted = adjusted
            self.outcome = outcome
            self.reason = reason
        }
    }

    /// The gate's own false alarms, from comparing a build with itself.
    package struct SelfTest: Sendable, Equatable {
        package var comparisons: Int
        package var alarms: Int
        /// Half the median width of the intervals: the smallest effect that the gate can see here; infinite where none had enough pairs.
        package var smallestEffect: Double
        package init(comparisons: Int, alarms: Int, smallestEffect: Double) {
            self.comparisons = comparisons
            self.alarms = alarms
            self.smallestEffect = smallestEffect
        }

        /// `±13.4 %`
        package var effectText: String {
            smallestEffect.isFinite ? "±\(FigureText.decimal(smallestEffect * 100, places: 1)) %" : "not known, since no comparison had enough pairs"
        }
    }

    /// What A and B are, for people.
    package var a: String
    package var b: String
    package var rows: [Row]
    package var selfTest: SelfTest?

    package init(a: String, b: String, rows: [Row], selfTest: SelfTest? = nil) {
        self.a = a
        self.b = b
        self.rows = rows
        self.selfTest = selfTest
    }
}

/// A metric over the last runs, with the places where its level changed.
package struct HistoryReport: Sendable, Equatable {
    package struct Point: Sendable, Equatable {
        package var run: String
        /// The lab's version or commit.
        package var label: String
        package var value: Double
        package init(run: String, label: String, value: Double) {
            self.run = run
            self.label = label
            self.value = value
        }
    }

    package struct Change: Sendable, Equatable {
        /// Index of the first point of the new level.
        package var index: Int
        package var before: Double
        package var after: Double
        package var p: Double
        /// At least as many points after it as are needed to believe it.
        package var isConfirmed: Bool
        package init(index: Int, before: Double, after: Double, p: Double, isConfirmed: Bool) {
            self.index = index
            self.before = before
            self.after = after
            self.p = p
            self.isConfirmed = isConfirmed
        }
    }

    /// `badge/register registered.latency p50`
    package var metric: String
    /// `ns`, `/s` or empty.
    package var unit: String
    package var points: [Point]
    package var changes: [Change]
    package init(metric: String, unit: String, points: [Point], changes: [Change]) {
        self.metric = metric
        self.unit = unit
        self.points = points
        self.changes = changes
    }
}
