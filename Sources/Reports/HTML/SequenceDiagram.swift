import LabCore

/// A sequence diagram as inline SVG, with its rows as a table below it.
///
/// Equal steps of height, not of time: what matters is the order; the axis on the left tells the time.
struct SequenceDiagram {
    let selection: SequenceSelection
    let title: String
    let id: String

    private let gutter = 78
    private let rowHeight = 28
    private let head = 44
    /// Pixels of a character of the label's font, on average.
    private let characterWidth = 6.4

    /// Few lanes share the width of the page, many scroll.
    private var laneWidth: Int { min(330, max(216, (1024 - gutter) / max(1, selection.lanes.count))) }
    private var width: Int { gutter + selection.lanes.count * laneWidth + 8 }
    private func x(_ lane: String) -> Int { gutter + (selection.lanes.firstIndex(of: lane) ?? 0) * laneWidth + 14 }
    private func y(_ entry: Int) -> Int { head + 8 + entry * rowHeight + rowHeight / 2 }
    private var height: Int { head + 16 + selection.entries.count * rowHeight + 8 }

    var html: String {
        guard !selection.entries.isEmpty else { return "" }
        let rows = selection.entries.count { if case .row = $0 { true } else { false } }
        let left = selection.candidates - rows
        let note = left > 0 ? "; \(HTMLText.count(left, "event")) left out where a row says so" : ""
        return """
            <h3>Sequence</h3>
            <p class="note">\(HTMLText.count(rows, "event"))\(note). Arrows lead from the cause to what it caused; \
            <span class="legend claimed">●</span> taken by an expect, \
            <span class="legend nearest">●</span> near miss, <span class="legend fault">◆</span> fault, \
            <span class="legend failure">●</span> failure.</p>
            <div class="scroll diagram" tabindex="0" role="region" aria-label="Sequence diagram of \(HTMLText.escaped(title))">
            \(svg)</div>
            \(HTMLText.details("The same as a table", note: HTMLText.count(rows, "row"), table))
            """
    }

    private var svg: String {
        let lanes = selection.lanes.map(HTMLText.escaped).joined(separator: ", ")
        var parts: [String] = [
            "<svg class=\"sequence\" width=\"\(width)\" height=\"\(height)\" viewBox=\"0 0 \(width) \(height)\" role=\"img\" "
                + "aria-labelledby=\"\(id)-title \(id)-text\"><title id=\"\(id)-title\">Sequence diagram of \(HTMLText.escaped(title))</title>"
                + "<desc id=\"\(id)-text\">Lifelines of \(lanes); time runs downwards. The table below holds the same events.</desc>",
            "<defs><marker id=\"\(id)-arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">"
                + "<path class=\"head\" d=\"M0 0.5 L8 4 L0 7.5 Z\"/></marker></defs>",
        ]
        parts += failureBackgrounds + bands + lifelines
        for (place, entry) in selection.entries.enumerated() { parts.append(draw(entry, place)) }
        return parts.joined(separator: "\n") + "\n</svg>"
    }

    private var lifelines: [String] {
        selection.lanes.map { lane in
            let x = x(lane)
            let name = HTMLText.escaped(lane, limit: 26)
            return "<line class=\"life\" x1=\"\(x)\" y1=\"\(head)\" x2=\"\(x)\" y2=\"\(height - 4)\"/>"
                + "<rect class=\"lane\" x=\"\(x - 8)\" y=\"10\" width=\"\(Int(Double(min(27, lane.count)) * 7.2) + 20)\" height=\"26\" rx=\"6\"/>"
                + "<text class=\"lane\" x=\"\(x + 2)\" y=\"27\">\(name)</text>"
        }
    }

    /// One shade where a lane has any fault, one edge for each fault.
    private var bands: [String] {
        var shades: [(lane: String, first: Int, last: Int)] = []
        for band in selection.bands.sorted(by: { ($0.lane, $0.first) < ($1.lane, $1.first) }) {
            if let last = shades.last, last.lane == band.lane, band.first <= last.last + 1 {
                shades[shades.count - 1].last = max(last.last, band.last)
            } else {
                shades.append((band.lane, band.first, band.last))
            }
        }
        func rectangle(_ style: String, _ lane: String, _ shift: Int, _ width: Int, _ first: Int, _ last: Int) -> String {
            let (top, bottom) = (y(first) - rowHeight / 2 + 2, y(last) + rowHeight / 2 - 2)
            return "<rect class=\"\(style)\" x=\"\(x(lane) - 10 - shift)\" y=\"\(top)\" width=\"\(width)\" height=\"\(bottom - top)\" rx=\"1.5\"/>"
        }
        return shades.map { rectangle("band", $0.lane, 0, laneWidth - 26, $0.first, $0.last) }
            + selection.bands.map { band in
                "<g><title>\(HTMLText.escaped("fault \(band.lane).\(band.text)"))</title>"
                    + rectangle("band-edge", band.lane, 5 * min(band.depth, 3), 3, band.first, band.last) + "</g>"
            }
    }

    private var failureBackgrounds: [String] {
        selection.entries.enumerated().compactMap { place, entry in
            guard case .row(let row) = entry, row.kind == .failure else { return nil }
            let top = y(place) - rowHeight / 2 + 1
            return "<rect class=\"failure\" x=\"0\" y=\"\(top)\" width=\"\(width)\" height=\"\(rowHeight - 2)\" rx=\"4\"/>"
        }
    }

    private func draw(_ entry: SequenceSelection.Entry, _ place: Int) -> String {
        let y = y(place)
        switch entry {
        case .gap(let count):
            return "<text class=\"gap\" x=\"\(gutter - 10)\" y=\"\(y + 4)\" text-anchor=\"end\">⋮</text>"
                + "<text class=\"gap\" x=\"\(gutter + 24)\" y=\"\(y + 4)\">\(HTMLText.count(count, "event")) left out</text>"
        case .phase(let name, _):
            let start = 16 + Int(Double(name.count) * 6.8)
            return "<text class=\"phase\" x=\"8\" y=\"\(y + 4)\">\(HTMLText.escaped(name, limit: 24))</text>"
                + "<line class=\"phase\" x1=\"\(start)\" y1=\"\(y)\" x2=\"\(width)\" y2=\"\(y)\"/>"
        case .row(let row): return draw(row, place, y)
        }
    }

    private func draw(_ row: SequenceSelection.Row, _ place: Int, _ y: Int) -> String {
        let x = x(row.lane)
        var parts = "<g class=\"\(row.kind)\"><title>\(HTMLText.escaped(tooltip(row), limit: 600))</title>"
        if isNewTime(row.event.at, place) {
            parts += "<text class=\"time\" x=\"\(gutter - 10)\" y=\"\(y + 4)\" text-anchor=\"end\">\(EventText.time(row.event.at))</text>"
        }
        var isLeftward = false
        if let source = row.source {
            let start = self.x(source)
            isLeftward = start > x
            parts += "<circle class=\"tail\" cx=\"\(start)\" cy=\"\(y)\" r=\"2.5\"/>"
                + "<line class=\"arrow\" x1=\"\(start + (isLeftward ? -3 : 3))\" y1=\"\(y)\" x2=\"\(x + (isLeftward ? 6 : -6))\" y2=\"\(y)\" "
                + "marker-end=\"url(#\(id)-arrow)\"/>"
        }
        parts += row.kind == .fault
            ? "<path class=\"dot\" d=\"M\(x) \(y - 5) l5 5 l-5 5 l-5 -5 z\"/>" : "<circle class=\"dot\" cx=\"\(x)\" cy=\"\(y)\" r=\"4\"/>"
        return parts + label(row, x: x + 11, y: isLeftward ? y - 6 : y + 4) + "</g>"
    }

    /// Name strong, fields quiet; both cut to what fits before the right edge.
    private func label(_ row: SequenceSelection.Row, x: Int, y: Int) -> String {
        let room = Int(Double(width - x - 6) / characterWidth)
        let space = min(row.kind == .failure ? 110 : Int(Double(laneWidth - 40) / characterWidth), room)
        let line = row.line.map { "\($0) " } ?? ""
        let name = DisplayWidth.cut(VisibleText.clean(row.label), to: max(4, space - line.count))
        let rest = space - line.count - DisplayWidth.of(name) - 1
        let remark = rest > 5 && !row.remark.isEmpty ? DisplayWidth.cut(VisibleText.clean(row.remark).trimmed, to: rest) : ""
        return "<text class=\"label\" x=\"\(x)\" y=\"\(y)\">"
            + (line.isEmpty ? "" : "<tspan class=\"quiet\">\(line)</tspan>") + "<tspan>\(HTMLText.escaped(name))</tspan>"
            + (remark.isEmpty ? "" : "<tspan class=\"quiet\" dx=\"6\">\(HTMLText.escaped(remark))</tspan>") + "</text>"
    }

    private func isNewTime(_ time: RunInstant, _ place: Int) -> Bool {
        for earlier in selection.entries[..<place].reversed() {
            switch earlier {
            case .row(let row): return EventText.time(row.event.at) != EventText.time(time)
            case .gap: return true
            case .phase: continue
            }
        }
        return true
    }

    private func tooltip(_ row: SequenceSelection.Row) -> String {
        let cause = row.event.cause.map { ", caused by \($0)" } ?? ""
        return "\(row.event.sequence) at \(EventText.time(row.event.at))\(cause): \(row.event.node).\(EventText.line(row.event))"
    }

    private var table: String {
        let rows = selection.entries.compactMap { entry -> [String]? in
            guard case .row(let row) = entry else { return nil }
            let event = row.event
            return [
                "\(event.sequence)", EventText.time(event.at), HTMLText.escaped(event.node), HTMLText.escaped(event.name, limit: 120),
                HTMLText.fields(event.fields), event.cause.map { "← \($0)" } ?? "",
            ]
        }
        return HTMLText.table(
            "Events of the diagram",
            columns: [("#", "number"), ("Time", "number"), ("Node", "event"), ("Event", "event"), ("Fields", "fields"), ("Cause", "number")],
            rows: rows)
    }
}

extension String {
    fileprivate var trimmed: String { String(drop { $0 == " " }) }
}
