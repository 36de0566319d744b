import LabCore

/// The log of each node, folded, cut around what matters.
struct NodeLogSection {
    let result: CaseSummary
    let events: [RunEvent]
    private let nodeLimit = 12
    private let lineLimit = 150

    var html: String {
        var nodes: [String] = []
        var lines: [String: [RunEvent]] = [:]
        for event in events {
            if lines[event.node] == nil { nodes.append(event.node) }
            lines[event.node, default: []].append(event)
        }
        // The nodes that findings name come first, then the order of the log.
        let named = nodes.filter { node in result.findings.contains { $0.node == node || $0.nearest.contains { $0.event.node == node } } }
        let ordered = named + nodes.filter { !named.contains($0) }
        let shown = ordered.prefix(nodeLimit).map { log($0, lines[$0] ?? []) }.joined()
        let left = ordered.count - nodeLimit
        let path = HTMLText.code("runs/\(result.run)/events.jsonl")
        let note = left > 0 ? "<p class=\"note\">\(HTMLText.count(left, "more node")) in \(path).</p>\n" : ""
        return "<h3>Log by node</h3>\n" + shown + note
    }

    private func log(_ node: String, _ lines: [RunEvent]) -> String {
        let shown = cut(lines)
        let left = lines.count - shown.count
        let marks = Set(result.findings.compactMap(\.sequence) + result.findings.flatMap { $0.nearest.map(\.event.sequence) })
        let rows = shown.map { event in
            let number = marks.contains(event.sequence) ? "<mark>\(event.sequence)</mark>" : "\(event.sequence)"
            return [
                number, EventText.time(event.at), HTMLText.escaped(event.name, limit: 120), HTMLText.fields(event.fields),
                event.cause.map { "← \($0)" } ?? "",
            ]
        }
        let table = HTMLText.table(
            "Log of \(node)",
            columns: [("#", "number"), ("Time", "number"), ("Event", "event"), ("Fields", "fields"), ("Cause", "number")], rows: rows)
        let path = HTMLText.code("runs/\(result.run)/events.jsonl")
        let note = left > 0 ? "<p class=\"note\">\(HTMLText.count(left, "line")) of this node left out; all are in \(path).</p>\n" : ""
        return HTMLText.details(node, note: HTMLText.count(lines.count, "line"), note + table)
    }

    /// Up to the decision and a little beyond; without one, the beginning and the end.
    private func cut(_ lines: [RunEvent]) -> [RunEvent] {
        guard lines.count > lineLimit else { return lines }
        let decided = result.findings.filter { $0.verdict > .quarantined }.compactMap(\.sequence).min()
        guard let decided else { return Array(lines.prefix(lineLimit / 3) + lines.suffix(lineLimit - lineLimit / 3)) }
        let after = lines.firstIndex { $0.sequence > decided } ?? lines.count
        let end = min(lines.count, max(after + lineLimit / 5, lineLimit))
        return Array(lines[max(0, end - lineLimit)..<end])
    }
}
