import LabCore

/// Faults and outages as bars in lanes below a picture, on its time axis.
struct FaultLanes {
    struct Bar {
        var name: String
        var start: Double
        var end: Double
        var isOutage = false
        /// Its end was not told: it may have been a moment's, or have lasted to the end of the run.
        var isOpen = false
    }

    let scale: Scale
    private(set) var lanes: [[Bar]] = []
    private let laneHeight = 17.0
    private let laneLimit = 5
    /// Pixels of the picture on a desk, and of a character; names are left out on a phone, where the table has them.
    private static let wideWidth = 930.0
    private static let characterWidth = 6.9

    /// - Parameters:
    ///   - outages: ns of the run, half-open.
    init(faults: [FaultSpan], outages: [Range<Double>] = [], scale: Scale) {
        self.scale = scale
        let inside = faults.filter { Double($0.start.nanoseconds) < scale.upper && ($0.end.map { Double($0.nanoseconds) } ?? scale.upper) >= scale.lower }
        let bars = outages.map { Bar(name: "outage", start: $0.lowerBound, end: $0.upperBound, isOutage: true) }
            + inside.map { Bar(name: $0.name, start: Double($0.start.nanoseconds), end: $0.end.map { Double($0.nanoseconds) } ?? scale.upper, isOpen: $0.end == nil) }
        for bar in bars.sorted(by: { ($0.isOutage ? 0 : 1, $0.start, $0.name) < ($1.isOutage ? 0 : 1, $1.start, $1.name) }) {
            let begin = extent(bar).lowerBound
            // Outages have the first lane for themselves.
            if let lane = lanes.firstIndex(where: { lane in lane[0].isOutage == bar.isOutage && lane.allSatisfy { extent($0).upperBound <= begin } }) {
                lanes[lane].append(bar)
            } else if lanes.count < laneLimit {
                lanes.append([bar])
            }
        }
    }

    var height: Double { Double(lanes.count) * laneHeight + (lanes.isEmpty ? 0 : 4) }
    var bars: [Bar] { lanes.flatMap(\.self) }

    func draw(into plot: inout Plot, y: Double) {
        var number = 0
        for (index, lane) in lanes.enumerated() {
            let top = y + 4 + Double(index) * laneHeight
            for bar in lane {
                let (start, end) = (scale.place(bar.start), scale.place(bar.end))
                let text = "\(bar.name) \(Self.times(bar))"
                plot.rectangle(bar.isOutage ? "outage" : "fault", x: start, y: top, width: bar.isOpen ? 0.004 : max(end - start, 0.004), height: 11, title: text)
                if bar.isOpen { plot.line("fault-open", x1: start, y1: top + 5.5, x2: end, y2: top + 5.5) }
                number += 1
                let isLate = end > 0.94
                plot.text("\(number)", x: isLate ? start : max(end, start + 0.004), y: top + 10, shift: isLate ? -3 : 3, anchor: isLate ? .end : .start, style: "number-tag narrow")
                let isLeft = nameIsLeft(bar)
                plot.text(bar.name, x: isLeft ? start : max(end, start + 0.004), y: top + 10, shift: isLeft ? -5 : 5, anchor: isLeft ? .end : .start, style: "tick-label wide")
            }
        }
    }

    /// A shade behind the picture for each fault.
    func shade(into plot: inout Plot, top: Double, bottom: Double) {
        for bar in bars {
            let (start, end) = (scale.place(bar.start), scale.place(bar.end))
            plot.rectangle(bar.isOutage ? "outage-shade" : "band", x: start, y: top, width: bar.isOpen ? 0.002 : max(end - start, 0.002), height: bottom - top)
        }
    }

    /// Names by number for a phone, where they do not fit beside the bars.
    var list: String {
        guard !bars.isEmpty else { return "" }
        let items = bars.prefix(20).enumerated().map { index, bar in
            "<li><b>\(index + 1)</b> \(HTMLText.escaped(bar.name, limit: 60)) \(HTMLText.escaped(Self.times(bar)))</li>"
        }
        return "<ul class=\"keys narrow\">\(items.joined())</ul>\n"
    }

    static func times(_ bar: Bar) -> String {
        let start = FigureText.duration(nanoseconds: bar.start)
        return bar.isOpen ? "from \(start)" : "\(start) to \(FigureText.duration(nanoseconds: bar.end))"
    }

    private func nameIsLeft(_ bar: Bar) -> Bool { scale.place(bar.end) * Self.wideWidth + width(bar) > Self.wideWidth }
    private func width(_ bar: Bar) -> Double { Double(bar.name.count) * Self.characterWidth + 14 }

    /// What a bar and its name take of the width.
    private func extent(_ bar: Bar) -> Range<Double> {
        let (start, end) = (scale.place(bar.start), max(scale.place(bar.end), scale.place(bar.start) + 0.004))
        let name = width(bar) / Self.wideWidth
        return nameIsLeft(bar) ? min(start - name, start)..<end + 0.004 : start..<end + name
    }
}
