import LabCore

/// Whether the lab itself, or a neighbour on the machine, was in the way of a figure (sla.md §1.3). Void beats all.
struct HarnessJudge: Sendable {
    let store: EvidenceStore

    /// What was too much, each once; nothing where the lab kept its plan, and in `sim`, where time is virtual.
    func troubles(_ limit: Limit) -> [String] {
        var troubles: [String] = []
        for claim in limit.requirement.allClaims {
            for record in store.loads[claim.measurement] ?? [] {
                guard let harness = record.harness else { continue }
                for trouble in Self.troubles(harness, limit.harness, claim) where !troubles.contains(trouble) { troubles.append(trouble) }
            }
        }
        return troubles
    }

    private static func troubles(_ harness: HarnessReport, _ allowed: Limit.Harness, _ claim: Requirement.Claim) -> [String] {
        var troubles: [String] = []
        let isTime = claim.threshold.dimension == .time
        if let lag = allowed.sendLag ?? (isTime ? allowed.sendLagShare.map { Int64(($0 * claim.threshold.value).rounded()) } : nil), harness.sendLagP99 > lag {
            let share = allowed.sendLag == nil ? allowed.sendLagShare.map { ", \(FigureText.share($0)) of \(claim.threshold.source)" } ?? "" : ""
            troubles.append("send lag p99 \(FigureText.duration(nanoseconds: Double(harness.sendLagP99))) is over \(FigureText.duration(nanoseconds: Double(lag)))\(share)")
        }
        let shortfall = 1 - harness.planKept
        if shortfall > allowed.planShortfall {
            troubles.append("\(rounded(shortfall)) of the plan were not sent, over \(FigureText.share(allowed.planShortfall))")
        }
        if harness.refusedDescriptors > 0 {
            troubles.append("the system gave the lab no more descriptors for connections; raise `ulimit -n`")
        }
        if harness.loaderCPU > allowed.loaderCPU {
            troubles.append("the generator took \(rounded(harness.loaderCPU)) of a core, over \(FigureText.share(allowed.loaderCPU))")
        }
        if harness.foreignCPU > allowed.foreignCPU {
            troubles.append("neighbours took \(rounded(harness.foreignCPU)) of the machine, over \(FigureText.share(allowed.foreignCPU))")
        }
        return troubles
    }

    private static func rounded(_ share: Double) -> String { FigureText.share((share * 10_000).rounded() / 10_000) }
}
