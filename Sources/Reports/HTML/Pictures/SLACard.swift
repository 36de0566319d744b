import LabCore

/// One line for each objective: verdict, what was required, the figure, and how much of the limit it uses.
///
/// The pictures of all lines share one scale on which the limit lies in the middle and good is on the left, whatever the unit.
struct SLACard {
    struct Line {
        var limit: LimitResult
        /// Samples of the measurement itself, to be drawn as dots, in the unit of the threshold.
        var samples: [Double] = []
        /// The case, where the lines are of several.
        var link: (target: String, text: String)?
    }

    var lines: [Line]
    var caption: String
    private let dotLimit = 200

    /// The scale ends at twice the limit.
    static func x(_ use: Double) -> Double { min(max(use, 0), 2) / 2 }

    var html: String {
        guard !lines.isEmpty else { return "" }
        let label = HTMLText.escaped(caption)
        let head = ["Verdict", "Objective", "Measured", "Of the limit", "Samples"].enumerated().map { index, heading in
            "<th scope=\"col\" role=\"columnheader\"\(index == 4 ? " class=\"number\"" : "")>\(heading)\(index == 3 ? Self.axis : "")</th>"
        }
        return "<table class=\"card\" role=\"table\"><caption>\(label)</caption><thead role=\"rowgroup\"><tr role=\"row\">\(head.joined())</tr></thead>"
            + "<tbody role=\"rowgroup\">\n\(lines.map(row).joined(separator: "\n"))\n</tbody></table>\n"
            + "<p class=\"note\">Dot: the figure. Line: its interval. Left of the middle line is good; for an objective of “at least” the part that is lacking counts, "
            + "or the limit divided by the figure.</p>\n"
    }

    private static let axis = "<span class=\"card-axis\" aria-hidden=\"true\"><i>0</i><i>limit</i><i>2×</i></span>"

    private func row(_ line: Line) -> String {
        let figure = ObjectiveFigure(result: line.limit)
        let limit = line.limit.limit
        let source = HTMLText.code(limit.demand)
        var name = limit.id == limit.demand ? source : "<b>\(HTMLText.escaped(limit.id))</b> \(source)"
        if let link = line.link { name += "<span class=\"remark\"><a href=\"#\(link.target)\">\(HTMLText.escaped(link.text))</a></span>" }
        name += remark(limit.text)
        var measured = HTMLText.escaped(line.limit.figure)
        if let interval = figure.intervalText, !line.limit.figure.contains("[") { measured += " <span class=\"interval\">\(HTMLText.escaped(interval))</span>" }
        measured += remark(line.limit.reason)
        let missing = figure.missingText.map { "<span class=\"missing\">\(HTMLText.escaped($0))</span>" } ?? ""
        let badge = "<span class=\"badge \(line.limit.isVoid ? "void" : figure.word == "marginal" ? "flaky" : line.limit.verdict.rawValue)\">"
            + "<span aria-hidden=\"true\">\(figure.symbol)</span> \(HTMLText.escaped(figure.word))</span>"
        return "<tr role=\"row\"\(line.limit.isVoid ? " class=\"void\"" : "")><td role=\"cell\" class=\"verdict\">\(badge)</td>"
            + "<th scope=\"row\" role=\"rowheader\" class=\"objective\">\(name)</th><td role=\"cell\" class=\"measured\">\(measured)</td>"
            + "<td role=\"cell\" class=\"gauge\">\(gauge(line, figure))</td>"
            + "<td role=\"cell\" class=\"number count-cell\"><span class=\"unit\">n = </span>\(HTMLText.grouped(line.limit.samples))\(missing)</td></tr>"
    }

    private func remark(_ text: String?) -> String { text.map { "<span class=\"remark\">\(HTMLText.escaped($0))</span>" } ?? "" }

    // MARK: Gauge

    /// Void has a form of its own: nothing filled, everything dashed.
    private func gauge(_ line: Line, _ figure: ObjectiveFigure) -> String {
        let dots = line.samples.prefix(dotLimit).compactMap { figure.use(of: $0) }
        let use = line.limit.value.flatMap(figure.use)
        guard use != nil || !dots.isEmpty else { return "" }
        let style = line.limit.isVoid ? "void" : figure.word == "marginal" ? "unsure" : line.limit.verdict == .pass ? "good" : line.limit.verdict == .fail ? "bad" : "unsure"
        var body = "<rect class=\"good-side\" x=\"0\" y=\"3\" width=\"50%\" height=\"20\"/><line class=\"rail\" x1=\"0\" y1=\"13\" x2=\"100%\" y2=\"13\"/>"
        // Many samples spread over the height, in a fixed pattern, so that they do not hide one another.
        for (index, dot) in dots.enumerated() {
            body += "<circle class=\"sample\(dots.count > 12 ? " crowd" : "")\(dot > 1 ? " bad" : "")\" cx=\"\(Plot.share(Self.x(dot)))\" cy=\"\(dots.count > 12 ? 6 + index * 7 % 15 : 13)\" r=\"\(dots.count > 12 ? "1.8" : "3")\"/>"
        }
        body += "<line class=\"limit-tick\" x1=\"50%\" y1=\"1\" x2=\"50%\" y2=\"25\"/>" 
        if use.map({ $0 <= 2 }) ?? true { body += whisker(line.limit, figure, style) }
        if let use {
            body += use > 2
                ? "<text class=\"beyond \(style)\" x=\"100%\" y=\"17\" text-anchor=\"end\">\(Self.times(use)) ▸</text>"
                : "<circle class=\"mark \(style)\" cx=\"\(Plot.share(Self.x(use)))\" cy=\"13\" r=\"5\"/>"
        }
        return "<svg class=\"plot gauge\" width=\"100%\" height=\"26\" role=\"img\"><title>\(HTMLText.escaped(figure.sentence))</title>"
            + "<desc>\(HTMLText.escaped(use.map { "uses \(Self.times($0)) of the limit" } ?? "\(dots.count) samples"))</desc>\(body)</svg>"
    }

    /// An end of the interval that does not exist runs to the end of the scale.
    private func whisker(_ limit: LimitResult, _ figure: ObjectiveFigure, _ style: String) -> String {
        guard limit.lower != nil || limit.upper != nil else { return "" }
        let isReversed = [.greater, .greaterOrEqual].contains(figure.claim?.comparison)
        let best = (isReversed ? limit.upper : limit.lower).flatMap(figure.use) ?? 0
        let worst = (isReversed ? limit.lower : limit.upper).flatMap(figure.use) ?? 2
        let (start, end) = (Plot.share(Self.x(min(best, worst))), Plot.share(Self.x(max(best, worst))))
        let isOpen = (isReversed ? limit.lower : limit.upper) == nil || max(best, worst) > 2
        return "<line class=\"whisker \(style)\(isOpen ? " open" : "")\" x1=\"\(start)\" y1=\"13\" x2=\"\(end)\" y2=\"13\"/>"
            + "<line class=\"whisker \(style)\" x1=\"\(start)\" y1=\"9\" x2=\"\(start)\" y2=\"17\"/>"
            + (isOpen ? "<text class=\"beyond \(style)\" x=\"100%\" y=\"17\" text-anchor=\"end\">▸</text>" : "<line class=\"whisker \(style)\" x1=\"\(end)\" y1=\"9\" x2=\"\(end)\" y2=\"17\"/>")
    }

    /// `0.62×`, `12×`, `∞`
    static func times(_ use: Double) -> String {
        guard use.isFinite, use < 1e6 else { return "∞" }
        return FigureText.number((use * (use < 10 ? 100 : 1)).rounded() / (use < 10 ? 100 : 1)) + "×"
    }
}

extension SLACard {
    /// The objectives of one case, with links to the pictures of their loads.
    init(_ result: CaseSummary, number: Int) {
        lines = ObjectiveFigure.worstFirst([result]).map { entry in
            let index = result.loads.firstIndex { load in entry.limit.limit.requirement.allClaims.contains(where: load.isMeant) }
            let link = index.map { ("case-\(number)-load-\($0 + 1)", "pictures of load \(result.loads[$0].id)") }
            return Line(limit: entry.limit, samples: Self.samples(of: entry.limit, in: result), link: link)
        }
        caption = "Objectives of \(result.plan.scenario), the worst first"
    }

    private static func samples(of limit: LimitResult, in result: CaseSummary) -> [Double] {
        guard let claim = ObjectiveFigure(result: limit).claim, claim.isAboutSamples else { return [] }
        return result.measurements.filter { $0.name == claim.measurement || $0.name == claim.measurement + ".latency" }.map(\.value)
    }

    /// The worst objectives of a run of several cases.
    static func overview(_ summary: Summary) -> String {
        let all = ObjectiveFigure.worstFirst(summary.cases)
        guard summary.cases.count > 1, !all.isEmpty else { return "" }
        let shown = all.prefix(25)
        let card = SLACard(
            lines: shown.map { entry in
                let cell = entry.result.plan.cell.isEmpty ? "" : " [\(entry.result.plan.cellText)]"
                return Line(limit: entry.limit, samples: samples(of: entry.limit, in: entry.result), link: ("case-\(entry.number)", entry.result.plan.scenario + cell))
            }, caption: "Objectives of every case, the worst first")
        let left = all.count - shown.count
        return "<section aria-labelledby=\"objectives\"><h2 id=\"objectives\">Objectives</h2>\n\(card.html)"
            + (left > 0 ? "<p class=\"note\">\(HTMLText.count(left, "more objective")) came out no worse; each stands with its case.</p>\n" : "") + "</section>\n"
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
