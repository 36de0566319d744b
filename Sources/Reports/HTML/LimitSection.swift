import LabCore

/// The limits of a case: requirement, figure, verdict, and where the samples lie against the limit.
struct LimitSection {
    let result: CaseSummary
    private let dotLimit = 200

    var html: String {
        guard !result.limits.isEmpty else { return "" }
        let strips = result.limits.map(strip)
        let hasStrips = strips.contains { !$0.isEmpty }
        let rows = zip(result.limits, strips).map { limit, strip in
            let source = HTMLText.code(limit.limit.requirement.source)
            let name = limit.limit.id == limit.limit.requirement.source ? source : "<b>\(HTMLText.escaped(limit.limit.id))</b><br>\(source)"
            let word = limit.isMarginal ? HTMLText.badge(.flaky, word: "marginal") : HTMLText.badge(limit.verdict)
            return [name + remark(limit.limit.text), HTMLText.escaped(limit.figure) + remark(limit.reason)]
                + (hasStrips ? [strip] : []) + [HTMLText.grouped(limit.samples), word]
        }
        let columns = [("Required", "required"), ("Measured", "measured")] + (hasStrips ? [("Samples against the limit", "")] : [])
            + [("n", "number"), ("Verdict", "verdict")]
        return "<h3>Limits</h3>\n" + HTMLText.table("Limits", columns: columns, rows: rows)
    }

    private func remark(_ text: String?) -> String { text.map { "<span class=\"remark\">\(HTMLText.escaped($0))</span>" } ?? "" }

    /// Every sample as a dot on a line from 0, the limit as a tick.
    private func strip(_ limit: LimitResult) -> String {
        guard limit.limit.requirement.claims.count == 1, let claim = limit.limit.requirement.claims.first, claim.isAboutSamples else { return "" }
        let samples = result.measurements.filter { $0.name == claim.measurement || $0.name == claim.measurement + ".latency" }
        let values = samples.prefix(dotLimit).map(\.value)
        let end = max(values.max() ?? 0, claim.threshold.value) * 1.15
        guard !values.isEmpty, end > 0, values.allSatisfy({ $0 >= 0 && $0.isFinite }) else { return "" }
        func x(_ value: Double) -> String { FigureText.decimal(4 + 152 * value / end, places: 1) }
        // Many samples spread over the height, in a fixed pattern, so that they do not hide one another.
        let isCrowd = values.count > 12
        let dots = values.enumerated().map { index, value in
            let isGood = claim.comparison.isMet(by: value, claim.threshold.value)
            let style = (isGood ? "good" : "bad") + (isCrowd ? " crowd" : "")
            return "<circle class=\"\(style)\" cx=\"\(x(value))\" cy=\"\(isCrowd ? 4 + index * 7 % 15 : 11)\" r=\"\(isCrowd ? "1.8" : "3.5")\"/>"
        }
        let title = "\(values.count) samples between \(text(values.min() ?? 0, samples)) and \(text(values.max() ?? 0, samples)), limit \(claim.threshold.source)"
        return "<svg class=\"strip\" width=\"160\" height=\"22\" viewBox=\"0 0 160 22\" role=\"img\"><title>\(HTMLText.escaped(title))</title>"
            + "<line class=\"axis\" x1=\"4\" y1=\"11\" x2=\"156\" y2=\"11\"/>" + dots.joined()
            + "<line class=\"tick\" x1=\"\(x(claim.threshold.value))\" y1=\"2\" x2=\"\(x(claim.threshold.value))\" y2=\"20\"/></svg>"
    }

    private func text(_ value: Double, _ samples: [Measurement]) -> String {
        samples.first?.isTime == true ? FigureText.duration(nanoseconds: value) : FigureText.number(value)
    }
}

extension Requirement.Claim {
    fileprivate var isAboutSamples: Bool {
        switch statistic {
        case .worst, .percentile, .max, .mean: threshold.dimension == .time || threshold.dimension == .plain
        default: false
        }
    }
}

extension Requirement.Comparison {
    fileprivate func isMet(by value: Double, _ threshold: Double) -> Bool {
        switch self {
        case .less: value < threshold
        case .lessOrEqual: value <= threshold
        case .greater: value > threshold
        case .greaterOrEqual: value >= threshold
        case .equal: value == threshold
        }
    }
}
