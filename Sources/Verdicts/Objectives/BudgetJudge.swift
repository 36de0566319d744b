import LabCore

/// Whether the outages that planned events cost fit into what a period allows: measured seconds of one event times how often it comes
/// (sla.md §2.3 AVAIL-9999, §3.11).
struct BudgetJudge: Sendable {
    let store: EvidenceStore

    func judge(_ budget: Limit.Budget, _ limit: Limit) -> (result: ClaimResult, charges: [LimitResult.Charge]) {
        let claims = limit.requirement.allClaims.filter { [.availability, .outages, .longestOutage].contains($0.statistic) }
        guard let records = claims.lazy.compactMap({ store.loads[$0.measurement] }).first else {
            return (ClaimResult(verdict: .unproven, figure: "budget not measured", samples: 0, reason: "no probe measured outages"), [])
        }
        let (downtimes, silent) = downtimes(of: budget, records)
        let charges = zip(budget.charges, downtimes).compactMap { charge, downtime in
            downtime.map { time in
                LimitResult.Charge(
                    event: charge.event, outage: .nanoseconds(time), total: .nanoseconds(Int64((Double(time) * charge.times).rounded())))
            }
        }
        let sum = charges.reduce(0.0) { $0 + Double($1.total.nanoseconds) }
        let share = sum / Double(budget.allow.nanoseconds)
        let figure = "budget \(FigureText.share((share * 10_000).rounded() / 10_000)) of \(FigureText.exact(budget.allow)) in \(FigureText.exact(budget.period))"
        var result = ClaimResult(verdict: share <= budget.share ? .pass : .fail, figure: figure, samples: charges.count, margin: budget.share - share)
        if share > budget.share {
            result.reason = "the budget gives \(FigureText.share(budget.share))"
        } else if !silent.isEmpty {
            result.verdict = .unproven
            result.reason = "\(silent.joined(separator: ", ")) did not happen in this run, so nothing is known about its outage"
        }
        result.value = share
        result.threshold = Requirement.Quantity(dimension: .share, value: budget.share, source: FigureText.share(budget.share))
        return (result, charges)
    }

    /// ns of one event of each kind, the mean where it happened several times; and those that never happened.
    private func downtimes(of budget: Limit.Budget, _ records: [LoadRecord]) -> (times: [Int64?], silent: [String]) {
        var sums = Array(repeating: Int64(0), count: budget.charges.count)
        for record in records {
            let slack = record.timeout
            for outage in Outages(record.items.filter { $0.planned >= record.measured.lowerBound }, in: record.measured).times {
                guard let cause = cause(of: outage, budget, slack: slack) else { continue }
                sums[cause] += outage.upperBound.nanoseconds - outage.lowerBound.nanoseconds
            }
        }
        let counts = budget.charges.map { store.events[$0.event]?.count ?? 0 }
        let silent = zip(budget.charges, counts).filter { $0.1 == 0 }.map(\.0.event)
        return (zip(sums, counts).map { $1 > 0 ? $0 / Int64($1) : nil }, silent)
    }

    /// The event that began last before the outage. A probe that was under way when it began was planned a little before it.
    private func cause(of outage: Range<RunInstant>, _ budget: Limit.Budget, slack: Int64) -> Int? {
        let latest = min(outage.lowerBound.nanoseconds + slack, outage.upperBound.nanoseconds)
        var found: (index: Int, at: Int64)?
        for (index, charge) in budget.charges.enumerated() {
            for moment in store.events[charge.event] ?? [] where moment.nanoseconds <= latest && moment.nanoseconds > found?.at ?? .min {
                found = (index, moment.nanoseconds)
            }
        }
        return found?.index
    }
}
