package import LabCore

/// junit.xml as Jenkins' junit-10.xsd has it: a suite for each scenario, a test case for each cell and each limit; and a suite for the
/// comparisons with another build or earlier runs.
///
/// Unproven, void and blocked are `error`, never `skipped`, which dashboards paint green (sla.md §1.6).
package enum JUnitReport {
    package static func render(_ summary: Summary, events: (CaseSummary) -> [RunEvent] = { _ in [] }) -> [UInt8] {
        var names: [String] = []
        for result in summary.cases where !names.contains(result.plan.scenario) { names.append(result.plan.scenario) }
        let suites = names.map { name in
            let cases = summary.cases.filter { $0.plan.scenario == name }
            return suite(name, cases.flatMap { [cell($0, events($0))] + limits($0) }, seconds(cases), file: cases.first?.plan.file ?? "", summary)
        } + comparisons(summary)
        let root = XMLElement(
            name: "testsuites",
            attributes: [
                ("name", "lab \(summary.run)"), ("time", seconds(summary.cases)), ("tests", "\(suites.reduce(0) { $0 + $1.tests })"),
                ("failures", "\(suites.reduce(0) { $0 + $1.failures })"), ("errors", "\(suites.reduce(0) { $0 + $1.errors })"),
            ], children: suites.map(\.element))
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        root.append(to: &text)
        return Array(text.utf8)
    }

    private struct Suite {
        var element: XMLElement
        var tests: Int
        var failures: Int
        var errors: Int
    }

    private static func suite(_ name: String, _ tests: [XMLElement], _ time: String, file: String, _ summary: Summary) -> Suite {
        func count(_ element: String) -> Int { tests.count { $0.children.contains { $0.name == element } } }
        let properties = XMLElement(
            name: "properties",
            children: [
                ("lab.version", summary.labVersion), ("lab.run", summary.run), ("lab.world", summary.world.rawValue),
                ("lab.seed", SeedText.hex(summary.seed)),
            ].map { XMLElement(name: "property", attributes: [("name", $0.0), ("value", $0.1)]) })
        let element = XMLElement(
            name: "testsuite",
            attributes: [
                ("name", name), ("tests", "\(tests.count)"), ("failures", "\(count("failure"))"), ("errors", "\(count("error"))"),
                ("skipped", "\(count("skipped"))"), ("time", time), ("file", file),
            ], children: [properties] + tests)
        return Suite(element: element, tests: tests.count, failures: count("failure"), errors: count("error"))
    }

    private static func test(_ result: CaseSummary, suffix: String, time: String) -> XMLElement {
        let cell = result.plan.cell.isEmpty ? "" : " [\(result.plan.cellText)]"
        let className = result.plan.scenario.split(separator: "/").joined(separator: ".")
        return XMLElement(
            name: "testcase", attributes: [("name", result.plan.scenario + cell + suffix), ("classname", className), ("time", time)])
    }

    /// The steps, laws and teardown of one cell; its limits have test cases of their own.
    private static func cell(_ result: CaseSummary, _ events: [RunEvent]) -> XMLElement {
        var element = test(result, suffix: "", time: seconds([result]))
        var own = result
        own.findings = result.findings.filter { $0.subject != .limit && $0.verdict > .quarantined }
        let text = FailureBlock(style: .plain).lines(own, events: events).joined(separator: "\n")
        let message = own.findings.first.map(message) ?? result.reason ?? result.verdict.rawValue
        func outcome(_ name: String, _ type: String) -> XMLElement {
            XMLElement(name: name, attributes: [("type", type), ("message", message)], text: text.isEmpty ? message : text)
        }
        let worst = own.findings.max { $0.verdict < $1.verdict }
        switch result.verdict {
        case .skipped, .quarantined:
            // Whose it is says more than what it was.
            element.children.append(XMLElement(name: "skipped", attributes: [("type", result.verdict.rawValue), ("message", result.reason ?? message)]))
        case .flaky: element.children.append(outcome("flakyFailure", "flaky"))
        case .pass: break
        default:
            guard let worst else {
                // What its limits say stands with them; anything else must not look green.
                if !result.limits.contains(where: { $0.verdict > .pass }) { element.children.append(outcome("error", result.verdict.rawValue)) }
                break
            }
            let isError = worst.verdict != .fail || own.findings.contains { $0.subject == .lab && $0.verdict == .fail }
            element.children.append(outcome(isError ? "error" : "failure", isError ? worst.verdict.rawValue : worst.subject.rawValue))
        }
        let clock = "run \(result.run): \(result.eventCount) events in \(FigureText.duration(nanoseconds: Double(result.duration.nanoseconds))) on the run's clock"
        element.children.append(XMLElement(name: "system-out", text: clock))
        return element
    }

    /// One line: what it was and why, or what was expected.
    private static func message(_ finding: Finding) -> String {
        if let reason = finding.reason { return "\(finding.title): \(reason)" }
        let words = finding.expected.split(separator: " ").joined(separator: " ")
        return words.isEmpty ? finding.title : "expected \(words)"
    }

    private static func limits(_ result: CaseSummary) -> [XMLElement] {
        result.limits.map { limit in
            var element = test(result, suffix: " limit \(limit.limit.id)", time: "0.000")
            let figure = ObjectiveFigure(result: limit)
            let message = "\(limit.limit.demand): \(figure.sentence)"
            let samples = [TerminalReport.counted(limit.samples, "sample"), figure.missingText].compactMap { $0 }.joined(separator: ", ")
            let text = [message, limit.reason, samples, "\(limit.limit.location.file):\(limit.limit.location.line)"].compactMap { $0 }.joined(separator: "\n")
            switch limit.verdict {
            case .pass, .flaky: element.children.append(XMLElement(name: "system-out", text: text))
            case .fail: element.children.append(XMLElement(name: "failure", attributes: [("type", "limit"), ("message", message)], text: text))
            case .unproven, .blocked:
                element.children.append(
                    XMLElement(name: "error", attributes: [("type", figure.status), ("message", message)], text: text))
            case .skipped, .quarantined:
                element.children.append(XMLElement(name: "skipped", attributes: [("type", limit.verdict.rawValue), ("message", message)]))
            }
            return element
        }
    }

    // MARK: Against another build or earlier runs

    private static func comparisons(_ summary: Summary) -> [Suite] {
        guard let comparison = summary.comparison, !comparison.rows.isEmpty else { return [] }
        let baselines = summary.cases.flatMap(\.limits).compactMap(\.limit.baseline)
        // What cannot be told fails the run only where the scenario says so.
        let strict = Set(baselines.filter(\.cannotTellFails).map(\.location))
        let tests = comparison.rows.map { row in
            compared(row, comparison, isStrict: row.location.map(strict.contains) ?? false)
        }
        return [suite("baseline", tests, "0.000", file: summary.cases.first?.plan.file ?? "", summary)]
    }

    private static func compared(_ row: ComparisonReport.Row, _ comparison: ComparisonReport, isStrict: Bool) -> XMLElement {
        var element = XMLElement(
            name: "testcase",
            attributes: [("name", "\(row.objective) \(row.metric) against \(comparison.a)"), ("classname", "baseline"), ("time", "0.000")])
        let message = ComparedFigure(row: row).sentence
        let place = row.location.map { "\($0.file):\($0.line)" }
        let text = ["B = \(comparison.b) against A = \(comparison.a)", message, row.reason, place].compactMap { $0 }.joined(separator: "\n")
        func outcome(_ name: String) -> XMLElement {
            XMLElement(name: name, attributes: [("type", row.outcome.rawValue), ("message", message)], text: text)
        }
        switch row.outcome {
        case .regressed: element.children.append(outcome("failure"))
        case .void: element.children.append(outcome("error"))
        case .cannotTell where isStrict: element.children.append(outcome("error"))
        case .cannotTell, .improved, .same: element.children.append(XMLElement(name: "system-out", text: text))
        }
        return element
    }

    /// The machine's time where it is known, else the run's.
    private static func seconds(_ cases: [CaseSummary]) -> String {
        let total = cases.reduce(Int64(0)) { $0 &+ ($1.wallClock > .zero ? $1.wallClock : $1.duration).nanoseconds }
        return FigureText.decimal(Double(total) / 1e9, places: 3)
    }
}
