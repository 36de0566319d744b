import LabCore

/// What is left of an outage budget over its period, as each planned event takes its share, with lines of constant burn.
struct BudgetBurnDown {
    let result: LimitResult
    let budget: Limit.Budget
    let id: String
    let ribbon: LabRibbon

    private let top = 12.0
    private let bottom = 200.0
    /// Burn rates that wake somebody, and the one that just lasts (sla.md §3.11).
    private let burns = [1.0, 3, 6, 14.4]
    /// Steps that are drawn for one kind of event; more of them are a slope.
    private let stepLimit = 200

    private var allow: Double { Double(budget.allow.nanoseconds) }
    private var period: Double { Double(budget.period.nanoseconds) }
    private var spent: Double { result.charges.reduce(0) { $0 + Double($1.total.nanoseconds) } }
    private var days: Double { period / 86_400e9 }

    var html: String {
        guard allow > 0, period > 0, !result.charges.isEmpty else { return "" }
        let note = "\(result.limit.id): \(time(allow)) of outage are allowed in \(dayText(days)); the planned events take \(time(spent)), "
            + "\(FigureText.share((spent / allow * 1000).rounded() / 1000)) of it"
            + (budget.share < 1 ? ", allowed are \(FigureText.share(budget.share))." : ".") + " Events are spread evenly over the period."
        return Figure(
            heading: "Budget", note: note, picture: plot.svg,
            keys: [Figure.Key(.line, "response", "budget left"), Figure.Key(.line, "burn", "burn rate 1, 3, 6, 14.4")]
                + (budget.share < 1 ? [Figure.Key(.line, "limit", "must stay above")] : []),
            ribbon: ribbon, table: table).html
    }

    private func time(_ value: Double) -> String { FigureText.duration(nanoseconds: value) }
    private func dayText(_ value: Double) -> String { value == 1 ? "1 day" : value < 1 ? time(value * 86_400e9) : "\(FigureText.number(value)) days" }

    /// The moments at which the budget shrinks, as shares of the period, with what they take, in ns.
    var steps: [(at: Double, cost: Double)] {
        var steps: [(at: Double, cost: Double)] = []
        for charge in result.charges {
            let (each, total) = (Double(charge.outage.nanoseconds), Double(charge.total.nanoseconds))
            let count = each > 0 ? total / each : 0
            let whole = min(max(Int(count.rounded(.up).isFinite ? min(count.rounded(.up), 1e6) : 0), total > 0 ? 1 : 0), stepLimit)
            for index in 0..<whole { steps.append(((Double(index) + 0.5) / Double(whole), total / Double(whole))) }
        }
        return steps.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
    }

    private var plot: Plot {
        let lowest = min(0, allow - spent)
        let scale = Scale.linear(lowest * 1.08, allow)
        func y(_ value: Double) -> Double { bottom - (bottom - top) * scale.place(value) }
        var plot = Plot(
            id: id, title: "Budget of \(result.limit.id)",
            description: "\(time(allow)) at the start, \(time(max(allow - spent, 0))) left at the end. The table below holds each event.", height: bottom + 24)
        for share in [1.0, 0.75, 0.5, 0.25, 0] {
            plot.line(share == 0 ? "one" : "grid", x1: 0, y1: y(allow * share), x2: 1, y2: y(allow * share))
            plot.text(FigureText.share(share), x: 0, y: y(allow * share) + 4, shift: -8, anchor: .end, style: "tick-label")
        }
        for burn in burns {
            let end = 1 / burn
            plot.line("burn", x1: 0, y1: y(allow), x2: end, y2: y(0))
            plot.text("\(FigureText.number(burn))×", x: end * 0.8, y: y(allow * 0.2) - 3, shift: 5, style: burn > 6 ? "burn-label wide" : "burn-label")
        }
        if budget.share < 1 {
            let height = y(allow * (1 - budget.share))
            plot.line("limit", x1: 0, y1: height, x2: 1, y2: height)
            plot.text("\(FigureText.share(1 - budget.share)) must stay", x: 1, y: height + 14, anchor: .end, style: "limit-label")
        }
        drawLine(into: &plot, y)
        let axis = Scale.linear(0, days)
        for tick in axis.ticks(atMost: 8) {
            let x = axis.place(tick.value)
            plot.text(
                tick.value == 0 ? "start" : dayText(tick.value), x: x, y: bottom + 18, anchor: x < 0.03 ? .start : x > 0.96 ? .end : .middle,
                style: tick.isMajor ? "tick-label" : "tick-label wide")
        }
        return plot
    }

    private func drawLine(into plot: inout Plot, _ y: (Double) -> Double) {
        var left = allow
        var line: [(x: Double, y: Double)] = [(0, y(allow))]
        for step in steps {
            line.append((step.at, y(left)))
            left -= step.cost
            line.append((step.at, y(left)))
        }
        line.append((1, y(left)))
        plot.stretched(Plot.path("response", line), height: bottom + 4)
        // Above the steps that the words reach over, also on a phone.
        let before = left + steps.reduce(0) { $0 + ($1.at > 0.64 ? $1.cost : 0) }
        plot.text(left >= 0 ? "\(time(left)) left" : "\(time(-left)) over", x: 1, y: y(before) - 7, anchor: .end, style: left >= 0 ? "figure" : "gone-label")
    }

    var table: DataTable {
        func share(_ value: Double) -> String { FigureText.share((value / allow * 1000).rounded() / 1000) }
        let rows = result.charges.map { charge -> [String] in
            let times = budget.charges.first { $0.event == charge.event }?.times
            return [
                charge.event, time(Double(charge.outage.nanoseconds)), times.map(FigureText.number) ?? "–", time(Double(charge.total.nanoseconds)),
                share(Double(charge.total.nanoseconds)),
            ]
        }
        return DataTable(
            "Budget of \(result.limit.id)",
            columns: [("Event", ""), ("Outage of one", "number"), ("Times", "number"), ("In all", "number"), ("Of the budget", "number")],
            rows: rows + [["all", "", "", time(spent), share(spent)]])
    }
}
