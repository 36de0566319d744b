import Foundation
import LabCore

/// Percentiles on an axis of 1/(1−p), so that each nine takes the same room: response solid, service dashed; the gap is the queue.
struct PercentileSpectrum {
    let load: LoadReport
    let id: String
    /// Limits on percentiles of this load: percent in thousandths, and ns.
    let limits: [(thousandths: Int, value: Double)]
    let ribbon: LabRibbon

    private let top = 30.0
    private let bottom = 250.0
    private let standard = [0, 50_000, 75_000, 90_000, 95_000, 99_000, 99_500, 99_900, 99_950, 99_990, 99_999, 100_000]

    var html: String {
        guard load.response.points.contains(where: { $0.thousandths > 0 }) else { return "" }
        return Figure(
            heading: "Percentiles", note: note, picture: plot.svg, keys: keys, ribbon: ribbon, table: table).html
    }

    private var note: String {
        let isCut = load.response.points.contains { $0.value == nil }
        return "\(HTMLText.count(load.response.samples, "sample")); each nine takes the same width, both axes are logarithmic. "
            + "Where the solid line leaves the dashed one, items waited before they were sent."
            + (isCut ? " Items without an answer rank above every answer." : "")
    }

    private var keys: [Figure.Key] {
        [
            Figure.Key(.line, "response", "response, from the plan"), Figure.Key(.line, "service", "service, from the sending"),
        ] + (load.floor == nil ? [] : [Figure.Key(.box, "floor", "floor: the same plan against nothing", fill: "url(#\(id)-hatch)")])
            + (limits.isEmpty ? [] : [Figure.Key(.line, "limit", "limit")])
            + (load.response.points.contains { $0.value == nil } ? [Figure.Key(.line, "gone", "no answer")] : [])
    }

    // MARK: Scales

    private var verticalScale: Scale {
        let curves = [load.response, load.service] + (load.floor.map { [$0] } ?? [])
        return .logarithmic(covering: curves.flatMap { $0.points.compactMap { $0.value.map(Double.init) } } + limits.map(\.value))
    }

    /// Decades from p0 to the largest.
    private var decades: Double {
        let last = load.response.points.filter { $0.thousandths < 100_000 }.map { Self.nines($0.thousandths) }.max() ?? 1
        return max(last + 0.3, log10(Double(max(load.response.samples, 10))))
    }

    private static func nines(_ thousandths: Int) -> Double { -log10(1 - Double(min(max(thousandths, 0), 99_999)) / 100_000) }

    func x(_ thousandths: Int) -> Double { thousandths >= 100_000 ? 1 : min(Self.nines(thousandths) / decades, 1) }
    func y(_ value: Double) -> Double { bottom - (bottom - top) * verticalScale.place(value) }

    // MARK: Picture

    private var plot: Plot {
        let figures = table.rows.map { "\($0[0]) \($0[1])" }.joined(separator: ", ")
        var plot = Plot(
            id: id, title: "Percentiles of load \(load.id)", description: "Response by percentile: \(figures). The table below holds the same numbers.",
            height: bottom + 26)
        let scale = verticalScale
        plot.verticalAxis(scale, top: top, bottom: bottom, atMost: 9) { FigureText.duration(nanoseconds: $0) }
        drawHorizontalAxis(into: &plot)
        drawFloor(into: &plot)
        drawLimits(into: &plot)
        let lines = Self.curve("service", load.service, x, y) + Self.curve("response", load.response, x, y)
        plot.stretched(lines, height: bottom + 26)
        drawGone(into: &plot)
        let last = load.response.points.last { $0.value != nil }?.thousandths
        for point in load.response.points where [50_000, 99_000, last].contains(point.thousandths) {
            guard let value = point.value else { continue }
            let place = x(point.thousandths)
            let text = FigureText.duration(nanoseconds: Double(value))
            let isRight = place > 0.85
            plot.dot("response-dot", x: place, y: y(Double(value)), title: "\(Self.name(point.thousandths)) \(text)")
            // Below the rising line and to the right there is room.
            plot.text(text, x: place, y: y(Double(value)) + (isRight ? -9 : 15), shift: isRight ? 0 : 5, anchor: isRight ? .end : .start, style: "figure")
        }
        return plot
    }

    private func drawHorizontalAxis(into plot: inout Plot) {
        for thousandths in [50_000, 90_000, 99_000, 99_900, 99_990, 99_999, 100_000] {
            let place = x(thousandths)
            guard thousandths == 100_000 || place < 0.93 else { continue }
            plot.line("grid", x1: place, y1: top, x2: place, y2: bottom + 4)
            let isCrowded = thousandths < 100_000 && place > 0.8
            plot.text(
                Self.name(thousandths), x: place, y: bottom + 18, anchor: place > 0.95 ? .end : .middle,
                style: isCrowded ? "tick-label wide" : "tick-label")
        }
    }

    private func drawFloor(into plot: inout Plot) {
        guard let floor = load.floor else { return }
        plot.add(
            "<defs><pattern id=\"\(id)-hatch\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">"
                + "<line class=\"hatch\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"7\"/></pattern></defs>")
        let points = floor.points.filter { $0.value != nil }
        for (index, point) in points.enumerated() {
            let end = index + 1 < points.count ? x(points[index + 1].thousandths) : 1
            let height = y(Double(point.value ?? 0))
            plot.rectangle("floor", x: x(point.thousandths), y: height, width: max(end - x(point.thousandths), 0), height: bottom - height, fill: "url(#\(id)-hatch)")
        }
    }

    private func drawLimits(into plot: inout Plot) {
        for value in Set(limits.map(\.value)).sorted(by: >) {
            let names = limits.filter { $0.value == value }.map(\.thousandths).sorted()
            plot.line("limit", x1: 0, y1: y(value), x2: 1, y2: y(value))
            for thousandths in names {
                plot.add(
                    "<line class=\"limit-mark\" x1=\"\(Plot.share(x(thousandths)))\" y1=\"\(Plot.number(y(value) - 6))\" x2=\"\(Plot.share(x(thousandths)))\" y2=\"\(Plot.number(y(value) + 6))\"/>")
            }
            let text = "\(FigureText.duration(nanoseconds: value)) at \(names.map(Self.name).joined(separator: ", "))"
            let isRight = isCrowded(y(value), 0..<0.52) && !isCrowded(y(value), 0.48..<1.01)
            plot.text(text, x: isRight ? 1 : 0, y: y(value) - 5, shift: isRight ? -4 : 4, anchor: isRight ? .end : .start, style: "limit-label")
        }
    }

    /// Whether the lines, or the figures below them, come near a height in a part of the width.
    private func isCrowded(_ height: Double, _ part: Range<Double>) -> Bool {
        (load.response.points + load.service.points).contains { point in
            guard let value = point.value, part.contains(x(point.thousandths)) else { return false }
            return (y(Double(value)) - 14...y(Double(value)) + 26).contains(height)
        }
    }

    /// The part of the items that never had an answer stands above everything.
    private func drawGone(into plot: inout Plot) {
        guard let first = load.response.points.first(where: { $0.value == nil }) else { return }
        let before = load.response.points.last { $0.value != nil && $0.thousandths < first.thousandths }?.thousandths ?? 0
        let share = Double(load.counts.unanswered) / Double(max(load.response.samples, 1))
        // Between the two percentiles the count says exactly where it begins.
        let start = min(max(x(before), share > 0 ? min(-log10(share) / decades, 1) : 0), x(first.thousandths))
        plot.line("gone", x1: start, y1: top - 12, x2: 1, y2: top - 12)
        plot.text("no answer", x: 1, y: top - 17, anchor: .end, style: "gone-label")
    }

    private static func curve(_ style: String, _ spectrum: LoadReport.Spectrum, _ x: (Int) -> Double, _ y: (Double) -> Double) -> String {
        Plot.path(style, spectrum.points.compactMap { point in point.value.map { (x(point.thousandths), y(Double($0))) } })
    }

    // MARK: Numbers

    var table: DataTable {
        let known = Set(load.response.points.map(\.thousandths)).union(load.service.points.map(\.thousandths))
        let last = load.response.points.last { $0.value != nil }?.thousandths
        let shown = known.sorted().filter { standard.contains($0) || $0 == last }
        func text(_ spectrum: LoadReport.Spectrum?, _ thousandths: Int) -> String {
            guard let point = spectrum?.points.first(where: { $0.thousandths == thousandths }) else { return "–" }
            return point.value.map { FigureText.duration(nanoseconds: Double($0)) } ?? "no answer"
        }
        let rows = (shown.isEmpty ? known.sorted() : shown).map { thousandths in
            [Self.name(thousandths), text(load.response, thousandths), text(load.service, thousandths)]
                + (load.floor.map { [text($0, thousandths)] } ?? [])
        }
        return DataTable(
            "Percentiles of load \(load.id)",
            columns: [("Percentile", ""), ("Response", "number"), ("Service", "number")] + (load.floor == nil ? [] : [("Floor", "number")]), rows: rows)
    }

    /// `p99.95`, `least`, `max`
    static func name(_ thousandths: Int) -> String {
        switch thousandths {
        case ...0: "least"
        case 100_000...: "max"
        default: "p" + FigureText.number(Double(thousandths) / 1000)
        }
    }
}
