package import LabCore

/// The line that tells where the time of a running case goes: the current step, its deadline, and what almost matched.
package struct ProgressLine: Sendable {
    package var scenario: String
    package var cell: String
    /// As in the event that begins the step: `expect cloud.mqtt.online`.
    package var step: String
    package var elapsed: Duration
    /// The step's time; `nil` where it has none.
    package var limit: Duration?
    package var nearest: NearMiss?
    /// How the loads stand that are under way: `api 1,200 of 24,000, p50 0.8 ms, p99 3.1 ms`.
    package var loads: [String]

    package init(
        scenario: String, cell: String = "–", step: String, elapsed: Duration, limit: Duration? = nil, nearest: NearMiss? = nil, loads: [String] = []
    ) {
        self.scenario = scenario
        self.cell = cell
        self.step = step
        self.elapsed = elapsed
        self.limit = limit
        self.nearest = nearest
        self.loads = loads
    }

    /// - Parameter width: columns of the terminal; the line takes one less, so that no terminal wraps it.
    package func text(width: Int, style: Style) -> String {
        let name = scenario + (cell == "–" ? "" : " [\(cell)]")
        let time = FigureText.duration(nanoseconds: Double(elapsed.nanoseconds))
        let clock = limit.map { "\(time) of \(FigureText.exact($0))" } ?? time
        var parts = [(VisibleText.clean(name), Style.Tone.strong), (VisibleText.clean(step), .plain), (clock, .quiet)]
        parts += loads.map { (VisibleText.clean($0), .plain) }
        if let nearest {
            let text = NearMissText(nearest)
            parts.append(("\(text.name) \(text.fields) ← \(text.remark)", .warning))
        }
        var line = "  "
        var room = width - 3
        for (index, part) in parts.enumerated() where room > 0 {
            let separator = index == 0 ? "" : " · "
            room -= separator.count
            let shown = DisplayWidth.cut(part.0, to: max(0, room))
            room -= DisplayWidth.of(shown)
            line += shown.isEmpty ? "" : separator + style.paint(shown, part.1)
        }
        return line
    }
}
