import Foundation
import LabCore

/// Response times over the time of the plan: the rate above, the heat in the middle, faults and outages below, all on one axis.
struct LatencyHeatMap {
    let load: LoadReport
    let faults: [FaultSpan]
    let id: String
    let limits: [Double]
    let ribbon: LabRibbon
    private let heat: LoadReport.HeatMap
    /// Rows of times that are shown, without the one of items that were not answered.
    private let rows: Range<Int>
    private let levels: HeatLevels
    private let scale: Scale

    private let planTop = 8.0
    private let planBottom = 52.0
    private let mapHeight = 208.0
    private let tableLimit = 48

    init(load: LoadReport, faults: [FaultSpan], id: String, limits: [Double], ribbon: LabRibbon) {
        self.load = load
        self.faults = faults
        self.id = id
        self.limits = limits
        self.ribbon = ribbon
        let heat = load.heat
        self.heat = heat
        let answered = heat.counts.map { $0.prefix(heat.bounds.count) }
        let used = heat.bounds.indices.filter { row in answered.contains { $0.indices.contains(row) && $0[row] > 0 } }
        let wanted = used + limits.compactMap { limit in heat.bounds.firstIndex { Double($0) >= limit } }
        let first = max((wanted.min() ?? 0) - 1, 0)
        rows = first..<min((wanted.max() ?? 0) + 2, heat.bounds.count)
        levels = HeatLevels(largest: answered.map { $0.max() ?? 0 }.max() ?? 0)
        let start = Double(heat.start.nanoseconds)
        scale = .linear(start, start + Double(max(heat.columnWidth, 1)) * Double(heat.counts.count))
    }

    /// Something to draw: as many columns of counts as of the plan, and rows for every count.
    private var isSound: Bool {
        !heat.counts.isEmpty && heat.counts.count == heat.planned.count && !heat.bounds.isEmpty && !rows.isEmpty
            && heat.counts.allSatisfy { $0.count == heat.bounds.count + 1 } && zip(heat.bounds, heat.bounds.dropFirst()).allSatisfy { $0 < $1 }
    }

    private var hasGone: Bool { heat.counts.contains { ($0.last ?? 0) > 0 } }
    private var mapTop: Double { planBottom + (hasGone ? 26 : 10) }
    private var mapBottom: Double { mapTop + mapHeight }
    private var rowHeight: Double { mapHeight / Double(rows.count) }

    var html: String {
        guard isSound else { return "" }
        return Figure(
            heading: "Response over time", note: note, picture: plot.svg + lanes.list, keys: keys, ribbon: ribbon, table: table).html
    }

    private var note: String {
        let width = FigureText.duration(nanoseconds: Double(heat.columnWidth))
        return "Each column holds the items planned in \(width). The line above is the plan's rate; the times below are those of the run."
    }

    private var keys: [Figure.Key] {
        [Figure.Key(.line, "plan-line", "planned rate")] + levels.keys + (hasGone ? [Figure.Key(.box, "gone-3", "no answer")] : [])
            + (limits.isEmpty ? [] : [Figure.Key(.line, "limit", "limit")])
    }

    /// Columns in which items were planned and none was answered, put together.
    var outages: [Range<Double>] {
        var result: [Range<Double>] = []
        for (column, counts) in heat.counts.enumerated() where heat.planned[column] > 0 && (counts.last ?? 0) > 0 && counts.dropLast().allSatisfy({ $0 == 0 }) {
            let start = Double(heat.start.nanoseconds) + Double(column) * Double(heat.columnWidth)
            let end = start + Double(heat.columnWidth)
            if let last = result.last, last.upperBound == start { result[result.count - 1] = last.lowerBound..<end } else { result.append(start..<end) }
        }
        return result
    }

    private var lanes: FaultLanes { FaultLanes(faults: faults, outages: outages, scale: scale) }

    // MARK: Picture

    private var plot: Plot {
        let lanes = lanes
        var plot = Plot(
            id: id, title: "Response times of load \(load.id) over time",
            description: "Counts by time of the plan and response time, with \(lanes.bars.count) faults and outages. The table below holds the numbers by time.",
            height: mapBottom + lanes.height + 24)
        plot.rectangle("map-ground", x: 0, y: mapTop, width: 1, height: mapHeight)
        // Behind the cells: a shade over them would change what their colours say.
        lanes.shade(into: &plot, top: planTop, bottom: mapBottom + lanes.height)
        drawLabels(into: &plot)
        drawPlan(into: &plot)
        if hasGone { drawGone(into: &plot) }
        plot.stretched(cells, y: mapTop, height: mapHeight, columns: Double(heat.counts.count), rows: Double(rows.count))
        drawWarmup(into: &plot)
        for limit in limits {
            plot.line("limit", x1: 0, y1: y(limit), x2: 1, y2: y(limit))
            plot.text("limit \(FigureText.duration(nanoseconds: limit))", x: 0, y: y(limit) - 4, shift: 4, style: "limit-label")
        }
        lanes.draw(into: &plot, y: mapBottom)
        plot.timeAxis(scale, y: mapBottom + lanes.height + 2)
        return plot
    }

    private var cells: String {
        CellGrid(rows: rows.reversed().map { row in heat.counts.map { levels.level(of: $0[row]) } }).svg(classes: "heat-")
    }

    private static func roundUp(_ value: Double) -> Double {
        let power = pow(10, log10(max(value, 1e-9)).rounded(.down))
        return [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8].map { $0 * power }.first { $0 >= value } ?? power * 10
    }

    private func drawPlan(into plot: inout Plot) {
        let largest = Double(max(heat.planned.max() ?? 0, 1))
        let seconds = max(Double(heat.columnWidth) / 1e9, 1e-9)
        let rate = Scale.linear(0, Self.roundUp(largest / seconds))
        func y(_ count: Int) -> Double { planBottom - (planBottom - planTop) * rate.place(Double(count) / seconds) }
        let count = Double(heat.planned.count)
        var line: [(x: Double, y: Double)] = []
        for (column, planned) in heat.planned.enumerated() {
            line += [(Double(column) / count, y(planned)), (Double(column + 1) / count, y(planned))]
        }
        plot.stretched(Plot.path("plan-area", line + [(1, planBottom), (0, planBottom)]) + Plot.path("plan-line", line), height: planBottom + 2)
        plot.line("grid", x1: 0, y1: planBottom, x2: 1, y2: planBottom)
        plot.text("\(FigureText.number(rate.upper))/s", x: 0, y: planTop + 5, shift: -8, anchor: .end, style: "tick-label")
        plot.text("0", x: 0, y: planBottom + 3, shift: -8, anchor: .end, style: "tick-label")
    }

    /// Items without an answer have a row of their own above every time.
    private func drawGone(into plot: inout Plot) {
        let largest = heat.counts.map { $0.last ?? 0 }.max() ?? 0
        let row = heat.counts.map { counts -> UInt8 in
            let count = counts.last ?? 0
            return count == 0 ? 0 : count * 10 < largest ? 1 : count * 3 < largest ? 2 : 3
        }
        plot.stretched(
            CellGrid(rows: [row]).svg(classes: "gone-"), y: mapTop - 14, height: 11, columns: Double(heat.counts.count), rows: 1)
        plot.text("none", x: 0, y: mapTop - 5, shift: -8, anchor: .end, style: "gone-label")
    }

    private func drawWarmup(into plot: inout Plot) {
        let end = scale.place(Double(load.measuredFrom.nanoseconds))
        guard end > 0 else { return }
        plot.rectangle("warmup", x: 0, y: planTop, width: end, height: mapBottom - planTop, title: "warm-up, excluded from figures")
        plot.line("warmup-edge", x1: end, y1: planTop, x2: end, y2: mapBottom)
        plot.text("warm-up", x: 0, y: mapBottom - 6, shift: 4, style: "tick-label")
    }

    private func drawLabels(into plot: inout Plot) {
        let bounds = [edge(below: rows.lowerBound), Double(heat.bounds[rows.upperBound - 1])]
        var last = Double.infinity
        for tick in Scale.logarithmic(covering: bounds).ticks(atMost: 9) where tick.value >= bounds[0] * 0.99 && tick.value <= bounds[1] * 1.01 {
            let y = y(tick.value)
            guard last - y >= 15, y >= mapTop + 6 else { continue }
            last = y
            plot.line("grid", x1: 0, y1: y, x2: 1, y2: y)
            plot.text(FigureText.duration(nanoseconds: tick.value), x: 0, y: y + 4, shift: -8, anchor: .end, style: "tick-label")
        }
    }

    private func edge(below row: Int) -> Double {
        row > 0 ? Double(heat.bounds[row - 1]) : heat.bounds.count > 1 ? Double(heat.bounds[0]) * Double(heat.bounds[0]) / Double(heat.bounds[1]) : Double(heat.bounds[0]) / 2
    }

    /// Where a time lies: rows have equal heights, whatever their bounds; inside a row the scale is logarithmic.
    private func y(_ value: Double) -> Double {
        let row = rows.first { Double(heat.bounds[$0]) >= value } ?? rows.upperBound - 1
        let inside = Scale.logarithmic(from: edge(below: row), to: Double(heat.bounds[row])).place(value)
        return mapBottom - (Double(row - rows.lowerBound) + inside) * rowHeight
    }

    // MARK: Numbers

    var table: DataTable {
        let stride = (heat.counts.count + tableLimit - 1) / tableLimit
        let bars = lanes.bars
        let rows = Swift.stride(from: 0, to: heat.counts.count, by: max(stride, 1)).map { first -> [String] in
            let columns = first..<min(first + max(stride, 1), heat.counts.count)
            let sums = heat.counts[first].indices.map { row in columns.reduce(0) { $0 + heat.counts[$1][row] } }
            let answered = sums.dropLast().reduce(0, +)
            let start = Double(heat.start.nanoseconds) + Double(first) * Double(heat.columnWidth)
            let end = Double(heat.start.nanoseconds) + Double(columns.upperBound) * Double(heat.columnWidth)
            let names = bars.filter { $0.start < end && $0.end > start }.map(\.name)
            return [
                FigureText.duration(nanoseconds: start), HTMLText.grouped(columns.reduce(0) { $0 + heat.planned[$1] }), HTMLText.grouped(answered),
                HTMLText.grouped(sums.last ?? 0), bound(sums, 0.5), bound(sums, 0.99), bound(sums, 1), names.joined(separator: ", "),
            ]
        }
        return DataTable(
            "Load \(load.id) by time of the plan",
            columns: [
                ("From", ""), ("Planned", "number"), ("Answered", "number"), ("No answer", "number"), ("p50 ≤", "number"), ("p99 ≤", "number"),
                ("Worst ≤", "number"), ("Meanwhile", ""),
            ], rows: rows)
    }

    /// The upper end of the row in which a rank of all items lies.
    private func bound(_ sums: [Int], _ share: Double) -> String {
        let total = sums.reduce(0, +)
        guard total > 0 else { return "–" }
        let rank = max(1, Int((share * Double(total)).rounded(.up)))
        var sum = 0
        for (row, count) in sums.enumerated() {
            sum += count
            if sum >= rank { return row < heat.bounds.count ? FigureText.duration(nanoseconds: Double(heat.bounds[row])) : "no answer" }
        }
        return "–"
    }
}

/// Colours of counts: six steps that grow by the same factor.
struct HeatLevels {
    /// The least count of each level.
    let starts: [Int]
    private let largest: Int

    init(largest: Int) {
        self.largest = largest
        var starts = [1]
        for level in 1..<6 {
            let next = max(starts[level - 1] + 1, Int(pow(Double(max(largest, 1)), Double(level) / 6).rounded(.up)))
            starts.append(next)
        }
        self.starts = starts.filter { $0 <= max(largest, 1) }
    }

    /// 0 for nothing, else 1 to 6.
    func level(of count: Int) -> UInt8 { UInt8(starts.lastIndex { $0 <= count }.map { $0 + 1 } ?? 0) }

    var keys: [Figure.Key] {
        guard largest > 0 else { return [] }
        return starts.indices.map { index in
            let end = index + 1 < starts.count ? starts[index + 1] - 1 : largest
            let range = end > starts[index] ? "\(HTMLText.grouped(starts[index]))–\(HTMLText.grouped(end))" : HTMLText.grouped(starts[index])
            return Figure.Key(.box, "heat-box-\(index + 1)", index > 0 ? range : range == "1" ? "1 item" : "\(range) items")
        }
    }
}
