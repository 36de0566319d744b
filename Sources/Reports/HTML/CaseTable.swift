import LabCore

/// The head of the page: what came out, and one row for each case.
enum CaseTable {
    static let order: [Verdict] = [.fail, .blocked, .unproven, .flaky, .quarantined, .pass, .skipped]

    static func header(_ summary: Summary) -> String {
        let facts = ["lab \(summary.labVersion)", worldName(summary.world), "seed \(SeedText.hex(summary.seed))"]
        let counts = order.filter { summary.count($0) > 0 }.map { verdict in
            "<span class=\"count \(verdict.rawValue)\"><b>\(HTMLText.grouped(summary.count(verdict)))</b> \(word(verdict))</span>"
        }
        let regressed = Tally.regressed(summary).map { ["<span class=\"count fail\"><a href=\"#comparison-head\">\($0)</a></span>"] } ?? []
        let partial = summary.isPartial ? ["<span class=\"count unproven\">\(Tally.partial)</span>"] : []
        let inVain = Tally.isComparedInVain(summary) ? ["<span class=\"count blocked\"><a href=\"#comparison-head\">\(Tally.comparedInVain)</a></span>"] : []
        return """
            <header>
            <p class="eyebrow">\(HTMLText.escaped(facts.joined(separator: " · ")))</p>
            <h1>Run \(HTMLText.escaped(summary.run))</h1>
            <p class="counts">\(counts.isEmpty ? "nothing ran" : (counts + regressed + inVain + partial).joined(separator: " "))</p>
            \(bar(summary))
            </header>

            """
    }

    static func word(_ verdict: Verdict) -> String {
        switch verdict {
        case .pass: "passed"
        case .fail: "failed"
        default: verdict.rawValue
        }
    }

    private static func worldName(_ world: WorldKind) -> String {
        switch world {
        case .sim: "simulated world"
        case .emu: "emulated devices, real media"
        case .hw: "real devices"
        }
    }

    /// The shares of the verdicts as one line of colours.
    private static func bar(_ summary: Summary) -> String {
        guard !summary.cases.isEmpty else { return "" }
        var x = 0.0
        var parts = ""
        for verdict in order where summary.count(verdict) > 0 {
            let width = 1000 * Double(summary.count(verdict)) / Double(summary.cases.count)
            parts += "<rect class=\"fill-\(verdict.rawValue)\" x=\"\(FigureText.decimal(x, places: 1))\" y=\"0\" "
                + "width=\"\(FigureText.decimal(max(1, width - 3), places: 1))\" height=\"8\"/>"
            x += width
        }
        return "<svg class=\"bar\" viewBox=\"0 0 1000 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\(parts)</svg>"
    }

    static func table(_ summary: Summary) -> String {
        let rows = summary.cases.enumerated().map { index, result in
            let wall = result.wallClock > .zero ? SeedText.seconds(result.wallClock) : "–"
            let clock = result.duration > .zero ? SeedText.seconds(result.duration, places: 1) : "–"
            let count = result.eventCount > 0 ? HTMLText.grouped(result.eventCount) : "–"
            return """
                <tr data-verdict="\(result.verdict.rawValue)"><td>\(HTMLText.badge(result.verdict))</td>\
                <td class="what"><a href="#case-\(index + 1)">\(HTMLText.escaped(result.plan.scenario))</a>\
                \(result.plan.cell.isEmpty ? "" : "<span class=\"cell\">\(HTMLText.escaped(result.plan.cellText))</span>")\
                \(remark(result))</td><td class="number">\(clock)</td>\
                <td class="number wide">\(wall)</td><td class="number wide">\(count)</td></tr>
                """
        }
        let clock = summary.world == .sim ? "Virtual time" : "Time"
        return """
            <section aria-labelledby="cases"><h2 id="cases">Cases</h2>
            \(filter(summary))<table class="cases"><thead><tr><th scope="col">Verdict</th><th scope="col">Scenario</th>\
            <th scope="col" class="number">\(clock)</th><th scope="col" class="number wide">Took</th>\
            <th scope="col" class="number wide">Events</th></tr></thead><tbody>
            \(rows.joined(separator: "\n"))
            </tbody></table></section>

            """
    }

    /// Why a case is in the list: its gravest finding in one line.
    private static func remark(_ result: CaseSummary) -> String {
        guard result.verdict != .pass else { return "" }
        let finding = result.findings.max { $0.verdict < $1.verdict }
        let text = result.reason ?? finding.map { finding in
            let cause = finding.reason.map { "\(finding.title): \($0)" } ?? finding.title
            return "\(cause) (line \(finding.location.line))"
        }
        return text.map { "<span class=\"remark\">\(HTMLText.escaped($0, limit: 160))</span>" } ?? ""
    }

    /// Buttons that the script shows; without it every row stays.
    private static func filter(_ summary: Summary) -> String {
        let verdicts = order.filter { summary.count($0) > 0 }
        guard verdicts.count > 1 else { return "" }
        let buttons = verdicts.map { verdict in
            "<button type=\"button\" data-filter=\"\(verdict.rawValue)\" aria-pressed=\"false\">"
                + "\(word(verdict)) <span>\(summary.count(verdict))</span></button>"
        }
        return "<div class=\"filter\" role=\"group\" aria-label=\"Show cases by verdict\" hidden>"
            + "<button type=\"button\" data-filter=\"\" aria-pressed=\"true\">all <span>\(summary.cases.count)</span></button>"
            + buttons.joined() + "</div>\n"
    }
}
