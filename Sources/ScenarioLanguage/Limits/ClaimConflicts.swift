import LabCore

/// Claims about one figure that cannot hold together, and marginal ones that say nothing beside what is required.
enum ClaimConflicts {
    /// What a claim is about.
    private struct Subject: Equatable {
        var statistic: Requirement.Statistic
        var measurement: String
        var labels: [Requirement.Label]
        var each: String?
        var window: Requirement.Window?
    }

    private struct Bound {
        var value: Double
        /// The value itself is beyond it.
        var isStrict: Bool
    }

    private struct Entry {
        var subject: Subject
        var claim: RequirementSyntax.Claim

        var upper: Bound? {
            switch claim.comparison {
            case .less: Bound(value: claim.threshold.value, isStrict: true)
            case .lessOrEqual, .equal: Bound(value: claim.threshold.value, isStrict: false)
            case .greater, .greaterOrEqual: nil
            }
        }

        var lower: Bound? {
            switch claim.comparison {
            case .greater: Bound(value: claim.threshold.value, isStrict: true)
            case .greaterOrEqual, .equal: Bound(value: claim.threshold.value, isStrict: false)
            case .less, .lessOrEqual: nil
            }
        }

        /// As people write it.
        var name: String { claim.isCall ? "\(StatisticWord.word(claim.statistic))(\(claim.measurement))" : claim.measurement }

        /// Whether no value holds both claims.
        func contradicts(_ other: Entry) -> Bool {
            guard subject == other.subject else { return false }
            return [(lower, other.upper), (other.lower, upper)].contains { lower, upper in
                guard let lower, let upper else { return false }
                return lower.value > upper.value || (lower.value == upper.value && (lower.isStrict || upper.isStrict))
            }
        }

        /// Whether every value that holds the other claim holds this one.
        func follows(from other: Entry) -> Bool {
            guard subject == other.subject else { return false }
            if let own = upper, let theirs = other.upper, lower == nil { return own.value > theirs.value || (own.value == theirs.value && (theirs.isStrict || !own.isStrict)) }
            if let own = lower, let theirs = other.lower, upper == nil { return own.value < theirs.value || (own.value == theirs.value && (theirs.isStrict || !own.isStrict)) }
            return false
        }
    }

    /// The second of two claims that no run can hold both.
    static func contradiction(in written: CheckedLimit.Written) -> (offset: Int, message: String)? {
        let entries = entries(of: written)
        for (index, entry) in entries.enumerated() {
            guard let first = entries[..<index].first(where: { $0.contradicts(entry) }) else { continue }
            let (one, other) = ("\(first.claim.comparison.rawValue) \(first.claim.threshold.source)", "\(entry.claim.comparison.rawValue) \(entry.claim.threshold.source)")
            return (entry.claim.thresholdOffset, "no value of '\(entry.name)' is \(one) and \(other); one of the two claims has to go")
        }
        return nil
    }

    /// A claim of `marginal` that holds whenever `require` holds.
    static func emptyMargin(_ marginal: CheckedLimit.Written, beside required: CheckedLimit.Written) -> (offset: Int, message: String)? {
        let wanted = entries(of: required)
        for entry in entries(of: marginal) {
            guard let holder = wanted.first(where: { entry.follows(from: $0) }) else { continue }
            return (
                entry.claim.thresholdOffset,
                "what holds \(holder.claim.comparison.rawValue) \(holder.claim.threshold.source) of 'require' holds this as well, so nothing would be marginal; make it the tighter of the two"
            )
        }
        return nil
    }

    private static func entries(of written: CheckedLimit.Written) -> [Entry] {
        written.syntax.parts.flatMap { part in
            part.claims.map { claim in
                Entry(
                    subject: Subject(statistic: claim.statistic, measurement: claim.measurement, labels: claim.labels, each: part.label, window: part.window),
                    claim: claim)
            }
        }
    }
}
