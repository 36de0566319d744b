import LabCore

/// A metric over the last runs, with the level between its changes, and the commits at which it changed.
struct HistoryPicture {
    let history: HistoryReport
    let number: Int
    let ribbon: LabRibbon

    private let top = 34.0
    private let bottom = 180.0

    private var values: [Double] { history.points.map(\.value) }

    /// Room above and below the values; from 0 where that costs little.
    private var scale: Scale {
        let usable = values.filter(\.isFinite)
        guard let least = usable.min(), let largest = usable.max() else { return .linear(0, 1) }
        let room = max((largest - least) * 0.15, largest.magnitude * 0.02, 1e-9)
        let lower = least >= 0 && least < largest * 0.35 ? 0 : least - room
        return .linear(lower, largest + room)
    }

    private func x(_ index: Int) -> Double {
        history.points.count > 1 ? 0.01 + 0.98 * Double(index) / Double(history.points.count - 1) : 0.5
    }

    private func y(_ value: Double) -> Double { bottom - (bottom - top) * scale.place(value) }

    var html: String {
        guard !history.points.isEmpty else { return "" }
        let axis = scale.lower == 0 ? "" : " The axis does not begin at 0."
        let confirmed = history.changes.count(where: \.isConfirmed)
        let changes =
            history.changes.isEmpty
            ? "No change of its level" : "\(HTMLText.count(history.changes.count, "change")) of its level, \(confirmed) confirmed"
        return Figure(
            heading: history.metric, note: "\(HTMLText.count(history.points.count, "run")), the latest on the right. \(changes).\(axis)", picture: plot.svg,
            keys: [Figure.Key(.dot, "point", "a run"), Figure.Key(.line, "level", "level")]
                + (history.changes.isEmpty ? [] : [Figure.Key(.line, "change", "change, confirmed"), Figure.Key(.line, "change open", "change, not confirmed yet")]),
            ribbon: ribbon, table: changeTable
        ).html + HTMLText.details("Every run of \(history.metric)", note: HTMLText.count(history.points.count, "run"), HTMLText.table(
            "Runs", columns: [("Run", "event"), ("Build", "event"), ("Value", "number")],
            rows: history.points.map { [HTMLText.escaped($0.run), HTMLText.escaped($0.label), HTMLText.escaped(text($0.value))] }))
    }

    func text(_ value: Double) -> String {
        history.unit == "ns" ? FigureText.duration(nanoseconds: value) : FigureText.number((value * 1000).rounded() / 1000) + history.unit
    }

    private var plot: Plot {
        var plot = Plot(
            id: "history-\(number)", title: "History of \(history.metric)",
            description: "\(history.points.count) runs, the latest \(values.last.map(text) ?? "none"); \(history.changes.count) changes of the level. The tables below hold the numbers.",
            height: bottom + 24)
        plot.verticalAxis(scale, top: top, bottom: bottom, atMost: 5, label: text)
        drawLevels(into: &plot)
        plot.stretched(Plot.path("trail", history.points.indices.map { (x($0), y(values[$0])) }), height: bottom + 4)
        for (index, point) in history.points.enumerated() {
            plot.dot("point", x: x(index), y: y(point.value), radius: history.points.count > 80 ? 2 : 3, title: "\(point.run) \(point.label): \(text(point.value))")
        }
        drawChanges(into: &plot)
        for index in Set([0, history.points.count - 1]).sorted() {
            let isFirst = index == 0
            plot.text(history.points[index].label, x: isFirst ? 0 : 1, y: bottom + 18, anchor: isFirst ? .start : .end, style: "tick-label")
        }
        return plot
    }

    private var sound: [HistoryReport.Change] { history.changes.filter { history.points.indices.contains($0.index) }.sorted { $0.index < $1.index } }

    private func drawLevels(into plot: inout Plot) {
        let edges = [0] + sound.map(\.index) + [history.points.count]
        for (start, end) in zip(edges, edges.dropFirst()) where end > start {
            let part = values[start..<end].sorted()
            let level = part[part.count / 2]
            plot.line("level", x1: x(start), y1: y(level), x2: x(end - 1), y2: y(level))
        }
    }

    private func drawChanges(into plot: inout Plot) {
        var last = -1.0
        for change in sound {
            let place = (x(max(change.index - 1, 0)) + x(change.index)) / 2
            let direction = direction(of: change)
            plot.line("change\(change.isConfirmed ? "" : " open")\(direction)", x1: place, y1: top - 6, x2: place, y2: bottom)
            // Labels that would lie over each other stand one above the other.
            let isClose = place - last < 0.42
            let name = history.points[change.index].label
            let anchor: Plot.Anchor = place > 0.8 ? .end : place < 0.15 ? .start : .middle
            plot.text("\(Self.ratio(change)) \(name)", x: place, y: isClose ? top - 22 : top - 9, anchor: anchor, style: "change-label\(direction)")
            last = isClose ? -1 : place
        }
    }

    /// Times should fall, rates should rise; of other figures it is not known.
    private func direction(of change: HistoryReport.Change) -> String {
        guard change.before != change.after, history.unit == "ns" || history.unit == "/s" else { return "" }
        return (change.after > change.before) == (history.unit == "ns") ? " worse" : " better"
    }

    /// `+15 %`
    private static func ratio(_ change: HistoryReport.Change) -> String {
        guard change.before != 0, change.before.isFinite, change.after.isFinite else { return "changed" }
        let percent = (change.after / change.before - 1) * 100
        return (percent < 0 ? "−" : "+") + FigureText.decimal(abs(percent), places: abs(percent) < 10 ? 1 : 0) + " %"
    }

    var changeTable: DataTable {
        DataTable(
            "Changes of \(history.metric)",
            columns: [("First run", ""), ("Build", "event"), ("Before", "number"), ("After", "number"), ("Change", "number"), ("p", "number"), ("Confirmed", "")],
            rows: sound.map { change in
                let point = history.points[change.index]
                return [
                    point.run, point.label, text(change.before), text(change.after), Self.ratio(change), FigureText.number(change.p),
                    change.isConfirmed ? "yes" : "not yet",
                ]
            })
    }
}
