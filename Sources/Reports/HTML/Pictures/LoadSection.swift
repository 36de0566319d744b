import LabCore

/// All pictures of one load.
struct LoadSection {
    let result: CaseSummary
    let load: LoadReport
    /// `case-3-load-1`
    let id: String

    /// The sections of every load of a case, and the budgets of its objectives.
    ///
    /// - Parameter isBrief: only counts and percentiles, where the page is long enough.
    static func html(_ result: CaseSummary, number: Int, isBrief: Bool) -> String {
        let sections = result.loads.enumerated().map { LoadSection(result: result, load: $0.element, id: "case-\(number)-load-\($0.offset + 1)") }
        if isBrief { return sections.map(\.brief).joined() }
        let loads = sections.map(\.html)
        let budgets = result.limits.enumerated().compactMap { index, limit in
            limit.limit.budget.map { budget in
                BudgetBurnDown(result: limit, budget: budget, id: "case-\(number)-budget-\(index + 1)", ribbon: LabRibbon(result, isVoid: limit.isVoid)).html
            }
        }
        return loads.joined() + budgets.joined()
    }

    private var head: String {
        "<h3 id=\"\(id)\">Load \(HTMLText.escaped(load.id))</h3>\n<p class=\"note\">\(HTMLText.code(load.text)) · "
            + "\(HTMLText.code("\(load.location.file):\(load.location.line)"))</p>\n\(facts)\(parts)"
    }

    private var brief: String {
        let ribbon = LabRibbon(load)
        return head + ribbon.html + PercentileSpectrum(load: load, id: id, limits: [], ribbon: ribbon).table.html
    }

    private var html: String {
        let ribbon = LabRibbon(load, isVoid: result.limits.contains { $0.isVoid && $0.limit.requirement.allClaims.contains(where: load.isMeant) })
        let fleet = load.raster.map { FleetRasterPicture(load: load, raster: $0, faults: result.faults, id: "\(id)-fleet", ribbon: ribbon).html } ?? ""
        guard !isInstant else {
            return head + ribbon.html + "<p class=\"note\">Every answer came in the moment that the plan wanted the item: there are no times to draw.</p>\n" + fleet
        }
        let limits = percentileLimits
        let pictures =
            PercentileSpectrum(load: load, id: "\(id)-spectrum", limits: limits, ribbon: ribbon).html
            + LatencyHeatMap(load: load, faults: result.faults, id: "\(id)-heat", limits: Set(limits.map(\.value)).sorted(), ribbon: ribbon).html
            + (load.hops.map { HopWaterfall(load: load, hops: $0, id: "\(id)-hops", ribbon: ribbon).html } ?? "")
        return head + pictures + fleet
    }

    /// In virtual time an action without a way through anything takes none.
    private var isInstant: Bool {
        let values = load.response.points.compactMap(\.value)
        return !values.isEmpty && values.allSatisfy { $0 == 0 } && load.counts.unanswered == 0
    }

    private var percentileLimits: [(thousandths: Int, value: Double)] {
        var limits: [(thousandths: Int, value: Double)] = []
        for claim in result.limits.flatMap(\.limit.requirement.allClaims) where load.isMeant(by: claim) && claim.labels.isEmpty {
            guard case .percentile(let thousandths) = claim.statistic, claim.threshold.dimension == .time, claim.threshold.value > 0 else { continue }
            if !limits.contains(where: { $0.thousandths == thousandths && $0.value == claim.threshold.value }) { limits.append((thousandths, claim.threshold.value)) }
        }
        return limits
    }

    // MARK: Numbers

    /// Counts that are 0 are shown where 0 is news: nothing lost, nothing twice.
    private var facts: String {
        let counts = load.counts
        var entries: [(name: String, value: Int, isBad: Bool)] = [
            ("planned", counts.planned, false), ("sent", counts.sent, false), ("good", counts.good, false), ("refused", counts.refused, true),
            ("no answer", counts.unanswered, true), ("lost", counts.lost, true), ("twice", counts.duplicates, true), ("out of order", counts.outOfOrder, true),
        ]
        if counts.warmup > 0 { entries.append(("warm-up, excluded", counts.warmup, false)) }
        var cells = entries.map { entry in
            "<div class=\"fact\"><dt>\(entry.name)</dt><dd\(entry.isBad && entry.value > 0 ? " class=\"bad\"" : "")>\(HTMLText.grouped(entry.value))</dd></div>"
        }
        for (name, time) in [("cloud CPU/item", load.cloudCPU), ("lab CPU/item", load.labCPU)] {
            if let time { cells.append("<div class=\"fact\"><dt>\(name)</dt><dd>\(FigureText.duration(nanoseconds: time))</dd></div>") }
        }
        return "<dl class=\"facts figures\">\(cells.joined())</dl>\n"
    }

    private var parts: String {
        func time(_ value: Int64?) -> String { value.map { FigureText.duration(nanoseconds: Double($0)) } ?? "no answer" }
        return DataTable(
            "Load \(load.id) by label", columns: [("Label", "event"), ("n", "number"), ("p50", "number"), ("p99", "number"), ("Refused", "number")],
            rows: load.parts.map { part in
                ["\(part.label.name)=\(part.label.value)", HTMLText.grouped(part.samples), time(part.p50), time(part.p99), HTMLText.grouped(part.refused)]
            }).html
    }
}

extension LoadReport {
    /// Whether a claim is about this load: `p99(api)`, `p99(api.latency)`.
    func isMeant(by claim: Requirement.Claim) -> Bool { claim.measurement == id || claim.measurement.hasPrefix(id + ".") }
}
