import LabCore

/// Where the time goes: the hops of the item in the middle beside the mean of the slowest 1 %, each on a scale of its own.
///
/// Percentiles of hops do not add up, the hops of an item do (sla.md §1.2): so bars are items, and p50 and p99 stand in the table.
struct HopWaterfall {
    let load: LoadReport
    let hops: LoadReport.HopReport
    let id: String
    let ribbon: LabRibbon

    private let rowHeight = 36.0
    private let top = 8.0

    var html: String {
        guard !hops.hops.isEmpty else { return "" }
        let median = hops.hops.map { Double($0.median) }
        let slowest = hops.hops.map(\.slowest)
        let count = HTMLText.count(hops.slowestCount, "item")
        let pictures = panel("median", "Item in the middle", median) + panel("slowest", "Slowest 1 %: mean of \(count)", slowest)
        return Figure(
            heading: "Hops", note: "The hops of an item add up to its response time. The two sides have scales of their own; the strongest colour is the longest hop.",
            picture: "<div class=\"pair\">\(pictures)</div>", ribbon: ribbon, table: table).html
    }

    private func panel(_ name: String, _ heading: String, _ values: [Double]) -> String {
        let total = values.reduce(0, +)
        let scale = Scale.linear(0, max(total, 1))
        let whole = FigureText.duration(nanoseconds: total)
        var plot = Plot(
            id: "\(id)-\(name)", title: "\(heading) of load \(load.id): \(whole)",
            description: zip(hops.hops, values).map { "\($0.place.hopName) \(FigureText.duration(nanoseconds: $1))" }.joined(separator: ", "),
            height: top + rowHeight * Double(values.count) + 22, style: "")
        let bottom = top + rowHeight * Double(values.count)
        let longest = values.max() ?? 0
        var start = 0.0
        for (index, entry) in zip(hops.hops, values).enumerated() {
            let (hop, value) = entry
            let y = top + rowHeight * Double(index)
            let (left, right) = (scale.place(start), scale.place(start + max(value, 0)))
            let text = "\(hop.place.hopName) \(FigureText.duration(nanoseconds: value)) · \(Self.share(value, of: total))"
            plot.line("drop", x1: left, y1: y + 14, x2: left, y2: y + rowHeight - 4)
            plot.rectangle(value == longest && value > 0 ? "hop longest" : "hop", x: left, y: y + 18, width: max(right - left, 0.003), height: 11, title: text)
            let (desk, phone) = (Self.place(text, left, right, width: 470), Self.place(text, left, right, width: 256))
            if desk == phone { plot.text(text, x: desk.x, y: y + 13, anchor: desk.anchor, style: "hop-label") } else {
                plot.text(text, x: desk.x, y: y + 13, anchor: desk.anchor, style: "hop-label wide")
                plot.text(text, x: phone.x, y: y + 13, anchor: phone.anchor, style: "hop-label narrow")
            }
            start += max(value, 0)
        }
        plot.line("grid", x1: 0, y1: bottom, x2: 1, y2: bottom)
        for tick in scale.ticks(atMost: 4) {
            let x = scale.place(tick.value)
            plot.line("grid", x1: x, y1: bottom, x2: x, y2: bottom + 4)
            plot.text(
                FigureText.duration(nanoseconds: tick.value), x: x, y: bottom + 17, anchor: x < 0.03 ? .start : x > 0.95 ? .end : .middle, style: "tick-label")
        }
        return "<div><h5>\(HTMLText.escaped(heading)): <b>\(HTMLText.escaped(whole))</b></h5>\n\(plot.svg)</div>"
    }

    /// Beside its bar on whichever side it fits.
    private static func place(_ text: String, _ left: Double, _ right: Double, width: Double) -> (x: Double, anchor: Plot.Anchor) {
        let room = Double(text.count) * 6.8 / width
        return left + room <= 1 ? (left, .start) : right >= room ? (right, .end) : (1, .end)
    }

    private static func share(_ value: Double, of total: Double) -> String {
        total > 0 ? FigureText.decimal(100 * value / total, places: value / total < 0.1 ? 1 : 0) + " %" : "–"
    }

    var table: DataTable {
        let (median, slowest) = (hops.hops.reduce(0.0) { $0 + Double($1.median) }, hops.hops.reduce(0.0) { $0 + $1.slowest })
        func time(_ value: Double) -> String { FigureText.duration(nanoseconds: value) }
        let rows = hops.hops.map { hop in
            [
                hop.place.hopName, time(Double(hop.p50)), time(Double(hop.p99)), time(Double(hop.median)), Self.share(Double(hop.median), of: median),
                time(hop.slowest), Self.share(hop.slowest, of: slowest),
            ]
        }
        return DataTable(
            "Hops of load \(load.id)",
            columns: [
                ("Hop", ""), ("p50", "number"), ("p99", "number"), ("Middle item", "number"), ("Share", "number"), ("Slowest 1 %", "number"),
                ("Share", "number"),
            ], rows: rows + [["whole", "", "", time(median), "100 %", time(slowest), "100 %"]])
    }
}
