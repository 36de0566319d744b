/// Watches one law over every event of a run (scenario-language.md, `laws`).
package struct LawMonitor: Sendable {
    package struct Breach: Sendable, Equatable {
        /// The event at which the law was broken; `nil` where the end of the run or the passing of time showed it.
        package var sequence: Int?
        package var reason: String

        package init(sequence: Int?, reason: String) {
            self.sequence = sequence
            self.reason = reason
        }
    }

    private struct Pending: Sendable {
        var sequence: Int
        var key: [FieldValue]
        var deadline: RunInstant
    }

    package let law: Law
    private var firstByValue: [FieldValue: Int] = [:]
    /// In the order of their deadlines, because all of a law have the same time.
    private var pending: [Pending] = []
    private var sums: (left: Sum, right: Sum) = (Sum(), Sum())
    /// The time of a `leads_to`; `nil` where it is not a duration.
    private let limit: Int64?
    /// The first breach; a law is broken once.
    package private(set) var breach: Breach?
    /// Events that the law concerned: 0 at the end means that it was never put to the test.
    package private(set) var observed = 0

    /// - Parameters:
    ///   - law: resolved; its conditions and times hold constants only.
    ///   - slack: factor for its times, 1 or more.
    package init(_ law: Law, slack: Double = 1) {
        self.law = law
        if case .leadsTo(_, _, _, _, let within) = law.rule, case .constant(let time) = within {
            limit = time.durationNanoseconds.map { slack == 1 ? $0 : (Duration.nanoseconds($0) * slack).nanoseconds }
        } else {
            limit = nil
        }
    }

    /// Obligations that the end of the run left open, neither kept nor broken.
    package var openObligations: Int { pending.count }

    /// The earliest moment at which the passing of time can break the law.
    package var nextDeadline: RunInstant? { breach == nil ? pending.first?.deadline : nil }

    /// - Returns: the breach if this event breaks the law for the first time.
    package mutating func observe(_ event: RunEvent) -> Breach? {
        guard breach == nil else { return nil }
        if let late = passTime(to: event.at) { return late }
        switch law.rule {
        case .forbid(let reference, let condition):
            guard concerns(event, reference, condition) else { return nil }
            observed += 1
            return broken(at: event, "\(reference) must not happen")
        case .oncePer(let reference, let condition, let field):
            guard concerns(event, reference, condition), let value = event.value(at: field) else { return nil }
            observed += 1
            if let first = firstByValue[value.asKey] {
                return broken(at: event, "a second \(reference) with \(field) = \(value), the first is event \(first)")
            }
            firstByValue[value.asKey] = event.sequence
        case .leadsTo(let reference, let condition, let target, let same, let within):
            if !pending.isEmpty, concerns(event, target) {
                let key = key(of: event, same)
                pending.removeAll { $0.key == key }
            }
            guard concerns(event, reference, condition) else { return nil }
            observed += 1
            guard let limit else { return broken(at: event, "'\(within)' is not a duration, so nothing can be in time") }
            pending.append(Pending(sequence: event.sequence, key: key(of: event, same), deadline: event.at.advanced(byNanoseconds: limit)))
        case .balance(let left, let right):
            if concerns(event, left) { observed += 1; sums.left.add(event) }
            if concerns(event, right) { observed += 1; sums.right.add(event) }
        }
        return nil
    }

    /// - Returns: the breach if an obligation has run out by now.
    package mutating func passTime(to now: RunInstant) -> Breach? {
        guard breach == nil, case .leadsTo(_, _, let target, _, _) = law.rule, let late = pending.first, late.deadline < now else { return nil }
        breach = Breach(sequence: late.sequence, reason: "event \(late.sequence) was not followed by \(target) in time")
        return breach
    }

    /// - Returns: the breach that only the end of the run shows.
    package mutating func end(at now: RunInstant) -> Breach? {
        if let late = passTime(to: now) { return late }
        guard breach == nil, case .balance(let left, let right) = law.rule, !sums.left.equals(sums.right) else { return nil }
        breach = Breach(sequence: nil, reason: "\(left) sums to \(sums.left), \(right) to \(sums.right)")
        return breach
    }

    private mutating func broken(at event: RunEvent, _ reason: String) -> Breach {
        let found = Breach(sequence: event.sequence, reason: reason)
        breach = found
        return found
    }

    private func concerns(_ event: RunEvent, _ reference: NodeReference, _ condition: Match = Match()) -> Bool {
        event.name == reference.name && event.role == reference.role && condition.differences(in: event).isEmpty
    }

    /// What ties the second event to the first: the fields of `same`, and the device itself where both come from one role,
    /// so that one member of a fleet does not keep the promise of another.
    private func key(of event: RunEvent, _ same: [String]) -> [FieldValue] {
        var key = same.map { event.value(at: $0)?.asKey ?? .null }
        if case .leadsTo(let reference, _, let target, _, _) = law.rule, reference.role == target.role { key.append(.text(event.node)) }
        return key
    }

    /// A sum that is exact for whole numbers.
    private struct Sum: Sendable, CustomStringConvertible {
        private var value = 0.0
        private var isWhole = true

        mutating func add(_ event: RunEvent) {
            let amount = event.fields["cents"] ?? event.fields["value"]
            // Durations stand in a stored log as text.
            let number = amount.flatMap { $0.asNumber ?? $0.durationNanoseconds.map { Double($0) / 1e9 } } ?? 1
            isWhole = isWhole && number.rounded() == number
            value += number
        }

        /// Tenths cannot be added without an error in the last digits; that is not an imbalance.
        func equals(_ other: Sum) -> Bool {
            if isWhole && other.isWhole { return value == other.value }
            return (value - other.value).magnitude <= 1e-9 * max(value.magnitude, other.value.magnitude)
        }

        var description: String { FigureText.number(value) }
    }
}

extension Law {
    /// The law with its names filled in from the plan's variables.
    package func resolved(in scope: Scope) throws(ExpressionFailure) -> Law {
        var result = self
        switch rule {
        case .forbid(let event, let condition): result.rule = .forbid(event, try condition.resolved(in: scope))
        case .oncePer(let event, let condition, let field): result.rule = .oncePer(event, try condition.resolved(in: scope), field: field)
        case .leadsTo(let event, let condition, let target, let same, let within):
            result.rule = .leadsTo(
                event, try condition.resolved(in: scope), to: target, same: same, within: .constant(try within.resolved(in: scope)))
        case .balance: break
        }
        return result
    }
}
