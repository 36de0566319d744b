import LabCore

/// Everything about one case. A case that did not pass is open when the page opens.
struct CaseSection {
    let result: CaseSummary
    let number: Int
    /// The only case of its run is open, whatever came out.
    var isAlone = false

    func html(events: [RunEvent]?) -> String {
        let plan = result.plan
        let isOpen = isAlone || result.verdict > .quarantined
        let cell = plan.cell.isEmpty ? "" : "<span class=\"cell\">\(HTMLText.escaped(plan.cellText))</span>"
        return """
            <details class="case" id="case-\(number)" data-verdict="\(result.verdict.rawValue)"\(isOpen ? " open" : "")>
            <summary>\(HTMLText.badge(result.verdict))<h2>\(HTMLText.escaped(plan.scenario))</h2>\(cell)</summary>
            <p class="about">\(HTMLText.escaped(plan.about))</p>
            \(facts)\(findings(events ?? []))\(objectives)\(LoadSection.html(result, number: number, isBrief: events == nil))\(pictures(events))</details>

            """
    }

    private var facts: String {
        let plan = result.plan
        func figure(_ duration: Duration) -> String { FigureText.duration(nanoseconds: Double(duration.nanoseconds)) }
        var entries: [(String, String)] = []
        if result.duration > .zero { entries.append((plan.world == .sim ? "Virtual time" : "Time", figure(result.duration))) }
        if result.wallClock > .zero { entries.append(("Took", figure(result.wallClock))) }
        if result.eventCount > 0 { entries.append(("Events", HTMLText.grouped(result.eventCount))) }
        if !plan.tags.isEmpty { entries.append(("Tags", HTMLText.escaped(plan.tags.joined(separator: ", ")))) }
        entries += [("Seed", HTMLText.code(SeedText.hex(plan.seed))), ("Scenario", HTMLText.code(plan.file))]
        var wide: [(String, String)] = []
        if let reason = result.reason { wide.append(("Because", HTMLText.escaped(reason))) }
        if result.eventCount > 0 { wide += [("Folder", HTMLText.code("runs/\(result.run)/")), (result.repeatCommand().label.capitalizedFirst, HTMLText.code(result.repeatCommand().command))] }
        if let timing = result.timing {
            func late(_ nanoseconds: Int64) -> String { FigureText.duration(nanoseconds: Double(nanoseconds)) }
            entries.append(("Lab's timers late", "p50 \(late(timing.median)), p99 \(late(timing.p99)), worst \(late(timing.worst))"))
        }
        for report in result.oracles { wide.append(("\(report.oracle.capitalizedFirst) oracle", HTMLText.escaped(report.text))) }
        if !result.absences.isEmpty { wide.append(("Bus", HTMLText.escaped(result.absences.map(\.text).joined(separator: "; ")))) }
        func list(_ entries: [(String, String)], _ style: String) -> String {
            entries.map { "<div class=\"\(style)\"><dt>\($0.0)</dt><dd>\($0.1)</dd></div>" }.joined()
        }
        return "<dl class=\"facts\">\(list(entries, "fact"))\(list(wide, "fact broad"))</dl>\n"
    }

    private var objectives: String {
        result.limits.isEmpty ? "" : "<h3>Objectives</h3>\n" + SLACard(result, number: number).html
    }

    // MARK: Findings

    private func findings(_ events: [RunEvent]) -> String {
        let shown = result.findings.filter { $0.subject != .limit }
        guard !shown.isEmpty else { return "" }
        let ordered = shown.enumerated().sorted { ($1.element.verdict, $0.offset) < ($0.element.verdict, $1.offset) }.map(\.element)
        let left = ordered.count > 20 ? "<p class=\"note\">\(ordered.count - 20) more are in result.json.</p>\n" : ""
        return "<h3>\(ordered.count == 1 ? "Finding" : "\(ordered.count) findings")</h3>\n" + ordered.prefix(20).map { finding($0, events) }.joined() + left
    }

    private func finding(_ finding: Finding, _ events: [RunEvent]) -> String {
        let verdict = result.verdict == .flaky ? Verdict.flaky : finding.verdict
        var rows: [(String, String)] = []
        if !finding.expected.isEmpty { rows.append(("Expected", HTMLText.escaped(finding.expected))) }
        if !finding.nearest.isEmpty { rows.append(("Nearest", nearest(finding.nearest))) }
        if let reason = finding.reason { rows.append(("Because", HTMLText.escaped(reason))) }
        if let node = finding.node, node != LabEvents.node, let last = lastLines(node, finding.sequence, events) { rows.append(("Last", last)) }
        let again = result.repeatCommand(until: finding.sequence)
        rows.append((again.label.capitalizedFirst, HTMLText.code(again.command)))
        let subject = finding.subject == .lab ? "a bug of the lab, not of the product" : finding.subject.rawValue
        return """
            <article class="finding \(verdict.rawValue)"><h4>\(HTMLText.badge(verdict)) <span>\(HTMLText.escaped(finding.title))</span></h4>
            <p class="note">\(HTMLText.escaped(subject)) · \(HTMLText.code("\(finding.location.file):\(finding.location.line)"))</p>
            <dl>\(rows.map { "<dt>\($0.0)</dt><dd>\($0.1)</dd>" }.joined(separator: "\n"))</dl></article>

            """
    }

    private func nearest(_ misses: [NearMiss]) -> String {
        HTMLText.table(
            "Nearest events", columns: [("Event", "event"), ("Fields", "near"), ("At", "number"), ("Why not", "why")],
            rows: misses.map { miss in
                let text = NearMissText(miss)
                let fields = miss.differences.isEmpty
                    ? HTMLText.escaped(text.fields)
                    : miss.differences.prefix(4).map { field in
                        let value = miss.event.fields.value(at: field)?.description ?? "absent"
                        return "<span class=\"key\">\(HTMLText.escaped(field))</span> = <mark>\(HTMLText.escaped(value, limit: 80))</mark>"
                    }.joined(separator: ", ")
                return [HTMLText.escaped(text.name, limit: 80), fields, EventText.time(miss.event.at), HTMLText.escaped(text.remark)]
            })
    }

    private func lastLines(_ node: String, _ sequence: Int?, _ events: [RunEvent]) -> String? {
        let lines = events.last(5, of: node, upTo: sequence)
        guard !lines.isEmpty else { return nil }
        let width = lines.map { EventText.time($0.at).count }.max() ?? 0
        let text = lines.map { event in
            DisplayWidth.aligned(EventText.time(event.at), to: width) + "  " + event.node + "  " + EventText.line(event, valueLimit: 80)
        }
        return "<pre class=\"scroll\" tabindex=\"0\" aria-label=\"Last lines of \(HTMLText.escaped(node))\">"
            + text.map(HTMLText.escaped).joined(separator: "\n") + "</pre>"
    }

    // MARK: What needs the log

    private func pictures(_ events: [RunEvent]?) -> String {
        guard let events else {
            let path = HTMLText.code("runs/\(result.run)/events.jsonl")
            return "<p class=\"note\">This report is long enough: pictures, diagram and log of this case are left out. All events are in \(path).</p>\n"
        }
        guard !events.isEmpty else { return measurements }
        let selection = SequenceSelection(events: events, findings: result.findings)
        let diagram = SequenceDiagram(selection: selection, title: result.plan.scenario, id: "sequence-\(number)")
        return diagram.html + measurements + NodeLogSection(result: result, events: events).html
    }

    private var measurements: String {
        guard !result.measurements.isEmpty else { return "" }
        let shown = result.measurements.prefix(200)
        let rows = shown.map { measurement in
            [
                HTMLText.escaped(measurement.name),
                HTMLText.escaped(measurement.isTime ? FigureText.duration(nanoseconds: measurement.value) : FigureText.number(measurement.value)),
                EventText.time(measurement.at), HTMLText.fields(measurement.labels),
            ]
        }
        let table = HTMLText.table(
            "Measurements", columns: [("Measurement", ""), ("Value", "number"), ("At", "number"), ("Labels", "fields")], rows: rows)
        let left = result.measurements.count - shown.count
        let note = left > 0 ? "<p class=\"note\">\(HTMLText.grouped(left)) more are in result.json.</p>" : ""
        return "<h3>Measurements</h3>\n" + HTMLText.details("Show", note: HTMLText.count(result.measurements.count, "value"), table + note)
    }
}
